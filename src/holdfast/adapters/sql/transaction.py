"""The verbs of `holdfast.ports.store` as SQL, on one open connection.

Statements are built once, at import, and cached by SQLAlchemy; a transaction buffers its events and writes them in one go at the end.
This module decides nothing.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from holdfast.adapters.sql import mail, schema
from holdfast.adapters.sql.apis import ApiReads, ApiWrites
from holdfast.adapters.sql.fate import Mark
from holdfast.adapters.sql.keeping import SqlErases, SqlKeeps, begins_with
from holdfast.adapters.sql.prepared import Prepared
from holdfast.adapters.sql.schema import EPOCH, UtcTime
from holdfast.adapters.sql.upkeep import UpkeepReads, UpkeepWrites
from holdfast.errors import ExecutionNewer
from holdfast.ports.rows import (
    CONTRACT,
    ActionRow,
    ActionState,
    AttemptRow,
    BucketRow,
    CredentialRow,
    DeadLetterRow,
    EventRow,
    ExecutionRow,
    InboxRow,
    Purpose,
    QuestionRow,
    RunState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Connection

__all__ = ["SqlSnapshot", "SqlTx"]

E, A, T = schema.executions, schema.actions, schema.attempts
V, Q, D, C = schema.events, schema.questions, schema.dead_letters, schema.credentials
R, S = schema.rate_limits, schema.rate_starts
DOCUMENT_TRIES_MAX = 10
"""A document that is deleted between two statements of ours is inserted again, so often."""
EVENT_NAMESPACE = uuid.UUID("6f1c8a62-58d4-4f0e-9a43-0b8f0d9b6c11")

# clock_timestamp(), not now(): a transaction may wait for its lock, and what is decided after the wait must not carry the time from before it.
POSTGRES_NOW = sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()) * 1_000_000, sa.BigInteger)


def columns_of(row: type, table: sa.Table) -> tuple[str, ...]:
    """Return the fields of `row` that are columns of `table`."""
    return tuple(field.name for field in fields(row) if field.name in table.c)


def update_of(table: sa.Table, keys: tuple[str, ...], changing: tuple[str, ...]) -> sa.Update:
    """Build `UPDATE table SET changing WHERE keys`; parameters are the column names prefixed with `v_` and `k_`."""
    where = [table.c[name] == bindparam(f"k_{name}") for name in keys]
    return (
        sa.update(table)
        .where(*where)
        .values({name: bindparam(f"v_{name}", type_=table.c[name].type) for name in changing})
    )


def insert_of(table: sa.Table, *, without: tuple[str, ...] = ()) -> sa.Insert:
    """Build `INSERT INTO table`; parameters are the column names prefixed with `v_`."""
    columns = [column for column in table.c if column.name not in without]
    return sa.insert(table).values(
        {column.name: bindparam(f"v_{column.name}", type_=column.type) for column in columns}
    )


EXECUTION_CHANGING = (
    "plan_name",
    "state",
    "closing",
    "document",
    "recoveries",
    "ended_at",
    "error",
    "failed_action",
    "contract",
)
ACTION_KEYS = ("execution", "action")
ACTION_CHANGING = tuple(name for name in columns_of(ActionRow, A) if name not in (*ACTION_KEYS, "position"))
ATTEMPT_KEYS = ("execution", "action", "purpose", "n")
SETTLING = ("settled_at", "result", "outcome", "category", "verdict", "decision", "trace")

MOVE_ACTION = update_of(A, ACTION_KEYS, ("position",))
DELETE_ACTION = sa.delete(A).where(*(A.c[name] == bindparam(f"k_{name}") for name in ACTION_KEYS))

TOUCH = sa.update(E).where(E.c.id == bindparam("k_id")).values(version=E.c.version + 1)
LOCK: Prepared[dict[str, Any]] = Prepared(TOUCH.returning(*E.c), dict)
# The transaction's number tells after a lost connection whether it was committed (see `fate`).
POSTGRES_XID = sa.cast(sa.cast(sa.func.pg_current_xact_id(), sa.Text), sa.BigInteger)
LOCK_POSTGRES: Prepared[dict[str, Any]] = Prepared(
    TOUCH.returning(*E.c, POSTGRES_NOW.label("now"), POSTGRES_XID.label("xid")), dict
)
WRITER = sa.select(POSTGRES_NOW, POSTGRES_XID)
SAVE_EXECUTION: Prepared[dict[str, Any]] = Prepared(update_of(E, ("id",), EXECUTION_CHANGING), dict)
SAVE_ACTION: Prepared[dict[str, Any]] = Prepared(update_of(A, ACTION_KEYS, ACTION_CHANGING), dict)
INSERT_ATTEMPT: Prepared[dict[str, Any]] = Prepared(insert_of(T), dict)
INSERT_EVENTS: Prepared[dict[str, Any]] = Prepared(insert_of(V, without=("sequence", "xid")), dict)
THIS_ATTEMPT = [T.c[name] == bindparam(f"k_{name}", type_=T.c[name].type) for name in ATTEMPT_KEYS]
RECLAIM = (
    sa.update(T).where(*THIS_ATTEMPT, T.c.outcome.is_(None)).values(claims=T.c.claims + 1, worker=bindparam("v_worker"))
)
SETTLE: Prepared[dict[str, Any]] = Prepared(
    sa.update(T)
    .where(*THIS_ATTEMPT, T.c.outcome.is_(None))
    .values({name: bindparam(f"v_{name}", type_=T.c[name].type) for name in SETTLING}),
    dict,
)
KEEP_LATE = sa.update(T).where(*THIS_ATTEMPT, T.c.late_answer.is_(None)).values(late_answer=bindparam("v_late_answer"))
SELECT_ATTEMPT = Prepared(sa.select(T).where(*THIS_ATTEMPT), AttemptRow)
SELECT_ATTEMPTS = (
    sa.select(T).where(T.c.execution == bindparam("execution")).order_by(T.c.started_at, T.c.action, T.c.purpose, T.c.n)
)
SELECT_ATTEMPTS_OF = SELECT_ATTEMPTS.where(T.c.action == bindparam("action"))
SELECT_ACTIONS = Prepared(sa.select(A).where(A.c.execution == bindparam("execution")).order_by(A.c.position), ActionRow)
SELECT_ACTION = sa.select(A).where(A.c.execution == bindparam("execution"), A.c.action == bindparam("action"))
SELECT_EXECUTION = sa.select(E).where(E.c.id == bindparam("id"))
SELECT_EVENTS = (
    sa.select(V)
    .where(V.c.execution == bindparam("execution"), V.c.sequence > bindparam("after"))
    .order_by(V.c.sequence)
)
SELECT_QUESTIONS = sa.select(Q).where(Q.c.execution == bindparam("execution")).order_by(Q.c.asked_at, Q.c.action, Q.c.n)
UNANSWERED = (
    sa.select(Q)
    .join_from(Q, E, E.c.id == Q.c.execution)
    .where(Q.c.answered_at.is_(None), E.c.state == RunState.RUNNING, E.c.closing.is_(None))
    .order_by(Q.c.asked_at, Q.c.execution, Q.c.action)
    .limit(bindparam("most"))
)
SELECT_CREDENTIAL = Prepared(sa.select(C).where(C.c.name == bindparam("name")), CredentialRow)
SELECT_CREDENTIALS = sa.select(C).order_by(C.c.name).limit(bindparam("most"))
ASKED_FOR = (
    sa.select(C)
    .where(
        C.c.question.is_not(None),
        C.c.name.in_(
            sa.select(A.c.waits_for).where(
                A.c.execution == bindparam("execution"),
                A.c.state == ActionState.SCHEDULED,
                A.c.waits_for.is_not(None),
            )
        ),
    )
    .order_by(C.c.name)
)
TOUCH_CREDENTIAL = sa.update(C).where(C.c.name == bindparam("k_name")).values(generation=C.c.generation).returning(*C.c)
SAVE_CREDENTIAL = update_of(C, ("name",), tuple(name for name in columns_of(CredentialRow, C) if name != "name"))
# The time is the one after the wait for the lock: PostgreSQL works RETURNING out once the row is its own.
TOUCH_BUCKET = sa.update(R).where(R.c.bucket == bindparam("k_bucket")).values(position=R.c.position).returning(*R.c)
TOUCH_BUCKET_POSTGRES = TOUCH_BUCKET.returning(POSTGRES_NOW.label("now"))
SAVE_BUCKET = update_of(R, ("bucket",), ("position", "next_at"))
THIS_START = [S.c[name] == bindparam(f"k_{name}") for name in ("bucket", "slot")]
SELECT_START = sa.select(S.c.at).where(*THIS_START)
SAVE_START = sa.update(S).where(*THIS_START).values(at=bindparam("v_at", type_=S.c.at.type))
DRAW_BACK = (
    sa.update(S)
    .where(S.c.bucket == bindparam("k_bucket"), S.c.at > bindparam("k_to", type_=S.c.at.type))
    .values(at=bindparam("v_at", type_=S.c.at.type))
)
ANSWER = (
    sa.update(Q)
    .where(
        Q.c.execution == bindparam("k_execution"),
        Q.c.action == bindparam("k_action"),
        Q.c.n == bindparam("k_n"),
        Q.c.answered_at.is_(None),
    )
    .values(
        {
            name: bindparam(f"v_{name}", type_=Q.c[name].type)
            for name in ("answered_at", "answer", "answered_by", "reason")
        }
    )
)
IS_OURS = E.c.contract <= CONTRACT
"""Whether this release can read the rows of an execution: a newer one may write words there that are none to us."""
WAITING_FOR = (
    sa.select(A, E)
    .join_from(A, E, E.c.id == A.c.execution)
    .where(A.c.waits_for == bindparam("credential"), A.c.state == ActionState.SCHEDULED, E.c.state == RunState.RUNNING)
    .where(IS_OURS)
    .order_by(E.c.priority, A.c.execution, A.c.position)
    .limit(bindparam("most"))
    .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
)
RESTING = (
    sa.select(A)
    .where(
        A.c.step_key.is_not(None),
        A.c.execution.in_(
            sa.select(E.c.id)
            .where(E.c.state == RunState.RUNNING, E.c.id > bindparam("after"), IS_OURS)
            .where(sa.exists().where(A.c.execution == E.c.id, A.c.step_key.is_not(None)))
            .order_by(E.c.id)
            .limit(bindparam("most"))
        ),
    )
    .order_by(A.c.execution, A.c.position)
)
LIVE = (ActionState.CONFIRMING, ActionState.SCHEDULED, ActionState.RUNNING, ActionState.PROBING, ActionState.ASKING)
IDLE = (
    sa.select(E.c.id)
    .where(E.c.state == RunState.RUNNING, IS_OURS)
    .where(~sa.exists().where(A.c.execution == E.c.id, A.c.state.in_(LIVE)))
    .limit(bindparam("most"))
)


def keyed(prefix: str, row: object, names: Sequence[str]) -> dict[str, object]:
    """Return `{prefix_name: value}` of the named fields."""
    return {f"{prefix}_{name}": getattr(row, name) for name in names}


class SqlSnapshot(UpkeepReads, ApiReads, SqlKeeps):
    """Reading verbs on one connection."""

    def __init__(self, connection: Connection, now: Callable[[], datetime] | None) -> None:
        self.connection = connection
        self._clock = now
        self._now: datetime | None = None

    @property
    def now(self) -> datetime:
        """The time by the database's clock where there is one, else by the process's; one value per transaction."""
        if self._now is None:
            self._now = (
                self._clock() if self._clock else from_microseconds(self.connection.scalar(sa.select(POSTGRES_NOW)))
            )
        return self._now

    def execution(self, execution_id: str) -> ExecutionRow | None:
        """Return one execution."""
        found = self.connection.execute(SELECT_EXECUTION, {"id": execution_id}).first()
        return None if found is None else ExecutionRow(**found._mapping)

    def executions(self, *, state: str | None, limit: int) -> list[ExecutionRow]:
        """Return executions, newest first."""
        query = sa.select(E).order_by(E.c.started_at.desc(), E.c.id).limit(limit)
        if state is not None:
            query = query.where(E.c.state == RunState(state))
        return [ExecutionRow(**row._mapping) for row in self.connection.execute(query)]

    def actions(self, execution_id: str) -> list[ActionRow]:
        """Return all actions of an execution in plan order."""
        return SELECT_ACTIONS.all(self.connection, {"execution": execution_id})

    def action(self, execution_id: str, action_id: str) -> ActionRow | None:
        """Return one action."""
        found = self.connection.execute(SELECT_ACTION, {"execution": execution_id, "action": action_id}).first()
        return None if found is None else ActionRow(**found._mapping)

    def attempts(self, execution_id: str, action_id: str | None = None) -> list[AttemptRow]:
        """Return the ledger, oldest first."""
        if action_id is None:
            rows = self.connection.execute(SELECT_ATTEMPTS, {"execution": execution_id})
        else:
            rows = self.connection.execute(SELECT_ATTEMPTS_OF, {"execution": execution_id, "action": action_id})
        return [AttemptRow(**row._mapping) for row in rows]

    def attempt(self, execution_id: str, action_id: str, *, purpose: Purpose, n: int) -> AttemptRow | None:
        """Return one entry of the ledger."""
        keys = {"k_execution": execution_id, "k_action": action_id, "k_purpose": purpose, "k_n": n}
        return SELECT_ATTEMPT.first(self.connection, keys)

    def document(self, digest: str) -> str:
        """Return a frozen document; raises KeyError when there is none."""
        body = self.connection.scalar(sa.select(schema.documents.c.body).where(schema.documents.c.digest == digest))
        if body is None:
            raise KeyError(digest)
        return str(body)

    def events(self, execution_id: str, *, after: int = 0) -> list[EventRow]:
        """Return an execution's events in order."""
        rows = self.connection.execute(SELECT_EVENTS, {"execution": execution_id, "after": after})
        return [EventRow(**{**row._mapping, "data": json.loads(row.data)}) for row in rows]

    def questions(self, execution_id: str) -> list[QuestionRow]:
        """Return the questions of an execution, oldest first."""
        return [as_question(row) for row in self.connection.execute(SELECT_QUESTIONS, {"execution": execution_id})]

    def unanswered(self, *, limit: int) -> list[QuestionRow]:
        """Return the questions of all live executions that wait for an answer, oldest first."""
        return [as_question(row) for row in self.connection.execute(UNANSWERED, {"most": limit})]

    def dead_letters(self, *, execution_id: str | None, limit: int) -> list[DeadLetterRow]:
        """Return dead letters, newest first."""
        query = sa.select(D).order_by(D.c.added_at.desc()).limit(limit)
        if execution_id is not None:
            query = query.where(D.c.execution == execution_id)
        return [DeadLetterRow(**row._mapping) for row in self.connection.execute(query)]

    def credential(self, name: str) -> CredentialRow | None:
        """Return one credential."""
        return SELECT_CREDENTIAL.first(self.connection, {"name": name})

    def credentials(self, *, limit: int) -> list[CredentialRow]:
        """Return credentials in the order of their names."""
        return [CredentialRow(**row._mapping) for row in self.connection.execute(SELECT_CREDENTIALS, {"most": limit})]

    def asked_for(self, execution_id: str) -> list[CredentialRow]:
        """Return the credentials that a person is asked for and that an action of this execution awaits."""
        rows = self.connection.execute(ASKED_FOR, {"execution": execution_id})
        return [CredentialRow(**row._mapping) for row in rows]

    def resting(self, *, after: str, limit: int) -> list[ActionRow]:
        """Return actions of live executions that rest on a step, whole executions at a time."""
        return [ActionRow(**row._mapping) for row in self.connection.execute(RESTING, {"after": after, "most": limit})]

    def idle(self, *, limit: int) -> list[str]:
        """Return live executions in which nothing rests on anything."""
        return list(self.connection.scalars(IDLE, {"most": limit}))

    def inbox(self, event_id: str) -> InboxRow | None:
        """Return what is known of an event from outside."""
        return mail.inbox(self.connection, event_id)

    def event_from(self, sequence: int) -> EventRow | None:
        """Return the event with the least sequence that is not below `sequence`."""
        return mail.event_from(self.connection, sequence)

    def outbox(self, *, after: tuple[int, int], types: Sequence[str], limit: int) -> list[EventRow]:
        """Return the events beyond a place, in the order in which a reader misses none."""
        return mail.outbox(self.connection, after=after, types=types, limit=limit)

    def outbox_end(self) -> tuple[int, int]:
        """Return the place of the last event that a reader may see."""
        return mail.outbox_end(self.connection)


class SqlTx(SqlSnapshot, UpkeepWrites, ApiWrites, SqlErases):
    """Writing verbs on one connection, inside one transaction."""

    def __init__(self, connection: Connection, now: Callable[[], datetime] | None) -> None:
        super().__init__(connection, now)
        self.is_postgres = connection.dialect.name == "postgresql"
        self.after_commit: list[Callable[[], None]] = []
        self._events: list[dict[str, object]] = []
        self._execution: str | None = None
        self._version = 0
        self._xid: int | None = None

    @property
    def now(self) -> datetime:
        """The time, as in a snapshot; on PostgreSQL the same question brings the transaction's number."""
        if self._now is None and self._clock is None:
            now, self._xid = self.connection.execute(WRITER).one()
            self._now = from_microseconds(now)
        return super().now

    @property
    def mark(self) -> Mark | None:
        """By what this transaction is found again after a lost connection; None on SQLite, and if it asked neither for a lock nor for the time."""
        return None if self._xid is None else Mark(number=self._xid, execution=self._execution, version=self._version)

    def lock(self, execution_id: str) -> ExecutionRow | None:
        """Take the lock and return the row: `UPDATE … RETURNING` takes the row lock (PostgreSQL) or the write lock (SQLite)."""
        statement = LOCK_POSTGRES if self.is_postgres else LOCK
        try:
            values = statement.first(self.connection, {"k_id": execution_id})
        except ValueError:  # a word in the row that this release does not have
            self._refuse_newer(execution_id)
            raise
        if values is None:
            return None
        if self.is_postgres:
            self._now = from_microseconds(values.pop("now"))
            self._xid = values.pop("xid")
        self._execution, self._version = execution_id, values["version"]
        if values["contract"] > CONTRACT:
            raise ExecutionNewer(execution_id, contract=values["contract"], known=CONTRACT)
        return ExecutionRow(**values)

    def _refuse_newer(self, execution_id: str) -> None:
        contract = self.connection.scalar(sa.select(E.c.contract).where(E.c.id == execution_id)) or 0
        if contract > CONTRACT:
            raise ExecutionNewer(execution_id, contract=contract, known=CONTRACT)

    def insert_document(self, digest: str, body: str) -> None:
        """Keep a frozen document once."""
        for _ in range(DOCUMENT_TRIES_MAX):
            if self._insert_once(schema.documents, {"digest": digest, "body": body}) or self.hold_document(digest):
                return
        raise AssertionError("somebody deletes this document as fast as it is inserted")

    def insert_execution(self, row: ExecutionRow, actions: Sequence[ActionRow]) -> bool:
        """Insert an execution with its actions, unless the id exists."""
        if not self._insert_once(E, as_columns(row)):
            return False
        if actions:
            self.connection.execute(sa.insert(A), [as_columns(action) for action in actions])
        return True

    def save_execution(self, row: ExecutionRow) -> None:
        """Write the changing columns of a locked execution."""
        SAVE_EXECUTION.execute(self.connection, {"k_id": row.id, **keyed("v", row, EXECUTION_CHANGING)})

    def save_actions(self, rows: Sequence[ActionRow]) -> None:
        """Write the changing columns of actions of a locked execution."""
        if rows:
            parameters = [{**keyed("k", row, ACTION_KEYS), **keyed("v", row, ACTION_CHANGING)} for row in rows]
            SAVE_ACTION.execute_many(self.connection, parameters)

    def insert_actions(self, rows: Sequence[ActionRow]) -> None:
        """Add actions to a locked execution."""
        if rows:
            self.connection.execute(sa.insert(A), [as_columns(row) for row in rows])

    def delete_actions(self, execution_id: str, actions: Sequence[str]) -> None:
        """Remove actions of a locked execution."""
        if actions:
            self.connection.execute(DELETE_ACTION, [{"k_execution": execution_id, "k_action": one} for one in actions])

    def move_actions(self, execution_id: str, positions: Mapping[str, int]) -> None:
        """Give actions of a locked execution other positions."""
        if positions:
            moves = [{"k_execution": execution_id, "k_action": one, "v_position": at} for one, at in positions.items()]
            self.connection.execute(MOVE_ACTION, moves)

    def insert_attempt(self, row: AttemptRow) -> None:
        """Put an attempt on the ledger."""
        INSERT_ATTEMPT.execute(self.connection, keyed("v", row, columns_of(AttemptRow, T)))

    def reclaim_attempt(self, row: AttemptRow) -> None:
        """Count one more claim."""
        self.connection.execute(RECLAIM, {**keyed("k", row, ATTEMPT_KEYS), "v_worker": row.worker})

    def settle_attempt(self, row: AttemptRow) -> bool:
        """Settle an attempt unless it is settled."""
        assert row.outcome is not None, "settling means knowing, if only that it is unknown"
        return SETTLE.count(self.connection, {**keyed("k", row, ATTEMPT_KEYS), **keyed("v", row, SETTLING)}) == 1

    def keep_late_answer(self, row: AttemptRow) -> None:
        """Keep a late answer; the first one stays."""
        self.connection.execute(KEEP_LATE, {**keyed("k", row, ATTEMPT_KEYS), "v_late_answer": row.late_answer})

    def emit(
        self, execution_id: str, event_type: str, *, data: Mapping[str, object], is_terminal: bool = False
    ) -> None:
        """Record an event. Its id follows from the execution, the lock's version and its place, so a re-run transaction repeats it."""
        name = f"{execution_id}/{self._version}/{len(self._events)}/{event_type}"
        self._events.append(
            {
                "v_id": str(uuid.uuid5(EVENT_NAMESPACE, name)),
                "v_execution": execution_id,
                "v_type": event_type,
                "v_time": self.now,
                "v_data": json.dumps(data, separators=(",", ":"), ensure_ascii=False),
                "v_is_terminal": is_terminal,
            }
        )

    def insert_question(self, row: QuestionRow) -> None:
        """Ask a person."""
        self.connection.execute(sa.insert(Q), {**as_columns(row), "options": json.dumps(row.options)})

    def answer_question(self, row: QuestionRow) -> bool:
        """Record an answer unless there is one."""
        parameters = {
            **keyed("k", row, ("execution", "action", "n")),
            **keyed("v", row, ("answered_at", "answer", "answered_by", "reason")),
        }
        return self.connection.execute(ANSWER, parameters).rowcount == 1

    def insert_dead_letter(self, row: DeadLetterRow) -> None:
        """Set work aside; a second letter for the same action replaces the first."""
        self.connection.execute(sa.delete(D).where(D.c.execution == row.execution, D.c.action == row.action))
        self.connection.execute(sa.insert(D), as_columns(row))

    def insert_inbox(self, row: InboxRow) -> bool:
        """Note an event from outside, once."""
        return self._insert_once(schema.inbox, as_columns(row))

    def save_inbox(self, event_id: str, outcome: str) -> None:
        """Note what came of an event from outside."""
        self.connection.execute(mail.SAVE_INBOX, {"k_event_id": event_id, "v_outcome": outcome})

    def lock_credential(self, name: str) -> CredentialRow:
        """Take a credential's lock by touching it, creating it first if need be."""
        found = self.connection.execute(TOUCH_CREDENTIAL, {"k_name": name}).first()
        if found is None:
            self._insert_once(C, {"name": name, "generation": 0})
            found = self.connection.execute(TOUCH_CREDENTIAL, {"k_name": name}).one()
        return CredentialRow(**found._mapping)

    def save_credential(self, row: CredentialRow) -> None:
        """Write a locked credential."""
        names = [name for name in columns_of(CredentialRow, C) if name != "name"]
        self.connection.execute(SAVE_CREDENTIAL, {"k_name": row.name, **keyed("v", row, names)})

    def forget_credentials(self, prefix: str) -> None:
        """Delete the credentials whose names begin so."""
        self.connection.execute(sa.delete(C).where(begins_with(C.c.name, prefix)))

    def lock_bucket(self, name: str) -> BucketRow:
        """Take a rate limit's lock by touching it, creating it first if need be."""
        touch = TOUCH_BUCKET_POSTGRES if self.is_postgres else TOUCH_BUCKET
        found = self.connection.execute(touch, {"k_bucket": name}).first()
        if found is None:
            self._insert_once(R, {"bucket": name, "position": 0})
            found = self.connection.execute(touch, {"k_bucket": name}).one()
        now = from_microseconds(found.now) if self._clock is None else self._clock()
        return BucketRow(name=name, position=found.position, next_at=found.next_at, now=now)

    def save_bucket(self, row: BucketRow) -> None:
        """Write a locked rate limit."""
        self.connection.execute(SAVE_BUCKET, {"k_bucket": row.name, **keyed("v", row, ("position", "next_at"))})

    def rate_start(self, bucket: str, slot: int) -> datetime | None:
        """Return the moment in one slot of a ring."""
        return self.connection.scalar(SELECT_START, {"k_bucket": bucket, "k_slot": slot})

    def keep_start(self, bucket: str, *, slot: int, at: datetime) -> None:
        """Write a moment into one slot of a ring."""
        if self.connection.execute(SAVE_START, {"k_bucket": bucket, "k_slot": slot, "v_at": at}).rowcount == 0:
            self.connection.execute(sa.insert(S), {"bucket": bucket, "slot": slot, "at": at})

    def draw_back_starts(self, bucket: str, *, to: datetime) -> None:
        """Make every later moment of a ring be `to`."""
        self.connection.execute(DRAW_BACK, {"k_bucket": bucket, "k_to": to, "v_at": to})

    def waiting_for(self, credential: str, *, limit: int) -> list[tuple[ActionRow, ExecutionRow]]:
        """Return scheduled actions, of any execution, that await this credential's refresh."""
        rows = self.connection.execute(WAITING_FOR, {"credential": credential, "most": limit}).all()
        return [
            (
                ActionRow(**{c.name: row._mapping[c] for c in A.c}),
                ExecutionRow(**{c.name: row._mapping[c] for c in E.c}),
            )
            for row in rows
        ]

    def flush(self) -> None:
        """Write what was buffered; the store calls this before it commits."""
        if self._events:
            INSERT_EVENTS.execute_many(self.connection, self._events)
            self._events = []

    def _insert_once(self, table: sa.Table, values: Mapping[str, object]) -> bool:
        """Insert unless the primary key exists; says whether a row was written."""
        if self.is_postgres:
            from sqlalchemy.dialects.postgresql import insert as insert_into  # noqa: PLC0415 - one dialect per database
        else:
            from sqlalchemy.dialects.sqlite import insert as insert_into  # type: ignore[assignment]  # noqa: PLC0415 - same shape, other class
        # Without the option SQLAlchemy reports -1 rows for an INSERT on PostgreSQL.
        options = {"preserve_rowcount": True}
        return (
            self.connection.execute(
                insert_into(table).on_conflict_do_nothing(), dict(values), execution_options=options
            ).rowcount
            == 1
        )


def as_question(row: sa.Row[tuple[object, ...]]) -> QuestionRow:
    """Return a question as read from its table."""
    values: dict[str, Any] = dict(row._mapping)
    return QuestionRow(**{**values, "options": tuple(json.loads(values["options"]))})


def as_columns(row: object) -> dict[str, object]:
    """Return a row dataclass as a mapping of its columns."""
    return {name: getattr(row, name) for name in row.__slots__}  # type: ignore[attr-defined]  # every row type has slots


def from_microseconds(value: object) -> datetime:
    """Turn the database's microseconds into a datetime."""
    return EPOCH + timedelta(microseconds=int(str(value)))


assert isinstance(E.c.started_at.type, UtcTime)
