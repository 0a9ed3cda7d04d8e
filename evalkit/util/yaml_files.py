"""Reads YAML files of ours and of users."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_yaml(path: Path) -> Any:
    """What a YAML file holds, nothing resolved. Raises `OSError`, and `ValueError` if it is no UTF-8 or no YAML."""
    import yaml

    try:
        return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ValueError("it is not YAML") from error
