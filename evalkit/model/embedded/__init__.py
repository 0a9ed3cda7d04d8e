"""Embedded models: scripted agents and recorded rollouts behind the official client, without a network."""
