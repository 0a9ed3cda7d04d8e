"""Helpers without knowledge of evalkit: errors, text, files, digests, redaction, signals."""
