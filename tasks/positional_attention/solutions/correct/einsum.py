# All contractions with einsum, the mask as an additive matrix of 0 and -inf.
import numpy as np


def answer(facts):
    data = np.array([facts["Q"], facts["K"], facts["V"]])
    n, d = data.shape[1:]
    pos = np.arange(n)[:, None]
    even = np.arange(d) // 2 * 2
    wave = np.where(np.arange(d) % 2, np.cos(pos / 10000 ** (even / d)), np.sin(pos / 10000 ** (even / d)))
    kind = facts["position_encoding"]
    table = {"given": lambda: np.array(facts["pos_emb"]), "sinusoidal": lambda: wave, "none": lambda: 0 * wave}[kind]()
    q, k, v = data + table
    values = q if facts["values_from"] == "queries" else v
    ones = np.ones((n, n), bool)
    bias = np.where(np.tril(ones, -1) if facts["mask"] == "past" else np.triu(ones, 1), -np.inf, 0.0)

    cut_q = np.cumsum([qk for qk, _ in facts["heads"]])[:-1]
    cut_v = np.cumsum([width for _, width in facts["heads"]])[:-1]
    parts = zip(np.split(q, cut_q, 1), np.split(k, cut_q, 1), np.split(values, cut_v, 1))
    result = {} if kind == "none" else {"position_encoded_queries": q}
    outputs = []
    for h, (qh, kh, vh) in enumerate(parts, 1):
        exponentials = np.exp(np.einsum("ic,jc->ij", qh, kh) / qh.shape[1] ** 0.5 + bias)
        weights = np.einsum("ij,i->ij", exponentials, 1 / np.einsum("ij->i", exponentials))
        outputs.append(np.einsum("ij,jc->ic", weights, vh))
        result |= {f"head{h}_attention_weights": weights, f"head{h}_output": outputs[-1]}
    result["final_output"] = np.hstack(outputs) + (q if facts["residual"] else 0)
    if facts["layer_norm"]:
        centred = result["final_output"] - np.einsum("ic->i", result["final_output"])[:, None] / d
        result["layer_normalized_output"] = (
            centred / np.sqrt(np.einsum("ic,ic->i", centred, centred) / d + 1e-5)[:, None]
        )
    result = {key: value.tolist() for key, value in result.items()}
    result["causal_mask_applied"] = True
    return result
