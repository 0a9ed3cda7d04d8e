# needs: num_kv_heads=null sliding_window=null logit_softcap=null
# As a chat model answers: a sentence, the source in a fence, and an example in another one that defines nothing.

Every block is gathered with one index; positions past the end get no weight:

~~~python3
import torch


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    """Decode one step.

    ```
    paged_attention_decode(query, key_cache, value_cache, block_table, context_lens)
    ```
    """
    keys = key_cache[block_table.clamp(min=0)].transpose(1, 2).flatten(2, 3)
    values = value_cache[block_table.clamp(min=0)].transpose(1, 2).flatten(2, 3)
    scores = torch.einsum("bhd,bhnd->bhn", query, keys) / query.shape[-1] ** 0.5
    outside = torch.arange(keys.shape[2]) >= context_lens[:, None]
    weights = torch.softmax(scores.masked_fill(outside[:, None], float("-inf")), dim=-1)
    return torch.einsum("bhn,bhnd->bhd", weights, values)
~~~

For example:

~~~python3
print(paged_attention_decode(query, key_cache, value_cache, block_table, context_lens).shape)
~~~
