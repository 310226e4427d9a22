"""The raced storm is worth something only if it notices: each sabotage breaks what it looks at, and without one the same plans are calm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from holdfast.adapters.sql.transaction import SqlTx
from holdfast.recovery import questions
from tests.acceptance.invariants import violations
from tests.acceptance.raced import World, config_for, summary
from tests.acceptance.raced_invariants import violations as raced_violations
from tests.acceptance.raced_plans import EXECUTOR
from tests.acceptance.storm import Chaos, action, plan_of

if TYPE_CHECKING:
    from holdfast.ports.rows import QuestionRow

QUIET = Chaos(ends_after_s=5.0)
"""Some sabotages keep a storm going for ever; and what they break, they break at once."""
STALL_MAX_S = 4.0
PLANS = 8
Plan = dict[str, object]


def confirmed(order: str, *, timeout_ms: int | None = None, executor: str | None = None) -> Plan:
    """Two actions that need a yes."""
    asked = {"required": True, "title": "May it?", "message": ""}
    asks = {**asked, **({} if timeout_ms is None else {"timeout": timeout_ms})}
    actions = [{**action(order, name, "keyed", (), continueOnFailure=True), "userConfirmation": asks} for name in "ab"]
    plan = plan_of(order, actions)
    plan["metadata"]["tags"] = [executor] if executor else []  # type: ignore[index]  # it is a dictionary
    return plan


def side_by_side(order: str, kind: str) -> Plan:
    """Five actions of one kind that may all begin at once."""
    return plan_of(order, [action(order, f"n{at}", kind, (), continueOnFailure=True) for at in range(5)])


def plans_of(make: Callable[[str], Plan]) -> list[Plan]:
    """Some of such plans."""
    return [make(f"p{number:04}") for number in range(PLANS)]


def found_after(directory: Path, plans: Sequence[Plan], *sabotages: str) -> str:
    """Run plans without any other trouble under sabotage of the worker, and return what broke."""
    database = f"sqlite:///{directory / 'holdfast.db'}"
    with World(directory, database, seed=7, faults=False) as world:
        world.begin(plans, workers=1, config=config_for(database, sabotages=sabotages))
        result = world.storm(QUIET if sabotages else Chaos(), stall_max_s=STALL_MAX_S)
        found = [*violations(database), *raced_violations(world)]
        print(f"{sabotages}: {found}; {result.states} in {result.took_s:.1f} s; {summary(world.told)}")
    return "\n".join(found)


def test_without_sabotage_the_same_plans_are_calm(tmp_path: Path) -> None:
    """What the sabotages break holds without them."""
    plans = [
        confirmed("calm 1"),
        confirmed("calm 2", timeout_ms=300),
        confirmed("calm 3", executor=EXECUTOR),
        side_by_side("calm 4", "crm"),
        side_by_side("calm 5", "crm"),
        side_by_side("calm 6", "paced"),
    ]

    assert found_after(tmp_path, plans) == ""


def test_two_winning_answers_are_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an answered question can be answered again, more than one person is told that theirs counted."""

    def all_of(turn: questions.Asking, action_id: str | None) -> list[QuestionRow]:
        asked = turn.tx.questions(turn.execution.id)
        return [replace(one, answered_at=None) for one in asked if action_id in (None, one.action)]

    monkeypatch.setattr(questions, "asked", all_of)
    monkeypatch.setattr(SqlTx, "answer_question", always_won(SqlTx.answer_question))

    assert "were told that they won" in found_after(tmp_path, plans_of(confirmed))


@pytest.mark.long
def test_the_lock_alone_keeps_a_second_answer_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who answers looks at the question under the execution's lock: without the guard of the row itself, still only one wins."""
    monkeypatch.setattr(SqlTx, "answer_question", always_won(SqlTx.answer_question))

    assert found_after(tmp_path, plans_of(confirmed)) == ""


def always_won(answer_question: Callable[[SqlTx, QuestionRow], bool]) -> Callable[[SqlTx, QuestionRow], bool]:
    """Answer a question as ever, and say that it counted."""
    return lambda tx, row: answer_question(tx, row) or True


def test_a_refresh_beside_another_is_caught(tmp_path: Path) -> None:
    """Without the lease on a credential, everybody who was refused fetches a token, and replaced refresh tokens come again."""
    found = found_after(tmp_path, plans_of(lambda order: side_by_side(order, "crm")), "forget-who-refreshes")

    assert "a refresh began beside another" in found or "was refreshed again after a success" in found


def test_an_action_that_begins_without_a_yes_is_caught(tmp_path: Path) -> None:
    """An action whose confirmation ran out and that is begun all the same stands in the books of the other side."""
    found = found_after(tmp_path, plans_of(lambda order: confirmed(order, timeout_ms=300)), "begin-without-a-yes")

    assert "was begun although nobody confirmed it" in found


@pytest.mark.long
def test_calls_beyond_the_rate_limit_are_caught(tmp_path: Path) -> None:
    """A limiter that lets everybody through fills a window with more calls than it may hold."""
    found = found_after(tmp_path, plans_of(lambda order: side_by_side(order, "paced")), "pace-nobody")

    assert "paced calls began within" in found


@pytest.mark.long
def test_an_event_that_counts_twice_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the inbox, the second copy of an event is taken for another one."""
    monkeypatch.setattr(SqlTx, "insert_inbox", lambda tx, row: insert_inbox(tx, row) or True)

    found = found_after(tmp_path, plans_of(lambda order: confirmed(order, executor=EXECUTOR)))

    assert "took effect 2 times" in found


insert_inbox = SqlTx.insert_inbox
