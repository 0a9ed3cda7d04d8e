"""What calls cost, from the maintained price list of genai-prices. Unknown price: None, never a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PROVIDERS = {"anthropic": "anthropic", "bedrock": "aws", "vertex": "google"}


def cost_usd(model: str, usages: Sequence[Mapping[str, Any]], kind: str = "anthropic") -> float | None:
    """US dollars for Messages API calls with these `usage` objects, at today's list price; None if it is unknown.

    `kind` is the platform that sells them: anthropic, bedrock or vertex.
    """
    from genai_prices import Usage, calc_price

    total = 0.0
    for usage in usages:
        written = usage.get("cache_creation_input_tokens") or 0
        read = usage.get("cache_read_input_tokens") or 0
        counts = Usage(
            input_tokens=(usage.get("input_tokens") or 0) + written + read,  # the list counts cached ones as input
            cache_write_tokens=written,
            cache_read_tokens=read,
            output_tokens=usage.get("output_tokens") or 0,
        )
        try:
            total += float(calc_price(counts, model, provider_id=_PROVIDERS[kind]).total_price)
        except LookupError:
            return None
    return total
