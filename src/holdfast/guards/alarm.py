"""Alerts of the recovery engine, kept to a rate that a person can read: the same one is told once, then counted, then told again with the count."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from holdfast.policies.checks import number_problem, refuse
from holdfast.policies.remedies import Severity

__all__ = ["Alarm", "Alert"]

REMEMBERED_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that somebody should know of.

    `dependency` and `remedy` say where it comes from, `error` is a redacted summary of what went wrong. `repeated` counts how often the same alert
    was held back since it was told last.
    """

    message: str
    severity: Severity
    remedy: str
    dependency: str
    operation: str
    error: str
    repeated: int = 0


@dataclass(slots=True)
class _Told:
    at_s: float
    held_back: int = 0


class Alarm:
    """Remembers which alerts were told, at most 1000 of them, the oldest forgotten first. Safe over threads.

    Raises:
        BadSettings: `every_s`, the seconds between two of the same alert, is not from 0 to 86400.
    """

    def __init__(self, *, every_s: float) -> None:
        refuse("alerts", [("every_s", number_problem(every_s, 0, 86_400))])
        self._every_s = every_s
        self._lock = threading.Lock()
        self._told: OrderedDict[tuple[str, str, str], _Told] = OrderedDict()

    def admit(self, key: tuple[str, str, str], *, now: float) -> int | None:
        """How often the same alert was held back before this one may be told; None when it is held back as well."""
        with self._lock:
            told = self._told.get(key)
            if told is not None and now - told.at_s < self._every_s:
                told.held_back += 1
                return None
            self._told[key] = _Told(at_s=now)
            self._told.move_to_end(key)
            while len(self._told) > REMEMBERED_MAX:
                self._told.popitem(last=False)
            return 0 if told is None else told.held_back
