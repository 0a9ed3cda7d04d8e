"""What a person sees while a launch runs: console, live display, progress and log."""
