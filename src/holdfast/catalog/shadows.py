"""Which rules of an entry never get their turn, because an earlier one holds wherever they do.

Pure, over rules as JSON values. A rule holds when all of its conditions do, so an earlier rule covers a later one when each of its
conditions is one that the later rule has as well, as narrow or narrower: the same pattern, or a set that contains the later one's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

_SAME = ("pattern", "urlPattern", "header", "field")
"""Conditions that are compared whole: whether one pattern covers another cannot be told."""

Rule = Mapping[str, object]
Shadow = tuple[int, int, tuple[str, ...] | None]


def shadows(rules: Sequence[Rule]) -> Iterator[Shadow]:
    """The rules that are covered: the later one's place, the earlier one's, and which of its codes (`None` for the whole rule)."""
    for later, rule in enumerate(rules):
        codes = _set(rule, "codes")
        if codes is None:
            earlier = next((place for place in range(later) if _covers(rules[place], rule)), None)
            if earlier is not None:
                yield later, earlier, None
            continue
        covered: dict[int, list[str]] = {}
        for code in sorted(codes):
            earlier = next((n for n in range(later) if _covers(rules[n], {**rule, "codes": [code]})), None)
            if earlier is not None:
                covered.setdefault(earlier, []).append(code)
        if codes and sum(map(len, covered.values())) == len(codes):
            yield later, min(covered), None
        else:
            yield from ((later, earlier, tuple(found)) for earlier, found in sorted(covered.items()))


def _covers(earlier: Rule, later: Rule) -> bool:
    """Whether the earlier rule holds wherever the later one does."""
    if any(name in earlier and earlier[name] != later.get(name) for name in _SAME):
        return False
    if not all(_contains(_set(earlier, name), _set(later, name)) for name in ("codes", "methods")):
        return False
    mine, other = _statuses(earlier), _statuses(later)
    # Without a status a rule leaves successes alone, unless their body says otherwise; one that names a 2xx does not.
    if mine is None:
        return other is None or not any(status < 300 for status in other)
    return other is not None and mine >= other


def _contains(wide: frozenset[str] | None, narrow: frozenset[str] | None) -> bool:
    return wide is None or (narrow is not None and wide >= narrow)


def _set(rule: Rule, name: str) -> frozenset[str] | None:
    found = rule.get(name)
    return frozenset(str(item).lower() for item in found) if isinstance(found, list) else None


def _statuses(rule: Rule) -> frozenset[int] | None:
    named = [*cast("Sequence[object]", rule.get("statuses") or ()), rule.get("status")]
    found = frozenset(status for status in named if isinstance(status, int))
    return found or None
