"""The first schema: executions, their actions and attempts, what happened, what waits for people, and the engine's own tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Create everything."""
    create_executions()
    create_ledger()
    create_journal()
    create_queue()


def create_executions() -> None:
    """The plans that run, and their actions."""
    op.create_table(
        "executions",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("plan_name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closing", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("recoveries", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("failed_action", sa.Text()),
    )
    op.create_index("executions_by_start", "executions", ["started_at"])
    op.create_index("executions_by_state", "executions", ["state", "started_at"])
    op.create_index("executions_in_sweep_order", "executions", ["state", "id"])
    op.create_table(
        "actions",
        sa.Column("execution", sa.Text(), primary_key=True),
        sa.Column("action", sa.Text(), primary_key=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("timeout_s", sa.Float()),
        sa.Column("in_flight", sa.Integer(), nullable=False),
        sa.Column("recoveries", sa.Integer(), nullable=False),
        sa.Column("strategy", sa.Text()),
        sa.Column("waits_for", sa.Text()),
        sa.Column("generation", sa.Integer()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("output", sa.Text()),
        sa.Column("location", sa.Text()),
        sa.Column("error", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("absorbed", sa.Text()),
        sa.Column("handed_to", sa.Text()),
        sa.Column("is_activated", sa.Boolean(), nullable=False),
        sa.Column("step_key", sa.Text()),
    )
    resting = sa.text("step_key IS NOT NULL")
    op.create_index(
        "actions_resting_on_a_step", "actions", ["execution"], sqlite_where=resting, postgresql_where=resting
    )
    waiting = sa.text("waits_for IS NOT NULL")
    op.create_index(
        "actions_waiting_for_a_credential", "actions", ["waits_for"], sqlite_where=waiting, postgresql_where=waiting
    )


def create_ledger() -> None:
    """The ledger of attempts, frozen documents, and credentials."""
    op.create_table(
        "attempts",
        sa.Column("execution", sa.Text(), primary_key=True),
        sa.Column("action", sa.Text(), primary_key=True),
        sa.Column("purpose", sa.Text(), primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text()),
        sa.Column("timeout_s", sa.Float()),
        sa.Column("credential", sa.Text()),
        sa.Column("generation", sa.Integer()),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("result", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("category", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.Column("decision", sa.Text()),
        sa.Column("trace", sa.Text()),
        sa.Column("late_answer", sa.Text()),
    )
    op.create_table(
        "documents",
        sa.Column("digest", sa.Text(), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_table(
        "credentials",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary()),
        sa.Column("refreshing_until", sa.BigInteger()),
        sa.Column("error", sa.Text()),
        sa.Column("failed_at", sa.BigInteger()),
    )


def create_journal() -> None:
    """What happened, what waits for a person, and what was set aside."""
    op.create_table(
        "events",
        sa.Column(
            "sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("id", sa.Text(), nullable=False, unique=True),
        sa.Column("execution", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("is_terminal", sa.Boolean(), nullable=False),
    )
    op.create_index("events_by_execution", "events", ["execution", "sequence"])
    terminal = sa.text("is_terminal")
    op.create_index(
        "one_terminal_event", "events", ["execution"], unique=True, sqlite_where=terminal, postgresql_where=terminal
    )
    op.create_table(
        "questions",
        sa.Column("execution", sa.Text(), primary_key=True),
        sa.Column("action", sa.Text(), primary_key=True),
        sa.Column("n", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger()),
        sa.Column("answer", sa.Text()),
        sa.Column("answered_by", sa.Text()),
        sa.Column("reason", sa.Text()),
    )
    op.create_table(
        "dead_letters",
        sa.Column("execution", sa.Text(), primary_key=True),
        sa.Column("action", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("dead_letters_by_time", "dead_letters", ["added_at"])


def create_queue() -> None:
    """The lease table and the workers."""
    op.create_table(
        "steps",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("execution", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("claims", sa.Integer(), nullable=False),
    )
    op.create_index("steps_by_due_time", "steps", ["state", "at"])
    op.create_index("steps_in_claim_order", "steps", ["state", "tenant", "priority", "at"])
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
    )
