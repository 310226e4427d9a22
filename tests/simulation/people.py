"""What must hold at the end of every scenario about people and conditions: who was asked, who answered first, and what followed.

Beside `invariants` in the simulation's story, which runs these checks with its own.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from holdfast.plans.advance import resolution
from holdfast.ports.rows import ActionState, RunState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.invariants import Story

__all__ = ["ASKED", "conditions_are_kept", "nothing_without_a_yes", "questions_are_closed_once"]

ASKED = (ActionState.CONFIRMING, ActionState.ASKING)


def questions_are_closed_once(story: Story) -> Iterator[str]:
    """A question is answered once, by whoever was first, in time; what has ended asks nobody."""
    answered = Counter(event.data["actionId"] for event in story.told("question.answered"))
    for question in story.questions:
        place = (question.execution, question.action, question.n)
        if question.answered_at is None:
            if story.execution.state is not RunState.RUNNING or story.rows[question.action].state not in ASKED:
                yield f"{question.action} n={question.n} is asked and nobody waits for it"
            continue
        answered[question.action] -= 1
        if story.fleet.accepted[place] != (question.answered_by == "somebody"):
            yield f"{question.action} n={question.n}: {story.fleet.accepted[place]} people were told that their answer counts"
        is_over = question.deadline is not None and question.answered_at >= question.deadline
        if question.answered_by == "deadline" and (not is_over or question.answer != question.default_answer):
            yield f"{question.action} n={question.n} was answered {question.answer} by its deadline at {question.answered_at}"
        if question.answered_by == "somebody" and question.kind == "confirmation" and is_over:
            yield f"{question.action} was answered by a person after its time"
    if any(answered.values()):
        yield f"questions and what is told of their answers differ: {dict(answered)}"


def nothing_without_a_yes(story: Story) -> Iterator[str]:
    """What needs a confirmation is attempted only after a person has given it."""
    for action, frozen in story.plan.actions.items():
        if frozen.confirmation is None:
            continue
        yes = [q for q in story.questions if q.action == action and q.n == 0 and q.answer == "confirm"]
        for attempt in story.tries(action):
            if not yes or yes[0].answered_at is None or attempt.started_at < yes[0].answered_at:
                yield f"{action} n={attempt.n} was made without a yes"
        row = story.rows[action]
        if row.state is ActionState.FAILED and not yes and not refused_by(story, action):
            yield f"{action} failed before it was confirmed, and not for that"


def refused_by(story: Story, action: str) -> set[object]:
    """The rules by which an action failed before its first attempt."""
    return {event.data["rule"] for event in story.told("action.refused", action)}


def conditions_are_kept(story: Story) -> Iterator[str]:
    """An action with a condition is attempted or asked about only if its value is true, and left out or failed by it only if not."""
    for action, frozen in story.plan.actions.items():
        if frozen.condition is None:
            continue
        source = resolution(frozen.condition.reference.action, story.rows)
        value = json.loads(source.output).get("flag") if source is not None and source.output is not None else None
        is_true = value is True or value == "true"
        begun = bool(story.tries(action) or any(q.action == action for q in story.questions))
        row = story.rows[action]
        by_condition = "condition" in refused_by(story, action) or (row.reason or "").startswith("its condition")
        if begun and not is_true:
            yield f"{action} was begun although its condition is {value!r}"
        if by_condition and is_true:
            yield f"{action} was left out although its condition is {value!r}"
        skips = (value is False or value == "false") and frozen.condition.otherwise == "skip"
        if by_condition and skips != (row.state is ActionState.SKIPPED):
            yield f"{action} is {row.state} by the condition {value!r}"
