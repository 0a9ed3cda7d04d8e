"""The sandbox on this machine: confined child processes at the strongest isolation level that holds."""
