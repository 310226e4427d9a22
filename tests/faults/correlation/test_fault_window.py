"""Many faults in one window: what is said of them, how exact it is, and in how much memory."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from types import FunctionType, ModuleType

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.faults.correlation.analysis import HighErrorRate, NoErrors, NormalOperation, PatternDetected
from holdfast.faults.correlation.causes import IncidentKind
from holdfast.faults.correlation.fault_window import FaultWindow
from holdfast.faults.correlation.ids import Ids
from holdfast.faults.correlation.incidents import ChangeKind
from holdfast.faults.correlation.settings import Correlation
from holdfast.faults.taxonomy import ErrorCategory as C
from tests.faults.correlation.faults_seen import seen

MEMORY_MAX_BYTES = 65_536


def window_of(*counts: tuple[C, int], settings: Correlation | None = None) -> FaultWindow:
    """A window with so many faults of each category, all of one moment."""
    window = FaultWindow(settings)
    for category, count in counts:
        for _ in range(count):
            window.record(seen(category), 0.0)
    return window


def size_of(value: object, known: set[int] | None = None) -> int:
    """The bytes of everything that is reachable from a value, but for types and code."""
    known = set() if known is None else known
    if id(value) in known or isinstance(value, type | ModuleType | FunctionType | C | IncidentKind):
        return 0
    known.add(id(value))
    return sys.getsizeof(value) + sum(size_of(inner, known) for inner in gc.get_referents(value))


# --- spec 003 §3.1 ---


def test_error_correlation_and_pattern_detection() -> None:
    """No errors, normal operation, a pattern above one half, and a rate above ten a second, as spec 003 has them."""
    half = window_of((C.NETWORK_TIMEOUT, 2), (C.AUTH_INVALID, 2))
    more = window_of((C.NETWORK_TIMEOUT, 3), (C.AUTH_INVALID, 2))
    ten_a_second = window_of((C.NETWORK_TIMEOUT, 600))
    many = window_of((C.NETWORK_TIMEOUT, 200), (C.AUTH_INVALID, 401))

    assert FaultWindow().analyse(0.0) == NoErrors()
    assert half.analyse(0.0) == NormalOperation(error_count=4)
    assert more.analyse(0.0) == PatternDetected(error_type=C.NETWORK_TIMEOUT, count=3, total=5)
    assert ten_a_second.analyse(0.0) == PatternDetected(error_type=C.NETWORK_TIMEOUT, count=600, total=600)
    assert many.analyse(0.0) == HighErrorRate(rate_per_s=601 / 60, most_common=(C.AUTH_INVALID, 401))


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """An analysis speaks of the correlation window only (spec 003: `correlation_window`)."""
    window = FaultWindow(Correlation(window_s=10))
    window.record(seen(C.NETWORK_TIMEOUT), 0.0)
    window.record(seen(C.AUTH_INVALID), 6.0)

    found = [window.analyse(now) for now in (9.9, 10.0, 16.0)]

    assert found[0] == NormalOperation(error_count=2)
    assert found[1] == PatternDetected(error_type=C.AUTH_INVALID, count=1, total=1)
    assert found[2] == NoErrors()


def test_thresholds_can_be_set() -> None:
    """Rate and share are settings; both have to be exceeded, not reached."""
    settings = Correlation(window_s=1, rate_per_s=4, share=0.75)

    assert window_of((C.AUTH_INVALID, 3), (C.NETWORK_TIMEOUT, 1), settings=settings).analyse(0.0) == NormalOperation(
        error_count=4
    )
    assert window_of((C.AUTH_INVALID, 4), settings=settings).analyse(0.0) == PatternDetected(
        error_type=C.AUTH_INVALID, count=4, total=4
    )
    assert isinstance(window_of((C.AUTH_INVALID, 5), settings=settings).analyse(0.0), HighErrorRate)


def test_handles_error_storms_gracefully() -> None:
    """A storm of a hundred thousand errors is counted exactly and is one incident, told once and again only as it doubles."""
    window, changes = FaultWindow(), []
    for number in range(100_000):
        changes += window.record(seen(message=f"order {number} failed"), number / 5_000)

    changes += window.look(20.0)

    (incident,) = window.open
    assert window.totals(20.0).total == 100_000
    assert (incident.count, incident.members, incident.kind) == (100_000, ("crm",), IncidentKind.DEPENDENCY)
    assert [change.kind for change in changes] == [ChangeKind.OPENED]


def test_memory_usage_during_error_storms() -> None:
    """Memory stays below 64 KB, and is the same after ten thousand errors as after sixty thousand, however different they are."""
    window, sizes = FaultWindow(), []
    categories = list(C)
    for number in range(60_000):
        if number in (10_000, 30_000):
            sizes.append(size_of(window))
        verdict = seen(
            categories[number % 12],
            at=f"api-{number % 40}" + "z" * 100,
            fingerprint=f"2:{number % 3_000:016x}",
            credential=f"key-{number % 30}" + "y" * 100,
            message="中文" * 100,
            rule="r" * 200,
        )
        ids = Ids(
            correlation_id=f"c{number}" * 20, trace_id=f"{number:032x}", session_id="s" * 99, execution_id="e" * 36
        )
        window.record(verdict, number / 1_000, ids=ids)
    sizes.append(size_of(window))

    assert max(sizes) <= MEMORY_MAX_BYTES
    assert max(sizes) - min(sizes) <= 3_000


# --- counts ---


@given(st.lists(st.tuples(st.sampled_from(list(C)), st.integers(0, 5), st.integers(0, 60)), max_size=300))
def test_counts_are_exact_however_many_kinds_there_are(faults: list[tuple[C, int, int]]) -> None:
    """Totals by category and dependency are exact with any number of fingerprints; a group's count is too high by its error at most."""
    window = FaultWindow(Correlation(groups_max=5, dependencies_max=3))
    for category, dependency, kind in faults:
        window.record(seen(category, at=f"api-{dependency}", fingerprint=f"{kind}"), 0.0)

    totals, kinds = window.totals(0.0), Counter(f"{kind}" for *_, kind in faults)
    dependencies = Counter(f"api-{dependency}" for _, dependency, _ in faults)
    assert totals.total == len(faults)
    assert totals.by_category == Counter(category for category, *_ in faults)
    assert all(dependencies[name] == count for name, count in totals.by_dependency.items())
    assert sum(totals.by_dependency.values()) + totals.other_dependencies == len(faults)
    groups = window.groups(0.0)
    assert sum(group.count for group in groups) == len(faults)
    for group in groups:
        assert group.count - group.error <= kinds[group.fingerprint] <= group.count
    for kind, count in kinds.items():
        assert count <= len(faults) / 5 or kind in {group.fingerprint for group in groups}


def test_the_error_of_a_group_is_over_with_the_window() -> None:
    """A fingerprint that took another's place is counted exactly once a window has passed."""
    window = FaultWindow(Correlation(groups_max=1, window_s=60))
    for _ in range(3):
        window.record(seen(fingerprint="a"), 0.0)
    window.record(seen(fingerprint="b"), 30.0)
    (before,) = window.groups(30.0)
    window.record(seen(fingerprint="b"), 89.0)
    (between,) = window.groups(89.0)
    window.record(seen(fingerprint="b"), 91.5)
    (after,) = window.groups(91.5)

    assert [(group.fingerprint, group.count, group.error) for group in (before, between, after)] == [
        ("b", 4, 3),
        ("b", 2, 2),
        ("b", 2, 0),
    ]


def test_a_dependency_without_a_place_gets_one_when_another_is_quiet() -> None:
    """Beyond the set number, dependencies are counted together, until one has had no error for a window."""
    window = FaultWindow(Correlation(dependencies_max=1))
    window.record(seen(at="a"), 0.0)
    window.record(seen(at="b"), 1.0)
    crowded = window.totals(1.0)
    for now in (61.5, 67.0):
        window.record(seen(at="b"), now)
    later = window.totals(67.0)

    assert (crowded.by_dependency, crowded.other_dependencies) == ({"a": 1}, 1)
    assert (later.by_dependency, later.other_dependencies) == ({"b": 1}, 1)


def test_a_place_that_is_given_away_takes_nothing_along() -> None:
    """Groups of a dependency that lost its place do not count for the one that has it now."""
    window = FaultWindow(Correlation(dependencies_max=1))
    window.record(seen(at="a", fingerprint="1"), 0.0)
    window.record(seen(at="b", fingerprint="2"), 70.0)
    window.record(seen(at="b", fingerprint="1"), 70.0)
    window.record(seen(at="a", fingerprint="1"), 70.0)

    totals = window.totals(70.0)
    assert (totals.by_dependency, totals.other_dependencies) == ({"b": 2}, 1)
    assert {group.fingerprint: group.count for group in window.groups(70.0)} == {"1": 2, "2": 1}


def test_a_group_has_an_example_and_the_latest_ids() -> None:
    """A group keeps when it was seen, an example, and the ids of its latest faults: correlation, trace, session, request and execution."""
    window = FaultWindow(Correlation(ids_max=2))
    for number in range(3):
        window.record(seen(message=f"order {number}"), float(number), ids=Ids(trace_id=f"t{number}", session_id="s"))

    (group,) = window.groups(2.0)
    assert (group.example, group.first_s, group.last_s, group.count) == ("order 0", 0.0, 2.0, 3)
    assert [ids.known() for ids in group.ids] == [
        {"trace_id": "t1", "session_id": "s"},
        {"trace_id": "t2", "session_id": "s"},
    ]


@pytest.mark.parametrize(("most", "kept"), [(0, 0), (1, 1)])
def test_ids_are_kept_as_many_as_asked_for(most: int, kept: int) -> None:
    """No more ids are kept than are asked for."""
    window = FaultWindow(Correlation(ids_max=most))
    for number in range(3):
        window.record(seen(), 0.0, ids=Ids(trace_id=f"t{number}"))

    assert [ids.trace_id for ids in window.groups(0.0)[0].ids] == ["t2"][:kept]


def test_long_words_are_cut() -> None:
    """Ids, names and examples are kept up to a length only."""
    window = FaultWindow()
    window.record(seen(at="a" * 500, message="m" * 500, fingerprint="f" * 500), 0.0, ids=Ids(trace_id="ü" * 500))

    (group,) = window.groups(0.0)
    assert len(group.dependency) == 64
    assert (len(group.example), len(group.fingerprint)) == (100, 84)
    assert group.ids[0].trace_id == "?" * 40


def test_a_fingerprint_of_ones_own_counts_for_each_dependency() -> None:
    """Faults of several dependencies under one fingerprint are one group, and each counts for its dependency and category."""
    window = FaultWindow()
    window.record(seen(C.AUTH_INVALID, at="a", fingerprint="own:x"), 0.0)
    window.record(seen(C.NETWORK_TIMEOUT, at="b", fingerprint="own:x"), 0.0)

    totals = window.totals(0.0)
    assert totals.by_dependency == {"a": 1, "b": 1}
    assert totals.by_category == {C.AUTH_INVALID: 1, C.NETWORK_TIMEOUT: 1}
    assert [group.count for group in window.groups(0.0)] == [2]


def test_all_wrong_settings_are_told_at_once() -> None:
    """Every setting out of its range is named, with the range."""
    with pytest.raises(BadSettings) as caught:
        Correlation(window_s=0, share=2, groups_max=True, members_min=1.5, errors_min=0)  # type: ignore[arg-type]  # that is the test

    assert [problem.path for problem in caught.value.problems] == [
        "window_s",
        "share",
        "groups_max",
        "errors_min",
        "members_min",
    ]


def test_a_group_that_lost_its_dependency_gives_its_place_away() -> None:
    """With all groups taken, the place of one that counts for nobody any more is used again."""
    window = FaultWindow(Correlation(dependencies_max=1, groups_max=2))
    window.record(seen(at="a", fingerprint="1"), 0.0)
    window.record(seen(at="b", fingerprint="2"), 70.0)
    window.record(seen(at="b", fingerprint="3"), 70.0)
    window.record(seen(at="b", fingerprint="4"), 200.0)

    assert [group.fingerprint for group in window.groups(200.0)] == ["4"]
