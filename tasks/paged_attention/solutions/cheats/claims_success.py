# expect: shape_error
# breaks: shape
# The function returns the output, not a verdict.
def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    print("VERIFIED")
    return True
