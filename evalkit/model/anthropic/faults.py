"""Error mapping: from the SDK's exceptions to UserError, ProviderError and ContextLimitError."""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anthropic
import httpx2

from evalkit.model.anthropic import refusals
from evalkit.model.anthropic.sse import Reported
from evalkit.model.protocol import ContextLimitError
from evalkit.util import bounded_json
from evalkit.util.errors import ProviderError, UserError
from evalkit.util.redaction import redacted


@dataclass(frozen=True)
class FaultSource:
    """What a sentence about an endpoint has to know of it."""

    address: str
    answered: bool = False
    """Whether it ever answered: then a lost connection is its fault, and something is worth keeping."""
    proxy: str = ""
    """The environment variable whose proxy stands before it, if any."""
    keyless: bool = False
    """It is sent no key, because `model.base_url` names it without encryption."""

    @property
    def kept(self) -> str:
        """How to go on, where something was answered already."""
        return "; what was answered is kept, and the same command goes on from there" if self.answered else ""


def translate(error: Exception, place: FaultSource, *, first: bool, asked: int = 0) -> Exception:
    """What evalkit raises for an exception of the SDK.

    `first`: the conversation has no answer yet. Then a refused request is a wrong setting, later it is a fault.
    `asked`: `max_tokens` of the request.
    """
    what, where = said(error), place.address
    status = error.status_code if isinstance(error, anthropic.APIStatusError) else None
    if status == 402 or wants_money(error):
        return UserError(f"{where} wants to be paid first ({what}): add credit, or use another key{place.kept}")
    if status in (401, 403) or (status == 400 and "organization has been disabled" in what):
        return UserError(f"{where} refused the key ({what}): {_key_advice(place)}{place.kept}")
    if isinstance(error, anthropic.APIStatusError) and 300 <= error.status_code < 400:
        target = redacted(error.response.headers.get("location", "nowhere"))
        return UserError(
            f"{where} redirects to {target}, where no key is taken: set model.base_url to where it answers"
        )
    if is_refused(error):
        return _refused(error, place, first=first, asked=asked)
    if status is None:
        return _lost(error, place, what)
    return ProviderError(f"{where} failed and kept failing: {what}")


def _key_advice(place: FaultSource) -> str:
    if place.keyless:
        return (
            "no key is sent without encryption to what model.base_url names, so set "
            f"ANTHROPIC_BASE_URL={place.address} and ANTHROPIC_API_KEY in the environment, and model.base_url=null"
        )
    return "check ANTHROPIC_API_KEY in the environment"


def _lost(error: Exception, place: FaultSource, what: str) -> Exception:
    """No HTTP response at all."""
    if isinstance(error, anthropic.CredentialsError):
        return UserError(f"{place.address} needs a key ({what}): set ANTHROPIC_API_KEY")
    unreached = isinstance(error, anthropic.APIConnectionError) and not isinstance(error, anthropic.APITimeoutError)
    if unreached and (is_ours(error) or not place.answered):
        by = f" through the proxy of {place.proxy}" if place.proxy else ""
        proxy = f", unset {place.proxy} or name the host in NO_PROXY" if place.proxy else ""
        return UserError(
            f"{place.address} cannot be reached{by} ({what}): start the server there or correct model.base_url{proxy}, "
            "or use model=simulated, which needs no network"
        )
    return ProviderError(f"{place.address} failed and kept failing: {what}")


def wants_money(error: Exception) -> bool:
    """Whether the endpoint says that it wants to be paid first, whatever the status; in a stream, too."""
    status = getattr(error, "status_code", 400 if reported(error) is not None else None)
    return status in (400, 403, 429) and refusals.asks_for_payment(told(error))


def is_refused(error: Exception) -> bool:
    """Whether the request itself is refused: servers say so with 400, 413 or 422, with 500, or within a stream."""
    status = getattr(error, "status_code", None)
    if status in (400, 413, 422):
        return True
    return (status == 500 or reported(error) is not None) and refusals.too_long(told(error))


def _refused(error: Exception, place: FaultSource, *, first: bool, asked: int) -> Exception:
    """The request itself: too long, or with something in it that the endpoint does not take."""
    what, where, text = said(error), place.address, told(error)
    knob = f"model.max_output_tokens (now {asked:,})" if asked else "model.max_output_tokens"
    most = refusals.output_limit(text)
    if most is not None:
        return UserError(
            f"{where} writes no answer that long ({what}): lower {knob}"
            + (f", at most model.max_output_tokens={most}" if most else "")
        )
    if getattr(error, "status_code", None) == 413 or refusals.too_long(text):
        return _too_long(error, place, knob, first=first)
    if first:
        return UserError(f"{where} refused the request ({what}): change model.params or the other model settings")
    return ProviderError(f"{where} failed and kept failing: {what}")


def _too_long(error: Exception, place: FaultSource, knob: str, *, first: bool) -> Exception:
    """Later, the end of a conversation; before the first answer, a setting."""
    what, where = said(error), place.address
    prompt, context = refusals.sizes(told(error))
    room = max(0, context - prompt) if prompt and context else None
    if not first:
        return ContextLimitError(what, room)
    if prompt and context and not room:
        return UserError(
            f"{where} has a context of {context:,} tokens, and the prompt alone takes {prompt:,} ({what}): give "
            "the server a larger context (llama-server -c, vllm --max-model-len), or use another model"
        )
    fits = f": at most {room:,} fit beside the prompt of {prompt:,}, and later turns need room, too" if room else ""
    return UserError(
        f"{where} refused the first request as too large ({what}): lower {knob}{fits}; "
        "or give the server a larger context"
    )


def unknown_model(model: str, place: FaultSource, listed: Sequence[str]) -> UserError:
    """The error for an id that the endpoint does not know, with the names that it does."""
    where = place.address
    if model in listed and place.answered:
        return UserError(f"{where} no longer finds the model {model} (404), which it lists{place.kept}")
    if model in listed:
        return UserError(f"{where} has {model} but no Messages API (404 at /v1/messages): use a server that speaks it")
    if not listed:
        return UserError(
            f"{where} does not know the model {model}, or has no Messages API (404 at /v1/messages): set model.id to "
            f"one that it serves, or correct model.base_url{place.kept}"
        )
    near = difflib.get_close_matches(model, listed, n=1, cutoff=0.4)
    hint = f"did you mean model.id={near[0]}? " if near else ""
    return UserError(f"{where} does not know the model {model}: {hint}It lists {some(listed)}{place.kept}")


def some(names: Sequence[str], most: int = 20) -> str:
    """A list of names for a sentence."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def is_ours(error: Exception) -> bool:
    """Whether a request never left, because of how it or the connection is set up: no repetition helps."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol | ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def words(error: anthropic.APIStatusError) -> str:
    """The endpoint's own message, whatever the shape of its error; without keys that it repeats."""
    inner = _inner(error)
    message = inner.get("message") or inner.get("detail") if isinstance(inner, Mapping) else inner
    return redacted(str(message or error.message)[:LONGEST])


def _inner(error: anthropic.APIStatusError) -> object:
    body = bounded_json.bounded(error.body)
    return body.get("error", body) if isinstance(body, dict) else body


def reported(error: Exception) -> object:
    """The error that came within an answer of status 200, or None."""
    return error.__cause__.error if isinstance(error.__cause__, Reported) else None


def told(error: Exception) -> str:
    """Everything that the endpoint says of an error, with its type, code and fields: to be searched, not shown."""
    inner = _inner(error) if isinstance(error, anthropic.APIStatusError) else reported(error)
    fields = inner if isinstance(inner, Mapping) else {"message": inner}
    parts = [f"{name} {value}" for name, value in fields.items() if name != "message" and value is not None]
    message = words(error) if isinstance(error, anthropic.APIStatusError) else fields.get("message")
    return f"{message} {' '.join(parts)}"[:LONGEST]


def said(error: Exception) -> str:
    """What went wrong with a request, as one sentence without its full stop and without keys."""
    if isinstance(error, anthropic.APIStatusError):
        inner = _inner(error)
        kind = f" {inner['type']}" if isinstance(inner, Mapping) and inner.get("type") else ""
        return sentence(f"HTTP {error.status_code}{kind}: {words(error)}")
    if isinstance(error, anthropic.APIConnectionError) and error.__cause__ is not None:
        return sentence(str(error.__cause__) or _NAMES.get(type(error.__cause__), type(error.__cause__).__name__))
    return sentence(str(error) or type(error).__name__)


LONGEST = 20_000
"""Characters of an error that are looked at."""
_NAMES: dict[type, str] = {
    httpx2.ConnectTimeout: "no connection within the time limit",
    httpx2.PoolTimeout: "no free connection within the time limit",
    httpx2.ReadTimeout: "silence for model.timeout_s",
    httpx2.WriteTimeout: "the request was not taken within model.timeout_s",
}


def sentence(text: str, most: int = 300) -> str:
    """`text` on one line, cut at `most` characters, without its full stop and without keys."""
    line = redacted(" ".join(text[:LONGEST].split()))
    return (line if len(line) <= most else line[: most - 1] + "…").rstrip(".")
