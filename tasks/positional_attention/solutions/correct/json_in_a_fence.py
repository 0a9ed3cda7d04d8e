# The right answer as chat models write it: a sentence, then the object as JSON in a fence.
import json

import numpy as np


def answer(facts):
    Q, K, V = (np.array(facts[name]) for name in ("Q", "K", "V"))
    table = position_encoding(facts, *Q.shape)
    Q_pos, K_pos, V_pos = Q + table, K + table, V + table
    source = Q_pos if facts["values_from"] == "queries" else V_pos
    i, j = np.indices((len(Q), len(Q)))
    removed = i > j if facts["mask"] == "past" else j > i

    result, outputs, a, b = {}, [], 0, 0
    if facts["position_encoding"] != "none":
        result["position_encoded_queries"] = Q_pos
    for h, (qk, v) in enumerate(facts["heads"], 1):
        scores = Q_pos[:, a : a + qk] @ K_pos[:, a : a + qk].T / np.sqrt(qk)
        scores[removed] = -np.inf
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        outputs.append(weights @ source[:, b : b + v])
        result[f"head{h}_attention_weights"], result[f"head{h}_output"] = weights, outputs[-1]
        a, b = a + qk, b + v

    final = np.concatenate(outputs, axis=1)
    if facts["residual"]:
        final = final + Q_pos
    result["final_output"] = final
    if facts["layer_norm"]:
        mean, variance = final.mean(axis=1, keepdims=True), final.var(axis=1, keepdims=True)
        result["layer_normalized_output"] = (final - mean) / np.sqrt(variance + 1e-5)
    whole = {key: value.tolist() for key, value in result.items()} | {"causal_mask_applied": True}
    return f"Here are the matrices:\n\n~~~json\n{json.dumps(whole, indent=1)}\n~~~\n"


def position_encoding(facts, length, width):
    if facts["position_encoding"] == "given":
        return np.array(facts["pos_emb"])
    if facts["position_encoding"] == "none":
        return np.zeros((length, width))
    p, c = np.indices((length, width))
    angle = p / 10000 ** ((c - c % 2) / width)
    return np.where(c % 2 == 0, np.sin(angle), np.cos(angle))
