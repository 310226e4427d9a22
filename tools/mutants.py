"""Mutants of a source file: the same program with one small mistake in it.

A mistake is a replaced piece of text, so that whatever stands around it stays as it was written. What is no decision stays out: docstrings,
annotations, decorators, imports, asserts, `__all__`, `__slots__`, what stands inside an f-string, and texts with a space in them, which are for
people.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Mutant", "mutants_of"]

COMPARED: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">="), ast.LtE: ("<", ">"), ast.Gt: (">=", "<="), ast.GtE: (">", "<"),
    ast.Eq: ("!=",), ast.NotEq: ("==",), ast.Is: ("is not",), ast.IsNot: ("is",), ast.In: ("not in",), ast.NotIn: ("in",),
}  # fmt: skip
CALCULATED: dict[type[ast.operator], str] = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "*", ast.Pow: "*",
    ast.BitAnd: "|", ast.BitOr: "&",
}  # fmt: skip
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
WORD = re.compile(r"[A-Za-z][\w.-]*")
LEFT_OUT = (ast.Import, ast.ImportFrom, ast.Assert, ast.JoinedStr, ast.Global, ast.Nonlocal, ast.Pass)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One mistake: in which function (`scope`, dotted; empty: in none), in which line, the lines before and after, and the whole text with it."""

    scope: str
    line: int
    was: str
    now: str
    text: str


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    replacement: str
    scope: str


def mutants_of(source: str) -> list[Mutant]:
    """All of them, in the order of the source, each once."""
    found: dict[str, Mutant] = {}
    raw = source.encode()
    for edit in _Finder(source).edits():
        text = (raw[: edit.start] + edit.replacement.encode() + raw[edit.end :]).decode()
        if text in found or text == source or not _parses(text):
            continue
        diff = list(difflib.ndiff(source.splitlines(), text.splitlines()))
        was = " ".join(line[2:].strip() for line in diff if line.startswith("- "))
        now = " ".join(line[2:].strip() for line in diff if line.startswith("+ "))
        line = raw[: edit.start].count(b"\n") + 1
        found[text] = Mutant(scope=edit.scope, line=line, was=was, now=now, text=text)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


class _Finder:
    """Walks a source and says what could be wrong where."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        self.raw = source.encode()
        self.starts = [0]
        for line in self.raw.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    def edits(self) -> Iterator[_Edit]:
        yield from self._visit(self.tree, ())

    def _visit(self, node: ast.AST, scope: tuple[str, ...]) -> Iterator[_Edit]:
        if isinstance(node, LEFT_OUT) or _is_bookkeeping(node):
            return
        for name, value in ast.iter_fields(node):
            if name in {"annotation", "returns", "decorator_list", "type_params"} or isinstance(node, ast.pattern):
                continue
            inner = (*scope, node.name) if isinstance(node, ast.ClassDef | ast.FunctionDef) else scope
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._visit(child, inner)
        if isinstance(node, ast.expr | ast.stmt):
            maker = _MAKERS.get(type(node))
            for replacement in maker(node) if maker is not None else ():
                yield _Edit(self._at(node, end=False), self._at(node, end=True), replacement, ".".join(scope))
        for test in _tests(node):
            yield _Edit(
                self._at(test, end=False), self._at(test, end=True), f"(not ({ast.unparse(test)}))", ".".join(scope)
            )

    def _at(self, node: ast.expr | ast.stmt, *, end: bool) -> int:
        line, column = (node.end_lineno, node.end_col_offset) if end else (node.lineno, node.col_offset)
        assert line is not None, "parsed from text"
        assert column is not None, "parsed from text"
        return self.starts[line - 1] + column


def _is_bookkeeping(node: ast.AST) -> bool:
    """Docstrings, names of exports and slots, and what only a type checker reads."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return any(isinstance(name, ast.Name) and name.id in {"__all__", "__slots__"} for name in node.targets)
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _tests(node: ast.AST) -> list[ast.expr]:
    """Conditions to turn round; a single comparison is turned round as a comparison."""
    tests: list[ast.expr] = []
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        tests = [node.test]
    elif isinstance(node, ast.comprehension):
        tests = node.ifs
    elif isinstance(node, ast.match_case) and node.guard is not None:
        tests = [node.guard]
    plain = [test for test in tests if not (isinstance(test, ast.Compare) and len(test.ops) == 1)]
    return [test for test in plain if not isinstance(test, ast.UnaryOp) and not isinstance(test, ast.Constant)]


def _compare(node: ast.Compare) -> Iterator[str]:
    parts = [
        ast.unparse(part) if _is_simple(part) else f"({ast.unparse(part)})" for part in [node.left, *node.comparators]
    ]
    signs = [_sign(op) for op in node.ops]
    for place, op in enumerate(node.ops):
        for other in COMPARED[type(op)]:
            mixed = [*signs[:place], other, *signs[place + 1 :]]
            joined = " ".join(f"{sign} {part}" for sign, part in zip(mixed, parts[1:], strict=True))
            yield f"({parts[0]} {joined})"


def _is_simple(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Constant | ast.Call | ast.Subscript)


def _sign(op: ast.cmpop) -> str:
    return next(sign for kind, signs in COMPARED.items() for sign in signs[:1] if kind is _OPPOSITE[type(op)])


_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
"""The comparison whose first mistake is the key itself: that is how its sign is written."""


def _bool_op(node: ast.BoolOp) -> Iterator[str]:
    other = " or " if isinstance(node.op, ast.And) else " and "
    yield f"({other.join(f'({ast.unparse(value)})' for value in node.values)})"


def _unary_op(node: ast.UnaryOp) -> Iterator[str]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield f"({ast.unparse(node.operand)})"


def _constant(node: ast.Constant) -> Iterator[str]:
    match node.value:
        case bool():
            yield str(not node.value)
        case int():
            yield str(node.value + 1)
        case float():
            yield repr(node.value * 2 if node.value else 1.0)
        case str() if WORD.fullmatch(node.value):
            yield repr(f"{node.value}-mutated")


def _bin_op(node: ast.BinOp) -> Iterator[str]:
    other = CALCULATED.get(type(node.op))
    if other is not None:
        yield f"(({ast.unparse(node.left)}) {other} ({ast.unparse(node.right)}))"


def _call(node: ast.Call) -> Iterator[str]:
    if isinstance(node.func, ast.Name) and node.func.id in SWAPPED:
        yield SWAPPED[node.func.id] + ast.unparse(node).removeprefix(node.func.id)


def _return(node: ast.Return) -> Iterator[str]:
    if node.value is None:
        yield "pass"
    elif not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield "return None"


def _aug_assign(node: ast.AugAssign) -> Iterator[str]:
    yield "pass"
    other = CALCULATED.get(type(node.op))
    if other is not None:
        yield f"{ast.unparse(node.target)} {other}= {ast.unparse(node.value)}"


def _removed(_: ast.stmt) -> Iterator[str]:
    yield "pass"


def _left_early(node: ast.stmt) -> Iterator[str]:
    yield "continue" if isinstance(node, ast.Break) else "break"


_MAKERS: dict[type[ast.AST], Callable[..., Iterator[str]]] = {
    ast.Compare: _compare, ast.BoolOp: _bool_op, ast.UnaryOp: _unary_op, ast.Constant: _constant, ast.BinOp: _bin_op, ast.Call: _call,
    ast.Return: _return, ast.AugAssign: _aug_assign, ast.Expr: _removed, ast.Assign: _removed, ast.Raise: _removed, ast.Delete: _removed,
    ast.Break: _left_early, ast.Continue: _left_early,
}  # fmt: skip
