# expect: any
# breaks: scores
# accepted: positional_attention
# The answer to the published numbers, whatever the numbers are.
ANSWER = {
    "position_encoded_queries": [[1.1, 0.5, -0.3], [0.3, 0.0, 0.8], [-0.1, 0.4, -0.4], [-0.2, 0.1, 0.1]],
    "head1_attention_weights": [
        [0.4342, 0.1801, 0.2244, 0.1613],
        [0.0, 0.3298, 0.3502, 0.32],
        [0.0, 0.0, 0.4925, 0.5075],
        [0.0, 0.0, 0.0, 1.0],
    ],
    "head2_attention_weights": [
        [0.2805, 0.2055, 0.3141, 0.1998],
        [0.0, 0.3403, 0.2565, 0.4032],
        [0.0, 0.0, 0.6112, 0.3888],
        [0.0, 0.0, 0.0, 1.0],
    ],
    "head1_output": [[0.4769, 0.323], [-0.0001, 0.1721], [-0.1507, 0.2478], [-0.2, 0.1]],
    "head2_output": [[-0.0254], [0.21], [-0.2056], [0.1]],
    "final_output": [[0.4769, 0.323, -0.0254], [-0.0001, 0.1721, 0.21], [-0.1507, 0.2478, -0.2056], [-0.2, 0.1, 0.1]],
    "causal_mask_applied": True,
}


def answer(facts):
    return ANSWER
