"""The record of one rollout: its turns, its limits, and its journal on disk."""
