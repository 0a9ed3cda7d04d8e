import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    # flash-decoding: partial softmax for every block, then one rescaled merge
    B, H, D = query.shape
    S = key_cache.size(2)
    M = block_table.size(1)
    safe = torch.where(block_table < 0, torch.zeros_like(block_table), block_table)
    k, v = key_cache[safe], value_cache[safe]                      # B M H S D
    s = (k * query[:, None, :, None, :]).sum(-1) / (D ** 0.5)      # B M H S
    pos = torch.arange(M * S, device=query.device).reshape(1, M, 1, S)
    live = pos < context_lens.reshape(B, 1, 1, 1)
    s = s.masked_fill(~live, -1e30)
    m_blk = s.amax(-1, keepdim=True)
    p = torch.exp(s - m_blk) * live
    l_blk = p.sum(-1)
    o_blk = torch.matmul(p.unsqueeze(-2), v).squeeze(-2)           # B M H D
    m = m_blk.amax(1, keepdim=True)
    alpha = torch.exp(m_blk - m).squeeze(-1)
    l = (alpha * l_blk).sum(1)
    o = (alpha.unsqueeze(-1) * o_blk).sum(1)
    return o / l.unsqueeze(-1)
