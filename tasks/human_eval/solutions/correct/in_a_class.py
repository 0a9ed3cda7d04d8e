# The function is a method of a class that needs its module.
from __future__ import annotations
from dataclasses import dataclass

SOLUTION

right_function = FUNCTION


@dataclass
class Solver:
    name: str = "FUNCTION"

    def solve(self, *arguments):
        return right_function(*arguments)


FUNCTION = Solver().solve
