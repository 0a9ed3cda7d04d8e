import torch

def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    t = block_table.clamp(min=0)
    k = key_cache[t].transpose(1, 2).flatten(2, 3)
    v = value_cache[t].transpose(1, 2).flatten(2, 3)
    scores = torch.einsum("...d,...td->...t", query, k).mul(query.shape[-1] ** -0.5)
    scores.masked_fill_(torch.arange(k.shape[2])[None, None].ge(context_lens[:, None, None]), torch.finfo(scores.dtype).min)
    return torch.einsum("...t,...td->...d", torch.nn.functional.log_softmax(scores, -1).exp_(), v)
