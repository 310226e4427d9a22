"""What became of a PostgreSQL transaction whose COMMIT was sent and never answered: the server is asked, by the transaction's number.

```
connection lost during COMMIT ── asked ──→ committed    the result stands, as if the answer had come
                                  │  ↑ └→ aborted      nothing was kept: the function runs again
                                  │  └── in progress    its connection is ended from here, then asked again
                                  └────→ unknown        no server within the bound, or it has forgotten: an error, as for any lost connection
```
The number alone is not proof: a server that crashed may give a number again whose transaction never reached its disk. So where the transaction
locked an execution, the row has to bear it out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import Connection, Engine

__all__ = ["Fate", "Mark", "fate_of"]

ASKED_MAX_S = 60.0
"""So long the server is asked, which covers a restart; a server that lets every connection time out may take ten seconds longer."""
PAUSE_FIRST_S = 0.05
PAUSE_MAX_S = 2.0
NUMBERS_COMPARED = 1 << 32
"""A row knows the transaction that wrote it by the low 32 bits of its number."""

STATUS = sa.text("SELECT pg_xact_status(CAST(:number AS text)::xid8)")
# Whoever is still open under our number is the connection that we have lost sight of: it would keep the execution's row locked.
END_IT = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE backend_xid::text::bigint = :low AND usename = current_user AND pid <> pg_backend_pid()"
)
WITNESS = sa.text("SELECT version, xmin::text::bigint FROM executions WHERE id = :id")


class Fate(Enum):
    """What became of a transaction."""

    COMMITTED = auto()
    ABORTED = auto()
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """By what a transaction is found again: its number and, if it locked an execution, which and the version it wrote."""

    number: int
    execution: str | None = None
    version: int = 0


def fate_of(engine: Engine, mark: Mark, *, pause: Callable[[float], None]) -> Fate:
    """Ask what became of a transaction, on a connection of its own, until the server knows; blocks for about a minute at most."""
    pause_s, waited_s, since_s = PAUSE_FIRST_S, 0.0, time.monotonic()
    while max(waited_s, time.monotonic() - since_s) < ASKED_MAX_S:
        try:
            with engine.connect() as connection:
                fate = asked(connection, mark)
        except sa.exc.DBAPIError as err:
            if (
                getattr(err.orig, "sqlstate", None) == "22023"
            ):  # a number of the future: this server never saw the transaction
                return Fate.UNKNOWN
            fate = None
        if fate is not None:
            return fate
        pause(pause_s)
        waited_s += pause_s
        pause_s = min(2 * pause_s, PAUSE_MAX_S)
    return Fate.UNKNOWN


def asked(connection: Connection, mark: Mark) -> Fate | None:
    """Ask once; None means: it is still in progress."""
    match connection.scalar(STATUS, {"number": str(mark.number)}):
        case "committed":
            return Fate.COMMITTED if is_borne_out(connection, mark) else Fate.UNKNOWN
        case "aborted":
            return Fate.ABORTED
        case "in progress":
            connection.execute(END_IT, {"low": mark.number % NUMBERS_COMPARED})
            return None
        case _:
            return Fate.UNKNOWN


def is_borne_out(connection: Connection, mark: Mark) -> bool:
    """Whether the locked execution agrees that the transaction was committed: its version only grows, and says who wrote it."""
    if mark.execution is None:
        return True
    row = connection.execute(WITNESS, {"id": mark.execution}).first()
    if row is None or row[0] < mark.version:
        return False
    return bool(row[0] > mark.version or row[1] == mark.number % NUMBERS_COMPARED)
