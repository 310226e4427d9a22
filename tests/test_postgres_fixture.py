"""The PostgreSQL that tests run on is a real one."""

from __future__ import annotations

import psycopg


def test_offers_a_real_server(postgres_url: str) -> None:
    """The suite talks to a real PostgreSQL without anything installed beside Python."""
    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SELECT version()").fetchone()

    assert row is not None
    assert row[0].startswith("PostgreSQL")


def test_gives_a_test_a_database_of_its_own(postgres_url: str, fresh_postgres_url: str) -> None:
    """What one test writes into a fresh database, no other test can see."""
    with psycopg.connect(fresh_postgres_url) as connection:
        connection.execute("CREATE TABLE mine (id int)")

    with psycopg.connect(postgres_url) as connection:
        row = connection.execute("SELECT to_regclass('mine')").fetchone()

    assert row == (None,)
