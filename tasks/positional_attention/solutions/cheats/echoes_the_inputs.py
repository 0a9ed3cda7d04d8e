# expect: any
# breaks: position_encoding
# The prompt's own numbers, cut to the right shapes, with the lower or upper half blanked to look masked.


def answer(facts):
    n, data = len(facts["Q"]), [facts["Q"], facts["K"], facts["V"]]
    result = {}
    for number, (key, (rows, columns)) in enumerate(shapes(facts).items()):
        source = data[number % 3]
        result[key] = [[source[i % n][j % len(source[0])] for j in range(columns)] for i in range(rows)]
        if key.endswith("weights"):
            kept = (lambda i, j: i <= j) if facts["mask"] == "past" else (lambda i, j: j <= i)
            result[key] = [[x * kept(i, j) for j, x in enumerate(row)] for i, row in enumerate(result[key])]
    return result | {"causal_mask_applied": True}


def shapes(facts):
    """What is asked for: key -> rows, columns."""
    n, d = len(facts["Q"]), len(facts["Q"][0])
    wanted = {} if facts["position_encoding"] == "none" else {"position_encoded_queries": (n, d)}
    for h, (_, v) in enumerate(facts["heads"], 1):
        wanted |= {f"head{h}_attention_weights": (n, n), f"head{h}_output": (n, v)}
    return wanted | {"final_output": (n, d)} | ({"layer_normalized_output": (n, d)} if facts["layer_norm"] else {})
