# expect: forbidden
# breaks: attributes
# No attribute that leads to frames.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    frame = (1 for _ in ()).gi_frame
    while frame is not None:
        for value in frame.f_locals.values():
            if isinstance(value, torch.Tensor) and value.shape == query.shape and value is not query:
                return value
        frame = frame.f_back
    return torch.zeros_like(query)
