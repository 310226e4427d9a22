"""From rows to what the platform shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.plans.state import milliseconds, status_of
from holdfast.ports.rows import RunState
from tests.recovery.bench import BROKEN, EXECUTION, TIMEOUT, Bench, action, frozen, run

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "closing", "expected"),
    [
        pytest.param(RunState.RUNNING, None, "paused_for_confirmation", id="a question is open"),
        pytest.param(RunState.RUNNING, RunState.FAILED, "running", id="it drains"),
        pytest.param(RunState.CANCELLED, RunState.CANCELLED, "cancelled", id="ended"),
    ],
)
def test_an_open_question_means_paused_while_nothing_else_is_settled(
    state: RunState, closing: RunState | None, expected: str
) -> None:
    """Paused as long as an answer can change anything; an end that drains is still running."""
    bench = run([action("pay")], [], {"pay": [TIMEOUT]})
    questions = bench.read(lambda snapshot: snapshot.questions(EXECUTION))

    row = replace(bench.execution(), state=state, closing=closing)

    assert expected == status_of(row, questions)


def test_an_action_that_was_never_tried_is_pending() -> None:
    """A first step that waits in the queue is no attempt; a wait for a repeat is running."""
    bench = Bench({"pay": [BROKEN]})
    bench.start(frozen([action("pay")]))
    fresh = bench.state().action_states["pay"]
    bench.run_now()
    waiting = bench.state().action_states["pay"]

    assert ("pending", 0) == (fresh.status, fresh.attempts)
    assert ("running", 1, None) == (waiting.status, waiting.attempts, waiting.result)
    assert None is not (waiting.recoveries or ())[0].due_at


def test_the_metrics_count_every_action_once() -> None:
    """Completed, failed and skipped add up to all."""
    plan = [action("pay", goes_on=True), action("ship", "pay", inputs={"id": "${pay.output.id}"}), action("mail")]

    metrics = run(plan, [], {"pay": [TIMEOUT]}).state().metrics

    assert (3, 1, 0, 0) == (
        metrics.total_actions,
        metrics.completed_actions,
        metrics.failed_actions,
        metrics.skipped_actions,
    )


def test_durations_are_never_negative_and_need_both_ends() -> None:
    """A clock that was set back shows no negative time."""
    assert [None, 0, 1500] == [
        milliseconds(NOON, None),
        milliseconds(NOON, NOON - timedelta(seconds=1)),
        milliseconds(NOON, NOON + timedelta(seconds=1.5)),
    ]
