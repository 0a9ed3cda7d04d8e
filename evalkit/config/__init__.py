"""What can be configured: the schema, where conf/ is found, and configs read back from output directories."""
