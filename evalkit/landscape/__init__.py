"""The difficulty of a task as a function of what was swept: files, picture, page and what to set."""

from evalkit.landscape.confirmation import confirm
from evalkit.landscape.landscape import Landscape
from evalkit.landscape.write import write_landscape

__all__ = ["Landscape", "confirm", "write_landscape"]
