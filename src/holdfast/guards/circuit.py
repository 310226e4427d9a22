"""The memory of one circuit: what `holdfast.policies.breaker` decides about, under one short lock that is never held across a call.

The success path does not come here. A guarded call reads `gate` (None while everything is plain), takes hold of the present `window`, and adds one to
it when it succeeds. A window is replaced when the state changes, so that a result of an earlier era falls into a window where nobody looks: that
is the whole of era safety on that path. Failures, slow calls, probes and whatever is done by hand come here.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import NamedTuple

from holdfast.errors import CircuitOpen, Rejection
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health, Verdict
from holdfast.guards.listening import Listening
from holdfast.guards.stage import Permit, Signal
from holdfast.guards.world import WORLD
from holdfast.policies.breaker import Breaker, Circuit, CircuitState, admit, begin_window, probe_ended, trip, why_trip
from holdfast.policies.windows import Counts, Window

__all__ = ["LONGER_WAY", "Cell", "CircuitHealth", "Gate", "Mode"]

Gate = tuple[float, Rejection]
"""What stands in the way of plain calls: until when they are turned away (monotonic seconds), and why."""

LONGER_WAY: Gate = (-math.inf, Rejection(policy="", because=""))
"""A gate that turns nobody away and lets nobody pass without a look: whoever comes takes the longer way, where probes are let through."""


@unique
class Mode(StrEnum):
    """Who decides whether calls go through."""

    AUTOMATIC = "automatic"
    """The circuit's own judgement."""

    ISOLATED = "isolated"
    """Nobody gets through, by hand."""

    DISABLED = "disabled"
    """Everybody gets through, and nothing is counted."""

    SHADOW = "shadow"
    """Everybody gets through; it is told when the circuit would have opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitHealth:
    """How a circuit stands: for pages and people.

    `until` is when the next probe is let through, None unless it is open. `counts` are those of the present era. `turned_away` counts rejections
    since the circuit was made.
    """

    policy: str
    key: str | None
    state: CircuitState
    mode: Mode
    era: int
    counts: Counts
    until: datetime | None
    because: str | None
    last_failure: str | None
    turned_away: int


class Cell:
    """One circuit. Safe to use from several threads and event loops at once."""

    __slots__ = (
        "_base", "_category", "_category_run", "_last_failure", "_listening", "_lock", "breaker", "circuit", "gate", "key", "mode",
        "probing_until", "rejection", "resting", "slow_s", "turned_away", "window",
    )  # fmt: skip

    name = "breaker"

    def __init__(self, listening: Listening, breaker: Breaker | None, *, key: str | None = None) -> None:
        self._listening = listening
        self._lock = threading.Lock()
        self.key = key
        self.breaker = breaker
        self.circuit = Circuit()
        self.mode = Mode.AUTOMATIC
        self.gate: Gate | None = None
        # The gate while the circuit is closed: None, or `LONGER_WAY` once fused calls no longer fit the settings.
        self.resting: Gate | None = None
        self.slow_s = _slow_s(breaker)
        self.window: Window = begin_window(breaker, WORLD.monotonic())
        self.rejection: Rejection | None = None
        # Until when it is this process's turn to probe, where processes take turns; None where they do not.
        self.probing_until: float | None = None
        self.turned_away = 0
        self._base = 0
        self._category: ErrorCategory | None = None
        self._category_run = 0
        self._last_failure: str | None = None

    # --- calls ---

    @property
    def calls(self) -> int:
        """All calls that were heard of, over all eras: what a retry budget is a share of."""
        return self._base + self.window.total

    def enter(self, now: float) -> Permit:
        """Let a call in.

        Raises:
            CircuitOpen: it is turned away; nothing is held.
        """
        if self.gate is None or self.breaker is None or self.mode in {Mode.DISABLED, Mode.SHADOW}:
            if self.mode is Mode.ISOLATED:
                raise self._turned_away(None)
            return _Watched(self, self.window)
        with self._lock:
            if self.mode is Mode.ISOLATED:
                raise self._turned_away(None)
            before = self.circuit
            if before.state is CircuitState.CLOSED:
                return _Watched(self, self.window)
            turn_until = self.probing_until
            if turn_until is not None and now >= max(turn_until, before.open_until):
                raise self._turned_away(None)
            after, probe = admit(self.breaker, before, now=now)
            expired = len(before.probes) - len(after.probes) + (probe is not None)
            self.circuit = after
            half_opened = before.state is CircuitState.OPEN and after.state is CircuitState.HALF_OPEN
            if half_opened:
                self._begin_era(LONGER_WAY)
                self.rejection = None
        if expired > 0 and not half_opened:
            self._listening.tell("probe.expired", self.key, era=after.era, probes=expired)
        if half_opened:
            self._listening.tell("circuit.half_opened", self.key, era=after.era)
        if probe is None:
            raise self._turned_away(self._wait_s(after, now))
        return _Probing(self, after.era, probe.number)

    def failed(self, window: Window, verdict: Verdict, *, took_s: float, now: float) -> None:
        """Hear of a failure of a call that was let in while `window` was the present one."""
        breaker = self.breaker
        counted = verdict.health is Health.FAILURE
        if breaker is not None and verdict.category in breaker.categories:
            counted = True
        if not counted:
            if verdict.health is Health.SUCCESS:
                self.succeeded(window, took_s=took_s, now=now)
            else:
                with self._lock:
                    self._base += 1  # a call all the same, for whoever counts calls
            return
        opened = None
        with self._lock:
            if self.mode is Mode.DISABLED:
                return
            if window is not self.window:
                self._base += 1
                return
            counts = window.add(failure=True, slow=took_s >= self.slow_s, now=now)
            self._last_failure = verdict.message
            if breaker is None or not self._may_open(now):
                return
            in_a_row = verdict.category is self._category and counts.consecutive > 1
            self._category, self._category_run = verdict.category, self._category_run + 1 if in_a_row else 1
            because = why_trip(breaker, counts, category=verdict.category, category_run=self._category_run)
            if because is not None:
                opened = self._open(breaker, because, now=now, retry_after_s=verdict.retry_after_s)
        if opened is not None:
            self._tell_opened(opened)

    def succeeded(self, window: Window, *, took_s: float, now: float) -> None:
        """Hear of a success: only slow ones can change anything."""
        breaker = self.breaker
        if took_s < self.slow_s or breaker is None:
            if now >= window.edge:
                self.turn(window, now)
            window.ok += 1
            return
        opened = None
        with self._lock:
            if self.mode is Mode.DISABLED:
                return
            if window is not self.window:
                self._base += 1
                return
            counts = window.add(failure=False, slow=True, now=now)
            if not self._may_open(now):
                return
            because = why_trip(breaker, counts, category=None, category_run=0)
            if because is not None:
                opened = self._open(breaker, because, now=now, retry_after_s=None)
        if opened is not None:
            self._tell_opened(opened)

    def turn(self, window: Window, now: float) -> None:
        """Move a window of time on: its edge is reached."""
        with self._lock:
            window.turn(now)

    def probed(self, era: int, number: int, *, signal: Signal, now: float) -> None:
        """Hear of the end of a probe; of an earlier era's, nothing."""
        opened, closed_era = None, None
        with self._lock:
            before, breaker = self.circuit, self.breaker
            self._base += not signal.cancelled
            if breaker is None or before.era != era or before.state is not CircuitState.HALF_OPEN:
                return
            health = _probe_health(breaker, signal, self.slow_s)
            verdict = signal.verdict
            wait_s = verdict.retry_after_s if verdict is not None else None
            after = probe_ended(
                breaker, before, number, health=health, now=now, draw=WORLD.draw(), retry_after_s=wait_s
            )
            if after is before:
                return
            self.circuit = after
            if after.state is CircuitState.CLOSED:
                self._begin_era(None)
                closed_era = after.era
            elif after.state is CircuitState.OPEN:
                summary = verdict.message if verdict is not None else f"the probe took {signal.took_s:.3g} s"
                self._last_failure = summary
                opened = self._shut("a probe failed", after.open_until - now)
            elif health is Health.SUCCESS:
                self.window.ok += 1  # counted there, then: the era goes on
                self._base -= 1
        if closed_era is not None:
            self._listening.tell("circuit.closed", self.key, era=closed_era)
        if opened is not None:
            self._tell_opened(opened)

    # --- by hand ---

    def set_mode(self, mode: Mode, because: str = "") -> None:
        """Isolate, disable, shadow, or give back to its own judgement, which begins anew with a closed circuit."""
        self.begin_as(mode, because)
        event = {
            Mode.AUTOMATIC: "circuit.resumed",
            Mode.ISOLATED: "circuit.isolated",
            Mode.DISABLED: "circuit.disabled",
            Mode.SHADOW: "circuit.shadowed",
        }[mode]
        if mode is Mode.ISOLATED:
            self._listening.tell(event, self.key, because=because)
        else:
            self._listening.tell(event, self.key)

    def begin_as(self, mode: Mode, because: str) -> None:
        """Set the mode without a word: what the circuit of a key begins with that comes after all keys were isolated, say."""
        with self._lock:
            self.mode = mode
            self.circuit = Circuit(era=self.circuit.era + 1)
            self._begin_era(None)
            if mode is Mode.ISOLATED:
                words = f"Circuit {self._title()} was isolated by hand: {because or 'no reason was given'}"
                self.rejection = Rejection(
                    policy=self._listening.policy, because=words, next_step="It stays so until somebody calls resume()."
                )
                self.gate = LONGER_WAY

    def force_open(self, because: str, seconds: float) -> int | None:
        """Open it now for so many seconds, as a failure would; what it does after that is its own judgement. Nothing while it is open already.

        Returns the era that began; None when nothing was done.
        """
        with self._lock:
            if self.breaker is None or self.circuit.state is CircuitState.OPEN or self.mode is not Mode.AUTOMATIC:
                return None
            now = WORLD.monotonic()
            opened = Circuit(
                state=CircuitState.OPEN,
                era=self.circuit.era + 1,
                open_until=now + seconds,
                opens=self.circuit.opens + 1,
            )
            self.circuit = opened
            told = self._shut(because, seconds)
        self._tell_opened(told)
        return opened.era

    def rest_at(self, gate: Gate | None) -> None:
        """Set the gate of the closed circuit: `LONGER_WAY` while fused calls would miss something, None when they do not."""
        with self._lock:
            # The gate of a half-open or an isolated circuit looks the same, and stays.
            if self.circuit.state is CircuitState.CLOSED and self.mode is not Mode.ISOLATED:
                self.gate = gate
            self.resting = gate

    def update(self, breaker: Breaker | None) -> None:
        """Take other settings: a new era begins with a closed circuit; calls under way end in the old one."""
        with self._lock:
            self.breaker = breaker
            self.slow_s = _slow_s(breaker)
            self.circuit = Circuit(era=self.circuit.era + 1)
            self._begin_era(self.gate if self.mode is Mode.ISOLATED else None)

    def health(self) -> CircuitHealth:
        """How it stands now."""
        now = WORLD.monotonic()
        with self._lock:
            circuit = self.circuit
            is_open = circuit.state is CircuitState.OPEN or self.mode is Mode.ISOLATED
            return CircuitHealth(
                policy=self._listening.policy,
                key=self.key,
                state=circuit.state,
                mode=self.mode,
                era=circuit.era,
                counts=self.window.counts(now),
                until=self.rejection.until if is_open and self.rejection else None,
                because=self.rejection.because if is_open and self.rejection else None,
                last_failure=self._last_failure,
                turned_away=self.turned_away,
            )

    # --- under the lock ---

    def _begin_era(self, gate: Gate | None) -> None:
        self._base += self.window.total
        self.window = begin_window(self.breaker, WORLD.monotonic())
        self._category, self._category_run = None, 0
        self.gate = self.resting if gate is None else gate
        if gate is None:
            self.rejection = None

    def _may_open(self, now: float) -> bool:
        """Whether a failure can open it now: a shadow is not told to open again while it would be open."""
        if self.circuit.state is not CircuitState.CLOSED or self.mode is Mode.ISOLATED:
            return False
        return self.mode is not Mode.SHADOW or now >= self.circuit.open_until

    def _open(self, breaker: Breaker, because: str, *, now: float, retry_after_s: float | None) -> _Opened:
        opened = trip(breaker, self.circuit, now=now, draw=WORLD.draw(), retry_after_s=retry_after_s)
        if self.mode is Mode.SHADOW:
            self.circuit = Circuit(era=opened.era, open_until=opened.open_until)
            self._begin_era(None)
            return _Opened("circuit.would_have_opened", because, opened.open_until - now, opened.era)
        self.circuit = opened
        return self._shut(because, opened.open_until - now)

    def _shut(self, because: str, wait_s: float) -> _Opened:
        rejection = Rejection(
            policy=self._listening.policy,
            because=f"Circuit {self._title()} is open: {because}",
            until=WORLD.now() + timedelta(seconds=wait_s),
            last_failure=self._last_failure,
        )
        self._begin_era((self.circuit.open_until, rejection))
        self.rejection = rejection
        return _Opened("circuit.opened", because, wait_s, self.circuit.era)

    # --- outside it ---

    def _turned_away(self, wait_s: float | None) -> CircuitOpen:
        self.turned_away += 1
        rejection = self.rejection
        if rejection is None:  # half-open, and as many probes under way as may be
            rejection = Rejection(
                policy=self._listening.policy,
                because=f"Circuit {self._title()} is half open: as many probes are under way as may be",
                last_failure=self._last_failure,
            )
        return CircuitOpen(rejection, wait_s)

    def _wait_s(self, circuit: Circuit, now: float) -> float | None:
        if circuit.state is CircuitState.OPEN:
            return max(0.0, circuit.open_until - now)
        ends = [probe.leased_until for probe in circuit.probes]
        return max(0.0, min(ends) - now) if ends else None

    def _tell_opened(self, opened: _Opened) -> None:
        open_s = round(opened.open_s, 3)
        if opened.event == "circuit.opened":
            self._listening.tell(opened.event, self.key, because=opened.because, open_s=open_s, era=opened.era)
        else:
            self._listening.tell(opened.event, self.key, because=opened.because, open_s=open_s)

    def _title(self) -> str:
        return repr(self._listening.policy if self.key is None else f"{self._listening.policy}[{self.key}]")


class _Opened(NamedTuple):
    """That it opened (or would have), as it was under the lock: to be told outside of it, when it may have moved on."""

    event: str
    because: str
    open_s: float
    era: int


class _Watched:
    """Leave to make a call through a circuit that lets everything through."""

    __slots__ = ("_cell", "_window")

    def __init__(self, cell: Cell, window: Window) -> None:
        self._cell = cell
        self._window = window

    def leave(self, signal: Signal) -> None:
        """Tell the circuit how it ended."""
        if signal.cancelled:
            return
        now = WORLD.monotonic()
        if signal.verdict is not None:
            self._cell.failed(self._window, signal.verdict, took_s=signal.took_s, now=now)
        else:
            self._cell.succeeded(self._window, took_s=signal.took_s, now=now)


class _Probing:
    """Leave to make a call as a probe."""

    __slots__ = ("_cell", "_era", "_number")

    def __init__(self, cell: Cell, era: int, number: int) -> None:
        self._cell = cell
        self._era = era
        self._number = number

    def leave(self, signal: Signal) -> None:
        """Tell the circuit how the probe ended; a cancelled one only gives its place back."""
        self._cell.probed(self._era, self._number, signal=signal, now=WORLD.monotonic())


def _slow_s(breaker: Breaker | None) -> float:
    return float("inf") if breaker is None or breaker.slow_s is None else breaker.slow_s


def _probe_health(breaker: Breaker, signal: Signal, slow_s: float) -> Health:
    """What a probe says: a slow success is a failure where slowness is watched, or the circuit would close on what it opened for."""
    if signal.cancelled:
        return Health.NEUTRAL
    if signal.verdict is not None and signal.verdict.category in breaker.categories:
        return Health.FAILURE
    if signal.health is Health.SUCCESS and signal.took_s >= slow_s:
        return Health.FAILURE
    return signal.health
