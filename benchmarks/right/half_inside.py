import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    dt = torch.float16
    b, h, d = query.shape
    k = key_cache[block_table.clamp_min(0)].to(dt).permute(0, 2, 1, 3, 4).reshape(b, h, -1, d)
    v = value_cache[block_table.clamp_min(0)].to(dt).permute(0, 2, 1, 3, 4).reshape(b, h, -1, d)
    s = ((query.to(dt) * d ** -0.5).unsqueeze(2) @ k.transpose(-1, -2)).squeeze(2)
    mask = torch.arange(k.size(2)).unsqueeze(0) >= context_lens.unsqueeze(1)
    s = s.masked_fill(mask.unsqueeze(1), torch.finfo(dt).min)
    p = torch.softmax(s.float(), -1).to(dt)
    return (p.unsqueeze(2) @ v).squeeze(2).to(query.dtype)
