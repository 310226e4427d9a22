"""What must hold at the end of every scenario, whatever happened: each check compares the rows with what the world saw.

Last in the simulation's story. The rows are the system's word, the calls are the truth; a check that could not fail is a defect, so each has a
sabotage in `test_sabotage.py` or a bug that it found.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.decisions.facts import Safety
from holdfast.plans.advance import resolution
from holdfast.plans.outcome import unmet
from holdfast.ports.rows import ActionState, Purpose, RunState
from tests.planted import MARK
from tests.simulation.between import (
    limits_are_kept,
    no_token_is_used_up_twice,
    one_refresh_at_a_time,
    replaced_plans_keep_what_began,
)
from tests.simulation.fleet import BOUNDS, Fleet
from tests.simulation.people import ASKED, conditions_are_kept, nothing_without_a_yes, questions_are_closed_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdfast.plans.frozen import FrozenPlan
    from holdfast.ports.rows import ActionRow, AttemptRow, EventRow, ExecutionRow, QuestionRow
    from tests.simulation.scenario import ExecutionScript
    from tests.simulation.world import Call

__all__ = ["CHECKS", "problems_of"]

CRASHES_MAX = 3
REFRESHES_MAX = 6
AFTER_THE_END = ("attempt.answered_late", "event.received", "credential.refreshed")
"""What may still be told of an execution that has ended: an answer that others gave before they knew, and a token that is good for all."""


@dataclass(slots=True, kw_only=True)
class Story:
    """One execution at the end: its rows, and what the world saw of it."""

    fleet: Fleet
    script: ExecutionScript
    execution: ExecutionRow
    plan: FrozenPlan
    rows: dict[str, ActionRow]
    attempts: list[AttemptRow]
    events: list[EventRow]
    questions: list[QuestionRow]
    letters: set[str]
    calls: list[Call]

    def tries(self, action: str, purpose: Purpose = Purpose.PERFORM) -> list[AttemptRow]:
        """The ledger of one action, by number."""
        return sorted((a for a in self.attempts if a.action == action and a.purpose is purpose), key=lambda a: a.n)

    def calls_of(self, action: str, purpose: Purpose = Purpose.PERFORM) -> list[Call]:
        """The calls that the world saw."""
        return [call for call in self.calls if call.action == action and call.purpose is purpose]

    def answers(self, action: str, choice: str) -> set[int]:
        """The attempts about which a person gave this answer."""
        return {
            q.about for q in self.questions if q.action == action and q.answer == choice and q.answered_by == "somebody"
        }

    def told(self, kind: str, action: str | None = None) -> list[EventRow]:
        """Events of a type, of one action if named."""
        return [event for event in self.events if event.type == kind and action in (None, event.data.get("actionId"))]


def stories_of(fleet: Fleet) -> list[Story]:
    """Read everything at the end."""

    def look(snapshot: object, script: ExecutionScript) -> Story | None:
        execution = snapshot.execution(script.id)
        if execution is None:
            return None
        return Story(
            fleet=fleet,
            script=script,
            execution=execution,
            plan=fleet.plans.get(snapshot, execution.document),
            rows={row.action: row for row in snapshot.actions(script.id)},
            attempts=snapshot.attempts(script.id),
            events=snapshot.events(script.id),
            questions=snapshot.questions(script.id),
            letters={letter.action for letter in snapshot.dead_letters(execution_id=script.id, limit=1000)},
            calls=[call for call in fleet.world.calls if call.execution == script.id],
        )

    stories = [
        fleet.read(lambda snapshot, script=script: look(snapshot, script)) for script in fleet.scenario.executions
    ]
    return [story for story in stories if story is not None]


def problems_of(fleet: Fleet) -> list[str]:
    """Return what does not hold, each with the name of its check."""
    found = [f"runs: {problem}" for problem in fleet.problems]
    stories = stories_of(fleet)
    if len(stories) < len(fleet.scenario.executions):
        found.append("nothing_lost: an execution was never started")
    for check in CHECKS:
        for story in stories:
            found += [f"{check.__name__}: {story.execution.id[:8]} {problem}" for problem in check(story)]
    found += [f"no_secret_at_rest: {problem}" for problem in no_secret_at_rest(fleet)]
    for over_all in OVER_ALL:
        found += [f"{over_all.__name__}: {problem}" for problem in over_all(fleet, stories)]
    return found


# --- the end of an execution ---


def one_terminal_event(story: Story) -> Iterator[str]:
    """A finished execution has exactly one terminal event, of its state's name, after all its attempts; an unfinished one has none."""
    terminal = [event for event in story.events if event.is_terminal]
    if story.execution.state is RunState.RUNNING:
        if terminal:
            yield "is running and has a terminal event"
        return
    if [event.type for event in terminal] != [f"plan.execute.{story.execution.state}"]:
        yield f"is {story.execution.state} with {[event.type for event in terminal]}"
    if story.execution.ended_at is None:
        yield "ended at no time"
        return
    for attempt in story.attempts:
        if attempt.settled_at is None or attempt.settled_at > story.execution.ended_at:
            yield f"ended before {attempt.purpose} {attempt.action} n={attempt.n} was settled"
    for event in story.events:
        if terminal and event.sequence > terminal[-1].sequence and event.type not in AFTER_THE_END:
            yield f"{event.type} came after the end"


def state_fits_actions(story: Story) -> Iterator[str]:
    """The state says what the actions say."""
    state, rows = story.execution.state, story.rows
    if state is RunState.RUNNING:
        return
    for row in rows.values():
        if not row.state.is_final or row.in_flight:
            yield f"is {state} and {row.action} is {row.state} with {row.in_flight} in flight"
        if row.state is ActionState.FAILED and row.error is None:
            yield f"{row.action} failed for no reason"
    # An alternative that failed is made up for by whatever makes up for the one it stood in for.
    stood_in = {
        row.handed_to for row in rows.values() if row.handed_to is not None and resolution(row.action, rows) is not None
    }
    unresolved = [
        row.action for row in rows.values() if resolution(row.action, rows) is None and row.action not in stood_in
    ]
    if state is RunState.COMPLETED and unresolved:
        yield f"is completed and {unresolved} are not resolved"
    if state is RunState.FAILED and not story.letters and not unmet(story.plan.plan, Parts(story).of):
        yield "failed without a dead letter and with its outcome met"
    if state is RunState.FAILED and story.execution.error is None:
        yield "failed without an error"


def given_up_means_set_aside(story: Story) -> Iterator[str]:
    """What failed and is absorbed by nothing lies among the dead letters, and nothing that completed does."""
    for row in story.rows.values():
        is_lost = row.state is ActionState.FAILED and row.absorbed is None and not heir_is_set_aside(story, row)
        if is_lost and row.action not in story.letters:
            yield f"{row.action} failed and was not set aside"
        if row.state is ActionState.COMPLETED and row.action in story.letters:
            yield f"{row.action} completed and was set aside"


def heir_is_set_aside(story: Story, row: ActionRow) -> bool:
    """Whether the alternative that took over was set aside in its place."""
    for _ in range(len(story.rows)):
        if row.handed_to is None:
            return False
        row = story.rows[row.handed_to]
        if row.action in story.letters:
            return True
    return False


def unended_waits_for_a_person(story: Story) -> Iterator[str]:
    """When nothing is left to happen, an execution has ended or has an open question: nothing else holds it up."""
    if story.execution.state is not RunState.RUNNING:
        return
    open_questions = {q.action for q in story.questions if q.answered_at is None}
    asking = {row.action for row in story.rows.values() if row.state in ASKED}
    if any(q.deadline is not None for q in story.questions if q.answered_at is None):
        yield "has a question whose time is over, and nobody applies that"
    if not asking:
        yield f"rests on nothing: { {row.action: str(row.state) for row in story.rows.values()} }"
    if asking - open_questions:
        yield f"{asking - open_questions} wait for an answer to no question"
    if story.execution.closing is not None:
        yield f"is ending as {story.execution.closing} and does not end"
    others = [
        row.action
        for row in story.rows.values()
        if row.in_flight or row.state in (ActionState.SCHEDULED, ActionState.RUNNING, ActionState.PROBING)
    ]
    if others:
        yield f"{others} are in flight and nobody carries them on"


def skipped_says_why(story: Story) -> Iterator[str]:
    """A skipped action says why and never began."""
    for row in story.rows.values():
        if row.state is ActionState.SKIPPED and not row.reason:
            yield f"{row.action} was skipped for no reason"


# --- the ledger ---


def ledger_has_no_gaps(story: Story) -> Iterator[str]:
    """Attempts are numbered 1, 2, 3 …; each of them is settled, and the action knows the last."""
    for row in story.rows.values():
        tries = story.tries(row.action)
        if [a.n for a in tries] != list(range(1, len(tries) + 1)):
            yield f"{row.action} has attempts {[a.n for a in tries]}"
        if row.n - len(tries) not in (0, 1):
            yield f"{row.action} has {len(tries)} attempts and counts {row.n}"
        if row.in_flight != sum(a.outcome is None for a in story.attempts if a.action == row.action):
            yield f"{row.action} counts {row.in_flight} in flight"
        if row.in_flight and story.execution.state is not RunState.RUNNING:
            yield f"{row.action} has attempts in flight after the end"


def every_failure_is_told(story: Story) -> Iterator[str]:
    """Every failed attempt has its event, and a decision that was recorded."""
    for attempt in story.attempts:
        if attempt.purpose is not Purpose.PERFORM or attempt.result != "failure":
            continue
        told = [
            event
            for event in story.told("action.execute.failed", attempt.action)
            if event.data["attemptNumber"] == attempt.n
        ]
        if len(told) != 1:
            yield f"{attempt.action} n={attempt.n} failed and {len(told)} events say so"
        if attempt.decision is None:
            yield f"{attempt.action} n={attempt.n} failed and nothing was decided"


def every_call_is_on_the_ledger(story: Story) -> Iterator[str]:
    """The intent is durable before the wire sees a byte."""
    known = {(a.action, a.purpose, a.n): a.started_at for a in story.attempts}
    for call in story.calls:
        started_at = known.get((call.action, call.purpose, call.n))
        if started_at is None or started_at > call.at:
            yield f"{call.purpose} {call.action} n={call.n} was called and is not on the ledger"


def attempts_are_bounded(story: Story) -> Iterator[str]:
    """Attempts, recoveries, probes, refreshes and claims stay within their bounds."""
    if story.execution.recoveries > BOUNDS.attempts_per_execution_max + len(story.rows) * BOUNDS.probes_max:
        yield f"{story.execution.recoveries} recoveries"
    for row in story.rows.values():
        rules = story.plan.actions[row.action].rules
        people = len(story.answers(row.action, "again"))
        most = rules.retry.attempts_max + BOUNDS.attempts_per_action_max + BOUNDS.probes_max + people
        if row.n > most:
            yield f"{row.action} made {row.n} attempts, more than {most}"
        if len(story.tries(row.action, Purpose.PROBE)) > BOUNDS.probes_max + 1:
            yield f"{row.action} was probed {len(story.tries(row.action, Purpose.PROBE))} times"
        for generation, count in Counter(a.generation for a in story.tries(row.action, Purpose.REFRESH)).items():
            if count > REFRESHES_MAX:
                yield f"{row.action} refreshed generation {generation} {count} times"
        by_policy = sum(
            event.data["rule"].startswith("retry-policy") for event in story.told("retry.scheduled", row.action)
        )
        if by_policy > rules.retry.attempts_max - 1 + people:
            yield f"{row.action} was repeated {by_policy} times by a policy of {rules.retry.attempts_max} attempts"
    for attempt in story.attempts:
        if attempt.claims > CRASHES_MAX:
            yield f"{attempt.action} n={attempt.n} was claimed {attempt.claims} times"


# --- safety ---


def extra_calls_have_a_reason(story: Story) -> Iterator[str]:
    """One call per attempt, and at most one more for each time its worker died or was thought dead; none for what cannot be repeated."""
    seen: Counter[tuple[str, Purpose, int]] = Counter((call.action, call.purpose, call.n) for call in story.calls)
    for (action, purpose, n), count in seen.items():
        excuses = sum(story.fleet.excuses[story.execution.id, action, purpose, other] for other in {n})
        if (story.execution.id, action) in story.fleet.lost_actions:
            excuses += CRASHES_MAX
        if count > 1 + excuses:
            yield f"{purpose} {action} n={n} was called {count} times with {excuses} reasons"
        if purpose is Purpose.PERFORM and count > 1 and not story.plan.actions[action].rules.safety.is_repeatable:
            yield f"{action} n={n} was called {count} times and is {story.plan.actions[action].rules.safety}"


def no_reclaim_without_a_reason(story: Story) -> Iterator[str]:
    """An attempt is taken up again only when its worker died, was thought dead, or its step was delivered twice or lost."""
    for attempt in story.attempts:
        place = (attempt.execution, attempt.action, attempt.purpose, attempt.n)
        is_lost = "worker-lost" in (attempt.verdict or "")
        is_excused = story.fleet.excuses[place] or (attempt.execution, attempt.action) in story.fleet.lost_actions
        if (attempt.claims > 1 or is_lost) and not is_excused:
            yield f"{attempt.purpose} {attempt.action} n={attempt.n} was taken from a worker that was well"


def no_blind_repeat(story: Story) -> Iterator[str]:
    """What can do harm twice is repeated only after a definite no: from the API, from its probe, or from a person."""
    for action in story.rows:
        if story.plan.actions[action].rules.safety not in (Safety.UNSAFE, Safety.PROBED):
            continue
        tries = {a.n: a for a in story.tries(action)}
        for call in story.calls_of(action):
            before = tries.get(call.n - 1)
            if before is not None and not is_definite_no(story, before):
                yield f"{action} n={call.n} followed an attempt of unknown outcome"


def is_definite_no(story: Story, attempt: AttemptRow) -> bool:
    """Whether somebody who can know said that an attempt did not take effect, or a person said to do it again."""
    if attempt.outcome == "not_executed" or '"not_executed"' in (attempt.late_answer or ""):
        return True
    if attempt.n in story.answers(attempt.action, "again"):
        return True
    probes = [
        event for event in story.told("probe.answered", attempt.action) if event.data["attemptNumber"] == attempt.n
    ]
    return any(event.data.get("happened") is False for event in probes)


def effects_are_single(story: Story) -> Iterator[str]:
    """A keyed or probed action takes effect once, an unsafe one at most once more for each time a person said `again`."""
    for action in story.rows:
        kind = story.script.actions[action].kind
        if not (kind.has_key or kind.has_probe or kind.name == "unsafe"):
            continue
        count = story.fleet.world.effects(story.execution.id, action)
        most = 1 + len(story.answers(action, "again"))
        if count > most + overtaken(story, action):
            yield f"{action} ({kind.name}) took effect {count} times, {most} allowed"


def overtaken(story: Story, action: str) -> int:
    """How many calls of an action were still under way when its next attempt was made: a worker thought dead, whose call lands late.

    A probe answers for the moment in which it is asked; the lease (longer than any call) is what keeps real calls from landing after it.
    """
    calls = story.calls_of(action)
    kind = story.script.actions[action].kind
    if not kind.has_probe:
        return 0
    probes = story.calls_of(action, Purpose.PROBE)
    return sum(
        any(call.at <= probe.at and (call.ended_at is None or call.ended_at >= probe.at) for probe in probes)
        for call in calls
    )


def never_before_the_stated_time(story: Story) -> Iterator[str]:
    """Whoever was told to come back later comes back later: no attempt with the same key begins before."""
    for action in story.rows:
        tries = {a.n: a for a in story.tries(action)}
        calls = story.calls_of(action)
        for call in calls:
            attempt = tries[call.n]
            if call.told_s is None or call.ended_at is None or not call.end or not was_believed(attempt, call):
                continue
            for later in calls:
                early_s = call.told_s - (later.at - call.ended_at).total_seconds()
                if later.n > call.n and tries[later.n].key == attempt.key and early_s > 1e-3:
                    yield f"{action} n={later.n} came {early_s:.1f} s before the time that n={call.n} was told"


def was_believed(attempt: AttemptRow, call: Call) -> bool:
    """Whether this call's answer is the one that settled the attempt, not one that came after another performer's."""
    if attempt.settled_at is None or call.ended_at is None or attempt.settled_at < call.ended_at:
        return False
    return attempt.verdict is not None and json.loads(attempt.verdict).get("retry_after_s") is not None


def one_key_per_epoch(story: Story) -> Iterator[str]:
    """The key stays the same over all attempts, but for the cases in which a new one is allowed."""
    for action in story.rows:
        tries = story.tries(action)
        kind = story.script.actions[action].kind
        for before, after in itertools.pairwise(tries):
            if before.key == after.key:
                continue
            is_renewable = kind.replays_errors and before.outcome == "not_executed"
            if before.n not in story.answers(action, "again") and not is_renewable:
                yield f"{action} changed its key between n={before.n} and n={after.n}"
        for call in story.calls_of(action):
            keys = {a.key for a in tries if a.n == call.n}
            if kind.has_key and call.key not in keys:
                yield f"{action} n={call.n} was called without its key"


def never_a_new_key_while_unknown(story: Story) -> Iterator[str]:
    """The key is kept while an attempt that carried it may have taken effect, unless a person says otherwise."""
    for action in story.rows:
        tries = story.tries(action)
        for before, after in itertools.pairwise(tries):
            if before.key == after.key or before.n in story.answers(action, "again"):
                continue
            if any(
                a.key == before.key and a.outcome != "not_executed" and not is_definite_no(story, a)
                for a in tries
                if a.n <= before.n
            ):
                yield f"{action} has a new key at n={after.n} while the old one may stand for work that was done"


def no_alternative_while_unknown(story: Story) -> Iterator[str]:
    """An alternative takes over only from an action that surely did nothing."""
    for row in story.rows.values():
        if row.handed_to is None or story.plan.actions[row.action].rules.safety is Safety.READ_ONLY:
            continue
        unknown = [a.n for a in story.tries(row.action) if not is_definite_no(story, a)]
        if unknown:
            yield f"{row.handed_to} took over from {row.action}, whose attempts {unknown} may have taken effect"
        if (
            story.fleet.world.effects(story.execution.id, row.action)
            and not story.answers(row.action, "again")
            and not overtaken(story, row.action)
        ):
            yield f"{row.handed_to} took over from {row.action}, which did its work"


def no_skip_while_unknown(story: Story) -> Iterator[str]:
    """A prescribed skip and a rollback rest on the knowledge that the action did nothing."""
    for row in story.rows.values():
        for event in story.told("recovery.decided", row.action):
            if event.data.get("move") not in ("continue", "roll-back") or event.data.get("strategy") is None:
                continue
            if story.plan.actions[row.action].rules.safety is Safety.READ_ONLY:
                continue
            # What a probe has not found was not done by any attempt before it.
            found = [one for one in story.told("probe.answered", row.action) if one.data.get("happened") is False]
            cleared = max((int(str(one.data["attemptNumber"])) for one in found), default=0)
            unknown = [a.n for a in story.tries(row.action) if a.n > cleared and not is_definite_no(story, a)]
            if unknown:
                yield f"{row.action}: {event.data['strategy']}, and its attempts {unknown} may have taken effect"


def a_rollback_fails_the_plan(story: Story) -> Iterator[str]:
    """Whoever asks for a rollback has failed, and the execution with it; nothing makes up for it."""
    for event in story.told("rollback.requested"):
        row = story.rows[str(event.data["actionId"])]
        if (row.state, row.absorbed) != (ActionState.FAILED, None) or story.execution.state is not RunState.FAILED:
            yield f"{row.action} was rolled back and is {row.state} ({row.absorbed}) in a {story.execution.state} execution"


def no_nested_recovery(story: Story) -> Iterator[str]:
    """The failure of a refresh or a probe starts no recovery of its own: every decision is about an attempt at the action itself."""
    for attempt in story.attempts:
        if (
            attempt.purpose is not Purpose.PERFORM
            and attempt.decision
            and json.loads(attempt.decision)["rule"] != "worker-lost"
        ):
            yield f"the {attempt.purpose} {attempt.action} n={attempt.n} was decided about"
    for action in story.rows:
        failures = sum(a.result == "failure" for a in story.tries(action))
        broken = sum("could not be renewed" in event.data["reason"] for event in story.told("recovery.decided", action))
        late = sum(a.late_answer is not None for a in story.tries(action))
        lost = sum(event.data["rule"] in ("worker-lost", "person") for event in story.told("recovery.decided", action))
        # A worker that comes back after a key's lifetime decides anew about the attempt before, once per attempt that it does not make.
        stale = len(story.tries(action)) if story.script.actions[action].kind.key_lifetime_s is not None else 0
        # Once a probe has found that nothing happened, a prescribed route that does not repeat is decided about again.
        cleared = sum(event.data.get("happened") is False for event in story.told("probe.answered", action))
        decided = len(story.told("recovery.decided", action)) + len(story.told("retry.scheduled", action))
        if decided > failures + broken + late + lost + stale + cleared:
            yield f"{action} failed {failures} times and {decided} decisions were made"


def recovered_means_completed(story: Story) -> Iterator[str]:
    """`recovery.succeeded` stands for a completed action, and a completed one for somebody's word that it was done."""
    for event in story.told("recovery.succeeded"):
        if story.rows[event.data["actionId"]].state is not ActionState.COMPLETED:
            yield f"{event.data['actionId']} recovered and is {story.rows[event.data['actionId']].state}"
    for row in story.rows.values():
        done = len(story.told("action.execute.completed", row.action))
        if done != (row.state is ActionState.COMPLETED):
            yield f"{row.action} is {row.state} with {done} completions"
        if row.state is ActionState.COMPLETED and not has_word(story, row):
            yield f"{row.action} completed and nobody said so"


def has_word(story: Story, row: ActionRow) -> bool:
    """Whether an answer, a late answer, a probe or a person says that an action was done; the world has to agree."""
    tries = story.tries(row.action)
    by_answer = any(a.result == "success" or '"success"' in (a.late_answer or "") for a in tries)
    by_probe = any(event.data.get("happened") is True for event in story.told("probe.answered", row.action))
    by_person = bool(story.answers(row.action, "happened"))
    kind = story.script.actions[row.action].kind
    is_true = not kind.has_effect or story.fleet.world.effects(story.execution.id, row.action) > 0
    return is_true and (by_answer or by_probe or by_person)


# --- over all executions ---


def no_secret_at_rest(fleet: Fleet) -> Iterator[str]:
    """No table holds a token in clear."""
    for table in schema.metadata.sorted_tables:
        for row in fleet.store._connection.execute(sa.select(table)).all():
            if MARK in repr(tuple(row)):
                yield f"{table.name}: {str(tuple(row))[:200]}"
    fleet.store._connection.rollback()


@dataclass(slots=True)
class Parts:
    """What references of a finished execution read, for its expected outcome."""

    story: Story

    def of(self, action: str) -> dict[str, object]:
        """The parts of one action."""
        row = self.story.rows[action]
        parts: dict[str, object] = {"status": row.state.value}
        source = resolution(action, self.story.rows)
        if source is not None and source.output is not None:
            parts["output"] = json.loads(source.output)
        return parts


OVER_ALL = (one_refresh_at_a_time, no_token_is_used_up_twice, limits_are_kept, replaced_plans_keep_what_began)
CHECKS: tuple[Callable[[Story], Iterator[str]], ...] = (
    one_terminal_event,
    state_fits_actions,
    given_up_means_set_aside,
    unended_waits_for_a_person,
    skipped_says_why,
    questions_are_closed_once,
    nothing_without_a_yes,
    conditions_are_kept,
    ledger_has_no_gaps,
    every_failure_is_told,
    every_call_is_on_the_ledger,
    attempts_are_bounded,
    extra_calls_have_a_reason,
    no_reclaim_without_a_reason,
    no_blind_repeat,
    effects_are_single,
    never_before_the_stated_time,
    one_key_per_epoch,
    never_a_new_key_while_unknown,
    no_alternative_while_unknown,
    no_skip_while_unknown,
    a_rollback_fails_the_plan,
    no_nested_recovery,
    recovered_means_completed,
)
