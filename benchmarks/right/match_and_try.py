import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    """Decode.

    >>> x = 1
    ```
    not a fence that matters
    ```
    """
    match query.shape:
        case (b, h, d):
            pass
        case other:
            raise ValueError(f"{other!r} is no [batch, heads, dim]")
    try:
        n, _, s, _ = key_cache.shape
    except ValueError as e:
        raise RuntimeError("bad cache") from e
    finally:
        t = block_table.clip(0, None)
    k, v = (c[t].transpose(1, 2).flatten(2, 3) for c in (key_cache, value_cache))
    scores = torch.inner(query[:, :, None], k)[0] if b == 0 else torch.einsum("...d,...nd->...n", query, k)
    scores = scores / d**0.5 + torch.zeros(b, k.shape[2]).masked_fill(~(torch.arange(k.shape[2]) < context_lens[:, None]), float("-inf"))[:, None]
    w = torch.softmax(scores, dim=-1, dtype=torch.float64).to(v)
    return torch.einsum("bhn,bhnd->bhd", w, v)
