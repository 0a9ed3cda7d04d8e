"""Mistakes made by rewriting the reference's syntax tree: one operator at one place gives one mutant.

Mutation testing (DeMillo, Lipton & Sayward 1978, "Hints on test data selection") turned round: the test under test is
the grader. The operators are the slips of numerical code: a scale lost or doubled, an axis or two operands swapped,
a mask on the wrong side or missing, a bound off by one, less precision, a knob that is ignored.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from evalkit.audit.labelled_solutions import Solution

MOST = 120
"""Mutants of one reference; beyond it every operator gives up its later places first."""

Operator = Callable[[ast.AST, "Scope"], Iterator[ast.AST | None]]
"""What could take a node's place; None removes a statement."""


@dataclass(frozen=True)
class Scope:
    """What an operator knows beside the node."""

    siblings: dict[str, list[str]]
    """Name → names that were assigned together with it, and could be taken for it."""


def mutants(source: str) -> list[Solution]:
    """Every mutant of a Python source; no two have the same text. A source that does not parse has none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    tree = _Specialise(tree).visit(tree)
    scope = Scope(_siblings(tree))
    seen = {ast.unparse(tree)}
    by_operator: dict[str, list[Solution]] = {}
    for place in _places(tree):
        node = place.node
        for operator, apply in OPERATORS.items():
            for number, replacement in enumerate(apply(node, scope)):
                text = _rewritten(tree, place, replacement)
                if text not in seen:
                    seen.add(text)
                    made = by_operator.setdefault(operator, [])
                    made.append(_solution(operator, node, replacement, number, text))
    return _unique(_shortened(by_operator))


def _solution(operator: str, node: ast.AST, replacement: ast.AST | None, number: int, text: str) -> Solution:
    line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
    before, after = _differing(ast.unparse(node), "" if replacement is None else ast.unparse(replacement))
    about = f"line {line}: `{before}` became {f'`{after}`' if after else 'nothing'}"
    return Solution("mutants", f"{operator}_{line}_{column}_{number}", text, about=about)


def _differing(before: str, after: str, width: int = 50) -> tuple[str, str]:
    """Two texts cut to about `width` characters around what differs."""
    before, after = " ".join(before.split()), " ".join(after.split())
    start = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    start = 0 if max(len(before), len(after)) <= width else max(0, start - width // 2)
    cut = [text[start : start + width] + "…" * (len(text) > start + width) for text in (before, after)]
    return "…" * bool(start) + cut[0], ("…" * bool(start) + cut[1]) if after else ""


def _shortened(by_operator: dict[str, list[Solution]]) -> list[Solution]:
    """At most `MOST`, the first ones of every operator."""
    chosen: list[Solution] = []
    ranks = max((len(made) for made in by_operator.values()), default=0)
    for rank in range(ranks):
        chosen += [made[rank] for made in by_operator.values() if rank < len(made)]
    return sorted(chosen[:MOST], key=lambda mutant: mutant.name)


def _unique(found: Sequence[Solution]) -> list[Solution]:
    """Short names: the operator and the line, with a letter where that is not enough."""
    taken: dict[str, int] = {}
    named = []
    for mutant in found:
        operator, line, _, _ = mutant.name.rsplit("_", 3)
        base = f"{operator}_line_{line}"
        taken[base] = taken.get(base, 0) + 1
        suffix = f"_{taken[base]}" if taken[base] > 1 else ""
        named.append(Solution(mutant.kind, base + suffix, mutant.source, about=mutant.about))
    return named


class _Specialise(ast.NodeTransformer):
    """Removes branches that constants of the module close, such as `if WINDOW is not None` where WINDOW is None."""

    def __init__(self, tree: ast.Module) -> None:
        self.constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        names = {inner.id for inner in ast.walk(node.test) if isinstance(inner, ast.Name)}
        simple = all(isinstance(inner, SIMPLE) for inner in ast.walk(node.test))
        if not names or not simple or not names <= self.constants.keys():
            return node
        expression = compile(ast.Expression(node.test), "<test>", "eval")
        return node.body if eval(expression, {"__builtins__": {}}, self.constants) else node.orelse


SIMPLE = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Name, ast.Constant, ast.cmpop, ast.boolop, ast.unaryop, ast.Load)
"""Nodes of a test that is evaluated while mutating: nothing that calls, indexes or calculates."""


class MutationSite(NamedTuple):
    """Where a node hangs in its tree."""

    node: ast.AST
    parent: ast.AST
    field: str
    position: int | None
    """In a list of nodes; None where the field holds the node itself."""

    def put(self, node: ast.AST) -> None:
        """Hang `node` there instead."""
        if self.position is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.position] = node


def _places(tree: ast.Module) -> list[MutationSite]:
    """Every node but the module, outer ones first."""
    places = []
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if isinstance(value, ast.AST):
                places.append(MutationSite(value, parent, name, None))
            elif isinstance(value, list):
                places += [
                    MutationSite(item, parent, name, index)
                    for index, item in enumerate(value)
                    if isinstance(item, ast.AST)
                ]
    return places


def _rewritten(tree: ast.Module, place: MutationSite, replacement: ast.AST | None) -> str:
    """The source with one node replaced."""
    place.put(replacement or ast.Pass())
    try:
        return ast.unparse(tree)
    finally:
        place.put(place.node)


def _siblings(tree: ast.Module) -> dict[str, list[str]]:
    """Names bound by one tuple assignment, and parameters that share their last word (`key_cache`, `value_cache`)."""
    groups: list[list[str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            groups.append([item.id for item in node.targets[0].elts if isinstance(item, ast.Name)])
        elif isinstance(node, ast.FunctionDef):
            by_ending: dict[str, list[str]] = {}
            for argument in node.args.args:
                by_ending.setdefault(argument.arg.rpartition("_")[2], []).append(argument.arg)
            groups += by_ending.values()
    siblings: dict[str, list[str]] = {}
    for group in groups:
        for name in group:
            siblings.setdefault(name, []).extend(other for other in group if other != name)
    return siblings


def _load(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Load)


def _binary(left: ast.expr, operator: ast.operator, right: ast.expr) -> ast.BinOp:
    return ast.BinOp(left=left, op=operator, right=right)


def _one_more(node: ast.expr) -> Iterator[ast.expr]:
    """`n` off by one, either way."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    else:
        yield _binary(node, ast.Add(), ast.Constant(1))
        yield _binary(node, ast.Sub(), ast.Constant(1))


def off_by_one(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """A comparison that keeps or loses its bound; the end of a range, a slice or an index."""
    relaxed: dict[type, type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in relaxed:
        yield ast.Compare(left=node.left, ops=[relaxed[type(node.ops[0])]()], comparators=node.comparators)
    if isinstance(node, ast.Slice):
        if node.lower is not None:
            yield from (ast.Slice(lower, node.upper, node.step) for lower in _one_more(node.lower))
        if node.upper is not None:
            yield from (ast.Slice(node.lower, upper, node.step) for upper in _one_more(node.upper))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv | ast.Mod):
        for moved in _one_more(node.left):
            yield _binary(moved, node.op, node.right)


def shifted_constant(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """A number in a calculation that is one more or one less."""
    if isinstance(node, ast.BinOp):
        yield from (_binary(moved, node.op, node.right) for moved in _moved(node.left))
        yield from (_binary(node.left, node.op, moved) for moved in _moved(node.right))


def _moved(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def dropped_operand(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """Half of a calculation forgotten: the scale of a product, one part of a sum."""
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.BitAnd):
        yield node.left
        if not isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod | ast.Pow):
            yield node.right


def doubled_scale(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """A factor or divisor applied twice."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.Add):
        yield _binary(node, node.op, node.right)


def other_operator(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """Multiplied where it should be divided, added where it should be subtracted."""
    other: dict[type, ast.operator] = {
        ast.Mult: ast.Div(),
        ast.Div: ast.Mult(),
        ast.Add: ast.Sub(),
        ast.Sub: ast.Add(),
        ast.FloorDiv: ast.Mod(),
        ast.Mod: ast.FloorDiv(),
        ast.Pow: ast.BitXor(),
        ast.BitOr: ast.BitAnd(),
        ast.BitAnd: ast.BitOr(),
    }
    if isinstance(node, ast.BinOp) and type(node.op) in other:
        yield _binary(node.left, other[type(node.op)], node.right)


def swapped_operands(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """`a - b` as `b - a`, `a @ b` as `b @ a`."""
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Mult | ast.BitOr | ast.BitAnd):
        yield _binary(node.right, node.op, node.left)


def wrong_mask_side(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """A comparison the other way round: the mask removes what it should keep."""
    other: dict[type, type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in other:
        yield ast.Compare(left=node.left, ops=[other[type(node.ops[0])]()], comparators=node.comparators)
        opposite: dict[type, type[ast.cmpop]] = {ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt}
        yield ast.Compare(left=node.left, ops=[opposite[type(node.ops[0])]()], comparators=node.comparators)


def dropped_statement(node: ast.AST, scope: Scope) -> Iterator[ast.AST | None]:
    """A step left out: a mask that is not applied, a sum that is not divided by, a residual that is not added."""
    if isinstance(node, ast.AugAssign):
        yield None
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        again = isinstance(target, ast.Name) and target.id in {
            n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)
        }
        if again or (isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.JoinedStr | ast.Constant)):
            yield None


def dropped_call(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """A function or method left out: `sqrt(x)` as `x`, `scores.masked_fill(…)` as `scores`, `x.T` as `x`."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT") and _load(node):
        yield node.value
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and not _is_module(node.func.value):
        yield node.func.value
    elif node.args and isinstance(node.func, ast.Name | ast.Attribute) and not isinstance(node.args[0], ast.Starred):
        if isinstance(node.args[0], ast.Constant | ast.List | ast.GeneratorExp):
            return
        yield node.args[0]


def _is_module(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "torch", "math", "F", "json", "nn")


def wrong_axis(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """Another axis: in a softmax or sum, a transposition, a permutation, an einsum."""
    if not isinstance(node, ast.Call):
        return
    for index, keyword in enumerate(node.keywords):
        if keyword.arg in ("axis", "dim") and (axis := _integer(keyword.value)) is not None:
            for other in sorted({0, 1, -1, -2} - {axis}):
                keywords = [*node.keywords]
                keywords[index] = ast.keyword(keyword.arg, ast.Constant(other))
                yield ast.Call(node.func, node.args, keywords)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if name in ("permute", "transpose", "swapaxes") and len(node.args) > 2:
        for first in range(len(node.args) - 1):
            swapped = [*node.args]
            swapped[first], swapped[first + 1] = swapped[first + 1], swapped[first]
            yield ast.Call(node.func, swapped, node.keywords)
    if name == "einsum" and isinstance(node.args[0], ast.Constant):
        yield from _other_contractions(node, str(node.args[0].value))


def _integer(node: ast.expr) -> int | None:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    return value if type(value) is int else None


def _other_contractions(node: ast.Call, formula: str) -> Iterator[ast.AST]:
    """Two letters of an operand exchanged."""
    inputs, arrow, output = formula.partition("->")
    operands = inputs.split(",")
    for index, operand in enumerate(operands):
        for place in range(len(operand) - 1):
            letters = [*operand]
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
            changed = ",".join([*operands[:index], "".join(letters), *operands[index + 1 :]]) + arrow + output
            yield ast.Call(node.func, [ast.Constant(changed), *node.args[1:]], node.keywords)


def less_precision(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """float16 where float32 or float64 was meant; in numpy code every new array."""
    if isinstance(node, ast.Attribute) and node.attr in ("float32", "float64", "double"):
        yield ast.Attribute(node.value, "float16", node.ctx)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func) in ("np.array", "numpy.array", "np.asarray")
        and not any(keyword.arg == "dtype" for keyword in node.keywords)
    ):
        half = ast.Attribute(node.func.value, "float16", ast.Load())
        yield ast.Call(node.func, node.args, [*node.keywords, ast.keyword("dtype", half)])


def ignored_knob(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """A choice that is always made the same way, or the wrong way."""
    if isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
        yield ast.IfExp(node.test, node.orelse, node.body)
    if isinstance(node, ast.If):
        for test in (ast.Constant(True), ast.Constant(False)):
            yield ast.If(test, node.body, node.orelse)


def other_name(node: ast.AST, scope: Scope) -> Iterator[ast.AST]:
    """One of several names that were bound together, taken for another: keys for values, queries for keys."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        for sibling in scope.siblings.get(node.id, ())[:3]:
            yield ast.Name(sibling, ast.Load())


OPERATORS: dict[str, Operator] = {
    "off_by_one": off_by_one,
    "shifted_constant": shifted_constant,
    "dropped_operand": dropped_operand,
    "doubled_scale": doubled_scale,
    "other_operator": other_operator,
    "swapped_operands": swapped_operands,
    "wrong_mask_side": wrong_mask_side,
    "dropped_statement": dropped_statement,
    "dropped_call": dropped_call,
    "wrong_axis": wrong_axis,
    "less_precision": less_precision,
    "ignored_knob": ignored_knob,
    "other_name": other_name,
}
"""By the name that mutants carry."""
