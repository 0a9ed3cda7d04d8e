"""Providers by name: those that evalkit brings along, and those that installed packages declare as entry points."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from evalkit.util.errors import UserError
from evalkit.util.text import plain

T = TypeVar("T")


class Providers(Generic[T]):
    """What one config key chooses from. A provider is imported when it is asked for, not before."""

    def __init__(self, key: str, group: str, built_in: Mapping[str, str], protocol: type[Any]) -> None:
        """`key`: the config key. `group`: the entry point group. `built_in`: name → "module:attribute".

        `protocol`: all public names of it must be attributes of what a provider opens.
        """
        self._key, self._group, self._protocol = key, group, protocol
        self._built_in = {name: EntryPoint(name, where, group) for name, where in built_in.items()}

    @property
    def names(self) -> list[str]:
        """Every name there is: evalkit's own first."""
        return list(dict.fromkeys([*self._built_in, *sorted(entry_points(group=self._group).names)]))

    def get(self, name: str) -> T:
        """What opens the named provider. Raises `UserError` for an unknown name and for one that cannot be loaded."""
        point = self._find(name)
        try:
            provider: T = point.load()
        except (Exception, SystemExit) as error:  # somebody else's package, which may raise anything
            said = plain(f"{type(error).__name__}: {error}", one_line=True, limit=300)
            raise UserError(
                f"{self._key}={name} cannot be loaded from {_source(point)}: {said}; correct or uninstall that package"
            ) from error
        if not callable(provider):
            raise UserError(f"{self._key}={name} cannot be used: {_source(point)} names {provider!r}, not a function")
        return provider

    def complete(self, name: str, opened: object) -> None:
        """Raise `UserError` if what a provider opened lacks a part of its protocol."""
        wanted = [part for part in vars(self._protocol) if not part.startswith("_")]
        missing = [part for part in wanted if inspect.getattr_static(opened, part, None) is None]
        if missing and not hasattr(type(opened), "__getattr__"):  # which may hand on the parts of another one
            raise UserError(
                f"{self._key}={name} cannot be used: {_source(self._find(name))} opens a {type(opened).__name__} "
                f"without {', '.join(missing)}, which {self._protocol.__module__}.{self._protocol.__name__} asks for"
            )

    def package_of(self, name: str) -> str:
        """Name and version of the package that declares a provider: a part of keys. Empty for evalkit's own."""
        package = self._find(name).dist
        return f"{package.name} {package.version}" if package else ""

    def _find(self, name: str) -> EntryPoint:
        if name in self._built_in:  # no package can replace one, so that what it stands for is known
            return self._built_in[name]
        found = list(entry_points(group=self._group, name=name))
        if not found:
            raise UserError(f"{self._key}={name} is unknown: use one of {', '.join(self.names)}")
        if len({point.value for point in found}) > 1:
            places = " and ".join(sorted(map(_source, found)))
            raise UserError(f"{self._key}={name} is declared by {places}: uninstall one of them")
        return found[0]


def _source(point: EntryPoint) -> str:
    package = f" of package {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"{point.value}{package}"
