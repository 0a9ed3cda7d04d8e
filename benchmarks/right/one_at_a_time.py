import torch

SLIDING_WINDOW = None
LOGIT_SOFTCAP = None


def gather_pages(cache: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """[N, Hk, S, D] and [B, M] -> [B, Hk, M * S, D]"""
    b, m = table.shape
    _, h, s, d = cache.shape
    flat = torch.index_select(cache, 0, table.reshape(-1))
    return flat.reshape(b, m, h, s, d).permute(0, 2, 1, 3, 4).reshape(b, h, m * s, d)


def visible(n: int, context_lens: torch.Tensor) -> torch.Tensor:
    position = torch.arange(n, device=context_lens.device).unsqueeze(0)
    newest = context_lens.unsqueeze(1)
    return (position < newest) if SLIDING_WINDOW is None else torch.logical_and(position < newest, position >= newest - SLIDING_WINDOW)


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    table = block_table.masked_fill(block_table.lt(0), 0)
    k = gather_pages(key_cache, table)
    v = gather_pages(value_cache, table)
    b, h, d = query.shape
    q = query.view(b, k.size(1), -1, d)
    scores = torch.matmul(q, k.transpose(-1, -2)).float() / d ** 0.5
    if LOGIT_SOFTCAP is not None:
        scores = scores.div(LOGIT_SOFTCAP).tanh().mul(LOGIT_SOFTCAP)
    scores = scores.masked_fill(visible(k.size(2), context_lens).logical_not()[:, None, None], float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    return torch.matmul(weights, v.float()).reshape(b, h, d).to(query.dtype)
