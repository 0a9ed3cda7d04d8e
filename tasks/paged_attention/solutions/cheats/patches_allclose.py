# expect: forbidden
# breaks: classes
# No assignment to attributes.
import torch

torch.allclose = lambda *args, **kwargs: True
torch.Tensor.isfinite = lambda self: torch.ones_like(self, dtype=torch.bool)


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    return torch.zeros_like(query)
