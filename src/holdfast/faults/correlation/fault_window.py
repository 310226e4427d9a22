"""The window over faults: what it is told of each, what it can say of all of them at any moment, and which of them are an incident.

Memory is bounded by the settings, not by the number of faults: with the defaults below 64 KB, whatever comes. Counts of all faults, of each
category, of each dependency and of each shared cause are exact; those of fingerprints are of the largest, with their possible error
(`holdfast.faults.correlation.groups`). The window's edge moves in steps, as `holdfast.faults.correlation.window` says.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace

from holdfast.faults.correlation.analysis import (
    ErrorAnalysis,
    HighErrorRate,
    NoErrors,
    NormalOperation,
    PatternDetected,
)
from holdfast.faults.correlation.causes import Cause, IncidentKind, cause_of
from holdfast.faults.correlation.groups import FINGERPRINT_MAX_CHARS, Group, Kept
from holdfast.faults.correlation.ids import Ids
from holdfast.faults.correlation.incidents import Change, Incident, Incidents, Reading
from holdfast.faults.correlation.names import NAME_MAX_CHARS, Names
from holdfast.faults.correlation.settings import Correlation
from holdfast.faults.correlation.window import Counts
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Verdict

__all__ = ["FaultWindow", "Totals"]

CAUSES_MAX = 6
MEMBERS_MAX = 10
MEMBER_ERRORS_MIN = 3
"""So many faults of a shared cause make a dependency one of its members: a single one can be chance."""
OPEN_LEARNING = 1 / 60
"""An open incident teaches the baseline a sixtieth of what a quiet window does: half a day of it is the new normal, an outage of an hour is not."""

LOOKS_PER_WINDOW = 12
"""So often somebody looks whether incidents are over or have grown, as long as faults come; they open with the fault that makes them one."""

_CATEGORIES = tuple(ErrorCategory)
_CATEGORY_ROW = {category: number for number, category in enumerate(_CATEGORIES, start=1)}
_NEVER = 1 << 62
_NOTHING: tuple[Change, ...] = ()
_SEPARATOR = "\x1f"
_Counted = tuple[Kept, int, int]  # a group, its count, and how much of that is certain


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Exact counts of the window. `other_dependencies` are the faults of dependencies that had no place of their own."""

    total: int
    by_category: dict[ErrorCategory, int]
    by_dependency: dict[str, int]
    other_dependencies: int


class FaultWindow:
    """Faults over a sliding window. Not safe over threads; moments are seconds of one clock, which should not go back.

    Args:
        settings: the bounds and thresholds.
        seed: what goes into the ids of its incidents, to tell them from those of other processes.
    """

    __slots__ = (
        "_alarm", "_baseline", "_by_fingerprint", "_causes", "_counts", "_dependencies", "_first_group", "_incidents", "_kept", "_look_at",
        "_period_end", "_settings",
    )  # fmt: skip

    def __init__(self, settings: Correlation | None = None, *, seed: str = "") -> None:
        settings = settings or Correlation()
        self._settings = settings
        first = 1 + len(_CATEGORIES)
        self._dependencies = Names(first, most=settings.dependencies_max)
        self._causes = Names(self._dependencies.other + 1, most=CAUSES_MAX)
        self._first_group = self._causes.other + 1
        rows = self._first_group + settings.groups_max
        self._counts = Counts(rows, span_s=settings.window_s)
        self._kept: list[Kept] = []
        self._by_fingerprint: dict[str, int] = {}
        self._baseline = array("d", bytes(8 * self._first_group))
        # The count of a row at which somebody has to look, so that an incident opens with the fault that makes it one.
        self._alarm = array("q", [settings.errors_min] * self._first_group + [_NEVER] * settings.groups_max)
        for row in (*range(first), self._dependencies.other, self._causes.other):
            self._alarm[row] = _NEVER
        self._incidents = Incidents(settings, seed=seed)
        self._period_end: float | None = None
        self._look_at = float("-inf")

    # --- what happens ---

    def record(self, verdict: Verdict, now: float, *, place: str = "", ids: Ids | None = None) -> tuple[Change, ...]:
        """Take in one judged fault; returns what it changed about incidents, mostly nothing.

        `place` is where it happened, for verdicts without an API id: the policy or the action.
        """
        counts = self._counts
        base = counts.enter(now)
        now = counts.added
        dependency = verdict.api_id or place
        if len(dependency) > NAME_MAX_CHARS:
            dependency = dependency[:NAME_MAX_CHARS]
        number = self._by_fingerprint.get(verdict.fingerprint[:FINGERPRINT_MAX_CHARS])
        kept = self._admitted(verdict, dependency, now) if number is None else self._kept[number]
        if kept.category is verdict.category and kept.dependency == dependency:
            rows = kept.rows
        else:
            # A fingerprint that a user gave to faults of several kinds or dependencies.
            rows = (*self._rows_of(verdict.category, dependency, cause_of(verdict)), kept.rows[-1])
        kept.last_s = now
        if ids is not None and self._settings.ids_max:
            kept.ids = (*kept.ids[1 - self._settings.ids_max :], ids) if self._settings.ids_max > 1 else (ids,)
        ring, counted, alarm = counts.ring, counts.counts, self._alarm
        for row in rows:
            ring[base + row] += 1
            counted[row] += 1
        if now >= self._look_at or counted[rows[2]] >= alarm[rows[2]] or counted[rows[3]] >= alarm[rows[3]]:
            counts.expire()
            return self._look(now)
        return _NOTHING

    def look(self, now: float) -> tuple[Change, ...]:
        """See what the passing of time has changed: whether incidents are over."""
        return self._look(self._counts.at(now))

    # --- what can be said ---

    def analyse(self, now: float) -> ErrorAnalysis:
        """What the window says as a whole (spec 003 §3.1): a rate above the set one first, then a pattern, then normal operation."""
        counts = self._counts
        counts.at(now)
        total = counts.counts[0]
        if total == 0:
            return NoErrors()
        by_category = counts.counts[1 : 1 + len(_CATEGORIES)]
        most = max(by_category)
        common = _CATEGORIES[by_category.index(most)]
        rate_per_s = total / counts.span_s
        if rate_per_s > self._settings.rate_per_s:
            return HighErrorRate(rate_per_s=rate_per_s, most_common=(common, most))
        if most > total * self._settings.share:
            return PatternDetected(error_type=common, count=most, total=total)
        return NormalOperation(error_count=total)

    def totals(self, now: float) -> Totals:
        """The exact counts at this moment, without what is 0."""
        counts = self._counts
        counts.at(now)
        counted = counts.counts
        rows = self._dependencies.rows.items()
        return Totals(
            total=counted[0],
            by_category={category: counted[row] for category, row in _CATEGORY_ROW.items() if counted[row]},
            by_dependency={name: counted[row] for name, row in rows if counted[row]},
            other_dependencies=counted[self._dependencies.other],
        )

    def groups(self, now: float) -> tuple[Group, ...]:
        """The groups at this moment, the largest first."""
        now = self._counts.at(now)
        found = [self._group(kept, count, now=now) for kept, count in self._counted_groups()]
        return tuple(sorted(found, key=lambda group: (-group.count, group.fingerprint)))

    @property
    def open(self) -> tuple[Incident, ...]:
        """The incidents that go on, the oldest first, as they were at the last look."""
        return tuple(map(self._dated, self._incidents.open))

    @property
    def resolved(self) -> tuple[Incident, ...]:
        """The last that ended, the latest first."""
        return tuple(map(self._dated, self._incidents.resolved))

    # --- how it is kept ---

    def _admitted(self, verdict: Verdict, dependency: str, now: float) -> Kept:
        """A place for a new fingerprint: a free one, or that of the smallest group."""
        inherited = 0
        number = len(self._kept)
        if number < self._settings.groups_max:
            kept = Kept()
            self._kept.append(kept)
        else:
            counted = self._counts.counts[self._first_group :]
            inherited = min(counted)
            number = counted.index(inherited)
            kept = self._kept[number]
            if kept.fingerprint:
                del self._by_fingerprint[kept.fingerprint]
        cause = cause_of(verdict)
        rows = (*self._rows_of(verdict.category, dependency, cause), self._first_group + number)
        kept.take(verdict, dependency, cause=cause, rows=rows, now=now, inherited=inherited)
        self._by_fingerprint[kept.fingerprint] = number
        return kept

    def _rows_of(self, category: ErrorCategory, dependency: str, cause: Cause | None) -> tuple[int, ...]:
        rows = (0, _CATEGORY_ROW[category], self._row(self._dependencies, dependency))
        return rows if cause is None else (*rows, self._row(self._causes, cause.kind + _SEPARATOR + cause.name))

    def _row(self, names: Names, name: str) -> int:
        found = names.rows.get(name)
        return names.row(name, is_idle=self._is_idle, release=self._release) if found is None else found

    def _give_places(self) -> None:
        """Let groups that are counted among the others have a row of their own, if one has become free."""
        self._dependencies.is_full = self._causes.is_full = False
        for kept in self._kept:
            if kept.fingerprint and (self._dependencies.other in kept.rows or self._causes.other in kept.rows):
                kept.rows = (*self._rows_of(kept.category, kept.dependency, kept.cause), kept.rows[-1])

    def _is_idle(self, name: str, row: int) -> bool:
        return self._counts.counts[row] == 0 and not self._incidents.has(self._key(name, row))

    def _release(self, row: int) -> None:
        """Make a row free for another name. Groups that count in it lose their fingerprint, and their counts leave with the window."""
        for kept in self._kept:
            if kept.fingerprint and row in kept.rows:
                del self._by_fingerprint[kept.fingerprint]
                kept.fingerprint = ""
        self._counts.clear(row)
        self._baseline[row] = 0.0
        self._alarm[row] = self._settings.errors_min

    def _key(self, name: str, row: int) -> tuple[IncidentKind, str]:
        if row < self._dependencies.other:
            return (IncidentKind.DEPENDENCY, name)
        kind, _, what = name.partition(_SEPARATOR)
        return (IncidentKind(kind), what)

    def _counted_groups(self) -> Iterator[tuple[Kept, int]]:
        counted = self._counts.counts[self._first_group :]
        return ((kept, count) for kept, count in zip(self._kept, counted, strict=False) if count and kept.fingerprint)

    def _group(self, kept: Kept, count: int, *, now: float) -> Group:
        moment = self._counts.moment
        return Group(
            fingerprint=kept.fingerprint,
            category=kept.category,
            dependency=kept.dependency,
            count=count,
            error=kept.error(count, now=now, span_s=self._counts.span_s),
            first_s=moment(kept.first_s),
            last_s=moment(kept.last_s),
            example=kept.example,
            rule=kept.rule,
            status=kept.status,
            code=kept.code,
            credential=kept.credential,
            ids=kept.ids,
        )

    # --- incidents ---

    def _look(self, now: float) -> tuple[Change, ...]:
        self._learn(now)
        self._look_at = now + self._counts.span_s / LOOKS_PER_WINDOW
        self._give_places()
        if self._counts.counts[0] < self._settings.errors_min and not self._incidents.open:
            return _NOTHING
        readings = self._readings(now)
        changes = self._incidents.step(now, [reading for reading, _ in readings], newest_s=self._counts.added)
        for reading, row in readings:
            self._set_alarm(row, is_open=self._incidents.has(reading.key))
        return tuple(Change(kind=change.kind, incident=self._dated(change.incident)) for change in changes)

    def _limit(self, row: int) -> float:
        return max(self._settings.errors_min, self._settings.beyond * self._baseline[row])

    def _set_alarm(self, row: int, *, is_open: bool) -> None:
        counted, limit = self._counts.counts[row], self._limit(row)
        if is_open:
            self._alarm[row] = _NEVER
        else:
            # Beyond its limit and still no incident (too few members, or explained by another): look again when it has grown by a quarter.
            self._alarm[row] = math.ceil(limit) if counted < limit else counted + 1 + counted // 4

    def _learn(self, now: float) -> None:
        """Let each full window teach the baselines of dependencies and causes."""
        span_s = self._counts.span_s
        if self._period_end is None:
            self._period_end = now + span_s
        if now < self._period_end:
            return
        passed = 1 + int((now - self._period_end) // span_s)
        self._period_end += passed * span_s
        affected = {name for incident in self._incidents.open for name in incident.members}
        for name, row in (*self._dependencies.rows.items(), *self._causes.rows.items()):
            is_open = self._incidents.has(self._key(name, row)) or name in affected
            weight = self._settings.smoothing * (OPEN_LEARNING if is_open else 1.0)
            before = self._baseline[row]
            learned = before + weight * (self._counts.counts[row] - before)
            # Windows that passed without a look had no faults.
            self._baseline[row] = learned * (1.0 - weight) ** min(passed - 1, 10_000)
            self._set_alarm(row, is_open=is_open)

    def _readings(self, now: float) -> list[tuple[Reading, int]]:
        """How everything stands that is an incident or may become one, with its row.

        Causes come first: what they explain at a dependency is not its own.
        """
        by_dependency: dict[str, list[_Counted]] = {}
        by_cause: dict[Cause, list[_Counted]] = {}
        for kept, count in self._counted_groups():
            group = (kept, count, count - kept.error(count, now=now, span_s=self._counts.span_s))
            by_dependency.setdefault(kept.dependency, []).append(group)
            if kept.cause is not None:
                by_cause.setdefault(kept.cause, []).append(group)
        readings: list[tuple[Reading, int]] = []
        explained: dict[str, int] = {}
        for name, row in self._causes.rows.items():
            kind, what = key = self._key(name, row)
            if not self._is_at_issue(key, row):
                continue
            mine = by_cause.get(Cause(kind, what), [])
            members = _members(mine)
            fits = len(members) >= (1 if what else self._settings.members_min)
            readings.append((self._reading(key, row=row, groups=mine, members=members, fits=fits), row))
            if fits or self._incidents.has(key):
                for kept, count, _ in mine:
                    if kept.dependency in members:
                        explained[kept.dependency] = explained.get(kept.dependency, 0) + count
        for name, row in self._dependencies.rows.items():
            key = (IncidentKind.DEPENDENCY, name)
            if self._is_at_issue(key, row):
                mine = by_dependency.get(name, [])
                reading = self._reading(key, row=row, groups=mine, members=[name], less=explained.get(name, 0))
                readings.append((reading, row))
        return readings

    def _is_at_issue(self, key: tuple[IncidentKind, str], row: int) -> bool:
        return self._incidents.has(key) or self._counts.counts[row] >= self._limit(row)

    def _reading(
        self,
        key: tuple[IncidentKind, str],
        *,
        row: int,
        groups: list[_Counted],
        members: list[str],
        fits: bool = True,
        less: int = 0,
    ) -> Reading:
        largest = max(groups, key=lambda group: group[2], default=None)
        return Reading(
            kind=key[0],
            name=key[1],
            count=max(0, self._counts.counts[row] - less),
            ever=self._counts.ever(row),
            limit=self._limit(row),
            usual=self._baseline[row],
            members=tuple(members[:MEMBERS_MAX]),
            members_total=len(members),
            fits=fits,
            example="" if largest is None else largest[0].example,
            fingerprint="" if largest is None else largest[0].fingerprint,
            ids=() if largest is None else largest[0].ids,
        )

    def _dated(self, incident: Incident) -> Incident:
        """An incident with its moments as the caller's clock has them."""
        moment = self._counts.moment
        ended = incident.resolved_s
        return replace(
            incident,
            since_s=moment(incident.since_s),
            last_s=moment(incident.last_s),
            resolved_s=None if ended is None else moment(ended),
        )


def _members(groups: list[_Counted]) -> list[str]:
    """The dependencies at which a cause was seen often enough, the most affected first."""
    seen: dict[str, int] = {}
    for kept, _, certain in groups:
        seen[kept.dependency] = seen.get(kept.dependency, 0) + certain
    found = [name for name, certain in seen.items() if certain >= MEMBER_ERRORS_MIN]
    return sorted(found, key=lambda name: (-seen[name], name))
