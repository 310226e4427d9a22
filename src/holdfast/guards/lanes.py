"""Lanes: what a policy remembers of one dependency — its circuit, its stages, its retry budget.

A policy has one lane, or one for each key (a host, a tenant, a credential): what one of them suffers is not held against the others. Lanes are
made when a key is first seen and dropped when there are too many, the longest unused first, those with an open circuit, or one that somebody
set by hand, last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdfast.errors import BadInput, Problem
from holdfast.guards.circuit import Cell, Mode
from holdfast.guards.hedging import HedgeState
from holdfast.guards.listening import Listening
from holdfast.guards.stage import Lasting, Stage
from holdfast.guards.world import WORLD
from holdfast.policies.breaker import CircuitState
from holdfast.policies.budget import Budget, Purse, give_back, open_purse, withdraw
from holdfast.policies.composition import Composition

__all__ = ["Lane", "Lanes", "StageMakers", "key_text"]

StageMaker = Callable[[Composition, Listening, "str | None"], Stage | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageMakers:
    """What makes the stages of a lane: those that an attempt meets before the circuit, and those after it."""

    before: tuple[StageMaker, ...] = ()
    after: tuple[StageMaker, ...] = ()


class Lane:
    """One dependency, or one part of it."""

    __slots__ = ("_hedging", "_lock", "_purse", "cell", "key", "stages", "used_at")

    def __init__(self, cell: Cell, *, stages: tuple[Stage, ...], key: str | None) -> None:
        self.cell = cell
        self.stages = stages
        self.key = key
        self.used_at = 0.0
        self._lock = threading.Lock()
        self._purse: Purse | None = None
        self._hedging: HedgeState | None = None

    @property
    def hedging(self) -> HedgeState:
        """How long calls took lately; made when it is first asked for, since few policies hedge."""
        with self._lock:
            if self._hedging is None:
                self._hedging = HedgeState()
            return self._hedging

    def pay(self, budget: Budget | None, now: float) -> bool:
        """Pay for one repeat; whether there was enough."""
        if budget is None:
            return True
        with self._lock:
            calls = self.cell.calls
            purse = self._purse or open_purse(budget, calls=calls, now=now)
            self._purse, paid = withdraw(budget, purse, calls=calls, now=now)
            return paid

    def give_back(self, budget: Budget | None) -> None:
        """Take back what a repeat cost that will not be made."""
        if budget is None:
            return
        with self._lock:
            if self._purse is not None:
                self._purse = give_back(self._purse)


class Lanes:
    """All lanes of one policy. Safe to use from several threads."""

    __slots__ = ("_by_key", "_listening", "_lock", "_makers", "_mode", "composition", "most", "only")

    def __init__(self, composition: Composition, listening: Listening, *, makers: StageMakers, most: int) -> None:
        self.composition = composition
        self.most = most
        self._listening = listening
        self._makers = makers
        self._lock = threading.Lock()
        self._by_key: dict[str, Lane] = {}
        self._mode = (Mode.AUTOMATIC, "")
        self.only = self._make(None)

    def of(self, key: str) -> Lane:
        """The lane of a key; made when it is the first time."""
        lane = self._by_key.get(key)
        if lane is None:
            with self._lock:
                lane = self._by_key.get(key)
                if lane is None:
                    if len(self._by_key) >= self.most:
                        self._evict()
                    lane = self._by_key[key] = self._make(key)
        lane.used_at = WORLD.monotonic()
        return lane

    def look(self, key: str) -> Lane:
        """The lane of a key as it is, or as it would begin: to look at one keeps no place for it, and takes none from another."""
        return self._by_key.get(key) or self._make(key)

    def __iter__(self) -> Iterator[Lane]:
        """All lanes that calls go through: those of the keys, and the one of calls without a key."""
        with self._lock:
            return iter((self.only, *self._by_key.values()))

    def set_mode(self, mode: Mode, because: str) -> None:
        """Set the mode of all circuits, those of keys that come later included."""
        with self._lock:
            self._mode = (mode, because)
            lanes = (self.only, *self._by_key.values())
        for lane in lanes:
            lane.cell.set_mode(mode, because)

    def update(self, composition: Composition) -> None:
        """Take another composition: lanes keep their place, and begin a new era with new stages."""
        with self._lock:
            before, self.composition = self.composition, composition
            for lane in (self.only, *self._by_key.values()):
                if composition.breaker != before.breaker:
                    lane.cell.update(composition.breaker)
                lane.stages = tuple(_kept(stage, lane.stages) for stage in self._stages(lane.cell, lane.key))

    def _make(self, key: str | None) -> Lane:
        cell = Cell(self._listening, self.composition.breaker, key=key)
        mode, because = self._mode
        if mode is not Mode.AUTOMATIC:
            cell.begin_as(mode, because)
        return Lane(cell, stages=self._stages(cell, key), key=key)

    def _stages(self, cell: Cell, key: str | None) -> tuple[Stage, ...]:
        def made(makers: tuple[StageMaker, ...]) -> list[Stage]:
            stages = (maker(self.composition, self._listening, key) for maker in makers)
            return [stage for stage in stages if stage is not None]

        return (*made(self._makers.before), cell, *made(self._makers.after))

    def _evict(self) -> None:
        """Drop a tenth of the lanes at once, so that a flood of keys does not sort them for each."""

        def weight(item: tuple[str, Lane]) -> tuple[bool, float]:
            cell = item[1].cell
            matters = cell.circuit.state is not CircuitState.CLOSED or cell.mode is not Mode.AUTOMATIC
            return matters, item[1].used_at

        by_age = sorted(self._by_key.items(), key=weight)
        for key, _ in by_age[: max(1, self.most // 10)]:
            del self._by_key[key]


def _kept(made: Stage, before: tuple[Stage, ...]) -> Stage:
    """The stage of the same kind that was there before, with the settings of the new one; else the new one."""
    for stage in before:
        if stage is not made and isinstance(stage, Lasting) and type(stage) is type(made):
            stage.adopt(made)
            return stage
    return made


def key_text(part: object, *, policy: str) -> str:
    """The part of a dependency that a call is for, as text.

    Raises:
        BadInput: its text is an address in memory: each object would have a lane of its own, and nothing would be shared. The usual way there is
            a key that takes the first argument, above a method, where that is the object.
    """
    if isinstance(part, str):
        return part
    text = str(part)
    if " at 0x" in text:
        kind = type(part).__qualname__
        message = f"returned a {kind}, which has no text of its own. Return what names it, such as `lambda client, *_, **__: client.tenant`"
        raise BadInput([Problem(source=f"policy {policy!r}", path="key", message=message)])
    return text
