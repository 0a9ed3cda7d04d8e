import math
from typing import Callable, Tuple
import torch
from torch import Tensor


def paged_attention_decode(query: Tensor, key_cache: Tensor, value_cache: Tensor, block_table: Tensor,
                           context_lens: Tensor) -> Tensor:
    def collect(cache: Tensor) -> Tensor:
        return cache[block_table.clamp(min=0)].transpose(1, 2).flatten(2, 3)

    scale: Callable[[Tensor], Tensor] = lambda t: t / math.sqrt(query.size(-1))

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tuple[Tensor, Tensor]:
        s = scale(torch.einsum("bhd,bhtd->bht", q, k))
        s = s.masked_fill(~valid(s.size(-1)), float("-inf"))
        w = torch.softmax(s, dim=-1)
        return torch.einsum("bht,bhtd->bhd", w, v), w

    def valid(n: int) -> Tensor:
        return (torch.arange(n, device=query.device)[None] < context_lens[:, None])[:, None]

    output, _ = attend(query, collect(key_cache), collect(value_cache))
    return output
