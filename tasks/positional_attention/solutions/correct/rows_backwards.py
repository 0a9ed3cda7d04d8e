# Position by position, as a decoder that runs over the sequence would, with running sums instead of a matrix softmax.
import numpy as np


def answer(facts):
    Q, K, V = (np.array(facts[name], dtype=np.longdouble) for name in "QKV")
    n, d = Q.shape
    if facts["position_encoding"] == "given":
        table = np.array(facts["pos_emb"])
    else:
        c = np.arange(d)
        angle = np.arange(n)[:, None] * 10000.0 ** (-(c - c % 2) / d)
        table = np.sin(angle + (c % 2) * np.pi / 2) * (facts["position_encoding"] == "sinusoidal")
    Q, K, V = Q + table, K + table, V + table
    source = Q if facts["values_from"] == "queries" else V
    weights = [np.zeros((n, n)) for _ in facts["heads"]]
    outputs = [np.zeros((n, v)) for _, v in facts["heads"]]
    for i in reversed(range(n)):
        visible = range(n - 1, i - 1, -1) if facts["mask"] == "past" else range(i, -1, -1)
        a = b = 0
        for h, (qk, v) in enumerate(facts["heads"]):
            top, total, mixed, seen = -np.inf, 0.0, np.zeros(v), {}
            for j in visible:
                score = float(Q[i, a : a + qk] @ K[j, a : a + qk]) / qk**0.5
                higher = max(top, score)
                shrink = np.exp(top - higher)
                total = total * shrink + np.exp(score - higher)
                mixed = mixed * shrink + np.exp(score - higher) * source[j, b : b + v].astype(float)
                top, seen[j] = higher, score
            for j, score in seen.items():
                weights[h][i, j] = np.exp(score - top) / total
            outputs[h][i] = mixed / total
            a, b = a + qk, b + v
    result = {} if facts["position_encoding"] == "none" else {"position_encoded_queries": Q}
    for h in range(len(weights)):
        result[f"head{h + 1}_attention_weights"], result[f"head{h + 1}_output"] = weights[h], outputs[h]
    final = np.hstack(outputs) + (Q if facts["residual"] else 0.0)
    result["final_output"] = final
    if facts["layer_norm"]:
        result["layer_normalized_output"] = [(row - row.mean()) / (row.var() + 1e-5) ** 0.5 for row in final]
    plain = {key: np.array(value, dtype=float).tolist() for key, value in result.items()}
    return {**plain, "causal_mask_applied": True}
