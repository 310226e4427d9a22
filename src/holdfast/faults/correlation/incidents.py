"""Incidents: from counts that rise and fall to one thing with a beginning and an end.

```
            count ≥ limit                       members or count grew, at most every update_s
   (quiet) ───────────────▶ open ─────────────────────────────────────────────┐
      ▲                      │ ▲ └──────────────────────◀─────────────────────┘
      │      quiet for       │ │ count > limit / 2
      │      quiet_s         ▼ │
      └───────────────── calming                      absorbed: a wider one explains it; it ends in that
```

It opens at the limit and calms at half of it, and it is resolved only once it has been calm for `quiet_s` without a break: so no incident lasts
shorter than that, whatever the counts do, and two openings of the same one are at least that far apart. What ends earlier was absorbed by a wider
one, which it names. Pure: it knows neither faults nor clocks, only readings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from hashlib import blake2b
from typing import assert_never

from holdfast.faults.correlation.causes import IncidentKind
from holdfast.faults.correlation.ids import Ids
from holdfast.faults.correlation.settings import Correlation

__all__ = ["Change", "ChangeKind", "Incident", "Incidents", "Reading"]

RESOLVED_MAX = 4
_ACROSS = (IncidentKind.NAME_RESOLUTION, IncidentKind.CONNECTIVITY)

Key = tuple[IncidentKind, str]


@unique
class ChangeKind(StrEnum):
    """What happened to an incident."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Many faults that are one thing.

    Moments are seconds of the clock that faults were recorded by. `name` is the dependency's or the credential's, else empty. `count` is of all
    faults since it began, those included that made it one; `in_window` of those within the window. `usual` is the baseline that it was measured
    against, in faults per window. `members` are dependencies (the largest first, at most 10 of `members_total`). `into` is the id of the wider
    incident that absorbed it.
    """

    id: str
    kind: IncidentKind
    name: str
    since_s: float
    last_s: float
    count: int
    in_window: int
    usual: float
    window_s: float
    members: tuple[str, ...]
    members_total: int
    example: str = ""
    fingerprint: str = ""
    ids: tuple[Ids, ...] = ()
    resolved_s: float | None = None
    into: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it still goes on."""
        return self.resolved_s is None

    @property
    def cause(self) -> str:
        """What it is, in words for people."""
        many = f"{self.members_total} dependencies"
        match self.kind:
            case IncidentKind.DEPENDENCY:
                return f"{self.name} fails more than usual: {self.in_window} times in {self.window_s:g} s, usually {self.usual:.0f}"
            case IncidentKind.NAME_RESOLUTION:
                return f"the names of {many} cannot be resolved: look at DNS"
            case IncidentKind.CONNECTIVITY:
                return f"{many} cannot be reached: look at the way out of this network"
            case IncidentKind.CREDENTIAL:
                which = f"the credential {self.name!r} is" if self.name else f"credentials for {many} are"
                return f"{which} refused: expired or revoked"
            case IncidentKind.OWN_SIDE:
                return f"requests to {many} are wrong at once: look at what was deployed last"
            case _:
                assert_never(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that happened to an incident, and the incident as it is since."""

    kind: ChangeKind
    incident: Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How one possible incident stands.

    `count` are its faults in the window that no wider incident explains, `ever` all that were counted, `limit` what makes it an incident and
    `usual` its baseline. `fits` is whether it is of the right kind to open: one cause at enough dependencies, say.
    """

    kind: IncidentKind
    name: str
    count: int
    ever: int
    limit: float
    usual: float
    members: tuple[str, ...]
    members_total: int
    fits: bool = True
    example: str = ""
    fingerprint: str = ""
    ids: tuple[Ids, ...] = ()

    @property
    def key(self) -> Key:
        """What it is about."""
        return (self.kind, self.name)


@dataclass(slots=True)
class _Open:
    incident: Incident
    ever_before: int
    ever: int
    calm_since: float | None
    told_s: float
    told_count: int
    told_members: int


class Incidents:
    """The open incidents, and the last four that ended."""

    __slots__ = ("_begun", "_begun_s", "_open", "_resolved", "_seed", "_settings")

    def __init__(self, settings: Correlation, *, seed: str = "") -> None:
        self._settings = settings
        self._seed = seed
        self._open: dict[Key, _Open] = {}
        # What has begun at the latest moment at which something did: what begins again in the same moment needs another id.
        self._begun: list[Key] = []
        self._begun_s = float("-inf")
        self._resolved: deque[Incident] = deque(maxlen=RESOLVED_MAX)

    @property
    def open(self) -> tuple[Incident, ...]:
        """The incidents that go on, the oldest first."""
        return tuple(found.incident for found in self._open.values())

    @property
    def resolved(self) -> tuple[Incident, ...]:
        """The last that ended, the latest first."""
        return tuple(reversed(self._resolved))

    def has(self, key: Key) -> bool:
        """Whether an incident about this goes on."""
        return key in self._open

    def step(self, now: float, readings: Sequence[Reading], *, newest_s: float) -> tuple[Change, ...]:
        """Take in how everything stands at `now`; returns what changed. `newest_s` is when the newest fault was recorded.

        What is open needs a reading each time. `now` never goes back.
        """
        changes: list[Change] = []
        for reading in readings:
            found = self._open.get(reading.key)
            if found is not None:
                self._follow(found, reading, now=now, newest_s=newest_s)
            elif self._opens(reading):
                changes.append(self._begin(reading, now=now, newest_s=newest_s))
        changes += self._absorb(now, readings)
        for key, found in list(self._open.items()):
            calm = found.calm_since
            if calm is not None and now - calm >= self._settings.quiet_s:
                changes.append(self._end(key, now=now, into=None))
            elif self._is_news(found, now=now):
                changes.append(self._tell(found, ChangeKind.UPDATED, now=now))
        return tuple(changes)

    def _opens(self, reading: Reading) -> bool:
        rises = reading.fits and reading.count >= reading.limit
        return rises and len(self._open) < self._settings.incidents_max and not self._is_within(reading)

    def _is_within(self, reading: Reading) -> bool:
        """Whether a wider incident across dependencies has all its members already."""
        return reading.kind in _ACROSS and any(
            kind in _ACROSS and set(reading.members) <= set(found.incident.members)
            for (kind, _), found in self._open.items()
        )

    def _begin(self, reading: Reading, *, now: float, newest_s: float) -> Change:
        incident = Incident(
            id=self._id(reading.key, now=now),
            kind=reading.kind,
            name=reading.name,
            since_s=now,
            last_s=newest_s,
            count=reading.count,
            in_window=reading.count,
            usual=reading.usual,
            window_s=self._settings.window_s,
            members=reading.members,
            members_total=reading.members_total,
            example=reading.example,
            fingerprint=reading.fingerprint,
            ids=reading.ids,
        )
        found = _Open(
            incident=incident,
            ever_before=reading.ever - reading.count,
            ever=reading.ever,
            calm_since=None,
            told_s=now,
            told_count=reading.count,
            told_members=reading.members_total,
        )
        self._open[reading.key] = found
        return Change(kind=ChangeKind.OPENED, incident=incident)

    def _id(self, key: Key, *, now: float) -> str:
        """The same for everybody who sees the same incident begin at the same moment, with the same seed."""
        if now > self._begun_s:
            self._begun, self._begun_s = [], now
        text = f"{self._seed}\x1f{key[0]}\x1f{key[1]}\x1f{now:.6f}\x1f{self._begun.count(key)}"
        self._begun.append(key)
        return blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()

    def _follow(self, found: _Open, reading: Reading, *, now: float, newest_s: float) -> None:
        before = found.incident
        last_s = newest_s if reading.ever > found.ever else before.last_s
        found.ever = reading.ever
        is_calm = not reading.fits or reading.count <= reading.limit / 2
        if not is_calm:
            found.calm_since = None
        elif found.calm_since is None:
            # Nothing was heard of it since `last_s`, and a window later its count was 0 for certain, whoever looked.
            found.calm_since = min(now, last_s + self._settings.window_s)
        grown = reading.members_total > before.members_total
        found.incident = replace(
            before,
            last_s=last_s,
            count=reading.ever - found.ever_before,
            in_window=reading.count,
            members=reading.members if grown else before.members,
            members_total=max(before.members_total, reading.members_total),
            example=reading.example or before.example,
            fingerprint=reading.fingerprint or before.fingerprint,
            ids=reading.ids or before.ids,
        )

    def _absorb(self, now: float, readings: Iterable[Reading]) -> list[Change]:
        """End what a wider incident explains: the dependency's own, and one across dependencies whose members another has as well."""
        counts = {reading.key: reading for reading in readings}
        wider = [found.incident for (kind, _), found in self._open.items() if kind is not IncidentKind.DEPENDENCY]
        changes: list[Change] = []
        for key, found in list(self._open.items()):
            reading = counts.get(key)
            into = next((other for other in wider if self._explains(other, found.incident, reading)), None)
            if into is not None:
                changes.append(self._end(key, now=now, into=into.id))
                wider = [other for other in wider if other is not found.incident]
        return changes

    def _explains(self, wider: Incident, narrow: Incident, reading: Reading | None) -> bool:
        if wider.id == narrow.id:
            return False
        if narrow.kind is IncidentKind.DEPENDENCY:
            # Its reading leaves out what wider incidents explain: what is left says nothing of its own any more. One that opened although a wider
            # one was there has errors of its own, and ends like any other: else it would come and go as fast as they do.
            order = [found.incident.id for found in self._open.values()]
            is_explained = reading is not None and reading.count <= reading.limit / 2
            is_later = order.index(wider.id) > order.index(narrow.id)
            return is_explained and is_later and narrow.name in wider.members
        is_across = wider.kind in _ACROSS and narrow.kind in _ACROSS
        is_wider = len(wider.members) > len(narrow.members) or wider.kind is IncidentKind.CONNECTIVITY
        return is_across and is_wider and set(narrow.members) <= set(wider.members)

    def _is_news(self, found: _Open, *, now: float) -> bool:
        incident = found.incident
        has_grown = incident.members_total > found.told_members or incident.count >= 2 * found.told_count
        return has_grown and now - found.told_s >= self._settings.update_s

    def _tell(self, found: _Open, kind: ChangeKind, *, now: float) -> Change:
        found.told_s, found.told_count = now, found.incident.count
        found.told_members = found.incident.members_total
        return Change(kind=kind, incident=found.incident)

    def _end(self, key: Key, *, now: float, into: str | None) -> Change:
        found = self._open.pop(key)
        ended = replace(found.incident, resolved_s=now, into=into)
        self._resolved.append(ended)
        return Change(kind=ChangeKind.RESOLVED, incident=ended)
