"""The end of a run on one screen: every action, what happened to it and what it cost, and what to try next."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from holdfast.cli.session import further
from holdfast.cli.standing import Stands
from holdfast.cli.terminal import Terminal
from holdfast.contract import ActionFailure, ActionSkipped, ActionStatus, ExecutionStatus
from holdfast.plans.authentication import split_own
from holdfast.recovery.questions import CONFIRMATION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.cli.standing import Standing
    from holdfast.cli.terminal import Segment
    from holdfast.contract import ActionExecutionState, ExecutionState
    from holdfast.errors import Problem
    from holdfast.ports.rows import EventRow, QuestionRow
    from holdfast.settings import Settings

__all__ = ["answers_to", "happened", "show_next", "show_questions", "show_summary", "show_warnings", "tone_of", "until"]

TONES = {
    ExecutionStatus.COMPLETED: "good",
    ExecutionStatus.FAILED: "bad",
    ExecutionStatus.CANCELLED: "waiting",
    ExecutionStatus.PAUSED_FOR_CONFIRMATION: "person",
}
ACTION_TONES = {ActionStatus.COMPLETED: "good", ActionStatus.FAILED: "bad", ActionStatus.RUNNING: "decision"}


def show_summary(terminal: Terminal, state: ExecutionState, *, events: Iterable[EventRow] = ()) -> None:
    """Print the table of actions, the sums, and how the execution ended or stands; `events` add what the state does not tell."""
    actions = state.action_states.values()
    deaths = Counter(str(event.data.get("actionId")) for event in events if event.type == "attempt.reclaimed")
    terminal.say()
    terminal.table(
        ["action", "status", "attempts", "recoveries", "time", "what happened"],
        [row for action in actions for row in rows_of(action, deaths=deaths[action.action_id])],
    )
    metrics = state.metrics
    attempts, recoveries = sum(one.attempts for one in actions), sum(len(one.recoveries or ()) for one in actions)
    took = f" · {metrics.total_duration / 1000:.2f} s" if metrics.total_duration is not None else ""
    absorbed = ", ".join(absorbed_of(actions, state.status))
    terminal.say()
    terminal.say(
        f"{counted(metrics.total_actions, 'action')}: {metrics.completed_actions} completed, {metrics.failed_actions} failed,"
        f" {metrics.skipped_actions} skipped · {counted(attempts, 'attempt')} · {counted(recoveries, 'recovery', 'recoveries')}{took}",
        "faint",
    )
    if absorbed:
        terminal.say(f"Failed without failing the plan: {absorbed}.", "waiting")
    terminal.line(
        ("execution ", "plain"), (str(state.id), "title"), (" ", "plain"), (state.status.value, tone_of(state.status))
    )
    if state.error is not None:
        terminal.say(f"{state.error.category.value}: {state.error.message}", "bad")


def show_warnings(warnings: Iterable[Problem]) -> None:
    """Print what is doubtful about a plan that starts all the same; on standard error, for standard output is for results."""
    terminal = Terminal(sys.stderr)
    for warning in warnings:
        terminal.say(f"warning: {warning}", "waiting")


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def rows_of(action: ActionExecutionState, *, deaths: int) -> list[list[Segment]]:
    """Return the lines of one action: the first has its numbers, each has one thing that happened."""
    told = happened(action, deaths=deaths) or [("", "plain")]
    took = f"{action.duration / 1000:.2f} s" if action.duration is not None else ""
    recoveries = str(len(action.recoveries or ())) if action.recoveries else ""
    numbers: list[Segment] = [
        (action.action_id, "title"),
        (action.status.value, ACTION_TONES.get(action.status, "waiting")),
        (f"{action.attempts:>8}" if action.attempts else "", "plain"),
        (f"{recoveries:>10}", "plain"),
        (f"{took:>8}", "plain"),
    ]
    return [[*numbers, told[0]], *[[*[("", "plain")] * len(numbers), line] for line in told[1:]]]


def happened(action: ActionExecutionState, *, deaths: int = 0) -> list[Segment]:
    """Return what happened to an action, in words: each fault with what was decided, and how it ended."""
    told: list[Segment] = [("in flight when its worker died; taken up again", "bad")] * deaths
    for record in action.recoveries or ():
        category = record.category.value
        told.append((f"{category} → {record.strategy}: {record.reason.removeprefix(f'{category}: ')}", "decision"))
    match action.result:
        case ActionFailure(error=error) if not told:
            told.append((f"{error.category.value}: {error.message}", "bad"))
        case ActionSkipped(reason=reason):
            told.append((reason, "waiting"))
    return told


def absorbed_of(actions: Iterable[ActionExecutionState], status: ExecutionStatus) -> list[str]:
    """Return the actions that failed in a plan that completed all the same."""
    return (
        [one.action_id for one in actions if one.status is ActionStatus.FAILED]
        if status is ExecutionStatus.COMPLETED
        else []
    )


def tone_of(status: ExecutionStatus) -> str:
    """Return how a status looks."""
    return TONES.get(status, "decision")


def show_next(terminal: Terminal, settings: Settings, *, standing: Standing) -> None:
    """Print what a person may do now."""
    execution = standing.execution.id
    show_questions(terminal, standing.questions)
    for credential in standing.credentials:
        terminal.say()
        terminal.line(("? ", "person"), (credential.question or "", "plain"))
    terminal.say()
    terminal.say("Next:", "faint")
    for command, meaning in commands_after(settings, execution, standing=standing):
        terminal.line((f"  {command}", "title"), (f"   {meaning}", "faint"))


def show_questions(terminal: Terminal, questions: Iterable[QuestionRow]) -> None:
    """Print what people are asked, and until when."""
    for question in questions:
        terminal.say()
        terminal.line(("? ", "person"), (question.text, "plain"), (until(question), "faint"))


def until(question: QuestionRow) -> str:
    """Return how long there is to answer, and what counts then; nothing when there is no end."""
    if question.deadline is None:
        return ""
    return f" (until {question.deadline:%Y-%m-%d %H:%M:%S} UTC, then: {question.default_answer})"


def answers_to(settings: Settings, question: QuestionRow) -> list[tuple[str, str]]:
    """Return the commands that answer a question, with their meaning."""
    execution, action = question.execution, question.action
    if question.kind == CONFIRMATION:
        return [
            (further(settings, "executions", "confirm", execution, action), "yes: perform it"),
            (further(settings, "executions", "reject", execution, action), "no: it fails"),
        ]
    choices = "|".join(question.options)
    words = ["executions", "answer", execution, choices, "--action", action]
    return [(further(settings, *words).replace(f"'{choices}'", choices), "answer with one of the words")]


def commands_after(settings: Settings, execution: str, *, standing: Standing) -> list[tuple[str, str]]:
    """Return commands with their meaning, the most useful first."""
    found: list[tuple[str, str]] = []
    for question in standing.questions:
        found += answers_to(settings, question)
    for credential in standing.credentials:
        name, owner = split_own(credential.name)
        whose = ["--execution", owner] if owner else []
        found.append((further(settings, "credentials", "set", name, *whose), "provide it; its value is asked for"))
        found.append((further(settings, "credentials", "give-up", name, *whose), "let those who wait for it fail"))
    if standing.stands is not Stands.ENDED:
        due = f"from {standing.due_at:%Y-%m-%d %H:%M:%S} UTC on" if standing.due_at else "afterwards"
        found.append((further(settings, "resume", execution), f"go on {due}"))
    if standing.execution.failed_action is not None:
        found.append(
            (
                further(settings, "dead-letters", "show", execution, standing.execution.failed_action),
                "everything known about the failure",
            )
        )
    found.append((further(settings, "why", execution), "what happened and why"))
    return found
