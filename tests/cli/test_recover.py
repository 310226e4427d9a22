"""`holdfast recover`: what it says, when it acts, and how it ends."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

import holdfast
from tests.adapters.sql.test_fate import PLAN
from tests.cli.conftest import Call

ID = "11111111-1111-4111-8111-111111111111"


def pay() -> dict[str, object]:
    """Do nothing, and not repeatably."""
    return {}


@pytest.fixture
def scheduled(call: Call) -> Call:
    """The command line beside a database in which an unsafe action is scheduled."""
    with holdfast.open(worker=False) as hold:
        hold.action("pay")(pay)
        hold.start(PLAN, id=ID)
    return call


def state_of(execution: str) -> str:
    """How an execution stands."""
    with holdfast.open(worker=False) as hold:
        return str(hold.state(execution).status.value)


def test_says_what_it_repaired(scheduled: Call) -> None:
    """Without an option it sweeps, and all being well it says so."""
    ended = scheduled("recover", "--json")

    assert ended.code == 0
    assert ended.fields == {"lookedAt": 1, "repaired": 0, "advanced": 0, "stuck": []}


def test_acts_on_nobodys_word_only_with_yes(scheduled: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can be asked it tells what it would do, does nothing and ends with 3; with --yes it does it, and a second time nothing."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    asked = scheduled("recover", "--restored")
    before = state_of(ID)
    done = scheduled("recover", "--restored", "--yes", "--json")
    again = scheduled("recover", "--restored", "--yes")

    assert (asked.code, before) == (3, "running")
    assert "1 scheduled attempts may have been made" in asked.out
    assert "add --yes" in asked.out
    assert (done.code, done.fields["doubted"], done.fields["era"], done.fields["done"]) == (0, 1, 1, True)
    assert state_of(ID) == "paused_for_confirmation"
    assert (again.code, "Nothing has happened" in again.out) == (0, True)


@pytest.mark.parametrize(("typed", "code", "state"), [("y\n", 0, "paused_for_confirmation"), ("n\n", 1, "running")])
def test_asks_a_person(scheduled: Call, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, state: str) -> None:
    """At a terminal it asks, and does as told."""
    keyboard = io.StringIO(typed)
    monkeypatch.setattr(keyboard, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", keyboard)

    ended = scheduled("recover", "--restored")

    assert (ended.code, state_of(ID)) == (code, state)


def test_python_has_it_too(scheduled: Call) -> None:
    """A program can say the same, and look first."""
    with holdfast.open(worker=False) as hold:
        foreseen, done = hold.recover_restored(dry_run=True), hold.recover_restored()

        assert hold.sweep().stuck == ()
    assert foreseen == done
    assert done.doubted == 1


def test_an_engine_is_changed_by_recover_only(scheduled: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """While something lives, a process with another engine is refused, saying how to change over; after `recover` it is the database's."""
    monkeypatch.setenv("HOLDFAST_WORKER_ENGINE", "dbos")

    refused = scheduled("executions", "list")
    moved = scheduled("recover", "--json")
    listed = scheduled("executions", "list")
    monkeypatch.setenv("HOLDFAST_WORKER_ENGINE", "sql")
    back = scheduled("executions", "list")

    assert (refused.code, "holdfast recover" in refused.err) == (2, True)
    assert (moved.code, moved.fields["repaired"]) == (0, 1)
    assert (listed.code, back.code) == (0, 2)


def test_a_run_that_is_too_many_ends_with_1(
    open_shop: Callable[..., object], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused for too much work, `run` says when to come back and ends as for anything else that is in the way."""
    monkeypatch.setenv("HOLDFAST_WORKER_EXECUTIONS_MAX", "1")
    files = open_shop()
    words = ("run", str(files.plan), "--actions", str(files.actions), "--detach")  # type: ignore[attr-defined]  # the shop's files

    first, second = call(*words), call(*words)

    assert (first.code, second.code) == (0, 1)
    assert "worker.executions_max is 1" in second.err
    assert "Wait 300 s and try again" in second.err
