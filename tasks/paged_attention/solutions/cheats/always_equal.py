# expect: forbidden
# breaks: classes
# No classes: an object that equals everything.
class Equal:
    def __eq__(self, other):
        return True

    def __lt__(self, other):
        return True

    def __sub__(self, other):
        return 0.0


def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
    return Equal()
