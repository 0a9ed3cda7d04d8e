"""What a submission may contain, checked on its syntax tree, and the same rules in words for the prompt.

The work of a submission is counted beside it, in one interpreter. So nothing may reach the machinery that
counts, and nothing may iterate where no Python line and no tensor operation shows it. Each rule is broad
rather than clever: a vectorized solution needs none of what is forbidden.
"""

import ast
import builtins
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from evalkit.task.grade import Fault

FUNCTION = "paged_attention_decode"

_NAMES = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
MODULES = frozenset(_NAMES["modules"])
CALLED_ONLY = frozenset(_NAMES["called_only"].split())
TYPES = frozenset(_NAMES["types"].split())
METHODS = frozenset(
    name
    for kind in (range, *(getattr(builtins, kind) for kind in TYPES))
    for name in dir(kind)
    if not name.startswith("_") and callable(getattr(kind, name))
).union(_NAMES["methods"].split()) - frozenset(_NAMES["not_methods"].split())
OTHER_NAMES = frozenset(_NAMES["other_names"])
MATH_CONSTANTS = frozenset(_NAMES["math_constants"])
FORBIDDEN_ATTRIBUTES = frozenset(name for names in _NAMES["attributes"].values() for name in names.split())
FORBIDDEN_PREFIXES = tuple(_NAMES["attribute_prefixes"])
CAPITALS = frozenset([*_NAMES["capitals"].split(), *_NAMES["layers"]])

WORDS = f"""\
- Import nothing but {", ".join(f"`{name}`" for name in _NAMES["modules"])},
  and names from `typing`.
- Of torch use tensor functions and methods, and no submodules but {", ".join(_NAMES["submodules"])}:
  no compilation, custom operators, hooks, modes, storages, files, threads, processes or global settings. Of the
  classes of torch.nn use only {", ".join(_NAMES["layers"])}.
- No classes of your own, no asynchronous code, and no assignment to attributes.
- No attribute whose name starts with `_`, and none that leads to frames, code objects, tracebacks or NumPy.
  No name that starts with `__`, but `__name__`.
- Of the built-in functions, none that evaluates code, looks names up, opens files or talks to the interpreter
  (`eval`, `exec`, `compile`, `getattr`, `setattr`, `type`, `globals`, `open`, `input`, …).
- Built-in functions, the functions of `math` and the methods of built-in types are called where they stand: not
  renamed, stored or passed on (no `map(math.exp, …)`). Names of built-in functions are not used for anything else."""
"""The same rules for the prompt."""


def parse(source: str) -> ast.Module | Fault:
    """The syntax tree of a source that defines the function at its top level."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the submission's style
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        what = error.msg if isinstance(error, SyntaxError) else type(error).__name__
        return Fault("parse_error", f"The answer is not Python{where}: {what}")
    if FUNCTION not in _bound(tree, into_functions=False):
        return Fault("parse_error", f"The answer defines no function {FUNCTION}")
    return tree


def check(tree: ast.Module) -> Fault | None:
    """The first thing in a source that the prompt does not allow, in reading order."""
    source = RolloutSampler.of(tree)
    found = [
        (getattr(node, "lineno", 0), reason)
        for node in ast.walk(tree)
        for rule in (_imports, _attributes, _methods, _hidden_names, _names, _maths, _statements)
        for reason in rule(node, source)
    ]
    if not found:
        return None
    line, reason = min(found)
    return Fault("forbidden", f"Line {line}: {reason}")


@dataclass(frozen=True)
class RolloutSampler:
    """What a rule has to know of the whole source to grade one node."""

    bound: frozenset[str]
    """Names that it binds anywhere."""
    called: frozenset[int]
    """Ids of the nodes that are called."""
    bases: frozenset[int]
    """Ids of the nodes of which an attribute is taken."""
    maths: frozenset[str]
    """Names of the module `math`."""
    math_functions: frozenset[str]
    """Names imported from it, constants excepted."""

    @classmethod
    def of(cls, tree: ast.Module) -> "RolloutSampler":
        """Look through a source once."""
        nodes = list(ast.walk(tree))
        aliases = [
            (node, alias) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
        ]
        return cls(
            bound=frozenset(_bound(tree, into_functions=True)),
            called=frozenset(id(node.func) for node in nodes if isinstance(node, ast.Call)),
            bases=frozenset(id(node.value) for node in nodes if isinstance(node, ast.Attribute)),
            maths=frozenset(
                alias.asname or alias.name
                for node, alias in aliases
                if isinstance(node, ast.Import) and alias.name == "math"
            ),
            math_functions=frozenset(
                alias.asname or alias.name
                for node, alias in aliases
                if isinstance(node, ast.ImportFrom) and node.module == "math" and alias.name not in MATH_CONSTANTS
            ),
        )


def _bound(tree: ast.Module, *, into_functions: bool) -> set[str]:
    """Every name that a source binds, anywhere or only at its top level."""
    bound: set[str] = set()
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        bound |= _binds(node)
        scope = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef)
        if into_functions or not scope:
            nodes.extend(ast.iter_child_nodes(node))
    return bound


def _binds(node: ast.AST) -> set[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return {name}
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
            return {name}
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return {name}
        case ast.MatchMapping(rest=str(name)):
            return {name}
        case ast.alias(name=name, asname=alias):
            return {(alias or name).split(".")[0]}
    return set()


def _imports(node: ast.AST, source: RolloutSampler) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name not in MODULES:
                yield f"`import {alias.name}` is not allowed"
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        names = [alias.name for alias in node.names]
        if module not in (*MODULES, "typing", "__future__") or "*" in names:
            yield f"`from {module} import {', '.join(names)}` is not allowed"
        elif module == "typing":
            refused = [name for name in names if not name[0].isupper() or name == "ForwardRef"]  # that one can evaluate
            yield from (f"`from typing import {name}` is not allowed" for name in refused)
        elif module != "__future__":
            for name in names:
                yield from _attribute(name)


def _attributes(node: ast.AST, source: RolloutSampler) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        if not isinstance(node.ctx, ast.Load):
            yield f"assigning to the attribute .{node.attr} is not allowed"
        yield from _attribute(node.attr)
    elif isinstance(node, ast.MatchClass):  # `case object(f_back=frame)` reads an attribute as well
        for name in node.kwd_attrs:
            yield from _attribute(name)


def _methods(node: ast.AST, source: RolloutSampler) -> Iterator[str]:
    read: list[str] = []
    if isinstance(node, ast.Attribute) and id(node) not in source.called:
        read = [node.attr]
    elif isinstance(node, ast.MatchClass):
        read = node.kwd_attrs
    yield from (f"the method .{name} may be called, not passed on or renamed" for name in read if name in METHODS)


def _attribute(name: str) -> Iterator[str]:
    if name in CAPITALS:
        return
    if name in FORBIDDEN_ATTRIBUTES or name.startswith(FORBIDDEN_PREFIXES) or name[0].isupper():
        yield f"the attribute .{name} is not allowed"


def _hidden_names(node: ast.AST, source: RolloutSampler) -> Iterator[str]:
    """Names that start with `__`, wherever they stand: of a module bound to `__builtins__` all names are bare names."""
    if isinstance(node, ast.Constant | ast.Attribute):
        return
    for field, value in ast.iter_fields(node):
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and name.startswith("__") and name not in OTHER_NAMES and field != "module":
                yield f"the name {name} is not allowed"


def _names(node: ast.AST, source: RolloutSampler) -> Iterator[str]:
    if not isinstance(node, ast.Name):
        return
    name = node.id
    kind = getattr(builtins, name, None)
    if name in OTHER_NAMES or name in TYPES or (isinstance(kind, type) and issubclass(kind, BaseException)):
        return
    if hasattr(builtins, name) and name not in CALLED_ONLY:
        yield f"the name {name} is not allowed"
    elif name in CALLED_ONLY:
        if name in source.bound:  # it would still mean the built-in somewhere else in the source
            yield f"the name of the built-in function {name} is used for something else"
        elif id(node) not in source.called:
            yield f"the built-in function {name} may be called, not passed on or renamed"


def _maths(node: ast.AST, source: RolloutSampler) -> Iterator[str]:
    match node:
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in source.maths:
            if id(node) not in source.called and name not in MATH_CONSTANTS:
                yield f"math.{name} may be called, not passed on or renamed"
        case ast.Name(id=name) if name in source.maths and id(node) not in source.bases:
            yield "the module math may not be passed on or renamed"
        case ast.Name(id=name) if name in source.math_functions and id(node) not in source.called:
            yield f"the function {name} of math may be called, not passed on or renamed"


def _statements(node: ast.AST, source: RolloutSampler) -> Iterator[str]:
    if isinstance(node, ast.ClassDef):
        yield f"the class {node.name} is not allowed"
    elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
        yield "asynchronous code is not allowed"
