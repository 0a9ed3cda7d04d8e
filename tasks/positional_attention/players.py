"""What is played without a language model: programs of solutions/, and the simulated agents of agents.yaml."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from evalkit.task.scripted_agents import ScriptedAgent, ScriptedTurn, Tokens, load_agents

from .prompt import EPSILON_TEXT, removed, values_matrix
from .spec import Spec

PRINT_TEXT = "print(json.dumps(text) if 'NaN' in text or 'Infinity' in text else text)"
"""JSON has no NaN, and no provider would carry it: such an answer travels as text that holds it."""


def play(source: str, spec: Spec) -> ScriptedAgent:
    """An agent that runs `source`, calls its `answer(facts)` and submits what that returns."""
    program = f"{source}\n\nimport json\ntext = json.dumps(answer({spec.facts!r}))\n{PRINT_TEXT}\n"
    call = {"name": "python_expression", "input": {"expression": program}}
    turns = (ScriptedTurn(Tokens(700), "", (call,)), ScriptedTurn(Tokens(500), submit_output=True))
    return ScriptedAgent("solution", turns)


@lru_cache(maxsize=64)
def cast(spec: Spec) -> tuple[ScriptedAgent, ...]:
    """The simulated agents. Each attentive reader among them follows the prompt of `spec`, whatever it asks."""
    return tuple(load_agents(Path(__file__).with_name("agents.yaml"), snippets(spec)))


def snippets(spec: Spec) -> dict[str, str]:
    """What the prompt tells, as Python text for agents.yaml."""
    return {
        "setup": _setup(spec),
        "encode": "Q_pos, K_pos, V_pos = Q + pos_emb, K + pos_emb, V + pos_emb",
        "heads": repr(list(spec.heads)),
        "removed": removed(spec),
        "values": values_matrix(spec),
        "report": _report(spec),
    }


def _setup(spec: Spec) -> str:
    lines = ["import json"]
    lines += [f"{name} = np.array({[list(row) for row in getattr(spec, name)]})" for name in ("Q", "K", "V")]
    if spec.pos_emb is not None:
        lines.append(f"pos_emb = np.array({[list(row) for row in spec.pos_emb]})")
    elif spec.position_encoding == "sinusoidal":
        lines.append("p, c = np.indices(Q.shape)")
        lines.append("angle = p / 10000 ** ((c - c % 2) / Q.shape[1])")
        lines.append("pos_emb = np.where(c % 2, np.cos(angle), np.sin(angle))")
    else:
        lines.append("pos_emb = np.zeros_like(Q)")
    lines.append("i, j = np.indices((len(Q), len(Q)))")
    return "\n".join(lines)


def _report(spec: Spec) -> str:
    """From `Q_pos`, lists `W` and `O`, the flag `masked` and a number of `digits` to the printed answer."""
    lines = ["answer = {}" if spec.position_encoding == "none" else "answer = {'position_encoded_queries': Q_pos}"]
    lines.append("for h, (w, o) in enumerate(zip(W, O), 1):")
    lines.append("    answer[f'head{h}_attention_weights'], answer[f'head{h}_output'] = w, o")
    rows = "[o.reshape(len(Q), -1) for o in O]"
    lines.append(f"final = np.concatenate({rows}, axis=1){' + Q_pos' if spec.residual else ''}")
    lines.append("answer['final_output'] = final")
    if spec.layer_norm:
        lines.append("centred = final - final.mean(axis=1, keepdims=True)")
        lines.append(f"norm = centred / np.sqrt(final.var(axis=1, keepdims=True) + {EPSILON_TEXT})")
        lines.append("answer['layer_normalized_output'] = norm")
    lines.append("answer = {key: np.round(value, digits).tolist() for key, value in answer.items()}")
    lines.append("text = json.dumps({**answer, 'causal_mask_applied': masked})")
    lines.append(PRINT_TEXT)
    return "\n".join(lines)
