"""The crowd: people who start executions, cancel them, put other plans in their place, answer questions and provide credentials, or do not.

Part of the simulation's story beside `fleet`. What people say is true as far as they can see the other side; when they say it is up to the dice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, CredentialMoved, QuestionClosed
from holdfast.plans.replacement import has_begun
from holdfast.plans.tokens import Tokens, token_text
from holdfast.recovery.answering import answer as answer_question
from holdfast.recovery.begin import begin
from holdfast.recovery.closing import cancel
from holdfast.recovery.providing import Provided, give_up, provide
from holdfast.recovery.replacing import replace_plan
from tests.simulation.engine import Unsealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.rows import CredentialRow, QuestionRow
    from holdfast.ports.store import Snapshot
    from tests.simulation.fleet import Fleet
    from tests.simulation.office import Issued
    from tests.simulation.scenario import ExecutionScript

__all__ = ["Crowd", "Replaced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An action that had begun: how it was planned, its definition, and how far it was."""

    planned: object
    wire: object
    row: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What stood when somebody put another plan in the place of one: what had begun, and what it was made of; before and after."""

    execution: str
    is_taken: bool
    before: Mapping[str, Begun]
    after: Mapping[str, Begun]
    documents: tuple[str, str]


class Crowd:
    """Everybody outside who has to do with the executions of one scenario."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.asked: set[tuple[str, str, int]] = set()
        self.noticed: set[tuple[str, int]] = set()
        self.replaced: list[Replaced] = []

    def expect(self, execution: ExecutionScript) -> None:
        """Make the appointments of an execution."""
        at, start_s = self.fleet.at, execution.start_s
        at(start_s, lambda: self.start(execution))
        if execution.cancel_s is not None:
            at(start_s + execution.cancel_s, lambda: self.cancel(execution.id))
        if execution.replace_s is not None:
            at(start_s + execution.replace_s, lambda: self.replace(execution))

    def look_around(self) -> None:
        """People notice what they are asked."""
        self.hear_questions()
        self.hear_of_credentials()

    def start(self, execution: ExecutionScript) -> None:
        """Somebody starts an execution, sometimes twice."""
        for _ in range(self.fleet.dice.choice((1, 1, 2))):
            self.fleet.transact(
                lambda tx: begin(
                    tx,
                    self.fleet.steps,
                    plans=self.fleet.plans,
                    execution_id=execution.id,
                    frozen=execution.frozen,
                    tenant=execution.tenant,
                    priority=execution.priority,
                    secrets=self.brought(execution),
                    external=execution.external,
                )
            )
        self.fleet.tell(f"start     {execution.id[:8]}")
        self.fleet.need_sweep()

    def cancel(self, execution_id: str) -> None:
        """Somebody cancels."""
        done = self.fleet.transact(
            lambda tx: cancel(tx, self.fleet.steps, plans=self.fleet.plans, execution_id=execution_id)
        )
        self.fleet.counts["cancels"] += bool(done)
        self.fleet.tell(f"cancel    {execution_id[:8]}: {done}")

    def hear_questions(self) -> None:
        """People notice new questions; some of them answer, later."""
        for execution in self.fleet.scenario.executions:
            for question in self.fleet.read(lambda snapshot, execution=execution: snapshot.questions(execution.id)):
                place = (question.execution, question.action, question.n)
                if place in self.asked or question.answered_at is not None:
                    continue
                self.asked.add(place)
                self.fleet.counts["questions"] += 1
                self.fleet.tell(f"question  {place[0][:8]}/{place[1]} n={place[2]}")
                if self.fleet.dice.random() >= self.fleet.scenario.silence:
                    for _ in range(self.fleet.dice.choice((1, 1, 2))):  # two people may notice it
                        self.fleet.at(self.thinking_s(question), lambda question=question: self.answer(question))

    def thinking_s(self, question: QuestionRow) -> float:
        """How long a person takes to answer: now and then just to the moment at which the time is over."""
        if question.deadline is None or self.fleet.dice.random() < 0.5:
            return self.fleet.dice.choice((0.5, 40.0, 4000.0))
        left_s = (question.deadline - self.fleet.clock.now()).total_seconds()
        return max(0.0, left_s + self.fleet.dice.choice((-0.001, 0.0, 0.001)))

    def choice_of(self, question: QuestionRow) -> str:
        """What a person says who has looked at the other side."""
        if question.kind != "outcome":
            return self.fleet.dice.choice(
                question.options if question.kind == "next" else ("confirm", "confirm", "reject")
            )
        happened = self.fleet.world.effects(question.execution, question.action) > 0
        return "happened" if happened else self.fleet.dice.choice(("again", "again", "give-up"))

    def answer(self, question: QuestionRow) -> None:
        """A person looks at the other side and says what is true."""
        choice = self.choice_of(question)
        output = self.fleet.dice.choice((None, {"id": "from a person"}))
        place = (question.execution, question.action, question.n)
        known = {
            one.n: one
            for one in self.fleet.read(lambda snapshot: snapshot.questions(question.execution))
            if one.action == question.action
        }
        try:
            self.fleet.transact(
                lambda tx: answer_question(
                    tx,
                    self.fleet.steps,
                    plans=self.fleet.plans,
                    execution_id=question.execution,
                    action_id=question.action,
                    choice=choice,
                    by="somebody",
                    reason=None,
                    output=output,
                )
            )
        except (QuestionClosed, BadInput):
            choice = "too late"
        else:
            # The answer may have met a newer question about the same action: whichever was open is the one that it closed.
            (number,) = [n for n, one in known.items() if one.answered_at is None]
            self.fleet.accepted[question.execution, question.action, number] += 1
        self.fleet.counts[f"answer {choice}"] += 1
        self.fleet.tell(f"person    {place[0][:8]}/{place[1]} n={place[2]}: {choice}")
        self.fleet.need_sweep()

    # --- credentials ---

    def brought(self, execution: ExecutionScript) -> dict[str, bytes]:
        """Return the keys that come with an execution, sealed."""
        own = execution.own
        if own is None or not own.is_given:
            return {}
        office = self.fleet.world.offices[own.name]
        access = office.valid or office.issue(now=self.fleet.clock.now(), is_by_person=True).access
        return {own.row: Unsealed().seal(access)}

    def hear_of_credentials(self) -> None:
        """People notice which credentials are asked for; some of them provide them, later, or give them up."""
        for row in self.fleet.read(lambda snapshot: snapshot.credentials(limit=100)):
            if row.question is None or (row.name, row.generation) in self.noticed:
                continue
            self.noticed.add((row.name, row.generation))
            self.fleet.counts["credentials asked for"] += 1
            self.fleet.tell(f"asked     {row.name} generation {row.generation}: {row.question}")
            if self.fleet.dice.random() >= self.fleet.scenario.silence:
                for _ in range(self.fleet.dice.choice((1, 1, 2))):
                    self.fleet.at(
                        self.fleet.dice.choice((0.5, 40.0, 4000.0)), lambda row=row: self.settle_credential(row)
                    )

    def settle_credential(self, row: CredentialRow) -> None:
        """A person gets new tokens from the office and provides them, or gives up."""
        fleet = self.fleet
        by_row = {script.row: script.name for script in fleet.scenario.credentials}
        choice = fleet.dice.choice(("provided", "provided", "given up"))
        now_asked = fleet.read(lambda snapshot: snapshot.credential(row.name))
        try:
            if now_asked is None or now_asked.question is None:
                # Whoever gets tokens makes those before worthless: only as long as somebody waits for them. A key ends with its execution.
                choice = "not needed"
            elif choice == "provided":
                issued = fleet.world.offices[by_row[row.name]].issue(now=fleet.clock.now(), is_by_person=True)
                provided = self.as_provided(issued)
                fleet.transact(
                    lambda tx: provide(tx, fleet.steps, row=row.name, provided=provided, generation=row.generation)
                )
            else:
                fleet.transact(lambda tx: give_up(tx, fleet.steps, row=row.name, generation=row.generation))
        except CredentialMoved:
            choice = "moved"
        fleet.counts[f"credential {choice}"] += 1
        fleet.tell(f"person    {row.name}: {choice}")
        fleet.need_sweep()

    def as_provided(self, issued: Issued) -> Provided:
        """Return what a person types in: both tokens, now and then only the one that fetches others."""
        is_access_missing = issued.refresh is not None and self.fleet.dice.random() < 0.4
        tokens = Tokens(access=None if is_access_missing else issued.access, refresh=issued.refresh)
        return Provided(
            sealed=Unsealed().seal(token_text(tokens)),
            expires_s=issued.expires_s if self.fleet.dice.random() < 0.7 else None,
            is_access_missing=is_access_missing,
        )

    # --- other plans ---

    def replace(self, execution: ExecutionScript) -> None:
        """Somebody puts another plan in the place of the one that runs."""
        fleet, proposal = self.fleet, execution.proposal
        assert proposal is not None, "an appointment was made"
        before, old = fleet.read(lambda snapshot: self.begun(snapshot, execution.id))
        try:
            fleet.transact(
                lambda tx: replace_plan(
                    tx, fleet.steps, plans=fleet.plans, execution_id=execution.id, proposal=proposal
                )
            )
            is_taken = True
        except BadInput:
            is_taken = False
        after, new = fleet.read(lambda snapshot: self.begun(snapshot, execution.id))
        self.replaced.append(
            Replaced(execution=execution.id, is_taken=is_taken, before=before, after=after, documents=(old, new))
        )
        fleet.counts["plans replaced" if is_taken else "plans kept"] += 1
        fleet.tell(f"replace   {execution.id[:8]}: {is_taken}")
        fleet.need_sweep()

    def begun(self, snapshot: Snapshot, execution_id: str) -> tuple[dict[str, Begun], str]:
        """Return everything that has begun and what it is made of, and the digest of the plan."""
        execution = snapshot.execution(execution_id)
        assert execution is not None, "it was started before"
        plan = self.fleet.plans.get(snapshot, execution.document)
        tried = {attempt.action for attempt in snapshot.attempts(execution_id)}
        asked = {question.action for question in snapshot.questions(execution_id)}
        told = {one.id: one.to_wire() for one in plan.plan.actions}
        found: dict[str, Begun] = {}
        for row in snapshot.actions(execution_id):
            if row.action in tried or row.action in asked or has_begun(row):
                action = plan.actions[row.action]
                wire = action.definition.to_wire() if action.definition else None
                stands = (row.n, row.in_flight, row.step_key, row.state, row.epoch)
                found[row.action] = Begun(planned=told[row.action], wire=wire, row=stands)
        return found, execution.document
