"""The measuring itself, as small as it can be: that every suite works, not what it measures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks.databases import databases
from benchmarks.machine import describe
from benchmarks.page import read_rows, render
from benchmarks.policies import suite
from benchmarks.rows import Row
from benchmarks.suites import SUITES, TINY
from tests.benchmarks.policies.fakes import measured, trapped

ROWS_OF = {
    "throughput": 3,
    "decision": 2,
    "lateness": 1,
    "waiting": 5,
    "launch": 6,
    "resume": 2,
    "policies": 22,
    "faults": 62,
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in ROWS_OF])
def test_suite_measures_every_case(name: str) -> None:
    """Each suite takes its samples in processes of their own and returns a row for each of its cases."""
    with databases() as made:
        rows = list(SUITES[name](made, TINY))

    assert ROWS_OF[name] == len({row.name for row in rows}) == len(rows)
    assert all(row.ours >= 0 for row in rows)


def test_databases_are_gone_after_the_run() -> None:
    """Measuring leaves nothing behind."""
    with databases() as made:
        directory = made.directory
        existed = directory.exists()

    assert (True, False) == (existed, directory.exists())


def test_machine_is_described_without_its_name_and_paths(tmp_path: Path) -> None:
    """The page can be published: it says what was measured on, not where."""
    import socket

    facts = describe(tmp_path)

    text = json.dumps(facts)
    assert str(tmp_path) not in text
    assert socket.gethostname() not in [str(value) for value in facts.values()]
    assert {"cores", "memory_gb", "file_system", "sqlite"} <= set(facts)


def test_run_is_written_as_numbers_and_as_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The numbers and the page come from the same rows, and the page can be written anew from the numbers."""
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(program, "JSON", tmp_path / "build" / "bench.json")
    monkeypatch.setattr(program, "COMPARISON", tmp_path / "comparison.md")
    monkeypatch.setattr(suite, "BUILD", tmp_path / "build")
    rows = [Row(suite="launch", case="c", ours=1.5, unit="ms", target="≤ 60")]
    program.write(rows, machine={"cores": 2})
    (tmp_path / "page.md").unlink()

    exit_code = program.main(["--page"])

    assert 0 == exit_code
    assert rows == read_rows((tmp_path / "page.md").read_text(encoding="utf-8"))
    assert {"machine", "python", "rows"} == set(
        json.loads((tmp_path / "build" / "bench.json").read_text(encoding="utf-8"))
    )


def test_one_suite_measured_again_replaces_its_rows_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring one suite anew keeps what the last run found of the others."""
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(program, "JSON", tmp_path / "build" / "bench.json")
    monkeypatch.setattr(suite, "BUILD", tmp_path / "build")
    old, other, new = (
        Row(suite=suite, case=case, ours=1.0, unit="ms")
        for suite, case in (("launch", "old"), ("throughput", "kept"), ("launch", "new"))
    )
    program.write([old, other], machine={})

    rows = program.merged([new])

    assert [other, new] == rows


def test_comparison_is_written_with_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured of the policies becomes the comparison; `--page` writes both anew."""
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(program, "JSON", tmp_path / "build" / "bench.json")
    monkeypatch.setattr(program, "COMPARISON", tmp_path / "comparison.md")
    monkeypatch.setattr(suite, "BUILD", tmp_path / "build")
    suite.keep(measured(), trapped())
    program.write([Row(suite="launch", case="c", ours=1.5, unit="ms")], machine={"cores": 2})
    written = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    (tmp_path / "comparison.md").unlink()

    exit_code = program.main(["--page"])

    assert 0 == exit_code
    assert written == (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert "| quick | 18 |" in written


def test_fresh_checkout_keeps_what_was_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One suite measured where nothing was measured before does not wipe the other suites off the page."""
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(program, "JSON", tmp_path / "build" / "bench.json")
    other, new = (Row(suite=suite, case="c", ours=1.0, unit="ms") for suite in ("throughput", "launch"))
    (tmp_path / "page.md").write_text(render([other], machine={}, python="3.11.0"), encoding="utf-8")

    rows = program.merged([new])

    assert [other, new] == rows


def test_check_without_a_committed_page_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check never passes because there is nothing to compare with."""
    monkeypatch.setattr(program, "ROOT", tmp_path)
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")

    exit_code = program.main(["--check"])

    assert 1 == exit_code
    assert "python -m benchmarks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("second", "exit_code"), [pytest.param(90.0, 0, id="one bad moment"), pytest.param(20.0, 1, id="worse both times")]
)
def test_check_measures_a_suspect_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: float, exit_code: int
) -> None:
    """One bad moment of the machine is no regression; the same row grossly worse twice is one."""

    def measured(ours: float) -> list[Row]:
        suites = program.PAGE_SUITES
        return [Row(suite=suite, case="c", ours=ours, unit="plans/s", peer="raw", peer_value=100.0) for suite in suites]

    page = tmp_path / "page.md"
    page.write_text(render(measured(100.0), machine={}, python="3.11.0"), encoding="utf-8")
    monkeypatch.setattr(program, "PAGE", page)
    runs: Iterator[tuple[dict[str, object], list[Row]]] = iter([({}, measured(20.0)), ({}, measured(second))])
    monkeypatch.setattr(program, "run", lambda suites, scale: next(runs))

    code = program.main(["--check"])

    assert exit_code == code
