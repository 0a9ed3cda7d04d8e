"""Display of a running launch: console, live display, progress and log."""
