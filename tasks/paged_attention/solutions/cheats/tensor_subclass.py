# expect: forbidden
# breaks: classes
# No classes: a tensor whose operations lie.
import torch


class Close(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.zeros(())


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    return torch.zeros_like(query).as_subclass(Close)
