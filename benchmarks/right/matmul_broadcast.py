import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    idx = torch.maximum(block_table, torch.zeros((), dtype=torch.long))
    k = key_cache[idx]
    v = value_cache[idx]
    s = torch.matmul(k, query[:, None, :, :, None])[..., 0] / torch.sqrt(torch.tensor(float(query.shape[-1])))
    p = torch.arange(k.shape[1] * k.shape[3]).view(1, k.shape[1], 1, k.shape[3])
    s = s.masked_fill(p >= context_lens[:, None, None, None], float("-inf"))
    z = torch.logsumexp(s, dim=(1, 3), keepdim=True)
    return torch.matmul((s - z).exp()[..., None, :], v)[..., 0, :].sum(1)
