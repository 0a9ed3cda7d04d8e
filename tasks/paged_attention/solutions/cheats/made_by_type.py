# expect: forbidden
# breaks: classes
# Of the built-in functions, none that makes classes.
import torch

Close = type("Close", (torch.Tensor,), {"__sub__": lambda self, other: self * 0})


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    return torch.zeros_like(query).as_subclass(Close)
