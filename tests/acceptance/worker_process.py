"""A worker process for the acceptance tests: the real thing, with a place at which it kills itself and a few ways of being sabotaged.

Usage: `python worker_process.py CONFIG`, where CONFIG is the JSON of `tests.acceptance.fleet.WorkerConfig`. It prints one line of JSON when it is
about to open the database, one at its first claim, and ends when its standard input is closed: no test can leave it behind.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
import random
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.request import ProxyHandler, Request, build_opener

import sqlalchemy as sa

from holdfast import wiring
from holdfast.adapters.sql import store as sql_store, transaction
from holdfast.adapters.sql.database import is_worth_repeating
from holdfast.adapters.system.clock import SystemClock
from holdfast.ports.rows import ActionState
from holdfast.recovery import claim, pacing, settle
from holdfast.recovery.turn import Turn
from holdfast.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from holdfast.hold import AsyncHold
    from holdfast.policies.pace import Admission, Pace
    from holdfast.ports.http import HttpAnswer, HttpRequest, Transport
    from holdfast.ports.rows import ActionRow, AttemptRow, CredentialRow, ExecutionRow
    from holdfast.ports.steps import Step
    from holdfast.ports.store import Snapshot, Store, Tx
    from holdfast.recovery.answer import Answer, Deciding

T = TypeVar("T")
STEP: contextvars.ContextVar[Step | None] = contextvars.ContextVar("step", default=None)
PAUSE = threading.Event()
RACE_S = 0.005
"""A sabotaged lock reads so long before it locks: about what a busy machine puts between two statements anyway."""


def say(**facts: object) -> None:
    """Tell the test something."""
    print(json.dumps(facts), flush=True)


class Boundaries:
    """Counts the boundaries that steps come by, and kills the process at the one it was told.

    A boundary is `action/purpose/n/name`; the names are those of `fleet.BOUNDARIES`, in the order in which a step meets them.
    """

    def __init__(self, *, kill_at: str | None, kill_after: int | None, freeze_at: str | None) -> None:
        self._kill_at = kill_at
        self._freeze_at = freeze_at
        self._kill_after = kill_after
        self._began_s = time.monotonic()
        self._claims = 0
        self._sent = 0

    def reached(self, step: Step | None, name: str) -> None:
        """Die here, if this is the place."""
        if step is None:
            return
        self._sent += name == "sending"
        place = f"{step.action}/{step.purpose}/{step.n}/{name}"
        if place == self._freeze_at:
            os.kill(os.getpid(), signal.SIGSTOP)
            PAUSE.wait(
                1
            )  # unlike SIGKILL, it may be another thread that takes the signal, and stops this one a moment later
        if place == self._kill_at or (name == "sending" and self._sent == self._kill_after):
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "claimed":
            self._claims += 1
            if self._claims == 1:
                say(first_claim_s=round(time.monotonic() - self._began_s, 3))


class WatchedStore:
    """The worker's store, with a boundary before and after each commit."""

    def __init__(self, inner: Store, boundaries: Boundaries) -> None:
        self._inner = inner
        self._boundaries = boundaries
        self._claims: contextvars.ContextVar[int] = contextvars.ContextVar("claims", default=0)

    async def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work`; the boundary inside lies after the last statement and before the commit."""
        step = STEP.get()
        # A performer's first transaction is its claim; each runs in a task, so in a context, of its own.
        phase = "settl" if self._claims.get() else "claim"
        if step is not None:
            self._claims.set(1)

        def watched(tx: Tx) -> T:
            result = work(tx)
            self._boundaries.reached(step, f"{phase}ing")
            return result

        result = await self._inner.transact(watched)
        self._boundaries.reached(step, f"{phase}ed")
        return result

    async def read(self, work: Callable[[Snapshot], T]) -> T:
        """Read as ever."""
        return await self._inner.read(work)


class WatchedTransport:
    """The performer's transport, with a boundary before and after each call. `opens_at` opens the fake API's refused port before one of them."""

    def __init__(
        self, inner: Transport, boundaries: Boundaries, *, opens_at: str | None, opens_url: str | None
    ) -> None:
        self._inner = inner
        self._boundaries = boundaries
        self._opens_at = opens_at
        self._opens_url = opens_url

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send, unless the process dies first; die before anybody has read the answer, if that is the place."""
        step = STEP.get()
        if step is not None and self._opens_url and f"{step.action}/{step.purpose}/{step.n}" == self._opens_at:
            await asyncio.to_thread(open_refused_port, self._opens_url)
        self._boundaries.reached(step, "sending")
        try:
            return await self._inner.send(request)
        finally:
            self._boundaries.reached(step, "answered")


def open_refused_port(url: str) -> None:
    """Let the fake API accept connections on its second port."""
    with build_opener(ProxyHandler({})).open(Request(f"{url}/_control/open", method="POST", data=b""), timeout=10):
        pass


def watch(hold: AsyncHold, config: Mapping[str, object]) -> None:
    """Put the boundaries into a worker."""
    worker = hold._parts.worker
    boundaries = Boundaries(
        kill_at=config.get("kill_at"),  # type: ignore[arg-type]  # our own JSON
        kill_after=config.get("kill_after"),  # type: ignore[arg-type]  # likewise
        freeze_at=config.get("freeze_at"),  # type: ignore[arg-type]  # likewise
    )
    store = WatchedStore(worker._store, boundaries)
    worker._store = store  # type: ignore[assignment]  # `close` is called on the one below
    performer = worker._performer
    performer._transport = WatchedTransport(  # type: ignore[attr-defined]  # the HTTP performer
        performer._transport,  # type: ignore[attr-defined]  # likewise
        boundaries,
        opens_at=config.get("opens_at"),  # type: ignore[arg-type]  # our own JSON
        opens_url=config.get("opens_url"),  # type: ignore[arg-type]  # likewise
    )
    perform = worker.perform

    async def watched(step: Step) -> None:
        STEP.set(step)
        boundaries.reached(step, "delivered")
        # At least once is what an engine promises; twice at the same moment is the worst of it.
        await asyncio.gather(*[perform(step) for _ in range(2 if config.get("deliver_twice") else 1)])

    worker.perform = watched  # type: ignore[method-assign]  # the seam


def read_before_locking() -> None:
    """Sabotage 1: decide on rows that were read before the lock was taken."""
    lock, actions = transaction.SqlTx.lock, transaction.SqlSnapshot.actions
    early: dict[int, list[ActionRow]] = {}

    def late_lock(self: transaction.SqlTx, execution_id: str) -> ExecutionRow | None:
        # On a connection of its own, so that on SQLite too it happens before the write lock is taken.
        with self.connection.engine.connect() as other:
            before = transaction.SqlSnapshot(other, self._clock)
            row, rows = before.execution(execution_id), before.actions(execution_id)
        if row is None:
            return lock(self, execution_id)
        PAUSE.wait(RACE_S)
        lock(self, execution_id)
        early[id(self)] = rows
        return row

    def early_actions(self: transaction.SqlSnapshot, execution_id: str) -> list[ActionRow]:
        return early.pop(id(self), None) or actions(self, execution_id)

    transaction.SqlTx.lock = late_lock  # type: ignore[method-assign]  # the sabotage
    transaction.SqlSnapshot.actions = early_actions  # type: ignore[method-assign]  # likewise


def drop_the_single_writer() -> None:
    """Part of sabotage 1 on SQLite: several connections write side by side, each with the file's lock from its first UPDATE on."""
    clock = SystemClock()

    class SideBySide(sql_store.PostgresStore):
        def _transact(self, work: Callable[[Tx], T]) -> T:
            while True:
                try:
                    with self.engine.begin() as connection:
                        tx = transaction.SqlTx(connection, clock.now)
                        result = work(tx)
                        tx.flush()
                except sa.exc.OperationalError as err:
                    if not is_worth_repeating(err):
                        raise
                    PAUSE.wait(random.uniform(0.001, 0.01))
                else:
                    sql_store.run_callbacks(tx)
                    return result

        async def read(self, work: Callable[[Snapshot], T]) -> T:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, sql_store.read_once, self.engine, clock.now, work
            )

    def open_store(engine: sa.Engine, *, clock: object, pool_size: int) -> sql_store.PostgresStore:
        return SideBySide(engine, pool_size=4)

    setattr(wiring, "open_store", open_store)  # noqa: B010 - the sabotage, on a name that wiring does not export


def let_every_settle_win() -> None:
    """Sabotage 2: a late answer counts like the first one, and an ended execution advances again. Its last belt is the index on terminal events."""
    original = Turn.finish

    def answered_late(turn: Turn, attempt: AttemptRow, *, answer: Answer, deciding: Deciding) -> None:
        row = turn.rows[attempt.action]
        turn.put(replace(row, in_flight=row.in_flight + 1))
        settle.apply_answer(turn, attempt, answer=answer, deciding=deciding)

    def finish(self: Turn) -> None:
        if not self.is_live:
            self._advance()
        original(self)

    settle.answered_late = answered_late
    Turn.finish = finish  # type: ignore[method-assign]  # the sabotage
    transaction.SqlTx.settle_attempt = settle_again  # type: ignore[method-assign]  # likewise


def settle_again(self: transaction.SqlTx, row: AttemptRow) -> bool:
    """Settle an attempt whether or not it is settled."""
    columns = {name: sa.bindparam(f"v_{name}", type_=transaction.T.c[name].type) for name in transaction.SETTLING}
    values = {
        **transaction.keyed("k", row, transaction.ATTEMPT_KEYS),
        **transaction.keyed("v", row, transaction.SETTLING),
    }
    return (
        self.connection.execute(
            sa.update(transaction.T).where(*transaction.THIS_ATTEMPT).values(columns), values
        ).rowcount
        == 1
    )


def forget_who_refreshes() -> None:
    """Sabotage 4: whoever needs a token fetches one, whether or not somebody else is about to, or has."""
    lock = transaction.SqlTx.lock_credential

    def locked(self: transaction.SqlTx, name: str) -> CredentialRow:
        return replace(lock(self, name), refreshing_until=None, refreshing_by=None)

    transaction.SqlTx.lock_credential = locked  # type: ignore[method-assign]  # the sabotage
    claim.begin_refresh = lambda turn, row, number: True


def begin_without_a_yes() -> None:
    """Sabotage 5: the step that is the deadline of a confirmation begins the action instead."""
    expected = claim.is_expected
    claim.is_deadline = lambda turn, step: False
    claim.is_expected = lambda row, step: row.state is ActionState.CONFIRMING or expected(row, step)


def pace_nobody() -> None:
    """Sabotage 6: whoever comes to a rate limit may begin."""
    admit = pacing.admit

    def admitted(*arguments: Pace, **facts: datetime) -> Admission:
        return replace(admit(*arguments, **facts), due_at=None)  # type: ignore[arg-type]  # as they came

    pacing.admit = admitted  # type: ignore[assignment]  # the sabotage


SABOTAGES = {
    "forget-who-refreshes": forget_who_refreshes,
    "begin-without-a-yes": begin_without_a_yes,
    "pace-nobody": pace_nobody,
    "read-before-locking": read_before_locking,
    "drop-the-single-writer": drop_the_single_writer,
    "let-every-settle-win": let_every_settle_win,
}


def trouble_by_file(engine: sa.Engine, path: Path) -> None:
    """Let a test fill the disk or take away the right to write: the file holds a PRAGMA that every transaction begins with."""

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        pragma = path.read_text(encoding="utf-8") if path.exists() else ""
        for statement in pragma.splitlines():
            connection.exec_driver_sql(f"PRAGMA {statement}")


async def work(config: Mapping[str, object]) -> None:
    """Open the database and work until standard input ends."""
    say(up=os.getpid())
    hold = await wiring.open_async(
        str(config["database"]),
        catalog=config.get("catalog"),  # type: ignore[arg-type]  # our own JSON
        settings=load(arguments=config.get("settings")),  # type: ignore[arg-type]  # likewise
    )
    watch(hold, config)
    if config.get("trouble"):
        trouble_by_file(hold._parts.store.engine, Path(str(config["trouble"])))  # type: ignore[attr-defined]  # the SQL store
    say(steps=type(hold._parts.steps).__name__, name=hold._parts.worker._settings.name)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True).start()
    await hold.work(stop)
    await hold.close()


def main() -> None:
    """Run as told by the one argument."""
    config = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    for name in config.get("sabotages", ()):
        SABOTAGES[name]()
    asyncio.run(work(config))


if __name__ == "__main__":
    main()
