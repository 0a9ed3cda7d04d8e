"""Rollout record: what happened in one agent try, and the complete list of how it can end. Knows nothing of grading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

Json = Any
"""Anything JSON can hold."""
COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
"""The parts of a `usage` object that are read."""


def count(value: Json) -> int | None:
    """A number of tokens as servers state it: a whole number of at least 0 (20.0 is one); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2**53:
        return None
    return int(value) if value == int(value) else None


class Ending(StrEnum):
    """How a rollout ended: exactly one of these."""

    SUBMITTED = "submitted"  # called submit_answer with something its schema accepts
    TOKEN_LIMIT = "token_limit"  # the output token budget was used up, or cut a response
    STEP_LIMIT = "step_limit"  # as many model calls as allowed, and no submission
    TIME_LIMIT = "time_limit"  # the wall clock ran out
    GAVE_UP = "gave_up"  # ended its turn without submitting, after every reminder
    REFUSED = "refused"  # the model, or its provider's filter, declined
    CONTEXT_LIMIT = "context_limit"  # the conversation no longer fits the model
    UNKNOWN = "unknown"  # clipped to limits under which the record does not tell what would have happened
    ERROR = "error"  # the fault of the provider, the sandbox or the task's own code: not a failure of the model


@dataclass(frozen=True)
class Submission:
    """What `submit_answer` was called with; `answer` is any JSON."""

    answer: Json


@dataclass(frozen=True)
class Turn:
    """One model call, what it answered, and what was said back to it."""

    max_tokens: int
    """Output tokens that the request allowed."""
    response: Mapping[str, Json]
    """The Messages API response as it came: content blocks, stop_reason, usage, model, id."""
    reply: tuple[Mapping[str, Json], ...] | None = None
    """Content of the user message that answered it (tool results, a reminder); None if nothing was said back."""
    submission: Submission | None = None
    tool_errors: int = 0
    """Tool calls in this turn that were answered with `is_error`."""
    cut_tokens: int | None = None
    """Set by `clip`: the response crossed the budget after this many tokens, and nothing it called happened."""
    artifacts: Mapping[str, str] | None = None
    """Relative path → SHA-256 of all files that the task grades, as they stood after this turn; None: as before it."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """With `artifacts`: path of what fits a pattern and could not be taken → why."""

    @property
    def output_tokens(self) -> int:
        """Output tokens of the response, thinking included; of a cut one, those inside the budget."""
        return self.counted if self.cut_tokens is None else self.cut_tokens

    @property
    def counted(self) -> int:
        """Output tokens of the response as the server counted them, whether the turn was clipped or not."""
        return count(self.usage.get("output_tokens")) or 0

    @property
    def written(self) -> int:
        """Characters of the response, roughly; at least one for every block but empty text and thinking."""
        return sum(map(_written, self.content))

    @property
    def uncounted(self) -> bool:
        """Whether the server wrote something and counted nothing of it: no limit of tokens can hold then."""
        return not self.counted and self.written > 0

    @property
    def credible(self) -> bool:
        """Whether the server can have counted all that it wrote; some leave out what the model thought."""
        return self.written <= self.counted * CHARACTERS_A_TOKEN

    @property
    def more_follows(self) -> bool:
        """Whether a submission that was not refused stands before the last block: a cut behind it leaves it valid."""
        if self.submission is None and self.reply is not None:
            return False
        return any(
            block.get("type") == "tool_use" and block.get("name") == "submit_answer" for block in self.content[:-1]
        )

    @property
    def cut(self) -> bool:
        """Whether a limit cut the response, when it was sampled or by `clip`: nobody may see what stands behind."""
        return self.cut_tokens is not None or self.stop_reason == "max_tokens"

    @property
    def usage(self) -> Mapping[str, Json]:
        """The `usage` object of the response, untouched by clipping."""
        return self.response.get("usage") or {}

    @property
    def charged(self) -> Mapping[str, Json]:
        """The `usage` that would have been charged: a cut response costs what was inside the budget."""
        return {**self.usage, "output_tokens": self.output_tokens}

    @property
    def input_tokens(self) -> int:
        """Input tokens of the call: fresh, written to the cache and read from it."""
        return sum(count(self.usage.get(name)) or 0 for name in COUNTS if name != "output_tokens")

    @property
    def content(self) -> Sequence[Mapping[str, Json]]:
        """The response's content blocks."""
        return self.response.get("content") or ()

    @property
    def answered_by(self) -> str | None:
        """The name of the model that the answer says it is from."""
        name = self.response.get("model")
        return name if isinstance(name, str) and name else None

    @property
    def stop_reason(self) -> str | None:
        """Why the provider says the response stopped."""
        return self.response.get("stop_reason")

    def cut_at(self, tokens: int) -> Turn:
        """This turn with its response cut after `tokens` output tokens."""
        return replace(self.undone(), cut_tokens=tokens)

    def undone(self) -> Turn:
        """This turn before anything came of it."""
        return replace(self, reply=None, submission=None, tool_errors=0, artifacts=None, left_out={})


CHARACTERS_A_TOKEN = 16
"""More than any tokenizer packs on the average."""


def _written(block: Mapping[str, Json]) -> int:
    for name in ("text", "thinking"):
        if isinstance(block.get(name), str):
            return len(block[name])
    return 1 + len(str(block.get("input", "")))


@dataclass(frozen=True)
class FailedAttempt:
    """One try of a model call that failed."""

    reason: str
    """One sentence: what the endpoint said, or how the connection broke."""
    seconds: float
    """How long it took to fail."""
    pause: float = 0.0
    """Seconds until the next one; 0 for the last."""


@dataclass(frozen=True)
class Timing:
    """Seconds, kept apart from the facts: they differ between two runs of the same thing."""

    started: float = 0.0
    """Unix time."""
    seconds: float = 0.0
    """Wall clock without `waited`; of a rollout that was resumed, of all its parts."""
    waited: float = 0.0
    """Seconds lost to rate limits, failed attempts and retries."""
    turns: tuple[float, ...] = ()
    failed: tuple[FailedAttempt, ...] = ()
    """Attempts that failed and were not the model's doing."""
    launch: str = ""
    """Which launch began it (`evalkit.sampling.provenance.mark_of`)."""


@dataclass(frozen=True)
class Rollout:
    """One agent try as it happened."""

    run: int
    """1-based; with the launch's seed it determines everything that is random on our side."""
    prompt: str
    system: str
    tools: tuple[Mapping[str, Json], ...]
    """Tool definitions as the model saw them."""
    turns: tuple[Turn, ...] = ()
    ending: Ending = Ending.ERROR
    detail: str = ""
    """One sentence for `error`, `refused` and `unknown`: what the provider or the sandbox said, what the task's code
    raised, or why nobody can tell."""
    unfit: int | None = None
    """Of `context_limit` at a call that was refused: the fewest output tokens that are known not to have fitted beside
    the conversation (1: the conversation alone did not); None where a record does not say."""
    leaked: bool = False
    """A canary planted in the grader's process was found in the conversation."""
    traceback: str = ""
    """Of the task's own code where that ended the rollout as `error`; not kept in its record, which stays open."""
    timing: Timing = field(default_factory=Timing, compare=False)
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that lay in its workspace → SHA-256 of their bytes."""
    set_up: str = ""
    """Digest of how its tools were set up: 16 hexadecimal digits, empty where that is not known."""
    patterns: tuple[str, ...] = ()
    """Patterns of the files that the task grades; empty where it grades none."""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    """Relative path → SHA-256 of those of them that lay in its workspace before the first turn."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Path of what fits a pattern and was too large from the start → why."""
    blobs: Path | None = field(default=None, compare=False, repr=False)
    """The folder that holds their contents, each named after its SHA-256; None where nothing keeps them."""

    @property
    def output_tokens(self) -> int:
        """Output tokens of all turns."""
        return sum(turn.output_tokens for turn in self.turns)

    @property
    def input_tokens(self) -> int:
        """Input tokens of all turns, cached ones included."""
        return sum(turn.input_tokens for turn in self.turns)

    @property
    def steps(self) -> int:
        """Model calls."""
        return len(self.turns)

    @property
    def tool_errors(self) -> int:
        """Tool calls that were answered with `is_error`."""
        return sum(turn.tool_errors for turn in self.turns)

    @property
    def submission(self) -> Submission | None:
        """What was submitted, if anything."""
        return next((turn.submission for turn in self.turns if turn.submission), None)

    @property
    def asks_for_more(self) -> bool:
        """Whether the conversation, as it stands, would go on with another model call."""
        last = self.turns[-1] if self.turns else None
        if last is None or last.stop_reason == "max_tokens" or last.cut_tokens is not None:
            return last is None
        return last.reply is not None or last.stop_reason == "pause_turn"
