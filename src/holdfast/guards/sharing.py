"""Sharing circuits between processes: what one of them has learnt, told to the others by a lane in the background.

A call never asks the store, whatever the state of its circuit: it reads what the lane last found out. Each beat of the lane reports trips of this
process, reads those of the others, and asks for a turn to probe. A trip of another process binds here once `quorum` processes have seen it, so that
one process with a broken network does not shut out all of them. Only what was reported after this process last found the dependency well counts.

While the store cannot be reached, each process goes by its own judgement; that is told once, and once when it is back.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from typing import TYPE_CHECKING, TypeVar

from holdfast.guards.circuit import Mode
from holdfast.guards.world import WORLD
from holdfast.policies.breaker import CircuitState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.guards.circuit import Cell
    from holdfast.guards.lanes import Lane
    from holdfast.guards.listening import Event, Listening
    from holdfast.ports.breaker_store import BreakerStore, SharedTrip

__all__ = ["QUORUM_BOUND", "Sharing"]

Shared = TypeVar("Shared")

QUORUM_BOUND = 1_000
NEVER = -math.inf
"""`Cell.probing_until` of a circuit whose turn to probe is another process's."""


class Sharing:
    """The shared side of one policy's circuits. `beat` does one round of work; `start` has a thread do one every `every_s` seconds, and at once after
    a circuit here has opened or closed. The thread ends with the policy.
    """

    def __init__(
        self,
        lanes: Iterable[Lane],
        listening: Listening,
        *,
        store: BreakerStore,
        quorum: int,
        process: str | None = None,
        every_s: float = 1.0,
    ) -> None:
        self._lanes = lanes
        self._listening = listening
        self._store = store
        self._quorum = quorum
        self._process = process or os.urandom(16).hex()
        self._every_s = every_s
        self._wake = threading.Event()
        self._is_down = False
        # By key: the era that the others know of, or that came from them; when it was found well here; and whose turn to probe is ours.
        self._told: dict[str, int] = {}
        self._well_at: dict[str, float] = {}
        self._leased: set[str] = set()
        listening.add("circuit.opened", self._opened)
        listening.add("circuit.closed", self._closed)

    def start(self, shared: Shared) -> Shared:
        """Begin the thread; returns whose circuits they are."""
        threading.Thread(target=_run, args=(weakref.ref(self), self._wake, self._every_s), daemon=True).start()
        weakref.finalize(self, self._wake.set)
        return shared

    def beat(self) -> None:
        """Report, read and ask once. Never raises: a store that cannot be reached leaves this process to itself."""
        try:
            self._report()
            trips = self._store.trips(self._listening.policy)
            for lane in self._lanes:
                seen = trips.get(lane.key or "", ())
                self._bind(lane.cell, seen)
                self._take_turns(lane.cell, seen)
        except Exception as err:  # noqa: BLE001 - whatever the store's client raises means the same
            for lane in self._lanes:
                lane.cell.probing_until = None
            if not self._is_down:
                self._is_down = True
                self._listening.tell("sharing.lost", error=type(err).__name__)
        else:
            if self._is_down:
                self._is_down = False
                self._listening.tell("sharing.resumed")

    def _report(self) -> None:
        policy, process = self._listening.policy, self._process
        for lane in self._lanes:
            key, circuit = lane.key or "", lane.cell.circuit
            if circuit.state is CircuitState.OPEN and self._told.get(key) != circuit.era:
                left_s = circuit.open_until - WORLD.monotonic()
                if left_s > 0:
                    self._store.report(policy, key, process=process, open_s=left_s)
                self._told[key] = circuit.era
            elif circuit.state is CircuitState.CLOSED and key in self._told:
                self._store.retract(policy, key, process=process)
                del self._told[key]

    def _bind(self, cell: Cell, seen: tuple[SharedTrip, ...]) -> None:
        """Open a closed circuit that enough processes have seen fail since it was last found well here."""
        if cell.circuit.state is not CircuitState.CLOSED or cell.mode is not Mode.AUTOMATIC:
            return
        key = cell.key or ""
        well_s = WORLD.monotonic() - self._well_at.get(key, NEVER)
        left_s = self._left_s(trip for trip in seen if trip.age_s < well_s)
        if left_s > 0:
            era = cell.force_open(f"{self._quorum} or more processes saw it fail", left_s)
            # Not if it opened by itself in between: that is news, and the next beat tells it.
            if era is not None:
                self._told[key] = era

    def _take_turns(self, cell: Cell, seen: tuple[SharedTrip, ...]) -> None:
        key, circuit, breaker = cell.key or "", cell.circuit, cell.breaker
        now = WORLD.monotonic()
        others = self._left_s(trip for trip in seen if trip.process != self._process) > 0
        is_due = circuit.state is CircuitState.HALF_OPEN or (
            circuit.state is CircuitState.OPEN and circuit.open_until - now <= self._every_s and not others
        )
        if breaker is not None and is_due:
            granted = self._store.lease(
                self._listening.policy,
                key,
                process=self._process,
                lease_s=breaker.probe_lease_s,
                places=breaker.probes_max,
            )
            # Counted from before it was asked for, so that ours never outlasts the store's.
            cell.probing_until = now + breaker.probe_lease_s if granted else NEVER
            if granted:
                self._leased.add(key)
            return
        cell.probing_until = NEVER
        if key in self._leased:
            self._store.release(self._listening.policy, key, process=self._process)
            self._leased.discard(key)

    def _left_s(self, seen: Iterable[SharedTrip]) -> float:
        """For how long enough of these trips hold: as long as the last of a quorum of them; 0 when they are too few."""
        left = sorted((trip.left_s for trip in seen), reverse=True)
        return left[self._quorum - 1] if len(left) >= self._quorum else 0.0

    def _opened(self, _event: Event) -> None:
        self._wake.set()

    def _closed(self, event: Event) -> None:
        self._well_at[event.key or ""] = WORLD.monotonic()
        self._wake.set()


def _run(sharing: weakref.ref[Sharing], wake: threading.Event, every_s: float) -> None:
    while (present := sharing()) is not None:
        present.beat()
        del present
        wake.wait(every_s)
        wake.clear()
