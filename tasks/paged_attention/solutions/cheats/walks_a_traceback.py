# expect: forbidden
# breaks: attributes
# No attribute whose name starts with _.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    try:
        raise ValueError
    except ValueError as error:
        case = error.__traceback__.tb_frame.f_back.f_locals
        return case.get("expected", torch.zeros_like(query))
