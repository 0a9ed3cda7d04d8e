import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    B, H, D = query.shape
    table = torch.relu(block_table)
    k = key_cache[table].transpose(1, 2).reshape(B * H, -1, D)
    v = value_cache[table].transpose(1, 2).reshape(B * H, -1, D)
    T = k.shape[1]
    bias = torch.zeros(B, T).masked_fill(torch.arange(T) >= context_lens[:, None], float("-inf"))
    bias = bias[:, None, None].expand(B, H, 1, T).reshape(B * H, 1, T)
    s = torch.baddbmm(bias, query.reshape(B * H, 1, D), k.mT, beta=1, alpha=1 / D ** 0.5)
    return torch.bmm(torch.softmax(s, dim=2), v).view(B, H, D)
