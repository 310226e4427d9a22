"""What psycopg, asyncpg and SQLAlchemy raise at a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa

from holdfast.faults.capture import capture_exception
from holdfast.faults.classify import classify
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Outcome, Verdict

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOT, UNKNOWN = Outcome.NOT_EXECUTED, Outcome.UNKNOWN

DUPLICATE = "CREATE TEMP TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)"


def by_psycopg(url: str, statement: str) -> None:
    """Run statements with psycopg."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def by_asyncpg(url: str, statement: str) -> None:
    """Run statements with asyncpg."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


def by_sqlalchemy(url: str, statement: str) -> None:
    """Run statements with SQLAlchemy over psycopg."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def judged(run: Callable[[str, str], None], url: str, statement: str) -> Verdict:
    """The verdict on statements that fail."""
    with pytest.raises(Exception) as failed:  # noqa: PT011 - which exception is what differs between the drivers
        run(url, statement)
    return classify(capture_exception(failed.value, operation="query", observed_at=NOON))


@pytest.mark.parametrize("run", [by_psycopg, by_asyncpg, by_sqlalchemy])
@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(DUPLICATE, (C.STATE_INCONSISTENT, False, NOT), id="duplicate"),
        pytest.param("SELECT 1 / 0", (C.VALIDATION_FAILED, False, NOT), id="data"),
        pytest.param("SELEKT 1", (C.VALIDATION_FAILED, False, NOT), id="syntax"),
        pytest.param("SET statement_timeout = '1ms'; SELECT pg_sleep(5)", (C.NETWORK_TIMEOUT, True, NOT), id="timeout"),
        pytest.param(
            "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", (C.STATE_INCONSISTENT, True, NOT), id="serialization"
        ),
        pytest.param("DO $$ BEGIN RAISE SQLSTATE '53300'; END $$", (C.RATE_LIMIT_BURST, True, NOT), id="connections"),
        pytest.param("DO $$ BEGIN RAISE SQLSTATE '42501'; END $$", (C.AUTH_INVALID, False, NOT), id="privilege"),
    ],
)
def test_what_the_server_refuses(
    postgres_url: str, run: Callable[[str, str], None], statement: str, expected: tuple[C, bool, Outcome]
) -> None:
    """The server's own code decides, whichever driver brings it: a refused statement was rolled back."""
    verdict = judged(run, postgres_url, statement)

    assert expected == (verdict.category, verdict.retryable, verdict.outcome)


@pytest.mark.parametrize("run", [by_psycopg, by_asyncpg, by_sqlalchemy])
def test_a_connection_cut_by_the_server_leaves_the_outcome_open(
    postgres_url: str, run: Callable[[str, str], None]
) -> None:
    """A session that is ended under a statement may have done its work."""
    verdict = judged(run, postgres_url, "SELECT pg_terminate_backend(pg_backend_pid())")

    assert verdict.outcome is not Outcome.EXECUTED
    assert verdict.retryable is True


@pytest.mark.parametrize("run", [by_psycopg, by_sqlalchemy])
def test_a_database_that_is_not_there(postgres_url: str, run: Callable[[str, str], None]) -> None:
    """Nothing was done."""
    head, _, rest = postgres_url.rpartition("/")
    verdict = judged(run, f"{head}/nobody?{rest.partition('?')[2]}", "SELECT 1")

    assert NOT is verdict.outcome
