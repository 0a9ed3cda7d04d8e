"""Cells on one event loop: sample, clip, measure, grade, write."""
