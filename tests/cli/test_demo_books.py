"""What the demo reads from the server's books."""

from __future__ import annotations

import pytest

from holdfast.cli.demo_books import findings
from holdfast.testing import Ledger, RouteLedger, Violation, ViolationKind


def ledger(*, effects: int, by_key: dict[str, int], violations: tuple[Violation, ...] = ()) -> Ledger:
    """Return the books of an API with one route."""
    return Ledger(
        routes={"charge": RouteLedger(route="charge", calls=3, effects=effects, effects_by_key=by_key)},
        requests=(),
        violations=violations,
    )


EARLY = Violation(kind=ViolationKind.EARLY_RETRY, route="charge", at_s=1.0, detail="0.5 s before the time it was told")


@pytest.mark.parametrize(
    ("books", "count"),
    [
        (ledger(effects=1, by_key={"k": 1}), 0),
        (ledger(effects=0, by_key={"k": 0}), 1),
        (ledger(effects=2, by_key={"k": 1, "l": 1}), 1),
        (ledger(effects=2, by_key={"k": 2}), 2),
        (ledger(effects=1, by_key={"k": 1}, violations=(EARLY,)), 1),
    ],
    ids=["once", "never", "twice", "twice-under-one-key", "violation"],
)
def test_the_demo_fails_unless_every_effect_happened_once(books: Ledger, count: int) -> None:
    """A side effect that is missing, one too many, and a broken rule are all held against the demo."""
    assert count == len(findings(books, once=("charge",)))
