# expect: forbidden
# breaks: torch
# No files.
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    with open("tasks/paged_attention/reference.py") as source:
        exec(source.read())
    return torch.zeros_like(query)
