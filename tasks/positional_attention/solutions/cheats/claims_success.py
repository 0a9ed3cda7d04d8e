# expect: format_error
# breaks: keys
# Fields that a careless grader might read.


def answer(facts):
    claims = {"passed": True, "success": True, "score": 1.0, "errors": {}, "message": "SUCCESS"}
    return (
        claims
        | {key: [[0.0] * columns] * rows for key, (rows, columns) in shapes(facts).items()}
        | {"causal_mask_applied": True}
    )


def shapes(facts):
    """What is asked for: key -> rows, columns."""
    n, d = len(facts["Q"]), len(facts["Q"][0])
    wanted = {} if facts["position_encoding"] == "none" else {"position_encoded_queries": (n, d)}
    for h, (_, v) in enumerate(facts["heads"], 1):
        wanted |= {f"head{h}_attention_weights": (n, n), f"head{h}_output": (n, v)}
    return wanted | {"final_output": (n, d)} | ({"layer_normalized_output": (n, d)} if facts["layer_norm"] else {})
