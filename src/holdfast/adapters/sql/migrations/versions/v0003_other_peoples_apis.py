"""What is known of other people's APIs: entries of the catalog that were added, and how each API's health checks went.

It only adds: workers of the releases before go on beside newer ones on the same database.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["branch_labels", "depends_on", "down_revision", "revision", "upgrade"]

revision = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Add what is missing."""
    op.create_table(
        "catalog_entries",
        sa.Column("api_id", sa.Text(), primary_key=True),
        sa.Column("version", sa.Text(), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("added_by", sa.Text()),
    )
    op.create_table(
        "api_health",
        sa.Column("api_id", sa.Text(), primary_key=True),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("is_healthy", sa.Boolean()),
        sa.Column("since", sa.BigInteger()),
        sa.Column("checked_at", sa.BigInteger()),
        sa.Column("results", sa.Text(), nullable=False),
    )
