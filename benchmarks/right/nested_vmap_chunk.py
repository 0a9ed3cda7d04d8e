import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    def one(q, t, n):
        k, v = key_cache[t].transpose(0, 1).flatten(1, 2), value_cache[t].transpose(0, 1).flatten(1, 2)

        def head(q, k, v):
            s = torch.mv(k, q) / q.shape[0] ** 0.5
            return torch.softmax(torch.where(torch.arange(k.shape[0]) < n, s, -torch.inf), 0) @ v

        return torch.func.vmap(head)(q, k, v)

    return torch.vmap(one, in_dims=(0, 0, 0), out_dims=0, chunk_size=512)(query, block_table.clamp(min=0), context_lens)
