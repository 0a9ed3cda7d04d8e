# float32 throughout, the mask applied to the exponentials before they are normalised.
import numpy as np

f = np.float32


def answer(facts):
    Q, K, V = (np.array(facts[name], f) for name in ("Q", "K", "V"))
    n, d = Q.shape
    T = np.zeros((n, d), f)
    if "pos_emb" in facts:
        T = np.array(facts["pos_emb"], f)
    elif facts["position_encoding"] == "sinusoidal":
        even = np.arange(d) - np.arange(d) % 2
        angle = (np.arange(n)[:, None] / np.power(10000.0, even / d)).astype(f)
        T = np.where(np.arange(d) % 2 == 1, np.cos(angle), np.sin(angle)).astype(f)
    Q, K, V = Q + T, K + T, V + T
    source = V if facts["values_from"] == "values" else Q
    keep = np.triu(np.ones((n, n), f)) if facts["mask"] == "past" else np.tril(np.ones((n, n), f))

    out, W, O = {}, [], []
    a = b = 0
    for qk, v in facts["heads"]:
        e = np.exp(Q[:, a : a + qk] @ K[:, a : a + qk].T / f(qk) ** f(0.5)) * keep
        W.append(e / e.sum(1, keepdims=True))
        O.append(W[-1] @ source[:, b : b + v])
        a += qk
        b += v
    if facts["position_encoding"] != "none":
        out["position_encoded_queries"] = Q
    for h in range(len(W)):
        out[f"head{h + 1}_attention_weights"] = W[h]
        out[f"head{h + 1}_output"] = O[h]
    final = np.concatenate(O, 1)
    if facts["residual"]:
        final = final + Q
    out["final_output"] = final
    if facts["layer_norm"]:
        out["layer_normalized_output"] = (final - final.mean(1)[:, None]) / np.sqrt(final.var(1) + f(1e-5))[:, None]
    out = {key: value.astype(float).tolist() for key, value in out.items()}
    out["causal_mask_applied"] = True
    return out
