import torch, math

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    N, _, S, _ = key_cache.shape
    T = block_table.shape[1] * S
    flat_k = key_cache.transpose(0, 1).reshape(1, H, N * S, D).expand(B, H, N * S, D)
    flat_v = value_cache.transpose(0, 1).reshape(1, H, N * S, D).expand(B, H, N * S, D)
    t = torch.arange(T)
    slots = block_table.clamp(0, N - 1).gather(1, (t // S).expand(B, T)) * S + (t % S)
    index = slots[:, None, :, None].expand(B, H, T, D)
    logits = (flat_k.gather(2, index) @ query.unsqueeze(-1)).squeeze(-1) / math.sqrt(D)
    logits = logits.where((t < context_lens[:, None])[:, None], torch.tensor(float("-inf")))
    logp = logits - torch.logsumexp(logits, dim=-1, keepdim=True)
    return (logp.exp().unsqueeze(-2) @ flat_v.gather(2, index)).squeeze(-2)
