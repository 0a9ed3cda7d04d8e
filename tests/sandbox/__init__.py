"""Tests of evalkit/sandbox, against real children at every level that this machine offers."""
