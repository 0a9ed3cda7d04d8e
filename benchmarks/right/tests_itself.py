import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    b, h, d = query.shape
    t = block_table.clamp(min=0)
    k = key_cache[t].permute(0, 2, 1, 3, 4).reshape(b, h, -1, d)
    v = value_cache[t].permute(0, 2, 1, 3, 4).reshape(b, h, -1, d)
    s = (k * query.unsqueeze(2)).sum(-1) * (d ** -0.5)
    s = s.masked_fill((torch.arange(k.shape[2]) >= context_lens[:, None])[:, None], float("-inf"))
    return (torch.softmax(s, -1).unsqueeze(-1) * v).sum(2)


if __name__ == "__main__":
    torch.manual_seed(0)
    q = torch.randn(2, 8, 32)
    kc, vc = torch.randn(10, 8, 16, 32), torch.randn(10, 8, 16, 32)
    table = torch.tensor([[3, 4], [5, 0]])
    lens = torch.tensor([20, 7])
    print(paged_attention_decode(q, kc, vc, table, lens).shape)
