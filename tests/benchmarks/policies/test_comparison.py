"""The rows with their targets, and the page that says who is better at what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.policies import suite
from benchmarks.policies.comparison import faster_peers, read_features, render_comparison
from benchmarks.policies.suite import Kept, rows_of, trap_rows
from benchmarks.policies.traps import TRAPS
from benchmarks.rows import Row
from tests.benchmarks.policies.fakes import measured, timed, trapped

FEATURES: Any = {
    "libraries": ["holdfast", "quick", "slow"],
    "feature": [{"name": "Jitter", "values": ["full", "—", "added"]}],
    "better": [{"library": "quick", "what": "It shares its state."}],
}


def row_of(case: str, **changes: Any) -> Row:
    """Return one row of a measurement."""
    return next(row for row in rows_of(measured(**changes)) if row.case == case)


def a_page(*findings: tuple[int, str, str, str], **changes: Any) -> str:
    """Render a page."""
    kept = Kept(measured_on="2026-01-02", measured=measured(**changes), trapped=trapped(*findings))
    return render_comparison(kept, features=FEATURES, machine={"cores": 2, "file_system": "ext4"})


@pytest.mark.parametrize(
    ("case", "target", "met", "peer"),
    [
        pytest.param("closed breaker, sync", "≤ 9.5", True, "quick", id="promised"),
        pytest.param("open rejection, sync", "≤ 16", False, "quick", id="half of the fastest peer"),
        pytest.param("retry, breaker and timeout, async, beside a timeout alone", "≤ 54", True, "asyncio.timeout alone", id="1.2 of a timeout"),
        pytest.param("what a timeout adds, sync", "≤ 400", True, "", id="difference of two cells"),
        pytest.param("8 threads, calls that do nothing", "≥ 4000000", True, "quick", id="a rate"),
        pytest.param("8 threads, calls that do nothing, share", "≥ 13.3", False, "quick", id="a share of the bare rate"),
        pytest.param("8 threads, calls of 5 ms", "≥ 97", False, "quick", id="a share"),
        pytest.param("memory of one breaker", "≤ 1229", True, "quick", id="memory"),
        pytest.param("memory of one breaker in use", "≤ 1229", False, "", id="memory in use"),
        pytest.param("breaker's decision, p99", "≤ 1", True, "quick", id="spec 003"),
        pytest.param("one failure and a retry, async", "", None, "quick", id="no target"),
    ],
)  # fmt: skip
def test_rows_carry_what_was_promised(case: str, target: str, met: bool | None, peer: str) -> None:
    """Each number stands beside the best peer of the run, and its target is judged."""
    row = row_of(case)

    assert (target, met, peer) == (row.target, row.met, row.peer)


def test_time_added_is_in_nanoseconds() -> None:
    """The sync timeout costs the difference of the two cells: 15 bare calls of 20 ns."""
    row = row_of("what a timeout adds, sync")

    assert (300.0, "ns") == (row.ours, row.unit)


def test_baselines_and_other_forms_of_ours_are_no_peers() -> None:
    """The fastest peer is a library of somebody else's."""
    cells = {
        "closed breaker, sync": timed(bare_call=1.0, **{"holdfast": 9.0, "holdfast, as shipped": 5.0, "slow": 200.0})
    }

    row = row_of("closed breaker, sync", cells=cells)

    assert ("slow", 200.0) == (row.peer, row.peer_value)


def test_without_peers_the_rows_still_stand() -> None:
    """Where no peer is installed, ours is measured all the same, without a ratio."""
    row = row_of("closed breaker, sync", cells={"closed breaker, sync": timed(bare_call=1.0, holdfast=9.0)})

    assert ("", None, True) == (row.peer, row.ratio, row.met)


def test_without_ours_there_are_no_rows() -> None:
    """Rows are numbers of ours."""
    only_peers = measured(
        cells={"closed breaker, sync": timed(quick=2.0)}, rates={}, bytes={"quick": 1.0}, single_ms={}
    )

    assert [] == list(rows_of(only_peers))


def test_traps_are_counted_where_they_apply() -> None:
    """What does not apply to us is nothing that we withstood."""
    (row,) = trap_rows(trapped((1, "holdfast", "passed", ""), (2, "holdfast", "not applicable", "none")))

    assert "of 1 that are probed" == row.note


@pytest.mark.parametrize(
    ("findings", "fallen", "met"),
    [
        pytest.param([(1, "holdfast", "passed", ""), (2, "quick", "fell into it", "x")], 0, True, id="others fall"),
        pytest.param([(1, "holdfast", "fell into it", "x")], 1, False, id="ours falls"),
    ],
)
def test_falling_into_a_trap_misses_a_target(findings: list[tuple[int, str, str, str]], fallen: int, met: bool) -> None:
    """One of our own is one too many."""
    (row,) = trap_rows(trapped(*findings))

    assert (fallen, met) == (row.ours, row.met)


def test_page_says_first_where_others_are_better() -> None:
    """Nobody has to look for what speaks against us: slower cells, more memory, traps, what is kept by hand."""
    page = a_page((2, "holdfast", "fell into it", "sync: wedged"))

    beginning = page.partition("## What a guarded call costs")[0]

    assert "- **one failure and a retry, async**: quick 60, Holdfast 300." in beginning
    assert "- **memory of one breaker**: quick 400, Holdfast 800." in beginning
    assert "- **Trap 2**" in beginning
    assert "sync: wedged" in beginning
    assert "- **quick**: It shares its state." in beginning
    assert "closed breaker" not in beginning


@pytest.mark.parametrize(
    ("peer", "is_better"), [pytest.param(8.0, True, id="clearly"), pytest.param(8.9, False, id="within the noise")]
)
def test_noise_makes_nobody_better(peer: float, is_better: bool) -> None:
    """A few per cent of difference are no difference."""
    cells = {"closed breaker, sync": timed(holdfast=9.0, quick=peer)}

    found = faster_peers(measured(cells=cells, rates={}, bytes={}))

    assert is_better == bool(found)


def test_page_has_every_contestant_and_what_it_was() -> None:
    """Each number of the run, with version, date and machine; nothing that would name the machine."""
    page = a_page()

    assert "| quick | 18 | — | 32 | — | 1 | 99 | 400 |" in page
    assert "| **holdfast** | 9 |" in page
    assert "| quick | 1.0 |" in page
    assert "| Measured on | 2026-01-02 |" in page
    assert "ext4" not in page


def test_page_shows_traps_by_contestant() -> None:
    """Who falls, who does not, and to whom it does not apply; and how many each."""
    page = a_page(
        (1, "holdfast", "passed", ""), (1, "quick", "fell into it", "20 of 20"), (1, "slow", "not applicable", "none")
    )

    assert f"| 1. {TRAPS[0].words} | ok | **falls** | — |" in page
    assert "| Fallen into | 0 of 1 | 1 of 1 | 0 of 0 |" in page
    assert "- quick, 1: 20 of 20" in page


def test_page_says_who_could_not_be_measured() -> None:
    """A missing peer is not passed over."""
    page = a_page(absent={"hyx": "not installed: no module"})

    assert "- hyx: not installed: no module" in page


def test_features_of_all_libraries_are_known() -> None:
    """The table that is kept by hand has a value for everybody, and every better one is told of."""
    features = read_features()

    assert "holdfast" == features["libraries"][0]
    assert all(item["library"] and item["what"] for item in features["better"])


def test_broken_feature_table_is_refused(tmp_path: Path) -> None:
    """A line with a value too few is said to be so."""
    path = tmp_path / "features.toml"
    path.write_text('libraries = ["a", "b"]\nbetter = []\n[[feature]]\nname = "Jitter"\nvalues = ["full"]\n')

    with pytest.raises(ValueError, match="'Jitter' has 1 values for 2 libraries"):
        read_features(path)


def test_run_is_kept_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured lies below `build/`, dated; without it there is nothing to write a page from."""
    monkeypatch.setattr(suite, "BUILD", tmp_path / "build")
    nothing = suite.kept()
    suite.keep(measured(), trapped())

    found = suite.kept()

    assert nothing is None
    assert found is not None
    assert (measured(), trapped()) == (found["measured"], found["trapped"])
    assert len(found["measured_on"]) == len("2026-01-02")
    assert {"measured_on", *measured()} == set(json.loads((tmp_path / "build" / "peers.json").read_text()))


@pytest.mark.parametrize("is_made", [pytest.param(True, id="made"), pytest.param(False, id="not made")])
def test_peers_are_looked_for_beside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_made: bool
) -> None:
    """The peers have an environment of their own; without it, this one measures what it can."""
    import sys

    monkeypatch.setattr(suite, "ROOT", tmp_path)
    python = tmp_path / ".venv-bench" / "bin" / "python"
    if is_made:
        python.parent.mkdir(parents=True)
        python.touch()

    chosen = suite.interpreter()

    assert chosen == (str(python) if is_made else sys.executable)
