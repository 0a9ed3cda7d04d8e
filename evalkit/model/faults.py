"""Whose fault a failed call is: from the SDK's exceptions to UserError, ProviderError and ContextLimitError."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

import anthropic

from evalkit.errors import ProviderError, UserError
from evalkit.model.api import ContextLimitError

_TOO_LONG = re.compile(
    r"prompt is too long|exceed(s|ed)? (the )?(available |maximum |model'?s? )?context|maximum context length"
    r"|exceed_context_size|context[ _](length|window|size)[ _]exceeded|input is too long",
    re.IGNORECASE,
)
"""How the API, its gateways, vLLM and llama.cpp say that a conversation does not fit."""


def translate(error: Exception, where: str, *, first: bool, reached: bool = False) -> Exception:
    """What evalkit raises for an exception of the SDK.

    `where` is the endpoint, `first` whether the conversation has no answer yet (then a refused request is a wrong
    setting, later it is a fault), `reached` whether the endpoint ever answered.
    """
    said = sentence(_said(error))
    if isinstance(error, anthropic.AuthenticationError | anthropic.PermissionDeniedError):
        return UserError(f"{where} refused the key ({said}): check ANTHROPIC_API_KEY in the environment")
    if isinstance(error, anthropic.BadRequestError | anthropic.ContentTooLargeError) and _TOO_LONG.search(said):
        return ContextLimitError(said)
    if isinstance(error, anthropic.ContentTooLargeError):
        return ContextLimitError(said)
    if isinstance(error, anthropic.PaymentRequiredError):
        return UserError(f"{where} wants to be paid first ({said}): add credit, or use another key")
    if isinstance(error, anthropic.BadRequestError | anthropic.UnprocessableEntityError) and first:
        return UserError(f"{where} refused the request ({said}): change model.params or the other model settings")
    if isinstance(error, anthropic.APIConnectionError) and not isinstance(error, anthropic.APITimeoutError):
        if not reached:
            return UserError(
                f"{where} cannot be reached ({said}): start the server there or correct model.base_url, "
                "or use model=simulated, which needs no network"
            )
    elif isinstance(error, anthropic.CredentialsError):
        return UserError(f"{where} needs a key ({said}): set ANTHROPIC_API_KEY")
    return ProviderError(f"{where} failed and kept failing: {said}")


def unknown_model(model: str, where: str, listed: Sequence[str]) -> UserError:
    """The error for an id that the endpoint does not know, with the names that it does."""
    if model in listed:
        return UserError(f"{where} has {model} but no Messages API (404 at /v1/messages): use a server that speaks it")
    if not listed:
        return UserError(f"{where} does not know the model {model}: set model.id to one that it serves")
    near = difflib.get_close_matches(model, listed, n=1, cutoff=0.4)
    hint = f"did you mean model.id={near[0]}? " if near else ""
    return UserError(f"{where} does not know the model {model}: {hint}It lists {', '.join(listed)}")


def words(error: anthropic.APIStatusError) -> str:
    """The endpoint's own message, whatever the shape of its error."""
    inner = _inner(error)
    message = inner.get("message") if isinstance(inner, dict) else inner
    return str(message or error.message)


def _inner(error: anthropic.APIStatusError) -> object:
    return error.body.get("error", error.body) if isinstance(error.body, dict) else error.body


def _said(error: Exception) -> str:
    if isinstance(error, anthropic.APIStatusError):
        inner = _inner(error)
        kind = f" {inner['type']}" if isinstance(inner, dict) and inner.get("type") else ""
        return f"HTTP {error.status_code}{kind}: {words(error)}"
    if isinstance(error, anthropic.APIConnectionError) and error.__cause__ is not None:
        return str(error.__cause__) or type(error.__cause__).__name__
    return str(error) or type(error).__name__


def sentence(text: str, most: int = 300) -> str:
    """`text` on one line, cut at `most` characters, without its full stop."""
    line = " ".join(text.split())
    return (line if len(line) <= most else line[: most - 1] + "…").rstrip(".")
