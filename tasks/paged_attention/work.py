"""How much work a vectorized function does: bounds on what one call executes, and on how it grows with the inputs."""

from dataclasses import dataclass

MOST_OPERATIONS, MOST_STEPS = 256, 256
"""Tensor operations and Python steps of one call, at most. The prompt states both.

Measured over the right solutions of every variant (docs/tasks/paged_attention.md): at most 71 operations and 57 steps;
196 and 99 where an online softmax is written out over four fixed pieces.
"""
BRANCH_OPERATIONS, BRANCH_STEPS = 32, 48
"""How much more a call on larger inputs may do: what a branch that only they take costs. Right solutions do no more at
all; a loop over 16 more sequences of three operations or lines each does."""


@dataclass(frozen=True)
class Work:
    """What one call executed."""

    steps: int
    """Lines of the program, and calls that it made."""
    operations: int
    """Tensor operations below autograd."""
    lost: bool = False
    """Counting ended before the call did."""

    def fault(self) -> str:
        """What is wrong with it by itself; empty if nothing is."""
        if self.lost:
            return "The counting of work ended before the call did"
        if self.steps > MOST_STEPS or self.operations > MOST_OPERATIONS:
            return (
                f"{self.steps:,} Python steps and {self.operations:,} tensor operations in one call: "
                f"at most {MOST_STEPS} and {MOST_OPERATIONS} are allowed"
            )
        return ""

    def grows_to(self, larger: "Work") -> bool:
        """Whether a call on larger inputs did more than a branch explains."""
        return larger.operations - self.operations > BRANCH_OPERATIONS or larger.steps - self.steps > BRANCH_STEPS
