"""How endpoints word a refusal: the Messages API, its gateways, vLLM, SGLang, TGI, llama.cpp, LM Studio and Ollama.

Pure functions of the text. Statuses and error types differ from server to server, the subject of the sentence does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CREDIT = re.compile(
    r"credit balance|(purchase|add|buy|requires more|out of|not enough|insufficient|no)[ _](\w+[ _])?credits?\b"
    r"|insufficient[_ ](\w+[ _])?(quota|funds|credit|balance)|exceeded your current quota|payment required"
    r"|billing[_ ](error|hard|not active)|budget[_ ](has been )?exceeded|exceeded[_ ]?budget|over budget"
    r"|specified \w+ usage limits|spend(ing)? limit|key limit exceeded|can only afford",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"context[ _-]?(length|window|size|limit)|max_model_len\b|max_num_tokens|(model|session) length"
    r"|prompt is too long|prompt too long|input is too long|exceed_context_size"
    r"|(input|prompt|inputs`?)\W[^.]{0,60}\b(exceeds?|(fewer|less) than|longer than|too (long|large))\b[^.]{0,60}\d"
    r"|inputs` tokens \+ `max_new_tokens` must be",
    re.IGNORECASE,
)
_OUTPUT = re.compile(
    r"max_tokens: [\d,]+ > (?P<a>[\d,]+)|maximum allowed number of output tokens"
    r"|maximum tokens you requested exceeds the model limit of (?P<b>[\d,]+)"
    r"|(?<!\+ `)(?<!\+ )max_\w*tokens\b.{0,80}?(<=|less than or equal to|at most|no more than)\D{0,3}(?P<c>[\d,]+)"
    r"|max_tokens=\d+ cannot be greater than max_model_len=(max_total_tokens=)?(?P<d>\d+)"
    r"|range of max_tokens is \[\d+, ?(?P<e>\d+)",
    re.IGNORECASE | re.DOTALL,
)
_ROOM = (
    r"n_ctx\W+([\d,]+)",
    r"context (?:length|size|window) (?:is|of)(?: only)? ([\d,]+)",
    r"context (?:length|size) \(([\d,]+)",
    r"(?:model|session) length(?: of)? ([\d,]+)",
    r"([\d,]+) maximum context",
    r"[\d,]+ \+ [\d,]+ > ([\d,]+)",
    r"> ([\d,]+) maximum",
    r"number of tokens allowed \(([\d,]+)",
    r"max_num_tokens \(([\d,]+)",
    r"must have less than ([\d,]+)",
    r"must be <= ([\d,]+)",
)
_PROMPT = (
    r"n_prompt_tokens\W+([\d,]+)",
    r"\(([\d,]+) (?:in the messages|in your prompt|of text input)",
    r"(?:has|of|passed) ([\d,]+) input tokens",
    r"(?:request|input) \(([\d,]+) tokens",
    r"(?:prompt is too long:|prompt contains|first|input tokens) ([\d,]+)",
    r"input token count \(([\d,]+)",
    r"prompt (?:length )?\((?:length )?([\d,]+)",
    r"([\d,]+) \+ [\d,]+ > ",
    r"([\d,]+) tokens from the input",
    r"given: ([\d,]+)",
)


def asks_for_payment(text: str) -> bool:
    """Whether no answer is given before somebody pays: no patience cures that."""
    return _CREDIT.search(text) is not None


def too_long(text: str) -> bool:
    """Whether the request does not fit into the context."""
    return _CONTEXT.search(text) is not None


def output_limit(text: str) -> int | None:
    """The longest answer of the model, if the request wanted a longer one: 0 where the number is not told."""
    found = _OUTPUT.search(text)
    return _number(next(filter(None, found.groupdict().values()), "0")) if found else None


def sizes(text: str) -> tuple[int | None, int | None]:
    """Tokens of the prompt and of the context, as far as the endpoint tells them."""
    return _first_number(_PROMPT, text), _first_number(_ROOM, text)


def _first_number(patterns: Sequence[str], text: str) -> int | None:
    found = (re.search(pattern, text, re.IGNORECASE) for pattern in patterns)
    return next((_number(match[1]) for match in found if match and len(match[1]) < 15), None) or None


def _number(digits: str) -> int:
    return int(digits[:15].replace(",", "") or 0)
