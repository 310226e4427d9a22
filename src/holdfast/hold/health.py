"""Health checks while a process works: which APIs are in use, whose check is due, and what came of it.

An API is in use while a plan that calls it runs, and an integration with a health check always is. Of all workers on a database one makes a check
that is due: whoever moves its due time on. What it knows of an API's health it keeps in the database; it decides nothing about recovery.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.drivers.health import check_health
from holdfast.errors import StoreError
from holdfast.faults.health_checks import HealthCheck, address_of
from holdfast.recovery.health import note_health

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from holdfast.contract import ApiCatalogEntry
    from holdfast.faults.health_checks import HealthResult
    from holdfast.hold.knowing import KnownApis
    from holdfast.ports.clock import Clock
    from holdfast.ports.http import Transport
    from holdfast.ports.steps import StopSignal
    from holdfast.ports.store import Snapshot, Store
    from holdfast.recovery.turn import Plans

__all__ = ["HealthTerms", "HealthWatch", "OwnCheck", "check_of"]

log = logging.getLogger("holdfast.health")

TICK_MAX_S = 5.0
RUNNING_MAX = 500
"""So many of the newest executions are looked at for the APIs that they call."""
SPREAD = 0.1
"""Intervals are drawn within this fraction around what the settings say, so that many workers do not ask at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthTerms:
    """Whether checks are made, how often, how long an answer is waited for where the entry leaves that open, how many checks at once, and
    how many results of each API are kept."""

    enabled: bool = True
    interval_s: float = 30.0
    timeout_s: float = 5.0
    concurrency: int = 8
    results_max: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCheck:
    """A check that somebody else makes, such as an integration of this process: how often, and how."""

    interval_s: float
    perform: Callable[[], Awaitable[HealthResult]]


@dataclass(slots=True, kw_only=True)
class HealthWatch:
    """Makes the checks that are due. `draw` returns random numbers in [0, 1)."""

    store: Store
    apis: KnownApis
    plans: Plans
    transport: Transport
    clock: Clock
    draw: Callable[[], float]
    terms: HealthTerms = field(default_factory=HealthTerms)
    own: Mapping[str, OwnCheck] = field(default_factory=dict)

    async def watch(self, stop: StopSignal) -> None:
        """Make checks as they become due, until `stop` is set or this is cancelled. Never raises for what they find."""
        while self.terms.enabled and not stop.is_set():
            try:
                await self.round()
            except StoreError as err:
                log.warning("health checks were put off: %s", err)
            except Exception:  # a loop's top: a defect in one round must not end all later ones
                log.exception("a round of health checks failed; the next one tries again")
            await self.clock.sleep(min(TICK_MAX_S, self.terms.interval_s))

    async def round(self) -> list[HealthResult]:
        """Make every check that is due and that nobody else has taken; returns what was found."""
        await self.apis.look()
        rows, used = await self.store.read(lambda snapshot: (snapshot.health_rows(), self._used(snapshot)))
        now = self.clock.now()
        resting = {row.api_id for row in rows if row.due_at > now}
        checks = {name: own for name, own in self._checks(used).items() if name not in resting}
        gate = asyncio.Semaphore(self.terms.concurrency)
        found = await asyncio.gather(*(self._one(name, own, gate) for name, own in checks.items()))
        return [result for result in found if result is not None]

    async def check(self, api_id: str) -> HealthResult | None:
        """Check one API at once, due or not, and keep the result; None when nothing says how to."""
        own = self.own.get(api_id)
        if own is None:
            entry = self.apis.catalog.entry(api_id)
            own = None if entry is None else self._of(entry)
            api_id = api_id if entry is None else entry.api_id
        return None if own is None else await self._noted(await own.perform())

    def checkable(self) -> list[str]:
        """The APIs that can be checked: those of users' own entries and integrations, and those that are named by the catalog with a check."""
        catalog = self.apis.catalog
        return [*self.own, *(one for one in catalog.own_ids() if (entry := catalog.entry(one)) and entry.health_check)]

    def _checks(self, used: set[str]) -> dict[str, OwnCheck]:
        entries = [self.apis.catalog.entry(api_id) for api_id in sorted(used)]
        found = {entry.api_id: own for entry in entries if entry is not None and (own := self._of(entry)) is not None}
        return found | dict(self.own)

    def _of(self, entry: ApiCatalogEntry) -> OwnCheck | None:
        check = check_of(entry, timeout_s=self.terms.timeout_s)
        if check is None:
            return None
        rules = self.apis.catalog.rules(entry.api_id)

        async def perform() -> HealthResult:
            return await check_health(check, transport=self.transport, clock=self.clock, rules=rules)

        return OwnCheck(interval_s=self.terms.interval_s, perform=perform)

    def _used(self, snapshot: Snapshot) -> set[str]:
        """The APIs that running plans call."""
        running = snapshot.executions(state="running", limit=RUNNING_MAX)
        plans = [self.plans.get(snapshot, digest) for digest in dict.fromkeys(row.document for row in running)]
        return {entry.api_id for plan in plans for action in plan.actions.values() if (entry := action.entry)}

    async def _one(self, name: str, own: OwnCheck, gate: asyncio.Semaphore) -> HealthResult | None:
        async with gate:
            pause_s = own.interval_s * (1 + SPREAD * (2 * self.draw() - 1))
            taken = await self.store.transact(
                lambda tx: tx.take_health_check(name, next_at=tx.now + timedelta(seconds=pause_s))
            )
            return await self._noted(await own.perform()) if taken else None

    async def _noted(self, result: HealthResult) -> HealthResult:
        noted = await self.store.transact(lambda tx: note_health(tx, result, kept_max=self.terms.results_max))
        if noted.event is not None:
            level = logging.INFO if result.passed else logging.WARNING
            words = (
                "is well again"
                if result.passed
                else f"fails its health check: {result.verdict and result.verdict.message}"
            )
            log.log(level, "%s %s", result.api_id, words)
        return result


def check_of(entry: ApiCatalogEntry, *, timeout_s: float) -> HealthCheck | None:
    """What an entry says to ask; `timeout_s` counts where it says 0. None where it says nothing."""
    said = entry.health_check
    if said is None:
        return None
    return HealthCheck(
        api_id=entry.api_id,
        url=address_of(said.endpoint, base_url=str(entry.base_url)),
        expected_status=said.expected_status,
        timeout_s=said.timeout / 1000 if said.timeout else timeout_s,
    )
