"""The worker: what happens to a delivered step. Claim (transaction) → perform (the world) → settle (transaction); and the sweep, every minute."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from holdfast.errors import ExecutionNewer, StoreError
from holdfast.ports.rows import Purpose
from holdfast.ports.steps import NotNow, always
from holdfast.recovery.answer import Answer, CredentialTerms, Deciding, anything
from holdfast.recovery.claim import claim
from holdfast.recovery.credentials import LEASE_S
from holdfast.recovery.defects import Defects, give_up_step, give_up_unread
from holdfast.recovery.settle import settle
from holdfast.recovery.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from holdfast.decisions.facts import Bounds
    from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.clock import Clock
    from holdfast.ports.rollback import Rollback
    from holdfast.ports.steps import Step, Steps, StopSignal
    from holdfast.ports.store import Store
    from holdfast.recovery.assigning import Assignment
    from holdfast.recovery.gate import Gate
    from holdfast.recovery.turn import Plans

__all__ = ["Performing", "Worker", "WorkerSettings"]

log = logging.getLogger("holdfast.worker")

SETTLE_TRIES_MAX = 60
"""An answer in hand is worth waiting for a database that is away: about five minutes, then the step is delivered again."""
SETTLE_PAUSE_MAX_S = 5.0
NEWER_PAUSE_S = 5.0
"""A step of an execution that only a newer release can carry out is left for that long to those that can."""
TOLD_MAX = 1000
"""So many executions left to newer workers are remembered, so that each is told of once."""


class Performing(Protocol):
    """Makes an attempt and reports; never raises for what the attempt did."""

    async def perform(self, assignment: Assignment) -> Answer:
        """Make the attempt."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """A worker's name, the bounds of recovery, how many deaths a step may cause, how often the sweep looks, the deployment's own routes,
    whose address its calls come from, and how long, beyond the timeout of an attempt, an executor outside is waited for."""

    name: str
    bounds: Bounds
    crashes_max: int = 3
    credentials: CredentialTerms = field(default_factory=CredentialTerms)
    sweep_interval_s: float = 60.0
    routes: Mapping[ErrorCategory, RecoveryStrategy] = field(default_factory=dict)
    egress: str = ""
    external_grace_s: float = 30.0


class Worker:
    """Carries out steps. `draw` returns random numbers in [0, 1); it is called once per transaction that may decide.

    `after_sweep` is what else is done each time the sweep was.
    """

    def __init__(
        self,
        store: Store,
        steps: Steps,
        *,
        plans: Plans,
        performer: Performing,
        clock: Clock,
        draw: Callable[[], float],
        settings: WorkerSettings,
        can_perform: Callable[[FrozenAction], bool] = anything,
        rollback: Rollback | None = None,
        after_sweep: Callable[[], Awaitable[object]] | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._store = store
        self._steps = steps
        self._plans = plans
        self._performer = performer
        self._clock = clock
        self._draw = draw
        self._settings = settings
        self._can_perform = can_perform
        self._rollback = rollback
        self._after_sweep = after_sweep
        self._gate = gate
        self._defects = Defects(settings.crashes_max)
        self._told: dict[str, None] = {}

    async def run(self, stop: StopSignal) -> None:
        """Work until `stop` is set and what was begun has ended."""
        beside = [asyncio.ensure_future(self._sweep_until(stop))]
        may_claim = always
        if self._gate is not None:
            await self._gate.look()
            beside.append(asyncio.ensure_future(self._gate.watch(stop)))
            may_claim = self._gate.is_open
        try:
            await self._steps.run(self.perform, stop, may_claim=may_claim)
        finally:
            for task in beside:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def perform(self, step: Step) -> None:
        """Carry out one step. Whatever interrupts this leaves rows from which another worker goes on.

        Raises:
            NotNow: its execution is for newer releases.
            StoreError: the database is away; the step is to be delivered again.
        """
        deciding = self.deciding()
        began_at = self._clock.now()
        assignment = await self._claim(step, deciding=deciding)
        if assignment is not None and step.purpose is Purpose.REFRESH:
            # Its lease began after `began_at`. A process that stands still for longer than half of it leaves the refresh to others.
            assignment = replace(assignment, send_before=began_at + timedelta(seconds=LEASE_S / 2))
        if assignment is not None:
            await self._settle(step, await self._performer.perform(assignment), deciding=deciding)

    def deciding(self) -> Deciding:
        """Return what one transaction decides by, with a random draw of its own."""
        return Deciding(
            bounds=self._settings.bounds,
            draw=self._draw(),
            crashes_max=self._settings.crashes_max,
            credentials=self._settings.credentials,
            can_perform=self._can_perform,
            routes=self._settings.routes,
            rollback=self._rollback,
            egress=self._settings.egress,
            external_grace_s=self._settings.external_grace_s,
        )

    async def _claim(self, step: Step, *, deciding: Deciding) -> Assignment | None:
        """Claim a step's attempt. A defect afterwards needs no counting of its own: the attempt's claims bound it."""
        assignment = None
        try:
            assignment = await self._store.transact(
                lambda tx: claim(
                    tx, self._steps, plans=self._plans, step=step, worker=self._settings.name, deciding=deciding
                )
            )
        except ExecutionNewer as err:
            self._tell_once(err)
            raise NotNow(NEWER_PAUSE_S) from err
        except StoreError:
            raise
        except Exception as err:
            # A defect of ours, or one that only this step brings out: it may cost this step's execution, never the worker or the others.
            if not self._defects.is_enough(step.key):
                raise
            log.exception("step %s is set aside: it met a defect each time it was taken up", step.key)
            await self._give_up(step, error=type(err).__name__)
        self._defects.forget(step.key)
        return assignment

    def _tell_once(self, err: ExecutionNewer) -> None:
        """Say once per execution that it is left to others."""
        if str(err.execution_id) in self._told:
            return
        self._told[str(err.execution_id)] = None
        while len(self._told) > TOLD_MAX:
            del self._told[next(iter(self._told))]
        log.warning("%s This worker leaves it to others.", err)

    async def _give_up(self, step: Step, *, error: str) -> None:
        """Set a step's action aside; if the defect stands in the way of that, too, its execution."""
        try:
            await self._store.transact(
                lambda tx: give_up_step(tx, self._steps, plans=self._plans, step=step, error=error)
            )
        except StoreError:
            raise
        except Exception:
            # The same defect, most likely: whatever it is in the rows, the least of them will do.
            log.exception("step %s could not be set aside by the rules", step.key)
            await self._store.transact(lambda tx: give_up_unread(tx, self._steps, step=step, error=error))

    async def settle_late(self, step: Step, answer: Answer) -> None:
        """Take in an answer to an attempt that was settled without it: a function that ended after its time."""
        try:
            await self._settle(step, answer, deciding=self.deciding())
        except StoreError as err:
            log.warning("a late answer to %s could not be kept: %s", step.key, err)

    async def _settle(self, step: Step, answer: Answer, *, deciding: Deciding) -> None:
        """Settle, waiting for a database that is away: settling twice is one settle, losing an answer may be a question to a person."""
        for attempt in range(1, SETTLE_TRIES_MAX + 1):
            try:
                await self._store.transact(
                    lambda tx: settle(tx, self._steps, plans=self._plans, step=step, answer=answer, deciding=deciding)
                )
            except StoreError as err:
                if attempt == SETTLE_TRIES_MAX:
                    raise
                log.warning("an answer waits for the database (%s)", err.slug)
                await self._clock.sleep(min(0.1 * 2**attempt, SETTLE_PAUSE_MAX_S))
            else:
                return

    async def _sweep_until(self, stop: StopSignal) -> None:
        while not stop.is_set():
            await self._clock.sleep(self._settings.sweep_interval_s)
            try:
                await sweep(self._store, self._steps, plans=self._plans)
                if self._after_sweep is not None:
                    await self._after_sweep()
            except StoreError as err:
                log.warning("the sweep was put off: %s", err)
            except Exception:  # a loop's top: a defect in one sweep must not end all later ones
                log.exception("the sweep failed; the next one tries again")
