"""Slugs for URLs."""


def slug(text: str) -> str:
    """Words in lower case, joined by hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
