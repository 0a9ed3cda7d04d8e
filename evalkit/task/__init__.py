"""What a task author implements, and how evalkit calls it."""
