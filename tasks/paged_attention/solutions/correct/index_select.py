# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# index_select of whole blocks, matmul with a query axis of length one, padding replaced where the table is not used.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    batch, num_heads, head_dim = query.shape
    num_blocks, _, block_size, _ = key_cache.shape
    max_blocks = block_table.shape[1]
    used = torch.arange(max_blocks) * block_size < context_lens.unsqueeze(1)
    blocks = torch.where(used, block_table, torch.zeros_like(block_table)).reshape(-1)

    def pages(cache):
        picked = torch.index_select(cache, 0, blocks).view(batch, max_blocks, num_heads, block_size, head_dim)
        return picked.transpose(1, 2).reshape(batch, num_heads, max_blocks * block_size, head_dim)

    scores = torch.matmul(query.unsqueeze(2) * head_dim**-0.5, pages(key_cache).transpose(-1, -2))
    mask = torch.arange(max_blocks * block_size)[None, :] < context_lens[:, None]
    scores = scores.masked_fill(~mask[:, None, None, :], torch.finfo(scores.dtype).min)
    return torch.matmul(scores.softmax(dim=-1), pages(value_cache)).squeeze(2)
