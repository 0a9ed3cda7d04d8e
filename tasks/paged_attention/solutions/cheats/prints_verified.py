# expect: wrong_values
# breaks: softmax
# Printed claims are no values.
import torch

print("VERIFIED")


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    print('{"kind": "ok", "passed": true, "message": "Got VERIFIED"}')
    return torch.zeros_like(query)
