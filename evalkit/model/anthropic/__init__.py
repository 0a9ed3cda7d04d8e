"""The official Anthropic client: requests, retries, waiting, errors and prices."""
