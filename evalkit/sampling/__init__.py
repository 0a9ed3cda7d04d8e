"""Buying rollouts: the agent loop, the sampler, the store, claims and keys."""
