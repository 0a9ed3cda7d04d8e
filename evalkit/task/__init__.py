"""Tasks: what an author implements, and how evalkit calls it."""
