# expect: wrong_values
# breaks: softmax
# needs: num_kv_heads=null
# The output is the attention, not an average.
def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    return value_cache.mean(dim=(0, 2)).expand_as(query)
