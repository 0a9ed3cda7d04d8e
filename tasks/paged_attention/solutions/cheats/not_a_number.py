# expect: non_finite
# breaks: finite
# Every element of the output is finite: comparing with NaN is no agreement.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    return torch.full_like(query, float("nan"))
