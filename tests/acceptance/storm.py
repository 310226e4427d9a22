"""Random plans against an API that fails at random, workers that are killed, frozen and thawed, cancels and answers in between, until all is over."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import sqlalchemy as sa

from holdfast.contract import ActionDefinition
from holdfast.errors import QuestionClosed
from holdfast.settings import load
from holdfast.testing import FaultApiProcess, Ledger
from holdfast.wiring import open_async
from tests.acceptance.fleet import Fleet, WorkerConfig, WorkerProcess
from tests.acceptance.invariants import rows

if TYPE_CHECKING:
    from holdfast.hold import AsyncHold

__all__ = ["SETTINGS", "Chaos", "Result", "World", "diamond", "random_plan", "summary"]

SETTINGS: dict[str, object] = {
    "worker.concurrency": 8,
    "worker.poll_interval_s": 0.05,
    "worker.heartbeat_interval_s": 0.5,
    "worker.takeover_after_s": 2.0,
    "worker.crashes_max": 50,
    "recovery.backoff_initial_s": 0.05,
    "recovery.backoff_max_s": 0.5,
    "database.synchronous": "normal",
    "database.busy_timeout_s": 30.0,
}
"""Deaths are counted generously: a step that is unlucky several times in a storm is not one that kills its worker."""
FREEZE_S = 3.0
LOOK_INTERVAL_S = 0.05
PAUSE = threading.Event()
TIMEOUT_MS = 1000
DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("a",), "e": ("b", "c", "d")}
CALLS_FAULTED_MAX = 4000


def definition(name: str, method: str, path: str, **more: object) -> dict[str, object]:
    """One action definition; its address is filled in later."""
    return {
        "id": name,
        "name": name,
        "description": name,
        "version": "1.0.0",
        "endpoint": {"url": f"@{path}", "method": method, "headers": {}, "timeout": TIMEOUT_MS},
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": {
            "maxAttempts": 2,
            "initialDelay": 20,
            "maxDelay": 200,
            "backoffMultiplier": 2,
            "retryableErrors": [],
            "jitter": True,
        },
        "knownErrors": [],
        "examples": [],
        **more,
    }


DEFINITIONS = (
    definition("keyed", "POST", "/keyed/{order}/{name}", idempotency={"header": "Idempotency-Key"}),
    definition("put", "PUT", "/put/{order}/{name}"),
    definition("unsafe", "POST", "/unsafe/{order}/{name}"),
    definition("refused", "POST", "/refused/{order}/{name}", idempotency={"header": "Idempotency-Key"}),
)


def scenario(rng: random.Random, *, faults: bool) -> dict[str, object]:
    """The fake API: every kind of trouble on a few calls in a hundred, drawn before it begins."""

    def drawn(share: float) -> list[int]:
        return [call for call in range(1, CALLS_FAULTED_MAX) if rng.random() < share] or [CALLS_FAULTED_MAX]

    def troubles() -> list[dict[str, object]]:
        return [
            {"kind": "status", "calls": drawn(0.05), "status": 503, "body": {"error": "busy"}},
            {"kind": "reset_before_effect", "calls": drawn(0.03)},
            {"kind": "reset_after_effect", "calls": drawn(0.04)},
            {"kind": "hang_after_effect", "calls": drawn(0.01), "seconds": 3},
        ]

    def route(name: str, method: str, **more: object) -> dict[str, object]:
        body = {"id": "{id}", "name": "{path.name}"}
        identity = "{path.order}/{path.name}"
        return {
            "name": name,
            "method": method,
            "path": f"/{name}/{{order}}/{{name}}",
            "business_id": identity,
            "body": body,
            **more,
        }

    return {
        "routes": [
            route("keyed", "POST", idempotency_header="Idempotency-Key", faults=troubles() if faults else []),
            route("put", "PUT", faults=troubles() if faults else []),
            route("unsafe", "POST", faults=troubles() if faults else []),
            route("refused", "POST", effect="none", status=422, idempotency_header="Idempotency-Key"),
            {**route("unsafe", "GET", found_by="unsafe"), "name": "find"},
        ]
    }


def plan_of(order: str, actions: Sequence[dict[str, object]]) -> dict[str, object]:
    """A plan document."""
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, order)),
        "name": order,
        "description": "A plan of the storm",
        "intent": {"original": "storm", "interpreted": "storm", "confidence": 1},
        "actions": list(actions),
        "expectedOutcome": {"description": "none", "validations": []},
        "metadata": {"createdAt": "2026-01-01T00:00:00Z", "estimatedDuration": 1000, "tags": []},
    }


def action(order: str, name: str, kind: str, dependencies: Sequence[str], **handling: object) -> dict[str, object]:
    """One action of such a plan."""
    inputs = {"order": order, "name": name}
    errors = {"continueOnFailure": False, **handling}
    return {
        "id": name,
        "actionDefinitionId": kind,
        "inputs": inputs,
        "dependencies": list(dependencies),
        "errorHandling": errors,
    }


def diamond(rng: random.Random, order: str) -> dict[str, object]:
    """Three actions that race for the one after them."""
    return plan_of(order, [action(order, name, "keyed", needs) for name, needs in DIAMOND.items()])


def random_plan(rng: random.Random, order: str) -> dict[str, object]:
    """A diamond, or two to seven actions of every kind that depend on some of those before them."""
    if rng.random() < 0.3:
        return diamond(rng, order)
    actions: list[dict[str, object]] = []
    names: list[str] = []
    for index in range(rng.randint(2, 7)):
        name = f"n{index}"
        needs = rng.sample(names, rng.randint(0, min(3, len(names))))
        kind = rng.choices(("keyed", "put", "unsafe", "refused"), weights=(6, 3, 1, 1))[0]
        handling: dict[str, object] = {}
        if kind == "refused":
            ways: list[dict[str, object]] = [
                {"continueOnFailure": True},
                {"fallbackValue": {"id": "none"}},
                {"alternativeActionId": f"{name}x"},
                {},
            ]
            handling = rng.choice(ways)
        actions.append(action(order, name, kind, needs, **handling))
        if "alternativeActionId" in handling:
            actions.append(action(order, f"{name}x", "keyed", needs))
        names.append(name)
    return plan_of(order, actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """What is done to the workers, and for how long. Between two deaths or freezes lie `pause_s`, drawn between the two values.

    After `ends_after_s` the storm is broken off, whatever still moves.
    """

    lasts_s: float = 0.0
    pause_s: tuple[float, float] = (0.4, 1.5)
    freezes: bool = False
    cancel_share: float = 0.0
    ends_after_s: float = 600.0


@dataclass(slots=True, kw_only=True)
class Result:
    """What a storm was like."""

    kills: int = 0
    freezes: int = 0
    cancels: int = 0
    answers: int = 0
    in_flight_at_kills: int = 0
    took_s: float = 0.0
    states: dict[str, int] = field(default_factory=dict)


class World:
    """One fake API, one database, some workers; a context manager that ends all of them."""

    wire: Sequence[Mapping[str, object]] = DEFINITIONS
    environ: Mapping[str, str] = {}
    """What the program that accepts plans finds in its environment."""
    secrets: Mapping[str, object] = {}
    """Its settings that are secret; workers have them from their environment."""

    def __init__(self, directory: Path, database: str, *, seed: int, faults: bool = True) -> None:
        self.rng = random.Random(seed)
        self.directory = directory
        self.database = database
        path = directory / "scenario.plant.json"
        path.write_text(json.dumps(self._scenario(faults=faults)), encoding="utf-8")
        self._api = FaultApiProcess(path, lifetime_max_s=1200)
        self.fleet = Fleet(directory)
        self._alive: list[WorkerProcess] = []
        self._config = WorkerConfig(database=database)

    def __enter__(self) -> Self:
        self._api.start()
        text = json.dumps(self.wire).replace('"@/', f'"{self._api.url}/')
        self.definitions = [ActionDefinition.from_wire(one) for one in json.loads(text)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.fleet.__exit__(kind, error, trace)
        self._api.stop()

    def _scenario(self, *, faults: bool) -> dict[str, object]:
        """What the API does."""
        return scenario(self.rng, faults=faults)

    async def _open(self) -> AsyncHold:
        """A door of this process to the database."""
        return await open_async(
            self.database,
            settings=load(arguments={**self._config.settings, **self.secrets}),
            environ={**os.environ, **self.environ},
        )

    def ledger(self) -> Ledger:
        """What the API saw."""
        return self._api.ledger()

    def begin(self, plans: Sequence[dict[str, object]], *, workers: int, config: WorkerConfig) -> None:
        """Accept the plans and start the workers."""
        self._config = config
        asyncio.run(self._accept(plans))
        launched = [self.fleet.launch(config) for _ in range(workers)]
        self._alive = [worker.wait_until_up() for worker in launched]

    def storm(self, chaos: Chaos, *, stall_max_s: float = 15.0) -> Result:
        """Drive it until every execution has ended, or until nothing has moved for `stall_max_s`."""
        return asyncio.run(self._drive(chaos, stall_max_s))

    async def _accept(self, plans: Sequence[dict[str, object]]) -> None:
        hold = await self._open()
        try:
            for plan in plans:
                await hold.start(plan, self.definitions, id=str(plan["id"]))
        finally:
            await hold.close()

    async def _drive(self, chaos: Chaos, stall_max_s: float) -> Result:
        result = Result()
        hold = await self._open()
        trouble = self._troubles(chaos, result)
        began_s = moved_s = time.monotonic()
        last: object = None
        try:
            while (now := await moved(hold))[0]:
                if now != last:
                    last, moved_s = now, time.monotonic()
                if time.monotonic() - moved_s > stall_max_s or time.monotonic() - began_s > chaos.ends_after_s:
                    break
                if time.monotonic() - began_s < chaos.lasts_s:
                    next(trouble)
                await self._meddle(hold, chaos, result)
                await asyncio.to_thread(asyncio_pause)
        finally:
            await hold.close()
        result.took_s = time.monotonic() - began_s
        result.states = {
            str(state): int(str(count))
            for state, count in rows(self.database, "select state, count(*) from executions group by 1")
        }
        return result

    def _troubles(self, chaos: Chaos, result: Result) -> Iterator[None]:
        """At each `next`: nothing, or a death, or a frozen spell."""
        due_s = time.monotonic() + self.rng.uniform(*chaos.pause_s)
        while True:
            yield
            if time.monotonic() < due_s:
                continue
            index = self.rng.randrange(len(self._alive))
            if chaos.freezes and (result.kills + result.freezes) % 3 == 1:
                frozen = self._alive[index]
                frozen.freeze()
                # From a thread of its own: a worker frozen inside a transaction holds its row lock, for which this driver may wait as well.
                threading.Timer(FREEZE_S, frozen.thaw).start()
                result.freezes += 1
                due_s = time.monotonic() + self.rng.uniform(*chaos.pause_s)
                continue
            victim = self._alive[index]
            victim.kill()
            query = "select count(*) from attempts where outcome is null and worker = :name"
            result.in_flight_at_kills += int(str(rows(self.database, query, name=victim.name)[0][0]))
            result.kills += 1
            self._alive[index] = self.fleet.start(self._config)
            # Counted from when it is up: one that dies at its start has nothing in flight.
            due_s = time.monotonic() + self.rng.uniform(*chaos.pause_s)

    async def _meddle(self, hold: AsyncHold, chaos: Chaos, result: Result) -> None:
        """Cancel something now and then, and answer whoever asks by what the other side's books say."""
        if self.rng.random() < chaos.cancel_share:
            running = await hold.executions(state="running", limit=20)
            if running:
                result.cancels += await hold.cancel(self.rng.choice(running).id)
        for execution, action_id in rows(
            self.database, "select execution, action from questions where answered_at is null limit 5"
        ):
            try:
                await hold.answer(
                    str(execution), self._truth(str(execution), str(action_id)), action=str(action_id), by="storm"
                )
                result.answers += 1
            except QuestionClosed:
                pass  # it was cancelled, or a late answer was quicker

    def _truth(self, execution: str, action_id: str) -> str:
        """What a careful person answers. Never "again": a frozen worker may still be about to call."""
        order = rows(self.database, "select plan_name from executions where id = :id", id=execution)[0][0]
        try:
            with build_opener(ProxyHandler({})).open(f"{self._api.url}/unsafe/{order}/{action_id}", timeout=10):
                return "happened"
        except HTTPError as err:
            err.close()
            return "give-up"


def asyncio_pause() -> None:
    """Give the workers the processor for a moment, off the event loop."""
    PAUSE.wait(LOOK_INTERVAL_S)


async def moved(hold: AsyncHold) -> tuple[int, int]:
    """How many executions run, and a number that grows with every transaction."""

    def look(snapshot: object) -> tuple[int, int]:
        query = "select coalesce(sum(case when state = 'running' then 1 else 0 end), 0), coalesce(sum(version), 0) from executions"
        running, version = snapshot.connection.execute(sa.text(query)).one()  # type: ignore[attr-defined]  # the SQL snapshot
        return int(running), int(version)

    return await hold._parts.store.read(look)


def summary(world: World, result: Result) -> str:
    """One line about a storm."""
    attempts, claims, late = rows(world.database, "select count(*), sum(claims), count(late_answer) from attempts")[0]
    calls = Counter(record.route for record in world.ledger().requests)
    made = sum(count for route, count in calls.items() if route != "find")
    extra = int(str(claims)) - int(str(attempts))
    return (
        f"{sum(result.states.values())} plans in {result.took_s:.1f} s {result.states}; {attempts} attempts, {made} calls, {late} late answers;"
        f" {result.kills} kills with {result.in_flight_at_kills} in flight, {result.freezes} freezes,"
        f" {result.cancels} cancels, {result.answers} answers;"
        f" {extra} extra claims = {extra / max(1, result.kills + result.freezes):.2f} per death"
    )
