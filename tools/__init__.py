"""Programs for people who work on evalkit; no part of the package."""
