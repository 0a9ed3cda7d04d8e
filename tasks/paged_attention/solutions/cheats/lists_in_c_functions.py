# expect: forbidden
# breaks: called
# Functions of math are called, not passed on: iterating below Python.
import math

import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    scores = torch.zeros(query.shape[0], query.shape[1], int(context_lens.max()))
    left, right = query.flatten().tolist(), key_cache.flatten().tolist()
    scores.view(-1)[0] = sum(map(math.prod, zip(left, right)))
    return torch.softmax(scores, -1)[..., :1].expand_as(query)
