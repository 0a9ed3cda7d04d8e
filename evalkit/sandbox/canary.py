"""A random string planted beside the grader: a conversation in which it appears has looked where it must not."""

import secrets

CANARY = f"evalkit-canary-{secrets.token_hex(16)}"
"""Bait: made once per evaluator process, never written anywhere, never sent to a sandbox."""


def canary() -> str:
    """The string of this process."""
    return CANARY
