"""How a pack's table is read: the best of an answer's codes that the table knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from holdfast.faults.code_words import normal
from holdfast.faults.meanings import Meaning, Weight

Match = tuple[str, Meaning]
"""The rule that matched, and what it means."""

Table = Mapping[str, Meaning]
"""Codes as `normal` writes them, each with its meaning."""


def table(*rows: tuple[Meaning, str]) -> Table:
    """A table from meanings with their codes, as vendors write them, separated by blanks."""
    return MappingProxyType({normal(code): meaning for meaning, codes in rows for code in codes.split()})


def best_of(codes: Iterable[str], known: Table, *, pack: str) -> Match | None:
    """The most exact meaning among the codes, the first of equals; `None` when the table knows none of them."""
    best: Match | None = None
    for code in codes:
        meaning = known.get(normal(code))
        if meaning is None:
            continue
        if meaning.weight is Weight.EXACT:
            return f"pack:{pack}/{code[:80]}", meaning
        if best is None or meaning.weight > best[1].weight:
            best = f"pack:{pack}/{code[:80]}", meaning
    return best
