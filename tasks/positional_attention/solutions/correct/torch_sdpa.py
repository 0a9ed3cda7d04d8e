# torch's scaled_dot_product_attention; the weights are read off by letting it attend to the identity.
import torch
import torch.nn.functional as F


def answer(facts):
    Q, K, V = (torch.tensor(facts[name], dtype=torch.float64) for name in ("Q", "K", "V"))
    n, d = Q.shape
    table = torch.zeros(n, d, dtype=torch.float64)
    if facts["position_encoding"] == "given":
        table = torch.tensor(facts["pos_emb"], dtype=torch.float64)
    elif facts["position_encoding"] == "sinusoidal":
        for c in range(d):
            angle = torch.arange(n, dtype=torch.float64) / 10000 ** ((c - c % 2) / d)
            table[:, c] = angle.cos() if c % 2 else angle.sin()
    Q, K, V = Q + table, K + table, V + table
    source = Q if facts["values_from"] == "queries" else V
    allowed = torch.ones(n, n, dtype=torch.bool)
    allowed = allowed.triu() if facts["mask"] == "past" else allowed.tril()

    widths, value_widths = zip(*facts["heads"])
    result, outputs = {}, []
    if facts["position_encoding"] != "none":
        result["position_encoded_queries"] = Q
    parts = zip(Q.split(widths, 1), K.split(widths, 1), source.split(value_widths, 1))
    for h, (q, k, v) in enumerate(parts, 1):
        attended = F.scaled_dot_product_attention(
            q[None], k[None], torch.cat([torch.eye(n, dtype=torch.float64), v], dim=1)[None], attn_mask=allowed
        )[0]
        result[f"head{h}_attention_weights"], result[f"head{h}_output"] = attended[:, :n], attended[:, n:]
        outputs.append(attended[:, n:])
    result["final_output"] = torch.cat(outputs, dim=1) + (Q if facts["residual"] else 0)
    if facts["layer_norm"]:
        result["layer_normalized_output"] = F.layer_norm(result["final_output"], (d,), eps=1e-5)
    return {key: value.tolist() for key, value in result.items()} | {"causal_mask_applied": True}
