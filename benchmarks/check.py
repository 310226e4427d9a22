"""`--check`: a small run compared with what was committed. It fails at gross regressions only, and says of what.

A shared machine makes any number half or twice itself, so numbers are compared as ratios to a peer of the same run, and fail only when three
times worse; times without a peer only when ten times their target. The disk is no yardstick here: its commits were seen to take ten times
as long while others wrote to it, and group commit hides that from us and not from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.rows import Row, is_rate

__all__ = ["BOUND_SLACK", "REGRESSION_MIN", "committed_problems", "regressions"]

REGRESSION_MIN = 3.0
BOUND_SLACK = 10.0
NOISE_MIN = {"ms": 5.0, "s": 0.5, "MB": 10.0, "threads": 12.0}
"""Below these, a time or a size is not judged by its ratio: its peer is then as small as the noise."""
DISK = ("durable commits, bare driver", "one durable commit, p50")


def committed_problems(rows: Sequence[Row], *, suites: Sequence[str]) -> list[str]:
    """Return what is wrong with the committed rows: suites without any, and names that occur twice."""
    problems = [
        f"the page has no rows of the suite {suite!r}"
        for suite in suites
        if not any(row.suite == suite for row in rows)
    ]
    names = [row.name for row in rows]
    return problems + [
        f"the page has {name!r} twice" for name in sorted({name for name in names if names.count(name) > 1})
    ]


def regressions(rows: Sequence[Row], committed: Sequence[Row]) -> dict[str, str]:
    """Return what is grossly worse than committed, by the row's name: by its ratio where it has one, else by its target."""
    before = {row.name: row for row in committed}
    found = {row.name: worse_than_before(row, before.get(row.name)) or far_from_target(row) for row in rows}
    return {name: problem for name, problem in found.items() if problem}


def worse_than_before(row: Row, before: Row | None) -> str | None:
    """Compare two ratios, if their peer is a yardstick."""
    if before is None:
        return None
    if row.unit == "bare calls":
        # A ratio already, and its peers may not be installed here.
        factor = row.ours / before.ours
        return (
            f"{row.name}: {row.ours:.3g} {row.unit}, committed {before.ours:.3g}: {factor:.1f} times worse"
            if factor >= REGRESSION_MIN
            else None
        )
    if not row.ratio or not before.ratio or row.peer != before.peer or row.peer in DISK:
        return None
    if row.ours <= NOISE_MIN.get(row.unit, 0.0):
        return None
    factor = before.ratio / row.ratio if is_rate(row.unit) else row.ratio / before.ratio
    if factor < REGRESSION_MIN:
        return None
    return f"{row.name}: ratio to {row.peer!r} {row.ratio:.3g}, committed {before.ratio:.3g}: {factor:.1f} times worse ({row.ours:.3g} {row.unit})"


def far_from_target(row: Row) -> str | None:
    """Compare a number without a yardstick with its target, generously; whether it is met is for the page to say."""
    if not row.target or (row.ratio and row.peer not in DISK):
        return None
    target = float(row.target[1:])
    is_far = (
        row.ours < target / BOUND_SLACK
        if row.target[0] == "≥"
        else row.ours > max(target * BOUND_SLACK, NOISE_MIN.get(row.unit, 0.0))
    )
    return f"{row.name}: {row.ours:.3g} {row.unit} is far from its target {row.target}" if is_far else None
