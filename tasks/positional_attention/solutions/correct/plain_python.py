# No library but math: loops over rows and columns, softmax over the kept positions only.
import math


def answer(facts):
    Q, K, V = facts["Q"], facts["K"], facts["V"]
    n, d = len(Q), len(Q[0])
    table = encoding(facts, n, d)
    Qp = [[x + e for x, e in zip(row, extra)] for row, extra in zip(Q, table)]
    Kp = [[x + e for x, e in zip(row, extra)] for row, extra in zip(K, table)]
    Vp = [[x + e for x, e in zip(row, extra)] for row, extra in zip(V, table)]
    source = {"queries": Qp, "values": Vp}[facts["values_from"]]

    result = {} if facts["position_encoding"] == "none" else {"position_encoded_queries": Qp}
    joined = [[] for _ in range(n)]
    qk_start = v_start = 0
    for head, (qk, v) in enumerate(facts["heads"], 1):
        weights, output = [], []
        for i in range(n):
            kept = range(i, n) if facts["mask"] == "past" else range(i + 1)
            row = [0.0] * n
            for j in kept:
                dot = sum(Qp[i][c] * Kp[j][c] for c in range(qk_start, qk_start + qk))
                row[j] = math.exp(dot / math.sqrt(qk))
            total = sum(row)
            row = [x / total for x in row]
            weights.append(row)
            output.append([sum(row[j] * source[j][c] for j in range(n)) for c in range(v_start, v_start + v)])
            joined[i] += output[-1]
        result[f"head{head}_attention_weights"] = weights
        result[f"head{head}_output"] = output
        qk_start, v_start = qk_start + qk, v_start + v

    if facts["residual"]:
        joined = [[x + y for x, y in zip(a, b)] for a, b in zip(joined, Qp)]
    result["final_output"] = joined
    if facts["layer_norm"]:
        result["layer_normalized_output"] = [normed(row) for row in joined]
    result["causal_mask_applied"] = True
    return result


def normed(row):
    mean = sum(row) / len(row)
    variance = sum((x - mean) ** 2 for x in row) / len(row)
    return [(x - mean) / math.sqrt(variance + 1e-5) for x in row]


def encoding(facts, n, d):
    if facts["position_encoding"] == "given":
        return facts["pos_emb"]
    if facts["position_encoding"] == "none":
        return [[0.0] * d for _ in range(n)]
    table = [[0.0] * d for _ in range(n)]
    for p in range(n):
        for c in range(0, d, 2):
            table[p][c] = math.sin(p / 10000 ** (c / d))
            if c + 1 < d:
                table[p][c + 1] = math.cos(p / 10000 ** (c / d))
    return table
