"""Prices of calls, from the maintained price list of genai-prices. Unknown price: None, never a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

_PROVIDERS = {"anthropic": "anthropic", "bedrock": "aws", "vertex": "google"}


def cost_usd(model: str, usages: Sequence[Mapping[str, Any]], kind: str = "anthropic") -> float | None:
    """US dollars for Messages API calls with these `usage` objects, at today's list price; None if it is unknown.

    `kind` is the platform that sells them: anthropic, bedrock or vertex. Prices of others are unknown.
    """
    if kind not in _PROVIDERS:
        return None
    total = 0.0
    for usage in usages:
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
        price = _price(_PROVIDERS[kind], model, *(usage.get(name) or 0 for name in names))
        if price is None:
            return None
        total += price
    return total


@lru_cache(maxsize=65_536)
def _price(provider: str, model: str, fresh: int, written: int, read: int, output: int) -> float | None:
    """One call. Cached, because every cell of a sweep asks for the price of the same turns."""
    from genai_prices import Usage, calc_price

    counts = Usage(
        input_tokens=fresh + written + read,  # the list counts cached tokens as input, too
        cache_write_tokens=written,
        cache_read_tokens=read,
        output_tokens=output,
    )
    try:
        return float(calc_price(counts, model, provider_id=provider).total_price)
    except LookupError:
        return None
