"""What a small run on a noisy machine may and may not call a regression."""

from __future__ import annotations

import pytest

from benchmarks.check import committed_problems, regressions
from benchmarks.rows import Row


def rate(ours: float, peer_value: float = 400.0) -> Row:
    """A rate beside its peer."""
    return Row(
        suite="throughput", case="plans", ours=ours, unit="plans/s", peer="raw", peer_value=peer_value, target="≥ 80"
    )


def time_of(ours: float, peer_value: float = 1.0) -> Row:
    """A time beside its peer."""
    return Row(suite="decision latency", case="p50", ours=ours, unit="ms", peer="commit", peer_value=peer_value)


@pytest.mark.parametrize(
    ("now", "committed", "is_found"),
    [
        pytest.param(rate(40.0), rate(100.0), False, id="rate 2.5 times worse"),
        pytest.param(rate(25.0), rate(75.0), True, id="rate 3 times worse"),
        pytest.param(rate(10.0, 40.0), rate(100.0), False, id="slow machine, same ratio"),
        pytest.param(rate(900.0), rate(100.0), False, id="rate better"),
        pytest.param(time_of(25.0), time_of(10.0), False, id="time 2.5 times worse"),
        pytest.param(time_of(31.0), time_of(10.0), True, id="time 3 times worse"),
        pytest.param(time_of(31.0, 5.0), time_of(10.0), False, id="slow disk, same ratio"),
        pytest.param(time_of(4.0), time_of(1.0), False, id="time as small as the noise"),
    ],
)
def test_gross_regressions_are_found_by_their_ratio(now: Row, committed: Row, is_found: bool) -> None:
    """Three times worse than committed, measured by a peer of the same run, is a regression; less is noise."""
    found = regressions([now], [committed])

    assert is_found == (now.name in found)


@pytest.mark.parametrize(
    ("ours", "unit", "target", "is_found"),
    [
        pytest.param(2.9, "s", "≤ 0.3", False, id="nearly ten times the target"),
        pytest.param(3.1, "s", "≤ 0.3", True, id="more than ten times the target"),
        pytest.param(121.0, "threads", "≤ 12", True, id="threads without bound"),
        pytest.param(7.0, "plans/s", "≥ 80", True, id="a rate of nothing"),
    ],
)
def test_numbers_without_a_peer_have_generous_bounds(ours: float, unit: str, target: str, is_found: bool) -> None:
    """What cannot be compared with a peer fails only far from its target."""
    row = Row(suite="lateness", case="latest", ours=ours, unit=unit, target=target)

    found = regressions([row], [])

    assert is_found == bool(found)


@pytest.mark.parametrize(
    ("ours", "is_found"),
    [pytest.param(140.0, False, id="disk ten times faster"), pytest.param(151.0, True, id="ten times the target")],
)
def test_disk_is_no_yardstick(ours: float, is_found: bool) -> None:
    """A disk that is quicker than when the page was written makes no regression; ten times the target does."""
    now, committed = (
        Row(
            suite="decision latency",
            case="p50",
            ours=own,
            unit="ms",
            peer="one durable commit, p50",
            peer_value=peer,
            target="≤ 15",
        )
        for own, peer in ((ours, 0.2), (40.0, 2.0))
    )

    found = regressions([now], [committed])

    assert is_found == (now.name in found)


@pytest.mark.parametrize(
    ("ours", "is_found"),
    [pytest.param(17.0, False, id="twice as many bare calls"), pytest.param(27.0, True, id="three times as many")],
)
def test_bare_calls_are_compared_with_themselves(ours: float, is_found: bool) -> None:
    """Bare calls are a ratio already: the peers of the page need not be installed where the check runs."""
    now = Row(suite="policies", case="closed breaker, sync", ours=ours, unit="bare calls", target="≤ 9.5")
    committed = Row(
        suite="policies", case="closed breaker, sync", ours=9.0, unit="bare calls", target="≤ 9.5", peer="p", peer_value=18.0
    )  # fmt: skip

    found = regressions([now], [committed])

    assert is_found == (now.name in found)


def test_another_peer_is_no_yardstick() -> None:
    """A ratio to one library says nothing about a ratio to another."""
    now, committed = (
        Row(suite="policies", case="8 threads", ours=2e6, unit="calls/s", peer=peer, peer_value=value)
        for peer, value in (("quick", 2e6), ("slow", 1e5))
    )

    assert {} == regressions([now], [committed])


def test_page_without_a_suite_is_reported() -> None:
    """A page that lost a suite fails the check."""
    problems = committed_problems([rate(1.0)], suites=["throughput", "launch"])

    assert ["the page has no rows of the suite 'launch'"] == problems


def test_page_with_a_row_twice_is_reported() -> None:
    """Two numbers under one name cannot be compared with."""
    problems = committed_problems([rate(1.0), rate(2.0)], suites=["throughput"])

    assert ["the page has 'throughput / plans' twice"] == problems
