"""Faults of this process seen together: the correlator that every policy tells of what failed, and the ids that a call carries for it.

A call that succeeds pays nothing. One that fails pays a lock and a few counts; what they come to is asked for (`analyse`, `groups`, `incidents`) or
told as events: `incident.opened`, `incident.updated`, `incident.resolved`. While an incident is open, a thread looks now and then whether it is over:
who has nothing to complain of any more does not call.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import weakref
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.guards.listening import Listener, Listening
from holdfast.guards.world import WORLD

if TYPE_CHECKING:
    from holdfast.faults.correlation.analysis import ErrorAnalysis
    from holdfast.faults.correlation.fault_window import FaultWindow, Totals
    from holdfast.faults.correlation.groups import Group
    from holdfast.faults.correlation.ids import Ids
    from holdfast.faults.correlation.incidents import Change, Incident
    from holdfast.faults.correlation.settings import Correlation
    from holdfast.faults.verdict import Verdict

__all__ = ["IDS", "Correlator", "correlated", "correlator"]

_T = TypeVar("_T")

IDS: contextvars.ContextVar[Ids | None] = contextvars.ContextVar("holdfast_ids", default=None)
"""The ids of whatever is going on; None without any."""


@contextlib.contextmanager
def correlated(
    *,
    correlation_id: str | None = None,
    trace_id: str | None = None,
    session_id: str | None = None,
    request_id: str | None = None,
) -> Iterator[None]:
    """Faults of calls made inside are kept with these ids; those that are not given stay what they are outside. For sync and async code alike."""
    from holdfast.faults.correlation.ids import Ids  # noqa: PLC0415 - only who names ids pays for them

    outer = IDS.get() or Ids()
    given = {"correlation_id": correlation_id, "trace_id": trace_id, "session_id": session_id, "request_id": request_id}
    token = IDS.set(Ids(**(outer.known() | {name: value for name, value in given.items() if value is not None})))
    try:
        yield
    finally:
        IDS.reset(token)


class Correlator:
    """Counts faults over a sliding window and finds incidents. Safe over threads; its memory is bounded by its settings, not by what it is told.

    Args:
        settings: window, thresholds and bounds; the documents' numbers by default.
        name: what its events and lines of the log call it.
    """

    __slots__ = ("__weakref__", "_is_on", "_listening", "_lock", "_settings", "_watch", "_window")

    def __init__(self, settings: Correlation | None = None, *, name: str = "program") -> None:
        self._settings = settings
        self._listening = Listening(name)
        self._lock = threading.Lock()
        self._window: FaultWindow | None = None
        self._watch: threading.Thread | None = None
        self._is_on = True

    # --- what happens ---

    def record(self, verdict: Verdict, place: str = "", *, ids: Ids | None = None) -> None:
        """Take in one judged fault. `place` is where it happened, for verdicts without an API id; `ids` are those of `correlated` by default.

        What a person stopped is no fault.
        """
        if not self._is_on or verdict.category is ErrorCategory.USER_CANCELLED:
            return
        if ids is None:
            ids = IDS.get()
        if verdict.trail:
            from holdfast.faults.correlation.ids import Ids  # noqa: PLC0415 - only a fault with ids pays for them

            ids = (ids or Ids()).joined(verdict.trail)
        now = WORLD.monotonic()
        with self._lock:
            window = self._window
            if window is None:
                window = self._window = self._made()
            changes = window.record(verdict, now, place=place, ids=ids)
        if changes:
            self._tell(changes)

    def look(self) -> None:
        """See whether incidents are over, and tell. Reading anything does the same, and so does a thread while an incident is open."""
        self._with(lambda _window, _now: None)

    def forget(self) -> None:
        """Begin anew with the same settings, as if nothing had failed. Open incidents are forgotten without a word."""
        with self._lock:
            self._window = None

    def configure(self, settings: Correlation | None = None, *, on: bool = True) -> None:
        """Begin anew with other settings, or (`on=False`) record nothing from now on. Open incidents are forgotten without a word."""
        with self._lock:
            self._settings, self._is_on, self._window = settings, on, None

    def on(self, event: str, listener: Listener) -> Callable[[], None]:
        """Have `listener` called for each event of that name (`incident.opened`, …), or for all with `*`; returns what takes it back.

        Listeners run in the thread of the call that failed, outside every lock; what they raise is ignored and logged once.

        Raises:
            ValueError: no event has that name.
        """
        return self._listening.add(event, listener)

    # --- what can be said ---

    def analyse(self) -> ErrorAnalysis:
        """What the window says as a whole: no errors, normal operation, a pattern, or a high error rate (spec 003 §3.1)."""
        return self._with(lambda window, now: window.analyse(now))

    def totals(self) -> Totals:
        """The exact counts of the window."""
        return self._with(lambda window, now: window.totals(now))

    def groups(self) -> tuple[Group, ...]:
        """The largest groups of faults, by fingerprint."""
        return self._with(lambda window, now: window.groups(now))

    def incidents(self) -> tuple[Incident, ...]:
        """The incidents that go on, the oldest first."""
        return self._with(lambda window, _now: window.open)

    def resolved(self) -> tuple[Incident, ...]:
        """The last incidents that ended, the latest first."""
        return self._with(lambda window, _now: window.resolved)

    @staticmethod
    def time_of(moment_s: float) -> datetime:
        """The time of day (UTC) of a moment in a group or an incident; those are seconds of the clock that never goes back."""
        return WORLD.now() + timedelta(seconds=moment_s - WORLD.monotonic())

    # --- inside ---

    def _made(self) -> FaultWindow:
        import os  # noqa: PLC0415 - only who fails pays for it

        from holdfast.faults.correlation.fault_window import FaultWindow  # noqa: PLC0415 - as above

        return FaultWindow(self._settings, seed=os.urandom(8).hex())

    def _with(self, ask: Callable[[FaultWindow, float], _T]) -> _T:
        now = WORLD.monotonic()
        with self._lock:
            window = self._window
            if window is None:
                window = self._window = self._made()
            changes = window.look(now)
            answer = ask(window, now)
        self._tell(changes)
        return answer

    def _tell(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            incident = change.incident
            self._listening.tell(
                f"incident.{change.kind.value}",
                id=incident.id,
                kind=incident.kind.value,
                cause=incident.cause,
                count=incident.count,
                members=", ".join(incident.members),
                since=self.time_of(incident.since_s).isoformat(timespec="seconds"),
                fingerprint=incident.fingerprint,
                example=incident.example,
                into=incident.into or "",
            )
        if changes:
            self._watch_over()

    def _watch_over(self) -> None:
        """Have a thread look until no incident is open."""
        with self._lock:
            window = self._window
            if window is None or not window.open or (self._watch is not None and self._watch.is_alive()):
                return
            every_s = (1.0 if self._settings is None else self._settings.window_s / 60.0) * 5
            self._watch = threading.Thread(
                target=_look_until_over, args=(weakref.ref(self), every_s), name="holdfast-incidents", daemon=True
            )
            self._watch.start()

    def _is_over(self) -> bool:
        self.look()
        with self._lock:
            is_over = self._window is None or not self._window.open
            if is_over:
                self._watch = None
        return is_over


def _look_until_over(found: weakref.ref[Correlator], every_s: float) -> None:
    # Real time, whatever the world of the tests: who waits here must not turn somebody else's clock.
    pause = threading.Event()
    while (present := found()) is not None and not present._is_over():
        del present
        pause.wait(every_s)


correlator = Correlator()
"""The correlator of this process, which every policy tells of its failed attempts."""
