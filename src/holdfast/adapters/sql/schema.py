"""The tables. One truth: whatever is not in here did not happen.

Names and meanings of the columns are those of `holdfast.ports.rows`. Times are whole microseconds since 1970 UTC, so that they compare
and index alike on both databases. The partial unique index on terminal events is the belt to the protocol's braces: even a protocol
gone wrong cannot end an execution twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from holdfast.ports.rows import ActionState, Purpose, RunState

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

__all__ = [
    "COMPATIBLE_FROM",
    "SCHEMA_VERSION",
    "actions",
    "api_health",
    "attempts",
    "catalog_entries",
    "credentials",
    "dead_letters",
    "documents",
    "events",
    "executions",
    "facts",
    "inbox",
    "metadata",
    "questions",
    "rate_limits",
    "rate_starts",
    "steps",
    "workers",
]

SCHEMA_VERSION = "0003"
"""The newest migration; a database that says otherwise is migrated, or refused when it is newer."""
COMPATIBLE_FROM = "0001"
"""The oldest schema whose releases may use a database of `SCHEMA_VERSION`: it has only been added to since."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class UtcTime(TypeDecorator[datetime]):
    """A timezone-aware UTC datetime, stored as whole microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn a datetime into microseconds."""
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Turn microseconds into a datetime."""
        return None if value is None else EPOCH + timedelta(microseconds=value)


class State(TypeDecorator[StrEnum]):
    """A persisted StrEnum; an unknown value in the database is an error, not a new state."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Write the value."""
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Read the member."""
        return None if value is None else self.members(value)


metadata = sa.MetaData()
Text = sa.Text

executions = sa.Table(
    "executions",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("plan_id", Text, nullable=False),
    sa.Column("plan_name", Text, nullable=False),
    sa.Column("state", State(RunState), nullable=False),
    sa.Column("closing", State(RunState)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("document", Text, nullable=False),
    sa.Column("tenant", Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("recoveries", sa.Integer, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("error", Text),
    sa.Column("failed_action", Text),
    sa.Column("external", Text),
    sa.Column("contract", sa.Integer, nullable=False, server_default="1"),
    sa.Index("executions_by_state", "state", "started_at"),
    sa.Index(
        "executions_in_sweep_order", "state", "id"
    ),  # without it a sweep over 100,000 waiting ones sorts them for every page
    sa.Index("executions_by_start", "started_at"),
    sa.Index("executions_by_end", "ended_at"),
    sa.Index("executions_by_document", "document"),
)

actions = sa.Table(
    "actions",
    metadata,
    sa.Column("execution", Text, primary_key=True),
    sa.Column("action", Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("state", State(ActionState), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("due_at", UtcTime),
    sa.Column("timeout_s", sa.Float),
    sa.Column("in_flight", sa.Integer, nullable=False),
    sa.Column("recoveries", sa.Integer, nullable=False),
    sa.Column("strategy", Text),
    sa.Column("waits_for", Text),
    sa.Column("generation", sa.Integer),
    sa.Column("started_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Column("output", Text),
    sa.Column("location", Text),
    sa.Column("error", Text),
    sa.Column("reason", Text),
    sa.Column("absorbed", Text),
    sa.Column("handed_to", Text),
    sa.Column("is_activated", sa.Boolean, nullable=False),
    sa.Column("step_key", Text),
)
resting = actions.c.step_key.is_not(None)
sa.Index("actions_resting_on_a_step", actions.c.execution, sqlite_where=resting, postgresql_where=resting)
waiting = actions.c.waits_for.is_not(None)
sa.Index("actions_waiting_for_a_credential", actions.c.waits_for, sqlite_where=waiting, postgresql_where=waiting)
has_file = actions.c.location.is_not(None)
sa.Index("actions_with_a_file", actions.c.execution, actions.c.action, sqlite_where=has_file, postgresql_where=has_file)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("execution", Text, primary_key=True),
    sa.Column("action", Text, primary_key=True),
    sa.Column("purpose", State(Purpose), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("claims", sa.Integer, nullable=False),
    sa.Column("key", Text, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("worker", Text, nullable=False),
    sa.Column("strategy", Text),
    sa.Column("timeout_s", sa.Float),
    sa.Column("credential", Text),
    sa.Column("generation", sa.Integer),
    sa.Column("settled_at", UtcTime),
    sa.Column("result", Text),
    sa.Column("outcome", Text),
    sa.Column("category", Text),
    sa.Column("verdict", Text),
    sa.Column("decision", Text),
    sa.Column("trace", Text),
    sa.Column("late_answer", Text),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("id", Text, nullable=False, unique=True),
    sa.Column("execution", Text, nullable=False),
    sa.Column("type", Text, nullable=False),
    sa.Column("time", UtcTime, nullable=False),
    sa.Column("data", Text, nullable=False),
    sa.Column("is_terminal", sa.Boolean, nullable=False),
    sa.Column("xid", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("events_by_execution", "execution", "sequence"),
    sa.Index("events_in_commit_order", "xid", "sequence"),
    # A plain rowid is one more than the largest that is there: once the newest rows are erased, it would be given out again, below a reader's cursor.
    sqlite_autoincrement=True,
)
# On PostgreSQL sequence numbers are drawn in one order and committed in another; the transaction's number tells what a reader may have missed.
XID_DEFAULT = sa.DDL(  # type: ignore[no-untyped-call]  # SQLAlchemy has no annotation there
    "ALTER TABLE events ALTER COLUMN xid SET DEFAULT pg_current_xact_id()::text::bigint"
)
sa.event.listen(events, "after_create", XID_DEFAULT.execute_if(dialect="postgresql"))
terminal = events.c.is_terminal
sa.Index("one_terminal_event", events.c.execution, unique=True, sqlite_where=terminal, postgresql_where=terminal)

questions = sa.Table(
    "questions",
    metadata,
    sa.Column("execution", Text, primary_key=True),
    sa.Column("action", Text, primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("text", Text, nullable=False),
    sa.Column("options", Text, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("answered_at", UtcTime),
    sa.Column("answer", Text),
    sa.Column("answered_by", Text),
    sa.Column("reason", Text),
    sa.Column("deadline", UtcTime),
    sa.Column("default_answer", Text),
    sa.Column("attempt", sa.Integer),
)
unanswered = questions.c.answered_at.is_(None)
sa.Index("questions_unanswered", questions.c.asked_at, sqlite_where=unanswered, postgresql_where=unanswered)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("execution", Text, primary_key=True),
    sa.Column("action", Text, primary_key=True),
    sa.Column("reason", Text, nullable=False),
    sa.Column("detail", Text, nullable=False),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("kind", Text, nullable=False, server_default="action"),
    sa.Index("dead_letters_by_time", "added_at"),
)

credentials = sa.Table(
    "credentials",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("refreshing_until", UtcTime),
    sa.Column("error", Text),
    sa.Column("failed_at", UtcTime),
    sa.Column("expires_at", UtcTime),
    sa.Column("question", Text),
    sa.Column("asked_at", UtcTime),
    sa.Column("refreshing_by", Text),
    sa.Column("uses", sa.Integer, nullable=False, server_default="0"),
    sa.Column("renewed_at", UtcTime),
    sa.Column("changed_by", Text),
)

# Events from outside, by their id: what arrives twice takes effect once. `outcome` says what came of it.
inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("event_id", Text, primary_key=True),
    sa.Column("execution", Text, nullable=False),
    sa.Column("type", Text, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("outcome", Text),
    sa.Index("inbox_by_execution", "execution"),
)

rate_limits = sa.Table(
    "rate_limits",
    metadata,
    sa.Column("bucket", Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("next_at", UtcTime),
)

rate_starts = sa.Table(
    "rate_starts",
    metadata,
    sa.Column("bucket", Text, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcTime, nullable=False),
)

# What this database is: how often it was restored from a copy, say. A few rows in all.
facts = sa.Table(
    "facts",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("value", Text, nullable=False),
)

# Entries of the catalog that were added here; `version` is empty for what holds for all versions of an API.
catalog_entries = sa.Table(
    "catalog_entries",
    metadata,
    sa.Column("api_id", Text, primary_key=True),
    sa.Column("version", Text, primary_key=True),
    sa.Column("body", Text, nullable=False),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("added_by", Text),
)

# How each API is. Whoever moves `due_at` on makes the check: of all workers one.
api_health = sa.Table(
    "api_health",
    metadata,
    sa.Column("api_id", Text, primary_key=True),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("is_healthy", sa.Boolean),
    sa.Column("since", UtcTime),
    sa.Column("checked_at", UtcTime),
    sa.Column("results", Text, nullable=False),
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("digest", Text, primary_key=True),
    sa.Column("body", Text, nullable=False),
)

# The engine's own table. `at` is the due time of a waiting step; a leased one belongs to `owner` until it is finished or its owner's
# heartbeat stops. Claiming reads only `ready` rows, so a hundred thousand waiting ones cost a poll nothing.
steps = sa.Table(
    "steps",
    metadata,
    sa.Column("key", Text, primary_key=True),
    sa.Column("purpose", State(Purpose), nullable=False),
    sa.Column("execution", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("tenant", Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("state", Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("owner", Text),
    sa.Column("claims", sa.Integer, nullable=False),
    sa.Index("steps_by_due_time", "state", "at"),
    sa.Index("steps_in_claim_order", "state", "tenant", "priority", "at"),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", Text, primary_key=True),
    sa.Column("host", Text, nullable=False),
    sa.Column("process", sa.Integer, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("beat_at", UtcTime, nullable=False),
)
