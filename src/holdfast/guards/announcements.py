"""What APIs announce about their own end, told once: the driver's and the clients' memory of it.

`holdfast.faults.deprecations` reads an answer's headers; this remembers what has been told, at most `TOLD_MAX` announcements, and
hands on what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock

from holdfast.faults.deprecations import deprecation_of
from holdfast.faults.rules import ApiRules

__all__ = ["TOLD_MAX", "Announcements"]

TOLD_MAX = 256
"""Beyond this the oldest announcement is forgotten, and told again if it comes again."""


class Announcements:
    """Tells each announcement of each API once. Safe to use from several threads."""

    __slots__ = ("_lock", "_tell", "_told")

    def __init__(self, tell: Callable[..., None]) -> None:
        """Take what tells an event: it is called with the event's name and its facts."""
        self._tell = tell
        self._lock = Lock()
        self._told: dict[tuple[str, str, str | None], None] = {}

    def hear(self, headers: Sequence[tuple[str, str]], api: ApiRules | None, *, place: str, now: datetime) -> None:
        """Look at an answer, whatever it was, and tell what it announces unless that was told before.

        Args:
            headers: of the answer.
            api: what is known of the API.
            place: whose answer it is where no entry names the API: a host, an integration.
            now: when it came, by the wall clock.
        """
        found = deprecation_of(headers, api, observed_at=now)
        if found is None:
            return
        name = place if api is None else api.api_id
        sunset_at = None if found.sunset_at is None else found.sunset_at.isoformat()
        key = (name, found.header, sunset_at)
        with self._lock:
            if key in self._told:
                return
            if len(self._told) >= TOLD_MAX:
                del self._told[next(iter(self._told))]
            self._told[key] = None
        self._tell("api.deprecated", api=name, header=found.header, sunset_at=sunset_at, link=found.link)
