"""The store: deciding transactions as plain functions, performed under the lock-first rule.

`Store.transact` runs a *plain* function inside one transaction and commits it. The function must be pure + SQL: it may be run again when the
database asks for it (40001, 40P01, SQLITE_BUSY), and it can await nothing. A function that decides about an execution calls `Tx.lock` first;
reading before locking is the mistake that loses updates, and the suite contains the sabotage that proves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from holdfast.ports.apis import KnowsApis, LearnsApis
from holdfast.ports.keeping import Erases, Keeps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from holdfast.ports.rows import (
        ActionRow,
        AttemptRow,
        BucketRow,
        CredentialRow,
        DeadLetterRow,
        EventRow,
        ExecutionRow,
        InboxRow,
        Purpose,
        QuestionRow,
    )

__all__ = ["Snapshot", "Store", "Tx"]

T = TypeVar("T")


class Snapshot(Keeps, KnowsApis, Protocol):
    """Reading verbs. Outside a transaction they see one consistent moment."""

    @property
    def now(self) -> datetime:
        """The store's time: the database's clock on PostgreSQL, the process's elsewhere."""
        ...

    def execution(self, execution_id: str) -> ExecutionRow | None:
        """Return one execution."""
        ...

    def executions(self, *, state: str | None, limit: int) -> list[ExecutionRow]:
        """Return executions, newest first; `state` filters by the stored state."""
        ...

    def actions(self, execution_id: str) -> list[ActionRow]:
        """Return all actions of an execution in plan order."""
        ...

    def action(self, execution_id: str, action_id: str) -> ActionRow | None:
        """Return one action."""
        ...

    def attempts(self, execution_id: str, action_id: str | None = None) -> list[AttemptRow]:
        """Return the ledger of an execution, or of one of its actions, oldest first."""
        ...

    def attempt(self, execution_id: str, action_id: str, *, purpose: Purpose, n: int) -> AttemptRow | None:
        """Return one entry of the ledger."""
        ...

    def document(self, digest: str) -> str:
        """Return a frozen document (JSON text) by its digest; raises KeyError when there is none."""
        ...

    def events(self, execution_id: str, *, after: int = 0) -> list[EventRow]:
        """Return an execution's events with a sequence above `after`, in order."""
        ...

    def questions(self, execution_id: str) -> list[QuestionRow]:
        """Return the questions of an execution, oldest first, answered ones included."""
        ...

    def unanswered(self, *, limit: int) -> list[QuestionRow]:
        """Return the questions of all live executions that wait for an answer, oldest first."""
        ...

    def dead_letters(self, *, execution_id: str | None, limit: int) -> list[DeadLetterRow]:
        """Return dead letters, newest first."""
        ...

    def credential(self, name: str) -> CredentialRow | None:
        """Return one credential."""
        ...

    def credentials(self, *, limit: int) -> list[CredentialRow]:
        """Return credentials in the order of their names."""
        ...

    def asked_for(self, execution_id: str) -> list[CredentialRow]:
        """Return the credentials that a person is asked for and that an action of this execution awaits."""
        ...

    def resting(self, *, after: str, limit: int) -> list[ActionRow]:
        """Return actions of live executions that rest on a step, of whole executions with an id above `after`, in its order, about `limit`."""
        ...

    def idle(self, *, limit: int) -> list[str]:
        """Return live executions in which no action is scheduled, running, probing or asking: none should exist."""
        ...

    def fact(self, name: str) -> str | None:
        """Return one fact about this database; None when there is none of that name."""
        ...

    def count_live(self, *, most: int) -> int:
        """Return how many executions live, counting no further than `most`."""
        ...

    def count_ended(self, *, since: datetime, most: int) -> int:
        """Return how many executions have ended since a moment, counting no further than `most`."""
        ...

    def live(self, *, after: str, limit: int) -> list[str]:
        """Return the ids of live executions above `after`, in their order."""
        ...

    def event_from(self, sequence: int) -> EventRow | None:
        """Return the event with the least sequence that is not below `sequence`; None when there is none."""
        ...

    def newest_event(self) -> tuple[int, datetime] | None:
        """Return the sequence and time of the newest event; None when nothing ever happened."""
        ...

    def beating(self, *, within_s: float) -> Sequence[str]:
        """Return the workers that gave a sign of life within so many seconds."""
        ...

    def inbox(self, event_id: str) -> InboxRow | None:
        """Return what is known of an event from outside."""
        ...

    def outbox(self, *, after: tuple[int, int], types: Sequence[str], limit: int) -> list[EventRow]:
        """Return the events of all executions beyond the place `after`, in the order of (xid, sequence); `types` filters unless it is empty.

        Only events before which no other can appear any more: whoever goes on from the last one misses none.
        """
        ...

    def outbox_end(self) -> tuple[int, int]:
        """Return the place of the last event that `outbox` can return at this moment; (0, 0) when there is none."""
        ...


class Tx(Snapshot, Erases, LearnsApis, Protocol):
    """Writing verbs, inside one transaction."""

    def lock(self, execution_id: str) -> ExecutionRow | None:
        """Take the execution's lock and return its row; None if there is no such execution. First statement of every decision.

        Raises:
            ExecutionNewer: its contract is newer than `holdfast.ports.rows.CONTRACT`; nothing more of it may be read or written.
        """
        ...

    def insert_document(self, digest: str, body: str) -> None:
        """Keep a frozen document; the same digest twice is one document."""
        ...

    def insert_execution(self, row: ExecutionRow, actions: Sequence[ActionRow]) -> bool:
        """Insert an execution with its actions; False (and nothing written) when the id exists."""
        ...

    def save_execution(self, row: ExecutionRow) -> None:
        """Write the changing columns of a locked execution."""
        ...

    def save_actions(self, rows: Sequence[ActionRow]) -> None:
        """Write the changing columns of actions of a locked execution."""
        ...

    def insert_actions(self, rows: Sequence[ActionRow]) -> None:
        """Add actions to a locked execution."""
        ...

    def delete_actions(self, execution_id: str, actions: Sequence[str]) -> None:
        """Remove actions of a locked execution that nothing rests on."""
        ...

    def move_actions(self, execution_id: str, positions: Mapping[str, int]) -> None:
        """Give actions of a locked execution other positions."""
        ...

    def insert_attempt(self, row: AttemptRow) -> None:
        """Put an attempt on the ledger."""
        ...

    def reclaim_attempt(self, row: AttemptRow) -> None:
        """Count one more claim of an unsettled attempt, by `row.worker`."""
        ...

    def settle_attempt(self, row: AttemptRow) -> bool:
        """Settle an attempt; False when it was settled before: the first settle wins."""
        ...

    def keep_late_answer(self, row: AttemptRow) -> None:
        """Keep a true answer (`row.late_answer`) that came after the attempt was settled; changes nothing else."""
        ...

    def emit(
        self, execution_id: str, event_type: str, *, data: Mapping[str, object], is_terminal: bool = False
    ) -> None:
        """Record an event, committed with everything else. At most one terminal event per execution."""
        ...

    def insert_question(self, row: QuestionRow) -> None:
        """Ask a person."""
        ...

    def answer_question(self, row: QuestionRow) -> bool:
        """Record an answer; False when it was answered before: the first answer wins."""
        ...

    def insert_dead_letter(self, row: DeadLetterRow) -> None:
        """Set work aside; a second letter for the same action replaces the first."""
        ...

    def insert_inbox(self, row: InboxRow) -> bool:
        """Note an event from outside; False when its id was noted before."""
        ...

    def save_inbox(self, event_id: str, outcome: str) -> None:
        """Note what came of an event from outside."""
        ...

    def lock_credential(self, name: str) -> CredentialRow:
        """Take a credential's lock, creating the row (generation 0) if need be. After the execution's lock, never before."""
        ...

    def save_credential(self, row: CredentialRow) -> None:
        """Write a locked credential."""
        ...

    def forget_credentials(self, prefix: str) -> None:
        """Delete the credentials whose names begin so."""
        ...

    def lock_bucket(self, name: str) -> BucketRow:
        """Take a rate limit's lock, creating the row if need be. After the execution's lock, never before; `now` is read once the lock is there."""
        ...

    def save_bucket(self, row: BucketRow) -> None:
        """Write a locked rate limit."""
        ...

    def rate_start(self, bucket: str, slot: int) -> datetime | None:
        """Return the moment in one slot of a rate limit's ring; None while nothing was written there."""
        ...

    def keep_start(self, bucket: str, *, slot: int, at: datetime) -> None:
        """Write a moment into one slot of a rate limit's ring, over what was there."""
        ...

    def draw_back_starts(self, bucket: str, *, to: datetime) -> None:
        """Make every moment of a ring that lies after `to` be `to`: the clock was set back."""
        ...

    def waiting_for(self, credential: str, *, limit: int) -> list[tuple[ActionRow, ExecutionRow]]:
        """Return scheduled actions, of any execution, that await this credential's refresh."""
        ...

    def put_fact(self, name: str, value: str) -> None:
        """Note a fact about this database in place of what was noted under that name."""
        ...

    def drop_fact(self, name: str) -> None:
        """Forget a fact; nothing if there is none."""
        ...

    def forget_the_past(self) -> None:
        """After a restore: free every lease, forget every worker, and let all events count as committed long ago (their `xid` becomes 0)."""
        ...


class Store(Protocol):
    """Runs functions inside transactions."""

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in one transaction and commit; returns its result after the commit.

        Raises:
            StoreError: the database cannot be used; nothing of this transaction is kept.
        """
        ...

    async def read(self, work: Callable[[Snapshot], T]) -> T:
        """Run `work` against a consistent snapshot, without taking any lock.

        Raises:
            StoreError: the database cannot be used.
        """
        ...

    async def scrub(self) -> bool:
        """See to it that what was deleted stands in no file of the database, as far as that can be done from here.

        False when somebody who still reads kept a SQLite file from it; calling again later is safe. A server keeps its files itself: True.

        Raises:
            StoreError: the database cannot be used.
        """
        ...

    async def close(self) -> None:
        """Give back connections and threads. Safe to call twice."""
        ...
