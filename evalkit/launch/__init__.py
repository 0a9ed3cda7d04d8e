"""Launches through Hydra, from a command line to finished cells."""
