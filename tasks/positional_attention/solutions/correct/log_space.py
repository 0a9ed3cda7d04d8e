# Weights as exp(A - logsumexp(A)), the removed positions at -1e30 instead of -inf.
import numpy as np


def answer(facts):
    Q, K, V = np.array(facts["Q"]), np.array(facts["K"]), np.array(facts["V"])
    if facts["position_encoding"] == "given":
        E = np.array(facts["pos_emb"])
    else:
        E = np.zeros_like(Q)
    if facts["position_encoding"] == "sinusoidal":
        rate = np.exp(-np.log(10000.0) * np.arange(0, Q.shape[1], 2) / Q.shape[1])
        E[:, 0::2] = np.sin(np.outer(np.arange(len(Q)), rate))
        E[:, 1::2] = np.cos(np.outer(np.arange(len(Q)), rate))[:, : E[:, 1::2].shape[1]]
    Q, K, V = Q + E, K + E, V + E
    if facts["values_from"] == "queries":
        V = Q
    keep = np.tri(len(Q))
    if facts["mask"] == "past":
        keep = keep.T

    result = {"causal_mask_applied": True}
    if facts["position_encoding"] != "none":
        result["position_encoded_queries"] = Q.tolist()
    outputs = []
    for number, (qk, v) in enumerate(facts["heads"]):
        first = sum(width for width, _ in facts["heads"][:number])
        start = sum(width for _, width in facts["heads"][:number])
        A = (Q[:, first : first + qk] / qk**0.5) @ K[:, first : first + qk].T
        A = A * keep - 1e30 * (1 - keep)
        top = A.max(axis=1)
        logsumexp = top + np.log(np.exp(A - top[:, None]).sum(axis=1))
        W = np.exp(A - logsumexp[:, None])
        outputs.append(W @ V[:, start : start + v])
        result[f"head{number + 1}_attention_weights"] = W.tolist()
        result[f"head{number + 1}_output"] = outputs[-1].tolist()
    out = np.column_stack(outputs)
    if facts["residual"]:
        out += Q
    result["final_output"] = out.tolist()
    if facts["layer_norm"]:
        result["layer_normalized_output"] = ((out.T - out.mean(1)) / np.sqrt(out.var(1) + 1e-5)).T.tolist()
    return result
