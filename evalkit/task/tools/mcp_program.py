"""How an MCP server is started."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Program:
    """Equal for servers that are the same."""

    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    cwd: str | None

    def __str__(self) -> str:
        return " ".join(self.command)
