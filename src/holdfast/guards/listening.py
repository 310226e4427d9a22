"""Telling what happened: to listeners, and to the log once per change of state.

Without listeners nothing is put together. Listeners are called by whoever noticed the event, outside every lock: one that raises is logged once and
otherwise ignored, one that is slow holds up its own call only, and one that calls the policy again does not deadlock.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from holdfast.guards.announcements import Announcements

__all__ = ["EVENTS", "Event", "Listener", "Listening"]

LISTENERS_MAX = 1_000

_ENDS_A_VALUE: Final = frozenset(' "=\\')

_INCIDENT: Final = ("id", "kind", "cause", "count", "members", "since", "fingerprint", "example", "into")

# Name → (level, meaning, fields); the documented table of what policies tell. Those with a level have a line in the log.
EVENTS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "attempt.failed": (
        "debug",
        "An attempt failed, and what it was judged to be.",
        ("attempt", "category", "outcome", "health", "rule", "took_s"),
    ),
    "retry.scheduled": (
        "debug",
        "A failed attempt will be repeated after a wait.",
        ("attempt", "wait_s", "reason", "category"),
    ),
    "call.exhausted": ("debug", "Attempts were made and none worked.", ("reason", "attempts", "outcome")),
    "circuit.opened": ("warning", "Calls are turned away from now on.", ("because", "open_s", "era")),
    "circuit.half_opened": ("info", "The open time is over and a probe goes through.", ("era",)),
    "circuit.closed": ("info", "Enough probes succeeded; calls go through again.", ("era",)),
    "circuit.isolated": ("warning", "Somebody closed the way by hand.", ("because",)),
    "circuit.disabled": (
        "warning",
        "Somebody switched the circuit off: it lets everything through and counts nothing.",
        (),
    ),
    "circuit.shadowed": ("info", "Somebody set the circuit to watch only.", ()),
    "circuit.resumed": ("info", "Somebody gave the circuit back to its own judgement.", ()),
    "circuit.would_have_opened": ("info", "A circuit that only watches would have opened.", ("because", "open_s")),
    "probe.expired": ("warning", "A probe did not come back within its lease and lost its place.", ("era", "probes")),
    "answer.degraded": (
        "debug",
        "A call failed and got a lesser answer.",
        ("strategy", "level", "reason", "age_s"),
    ),
    "degradation.changed": (
        "warning",
        "The policy's level of degradation is another one.",
        ("before", "after", "share"),
    ),
    "rejections.began": ("warning", "A stage turns calls away, for the first time in a minute.", ("stage", "because")),
    "rejections.ended": (
        "info",
        "A stage lets calls in again and has turned none away for a minute.",
        ("stage", "rejections"),
    ),
    "hedge.sent": ("debug", "A late call was made once more.", ("number", "delay_s")),
    "hedge.won": ("debug", "The answer of a hedge came first.", ("number", "took_s")),
    "hedge.refused": ("debug", "A late call was not made once more: the retry budget has no room for it.", ("number",)),
    "recovery.succeeded": (
        "debug",
        "A failed call got an answer by a remedy.",
        ("strategy", "attempts", "took_s", "queued", "operation"),
    ),
    "recovery.failed": (
        "debug",
        "A failed call was not recovered.",
        ("strategy", "attempts", "took_s", "queued", "operation"),
    ),
    "recovery.impaired": (
        "warning",
        "A part of the recovery itself is broken: a cache, a queue, a predicate. Told once a minute.",
        ("step", "error"),
    ),
    "api.deprecated": (
        "warning",
        "An API announces that what was asked for is going away. Each announcement is told once.",
        ("api", "header", "sunset_at", "link"),
    ),
    "alert.raised": (
        "warning",
        "A remedy wants somebody to know; the same is not told again and again.",
        ("message", "severity", "remedy", "operation", "error", "repeated"),
    ),
    "call.given_up": (
        "error",
        "A call that was kept for later failed too often and is kept no more.",
        ("operation", "tries", "outcome"),
    ),
    "sharing.lost": (
        "warning",
        "The store that processes share circuits by cannot be reached: each goes by its own judgement.",
        ("error",),
    ),
    "sharing.resumed": ("info", "The store that processes share circuits by is back.", ()),
    "incident.opened": (
        "warning",
        "Many faults are one thing: a dependency beyond its baseline, or one cause at many dependencies. Told by the correlator.",
        _INCIDENT,
    ),
    "incident.updated": ("info", "An open incident has spread or doubled.", _INCIDENT),
    "incident.resolved": ("info", "An incident is over, or a wider one (`into`) explains it.", _INCIDENT),
    "policy.updated": ("info", "The policy has other settings from now on.", ("changed",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to a policy: its name, the policy's, the key of the lane (None without keys), and facts by name."""

    name: str
    policy: str
    key: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)


Listener = Callable[[Event], object]


class Listening:
    """Who wants to hear what of one policy."""

    __slots__ = ("_listeners", "_muted", "announcements", "policy")

    def __init__(self, policy: str) -> None:
        self.policy = policy
        # Replaced as a whole, never changed: whoever tells an event reads it without a lock.
        self._listeners: Mapping[str, tuple[Listener, ...]] = {}
        self._muted: set[int] = set()
        self.announcements = Announcements(self.tell)
        """What the API has announced about its own end; whoever sees an answer's headers lets it hear them."""

    def add(self, name: str, listener: Listener) -> Callable[[], None]:
        """Have `listener` called for each event called `name`, or for all with `*`; returns what takes it back.

        Raises:
            TypeError: the listener cannot be called.
            ValueError: no event has that name.
        """
        if not callable(listener):
            raise TypeError(f"a listener is called with the event, and {listener!r} cannot be called")
        if name != "*" and name not in EVENTS:
            raise ValueError(f"no event is called {name!r}; there are: *, {', '.join(EVENTS)}")
        before = self._listeners.get(name, ())
        if len(before) >= LISTENERS_MAX:
            raise ValueError(f"{name!r} has {LISTENERS_MAX} listeners; take some back before you add more")
        self._listeners = {**self._listeners, name: (*before, listener)}

        def remove() -> None:
            left = tuple(other for other in self._listeners.get(name, ()) if other is not listener)
            self._listeners = {**self._listeners, name: left}

        return remove

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def tell(self, name: str, key: str | None = None, **facts: object) -> None:
        """Tell an event. Never raises, whatever listeners do."""
        level = EVENTS[name][0]
        if level != "debug":
            with contextlib.suppress(Exception):  # a log handler is a listener, too, and there is nowhere to complain
                self._log(level, name, key, facts)
        if not self._listeners:
            return
        event = Event(name=name, policy=self.policy, key=key, facts=facts)
        for listener in (*self._listeners.get(name, ()), *self._listeners.get("*", ())):
            try:
                listener(event)
            except Exception as err:  # noqa: BLE001 - a listener must never break the call that it listens to
                self._complain(listener, err)

    def _log(self, level: str, name: str, key: str | None, facts: Mapping[str, object]) -> None:
        import logging  # noqa: PLC0415 - most programs log nothing of ours before something fails

        told = " ".join(f"{fact}={_written(value)}" for fact, value in facts.items())
        of = _written(self.policy) if key is None else f"{_written(self.policy)} key={_written(key)}"
        logging.getLogger("holdfast.guards").log(
            getattr(logging, level.upper()), "%s %s %s", name, of, told, extra={"policy": self.policy, "event": name}
        )

    def _complain(self, listener: Listener, err: Exception) -> None:
        if id(listener) in self._muted or len(self._muted) >= LISTENERS_MAX:
            return
        self._muted.add(id(listener))
        import logging  # noqa: PLC0415 - as above

        logging.getLogger("holdfast.guards").warning(
            "a listener of %s raised %s; the call went on, and this is said once", self.policy, type(err).__name__
        )


def _written(value: object) -> str:
    """A value as it stands in a line of the log: in quotes when it has blanks, and never with a line break of its own.

    Keys come from callers and reasons from people: neither may write a second line, or a fact that is not one.
    """
    text = str(value)
    if text.isprintable() and text and not _ENDS_A_VALUE.intersection(text):
        return text
    import json  # noqa: PLC0415 - as above

    return json.dumps(text, ensure_ascii=not text.isprintable())
