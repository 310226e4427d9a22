"""Lines on a terminal and where there is none, and what an execution waits for."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.cli.standing import Stands, standing_of
from holdfast.cli.terminal import Terminal, printable
from holdfast.ports.rows import ActionRow, ActionState, ExecutionRow, QuestionRow, RunState

NOW = datetime(2026, 1, 15, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\ufffd[2J"),
        ("a\nb\tc", "a b c"),
        ("\u202eevil", "\ufffdevil"),
        ("\ud800", "?"),
        ("Größe ✓ [red]", "Größe ✓ [red]"),
    ],
    ids=["escape", "line-feed", "direction", "surrogate", "fine"],
)
def test_nothing_that_is_shown_steers_the_terminal(text: str, shown: str) -> None:
    """Control characters in an API's message do not reach the terminal; letters and brackets do."""
    assert shown == printable(text)


def test_plain_lines_have_no_colours_and_are_not_broken() -> None:
    """Where nobody looks, a line is one line, however long."""
    stream = io.StringIO()

    Terminal(stream, is_plain=True).line(("a ", "good"), ("word " * 100, "bad"))

    assert "a " + ("word " * 100).rstrip() + "\n" == stream.getvalue()


def test_long_lines_go_on_below_their_last_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, a text that is too long goes on in its own column."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    stream = io.StringIO()

    Terminal(stream, is_plain=False).line(
        ("12345 ", "plain"), ("one two three four five six seven eight nine", "plain")
    )

    first, second = stream.getvalue().splitlines()
    assert first.startswith("12345 one")
    assert second.startswith("      ")
    assert len(first) <= 40


def execution(state: RunState = RunState.RUNNING) -> ExecutionRow:
    """Return an execution in a state."""
    return ExecutionRow(
        id="e",
        plan_id="p",
        plan_name="plan",
        state=state,
        closing=None,
        version=1,
        document="d",
        tenant="",
        priority=0,
        recoveries=0,
        started_at=NOW,
        ended_at=None,
        error=None,
        failed_action=None,
    )


def action(state: ActionState, *, due_s: float | None = None, in_flight: int = 0) -> ActionRow:
    """Return an action in a state, due in some seconds."""
    due_at = None if due_s is None else NOW + timedelta(seconds=due_s)
    return ActionRow(execution="e", action="a", position=0, state=state, due_at=due_at, in_flight=in_flight)


QUESTION = QuestionRow(execution="e", action="a", n=1, kind="outcome", text="?", options=("again",), asked_at=NOW)


@pytest.mark.parametrize(
    ("rows", "questions", "stands"),
    [
        ([action(ActionState.RUNNING, in_flight=1)], [], Stands.MOVING),
        ([action(ActionState.SCHEDULED)], [], Stands.MOVING),
        ([action(ActionState.SCHEDULED, due_s=60)], [], Stands.MOVING),
        ([action(ActionState.SCHEDULED, due_s=61)], [], Stands.WAITING),
        ([action(ActionState.SCHEDULED, due_s=61), action(ActionState.RUNNING)], [], Stands.MOVING),
        ([action(ActionState.ASKING)], [QUESTION], Stands.ASKING),
        ([action(ActionState.ASKING), action(ActionState.SCHEDULED, due_s=61)], [QUESTION], Stands.ASKING),
        ([action(ActionState.ASKING), action(ActionState.SCHEDULED, due_s=1)], [QUESTION], Stands.MOVING),
        ([action(ActionState.PENDING)], [], Stands.MOVING),
    ],
    ids=[
        "in-flight",
        "due-now",
        "due-in-time",
        "due-late",
        "late-and-busy",
        "asking",
        "asking-and-late",
        "asking-and-soon",
        "between-steps",
    ],
)
def test_an_execution_waits_when_nothing_moves(
    rows: list[ActionRow], questions: list[QuestionRow], stands: Stands
) -> None:
    """An execution moves while anything is in flight or due within the limit; a person comes before a far time."""
    standing = standing_of(execution(), rows, questions=questions, now=NOW, wait_max_s=60)

    assert stands == standing.stands


def test_an_execution_that_ended_stands_so() -> None:
    """Whatever its actions say, an execution in a final state has ended."""
    standing = standing_of(
        execution(RunState.FAILED), [action(ActionState.SCHEDULED)], questions=[], now=NOW, wait_max_s=60
    )

    assert Stands.ENDED == standing.stands
