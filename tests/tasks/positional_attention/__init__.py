"""Tests of the task `positional_attention`."""
