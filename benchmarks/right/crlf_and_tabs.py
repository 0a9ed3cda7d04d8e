import torch
def paged_attention_decode(query, key_cache, value_cache, block_table, context_lens):
	b, h, d = query.shape
	t = block_table.clamp(min=0)
	k = key_cache[t].transpose(1, 2).reshape(b, h, -1, d)
	v = value_cache[t].transpose(1, 2).reshape(b, h, -1, d)
	s = (k @ query[..., None])[..., 0] / d ** .5
	s = s.masked_fill(torch.arange(s.shape[-1]) >= context_lens[:, None, None], float('-inf'))
	return (s.softmax(-1)[..., None, :] @ v)[..., 0, :]
