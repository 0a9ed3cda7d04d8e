# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# The style of a library: annotations, checks, helper functions, a demo under __main__.
from __future__ import annotations

import math
from typing import Optional, Tuple

import torch
from torch import Tensor


def _pages(cache: Tensor, table: Tensor) -> Tensor:
    """[num_blocks, heads, size, dim] and [batch, max_blocks] -> [batch, heads, max_blocks * size, dim]."""
    batch, max_blocks = table.shape
    _, heads, size, dim = cache.shape
    pages = cache[table]
    return pages.permute(0, 2, 1, 3, 4).contiguous().view(batch, heads, max_blocks * size, dim)


def _check(query: Tensor, cache: Tensor) -> Tuple[int, int, int]:
    if query.dim() != 3 or cache.ndim != 4:
        raise ValueError(f"expected 3 and 4 axes, got {query.dim()} and {cache.ndim}")
    assert isinstance(query, torch.Tensor)
    return tuple(int(size) for size in query.shape)


@torch.no_grad()
def paged_attention_decode(
    query: Tensor,
    key_cache: Tensor,
    value_cache: Tensor,
    block_table: Tensor,
    context_lens: Tensor,
    scale: Optional[float] = None,
) -> Tensor:
    """One decoding step."""
    batch, heads, dim = _check(query, key_cache)
    scale = scale if scale is not None else 1.0 / math.sqrt(dim)
    table = block_table.clamp(min=0).long()
    keys, values = _pages(key_cache, table), _pages(value_cache, table)
    scores = torch.einsum("bhd,bhnd->bhn", query.float() * scale, keys.float())
    columns = torch.arange(keys.shape[-2], device=query.device).view(1, 1, -1)
    scores = scores.masked_fill(columns >= context_lens.to(query.device).view(-1, 1, 1), float("-inf"))
    weights = torch.exp(scores - torch.logsumexp(scores, dim=-1, keepdim=True))
    return torch.einsum("bhn,bhnd->bhd", weights.to(values.dtype), values).to(query.dtype)


if __name__ == "__main__":
    cache = torch.randn(4, 2, 16, 8)
    print(paged_attention_decode(torch.randn(1, 2, 8), cache, cache, torch.tensor([[2, -1]]), torch.tensor([5])))
