"""Saying yes and no from Python, on real databases, and several at once: one wins, and everybody else is told who."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import BadInput, QuestionClosed, UnknownExecution

EXECUTIONS = 12
PAUSED = "paused_for_confirmation"


def plan(timeout_ms: int | None = None, *, condition: bool = False) -> dict[str, Any]:
    """A plan that asks before its one call; with a condition on an earlier one, if wanted."""
    asked: dict[str, object] = {"required": True, "title": "Pay?", "message": "120 EUR"}
    pay: dict[str, object] = {
        "id": "pay",
        "actionDefinitionId": "shop.pay",
        "inputs": {},
        "dependencies": ["look"] if condition else [],
        "userConfirmation": asked | ({} if timeout_ms is None else {"timeout": timeout_ms}),
        "errorHandling": {"continueOnFailure": False},
    }
    look = pay | {"id": "look", "actionDefinitionId": "shop.look", "dependencies": [], "userConfirmation": None}
    look.pop("userConfirmation")
    if condition:
        pay["condition"] = {"if": "${look.output.due}", "then": "execute", "else": "skip"}
    return {
        "id": str(uuid.uuid4()),
        "name": "pay",
        "description": "pays",
        "intent": {"original": "", "interpreted": "", "confidence": 1},
        "actions": [look, pay] if condition else [pay],
        "expectedOutcome": {"description": "", "validations": []},
        "metadata": {"createdAt": "2026-01-01T00:00:00Z", "estimatedDuration": 0, "tags": []},
    }


def pay() -> dict[str, object]:
    """Pay."""
    return {"id": "p-1"}


def registered(hold: holdfast.Hold) -> holdfast.Hold:
    """The hold, with what plans here call."""
    hold.action("shop.pay", repeatable=True)(pay)
    return hold


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    return (
        f"sqlite:///{tmp_path / 'h.db'}"
        if request.param == "sqlite"
        else str(request.getfixturevalue("fresh_postgres_url"))
    )


def test_an_execution_can_be_confirmed_from_python(url: str) -> None:
    """A program sees what is asked, of all executions or one, says yes, and the execution goes on."""
    with registered(holdfast.open(url)) as hold:
        execution = hold.start(plan())
        waiting = execution.wait(timeout_s=20)
        (question,) = hold.questions()

        about = execution.confirm(by="ada", reason="right")
        done = execution.wait(timeout_s=20)
        left = [hold.questions(), execution.questions]

    assert (PAUSED, "pay", "completed") == (waiting.status, about, done.status)
    assert ("Pay?: 120 EUR", ("confirm", "reject")) == (question.text, question.options)
    assert [[], []] == left


def test_an_execution_can_be_rejected_from_python(tmp_path: Path) -> None:
    """A no fails the plan with `user_cancelled`; a yes after it is told who said no."""
    with registered(holdfast.open(f"sqlite:///{tmp_path}/h.db", worker=False)) as hold:
        execution = hold.start(plan())
        assert "pay" == execution.reject("pay", by="bob")

        with pytest.raises(QuestionClosed) as refused:
            hold.confirm(execution.id)
        with pytest.raises(UnknownExecution):
            hold.questions(str(uuid.uuid4()))
        state = execution.state

    assert ("failed", "user_cancelled") == (state.status, state.error.category if state.error else None)
    assert ("reject", "bob") == (refused.value.answer, refused.value.by)


def test_a_yes_does_not_answer_another_question(tmp_path: Path) -> None:
    """What can be answered is listed when the word does not fit."""
    with registered(holdfast.open(f"sqlite:///{tmp_path}/h.db", worker=False)) as hold:
        execution = hold.start(plan())

        with pytest.raises(BadInput, match="the answers are: confirm, reject"):
            hold.answer(execution.id, "again")


@pytest.mark.parametrize(("due", "state"), [(True, PAUSED), (False, "completed")], ids=["true", "false"])
def test_a_condition_is_judged_in_an_output_too_large_for_a_row(tmp_path: Path, due: bool, state: str) -> None:
    """An output that lies in a file of its own decides like any other."""
    with registered(holdfast.open(f"sqlite:///{tmp_path}/h.db")) as hold:
        hold.action("shop.look", repeatable=True)(lambda: {"due": due, "rows": "x" * 200_000})

        found = hold.start(plan(condition=True)).wait(timeout_s=20)

    assert state == found.status
    assert due == (found.action_states["pay"].status == "pending")


def contend(url: str, ids: list[str], seed: int) -> list[tuple[str, str, str]]:
    """Say yes, say no or cancel, everywhere, in an order of one's own; returns what was accepted and what the others were told."""
    dice = random.Random(seed)
    told: list[tuple[str, str, str]] = []
    with registered(holdfast.open(url, worker=False)) as hold:
        for one in dice.sample(ids, len(ids)):
            choice = dice.choice(("confirm", "confirm", "reject", "cancel"))
            if choice == "cancel":
                if hold.cancel(one):
                    told.append((one, "won", "withdrawn"))
                continue
            try:
                hold.answer(one, choice, by=f"p{seed}")
            except QuestionClosed as refused:
                told.append((one, "lost", str(refused.answer)))
            else:
                told.append((one, "won", choice))
    return told


def check_one_winner(url: str, ids: list[str], told: list[tuple[str, str, str]]) -> None:
    """Exactly one answer per execution, the same in the database and in what everybody was told."""
    with registered(holdfast.open(url, worker=False)) as hold:
        answers = {}
        for one in ids:
            rows = hold.call(hold.inner.read(lambda snapshot, one=one: snapshot.questions(one)))  # type: ignore[misc]  # a loop's own value
            (answers[one],) = [row.answer for row in rows]
    winners = Counter(one for one, how, answer in told if how == "won" and answer != "withdrawn")
    assert {one: 1 for one, answer in answers.items() if answer != "withdrawn"} == winners
    for one, how, answer in told:
        # A cancel after an answer ends the execution all the same; it does not change the answer.
        assert answer == answers[one] or (how, answer) == ("won", "withdrawn"), (one, how, answer, answers[one])
    assert None not in answers.values()


def test_of_several_threads_one_wins(url: str) -> None:
    """Yes, no and cancel raced from four threads: one counts, and the others hear which."""
    with registered(holdfast.open(url, worker=False)) as hold:
        ids = [hold.start(plan()).id for _ in range(EXECUTIONS)]
    told: list[tuple[str, str, str]] = []
    begin = threading.Barrier(4)

    def race(seed: int) -> None:
        begin.wait()
        told.extend(contend(url, ids, seed))

    threads = [threading.Thread(target=race, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    check_one_winner(url, ids, told)


def test_of_several_processes_one_wins(tmp_path: Path) -> None:
    """The same from several processes on one SQLite file."""
    url = f"sqlite:///{tmp_path / 'h.db'}"
    with registered(holdfast.open(url, worker=False)) as hold:
        ids = [hold.start(plan()).id for _ in range(EXECUTIONS)]

    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        told = [one for part in pool.map(contend, [url] * 2, [ids] * 2, range(2)) for one in part]

    check_one_winner(url, ids, told)


def test_a_yes_and_the_end_of_the_time_are_never_both(url: str) -> None:
    """People answer around the moment at which their time ends, while a worker runs: each question has one answer, and only a yes pays."""
    with registered(holdfast.open(url)) as hold:
        executions = [hold.start(plan(timeout_ms=10 * (n + 1))) for n in range(EXECUTIONS)]
        accepted = set()
        told = set()
        for execution in executions:
            try:
                execution.confirm(by="ada")
            except QuestionClosed as refused:
                told.add((refused.answer, refused.by))
            else:
                accepted.add(execution.id)
        # Those whose time is over are paused until the worker says so; `wait` returns at a pause.
        states = {}
        while len(states) < EXECUTIONS:
            states |= {e.id: s.status for e in executions if (s := e.wait(timeout_s=1)).status != PAUSED}

    assert told <= {("reject", "deadline")}
    assert {one.id: "completed" if one.id in accepted else "failed" for one in executions} == states
