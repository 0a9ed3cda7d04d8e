import math
import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    """Decode one token per sequence."""
    bsz, n_heads, hdim = query.shape
    _, _, blk, _ = key_cache.shape
    max_blocks = block_table.shape[1]
    flat = block_table.clamp(min=0).reshape(-1)
    k = key_cache.index_select(0, flat).view(bsz, max_blocks, n_heads, blk, hdim)
    v = value_cache.index_select(0, flat).view(bsz, max_blocks, n_heads, blk, hdim)
    k = k.permute(0, 2, 1, 3, 4).reshape(bsz, n_heads, max_blocks * blk, hdim)
    v = v.permute(0, 2, 1, 3, 4).reshape(bsz, n_heads, max_blocks * blk, hdim)
    logits = torch.matmul(query.unsqueeze(2), k.transpose(-2, -1)).squeeze(2) / math.sqrt(hdim)
    valid = torch.arange(max_blocks * blk, device=query.device).unsqueeze(0) < context_lens.unsqueeze(1)
    logits = logits.masked_fill(~valid.unsqueeze(1), float("-inf"))
    probs = torch.softmax(logits, dim=-1)
    output = torch.matmul(probs.unsqueeze(2), v).squeeze(2)
    return output
