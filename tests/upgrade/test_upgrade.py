"""Two adjacent releases on one database: the one before, run from its wheel, and this one, which migrates it and works beside it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from holdfast import wiring
from holdfast.adapters.sql import schema
from holdfast.settings import load
from holdfast.testing import FaultApiProcess
from tests.acceptance.invariants import rows
from tests.acceptance.storm import action, definition, plan_of
from tests.upgrade.release_before import DIGEST, WHEEL, ReleaseBefore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    from holdfast.hold import AsyncHold

WITHIN_S = 60.0
PAUSE = threading.Event()
SETTINGS: dict[str, object] = {
    "worker.poll_interval_s": 0.05,
    "worker.heartbeat_interval_s": 0.5,
    "worker.takeover_after_s": 2.0,
    "run.wait_max_s": WITHIN_S,
}
KEYED = definition("keyed", "POST", "/keyed/{order}/{name}", idempotency={"header": "Idempotency-Key"})
UNSAFE = definition("unsafe", "POST", "/unsafe/{order}/{name}")
# The release before says that schemas describe only; this one may hold inputs to them, so such a plan is for this one alone.
CHECKED = definition("checked", "POST", "/unsafe/{order}/{name}", inputSchema={"order": "string"})


def route(name: str, **more: object) -> dict[str, object]:
    """A route of the fake API that keeps books of what took effect."""
    return {
        "name": name,
        "method": "POST",
        "path": f"/{name}/{{order}}/{{name}}",
        "business_id": "{path.order}/{path.name}",
        "body": {"id": "{id}"},
        **more,
    }


@pytest.fixture
def before(tmp_path: Path) -> Iterator[ReleaseBefore]:
    """The release before."""
    with ReleaseBefore(tmp_path) as before:
        yield before


def api(tmp_path: Path, *faults: dict[str, object]) -> FaultApiProcess:
    """The fake API; `faults` befall the keyed route."""
    scenario = {"routes": [route("keyed", idempotency_header="Idempotency-Key", faults=list(faults)), route("unsafe")]}
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(scenario), encoding="utf-8")
    return FaultApiProcess(path, lifetime_max_s=300)


def at(url: str, *definitions: dict[str, object]) -> list[dict[str, object]]:
    """The definitions with the API's address."""
    found: list[dict[str, object]] = json.loads(json.dumps(definitions).replace('"@/', f'"{url}/'))
    return found


def chain(order: str, kinds: Sequence[str]) -> dict[str, object]:
    """A plan of one action after the other."""
    names = [f"n{index}" for index in range(len(kinds))]
    actions = [
        action(order, name, kind, names[max(0, index - 1) : index])
        for index, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return plan_of(order, actions)


def wait_for(condition: Callable[[], bool], *, what: str) -> None:
    """Wait for something that another process does."""
    deadline_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited {WITHIN_S} s for {what}"
        PAUSE.wait(0.05)


@contextlib.asynccontextmanager
async def working(
    url: str, plans: Sequence[dict[str, object]], definitions: Sequence[dict[str, object]], *, first: Callable[[], None]
) -> AsyncIterator[AsyncHold]:
    """Open with this release (which migrates), accept plans, let `first` happen, and be a worker."""
    hold = await wiring.open_async(url, settings=load(arguments=SETTINGS))
    for plan in plans:
        await hold.start(plan, definitions, id=str(plan["id"]))
    await asyncio.to_thread(first)
    stop = asyncio.Event()
    work = asyncio.ensure_future(hold.work(stop))
    try:
        yield hold
    finally:
        stop.set()
        await work
        await hold.close()


async def until_over(hold: AsyncHold, *, contract: int) -> None:
    """Wait until nothing of a contract lives any more."""
    async with asyncio.timeout(WITHIN_S):
        while any(row.contract == contract for row in await hold.executions(state="running", limit=100)):
            await asyncio.to_thread(PAUSE.wait, 0.1)


def states(url: str) -> list[tuple[object, ...]]:
    """How many executions stand where."""
    return [tuple(row) for row in rows(url, "select state, count(*) from executions group by 1")]


def test_the_release_before_is_what_it_says(before: ReleaseBefore) -> None:
    """The wheel is the one whose digest is written down, and running it runs that release and not this one."""
    assert hashlib.sha256(WHEEL.read_bytes()).hexdigest() == DIGEST
    assert before.schema_version() == "0001" < schema.SCHEMA_VERSION


def test_this_release_ends_what_a_killed_one_began(before: ReleaseBefore, tmp_path: Path) -> None:
    """The release before is killed in the middle of a recovery on SQLite; this one migrates the file and ends the plan with one effect per action."""
    url = f"sqlite:///{tmp_path / 'holdfast.db'}"
    hang = {"kind": "hang_after_effect", "calls": [2], "seconds": 20}
    with api(tmp_path, {"kind": "status", "calls": [1], "status": 503, "body": {}}, hang) as fake:
        before.start_plans(
            url, [chain("old", ["keyed", "unsafe"])], at(fake.url, {**KEYED, "endpoint": slow(KEYED)}, UNSAFE)
        )
        before.start_worker(url)
        wait_for(lambda: fake.ledger().route("keyed").calls == 2, what="the recovery's call")
        before.kill_worker()

        async def end_it() -> None:
            async with working(url, [], [], first=lambda: None) as hold:
                await until_over(hold, contract=1)

        asyncio.run(end_it())
        ledger = fake.ledger()

    assert states(url) == [("completed", 1)]
    assert (ledger.route("keyed").effects, ledger.route("unsafe").calls) == (1, 1)
    assert rows(url, "select version_num from alembic_version") == [(schema.SCHEMA_VERSION,)]


def slow(one: dict[str, object]) -> dict[str, object]:
    """An endpoint that may take its time."""
    endpoint = one["endpoint"]
    assert isinstance(endpoint, dict)
    return {**endpoint, "timeout": 60_000}


def test_both_releases_work_side_by_side(before: ReleaseBefore, tmp_path: Path, fresh_postgres_url: str) -> None:
    """This release migrates PostgreSQL under a busy worker of the one before; both carry plans on, and what is new only this one carries out."""
    url = fresh_postgres_url
    old = [chain(f"old{number}", ["keyed", "unsafe", "keyed"]) for number in range(30)]
    new = [chain(f"new{number}", ["keyed", "unsafe", "keyed"]) for number in range(10)]
    checked = [chain(f"checked{number}", ["checked", "keyed"]) for number in range(3)]
    with api(tmp_path, {"kind": "status", "calls": list(range(3, 80, 9)), "status": 503, "body": {}}) as fake:
        definitions = at(fake.url, KEYED, UNSAFE, CHECKED)
        before.start_plans(url, old, definitions[:2])
        before.start_worker(url)
        wait_for(lambda: fake.ledger().route("keyed").calls > 5, what="the release before to be busy")

        async def share() -> tuple[bool, int]:
            # It is seen to meet a plan that is not for it, and to go on with those that are.
            meets = partial(wait_for, lambda: "KeyError: 'plan'" in before.said(), what="a plan that is not for it")
            async with working(url, [*checked, *new], definitions, first=meets) as hold:
                await until_over(hold, contract=1)
                was_alive, code = before.is_alive, await asyncio.to_thread(before.stop_worker)
                await until_over(hold, contract=2)
            return was_alive, code

        was_alive, code = asyncio.run(share())
        ledger = fake.ledger()

    by_contract = dict(rows(url, "select contract, count(*) from executions group by 1"))
    workers = "select distinct a.worker from attempts a join executions e on e.id = a.execution where e.contract ="
    assert states(url) == [("completed", 43)], before.said()[-3000:]
    assert by_contract == {1: 40, 2: 3}
    assert (was_alive, code) == (True, 0)
    assert ledger.route("keyed").effects == 30 * 2 + 10 * 2 + 3
    assert (ledger.route("unsafe").calls, ledger.route("unsafe").effects) == (30 + 10 + 3, 30 + 10 + 3)
    assert rows(url, "select count(*) from questions") == [(0,)]
    assert len(rows(url, f"{workers} 2")) == 1
