"""The whole recovery manager: answers with deadlines, events from outside, shared rate limits, expiring credentials, an outbox in commit order.

It only adds, and what it adds has defaults: workers of the release before go on beside newer ones on the same database. On SQLite it copies the
events once, so that their numbers are never given out again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add what is missing."""
    op.add_column("executions", sa.Column("external", sa.Text()))
    op.add_column("executions", sa.Column("contract", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("executions_by_end", "executions", ["ended_at"])
    op.create_index("executions_by_document", "executions", ["document"])
    has_file = sa.text("location IS NOT NULL")
    op.create_index(
        "actions_with_a_file",
        "actions",
        ["execution", "action"],
        sqlite_where=has_file,
        postgresql_where=has_file,
    )
    op.add_column("questions", sa.Column("deadline", sa.BigInteger()))
    op.add_column("questions", sa.Column("default_answer", sa.Text()))
    op.add_column("questions", sa.Column("attempt", sa.Integer()))
    unanswered = sa.text("answered_at IS NULL")
    op.create_index(
        "questions_unanswered", "questions", ["asked_at"], sqlite_where=unanswered, postgresql_where=unanswered
    )
    op.add_column("dead_letters", sa.Column("kind", sa.Text(), nullable=False, server_default="action"))
    op.add_column("credentials", sa.Column("expires_at", sa.BigInteger()))
    op.add_column("credentials", sa.Column("question", sa.Text()))
    op.add_column("credentials", sa.Column("asked_at", sa.BigInteger()))
    op.add_column("credentials", sa.Column("refreshing_by", sa.Text()))
    op.add_column("credentials", sa.Column("uses", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("credentials", sa.Column("renewed_at", sa.BigInteger()))
    op.add_column("credentials", sa.Column("changed_by", sa.Text()))
    order_events()
    create_inbox()
    create_limits()
    op.execute("INSERT INTO facts VALUES ('compatible_from', '0001')")


def order_events() -> None:
    """Note the transaction of each event; a constant first, so that PostgreSQL rewrites no table."""
    if op.get_bind().dialect.name == "sqlite":
        rebuild_events()
    else:
        op.add_column("events", sa.Column("xid", sa.BigInteger(), nullable=False, server_default="0"))
        op.execute("ALTER TABLE events ALTER COLUMN xid SET DEFAULT pg_current_xact_id()::text::bigint")
    op.create_index("events_in_commit_order", "events", ["xid", "sequence"])


def rebuild_events() -> None:
    """Give no sequence number out twice, even when the newest events were erased. SQLite cannot say that of a table that is there."""
    op.create_table(
        "events_rebuilt",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("execution", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("is_terminal", sa.Boolean(), nullable=False),
        sa.Column("xid", sa.BigInteger(), nullable=False, server_default="0"),
        sqlite_autoincrement=True,
    )
    kept = "sequence, id, execution, type, time, data, is_terminal"
    op.execute(f"INSERT INTO events_rebuilt ({kept}) SELECT {kept} FROM events ORDER BY sequence")  # noqa: S608 - names of ours
    op.drop_table("events")
    op.rename_table("events_rebuilt", "events")
    op.create_index("events_by_execution", "events", ["execution", "sequence"])
    op.create_index("one_terminal_event", "events", ["execution"], unique=True, sqlite_where=sa.text("is_terminal"))


def create_inbox() -> None:
    """Events from outside."""
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Text(), primary_key=True),
        sa.Column("execution", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text()),
    )
    op.create_index("inbox_by_execution", "inbox", ["execution"])


def create_limits() -> None:
    """Rate limits that all workers share, and what this database is."""
    op.create_table(
        "rate_limits",
        sa.Column("bucket", sa.Text(), primary_key=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger()),
    )
    op.create_table(
        "rate_starts",
        sa.Column("bucket", sa.Text(), primary_key=True),
        sa.Column("slot", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
