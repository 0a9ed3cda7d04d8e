"""evalkit: measure, map and tune the difficulty of reinforcement-learning tasks for language models."""

__version__ = "0.1.0"
