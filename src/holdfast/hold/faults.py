"""Faults of all workers seen together: the journal, folded into the same pure window that one process uses.

Every failed attempt is an event (`action.execute.failed`, `credential.refresh_failed`) that is committed with its rows. A reader keeps its place in
the outbox, so that it misses none and counts none twice, and takes them in batches: what it keeps is bounded by its settings, however many there are.
It only reads. Where to begin for "the last day" is found by halving over sequence numbers, so nothing older is looked at.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem
from holdfast.faults.correlation.fault_window import FaultWindow, Totals
from holdfast.faults.correlation.ids import Ids
from holdfast.faults.correlation.incidents import ChangeKind
from holdfast.faults.correlation.settings import WINDOW_MAX_S, Correlation
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import family_of, traits_of
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.hold.parts import HasParts

if TYPE_CHECKING:
    from holdfast.faults.correlation.groups import Group
    from holdfast.faults.correlation.incidents import Change, Incident
    from holdfast.ports.rows import EventRow
    from holdfast.ports.store import Snapshot, Store

__all__ = ["FaultReader", "FaultReport", "Faults", "verdict_told"]

TYPES = ("action.execute.failed", "credential.refresh_failed")
BATCH = 1_000
MARGIN_S = 300.0
"""Reading begins so much earlier than asked for: a transaction commits later than the time that it notes, and its events stand where it began."""
GROUPS_MAX = 1_000
GROUP_IDS_MAX = 10
RESOLVED_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultReport:
    """What failed in a span of time, over all workers. Moments in groups and incidents are seconds since 1970 (UTC).

    Groups are the largest first, at most 1,000; `resolved` are the last 100 incidents that ended, the latest first.
    """

    since: datetime
    until: datetime
    totals: Totals
    groups: tuple[Group, ...]
    open: tuple[Incident, ...]
    resolved: tuple[Incident, ...]


class FaultReader:
    """Folds what failed since a moment, and goes on from there each time it is asked to read.

    Not safe over tasks. After the database was restored from a copy it begins anew.
    """

    def __init__(self, store: Store, *, since: datetime, until: datetime, settings: Correlation | None = None) -> None:
        self._store = store
        self._since = since
        self._settings = settings
        self._span_s = min(max((until - since).total_seconds(), 1.0) + 1.0, WINDOW_MAX_S)
        self._begin(era=None)

    async def read(self) -> tuple[Change, ...]:
        """Take in everything that has happened since the last time; returns what it changed about incidents, in order.

        Raises:
            StoreError: the database cannot be used.
        """
        changes: list[Change] = []
        while True:
            rows, now = await self._store.read(self._page)
            for row in rows:
                changes += self._fold(row)
            if len(rows) < BATCH:
                changes += self._incidents.look(now.timestamp())
                break
        self._until = now
        for change in changes:
            if change.kind is ChangeKind.RESOLVED:
                self._resolved.append(change.incident)
        return tuple(changes)

    def report(self) -> FaultReport:
        """What is known since the last reading."""
        now_s = self._until.timestamp()
        return FaultReport(
            since=self._since,
            until=self._until,
            totals=self._all.totals(now_s),
            groups=self._all.groups(now_s),
            open=self._incidents.open,
            resolved=tuple(reversed(self._resolved)),
        )

    def _begin(self, *, era: str | None) -> None:
        bounds = Correlation(
            window_s=self._span_s,
            groups_max=GROUPS_MAX,
            dependencies_max=GROUPS_MAX,
            ids_max=GROUP_IDS_MAX,
            errors_min=1_000_000,
        )
        self._all = FaultWindow(bounds)
        self._incidents = FaultWindow(self._settings, seed="journal")
        self._resolved: deque[Incident] = deque(maxlen=RESOLVED_MAX)
        self._place: tuple[int, int] | None = None
        self._era = era
        self._until = self._since

    def _page(self, snapshot: Snapshot) -> tuple[list[EventRow], datetime]:
        era = snapshot.fact("era") or ""
        if era != self._era:
            self._begin(era=era)
        after = self._place or place_before(snapshot, self._since - timedelta(seconds=MARGIN_S))
        rows = snapshot.outbox(after=after, types=TYPES, limit=BATCH)
        self._place = (rows[-1].xid, rows[-1].sequence) if rows else after
        return rows, snapshot.now

    def _fold(self, row: EventRow) -> tuple[Change, ...]:
        if row.time < self._since:
            return ()
        verdict = verdict_told(row.data)
        if verdict is None or verdict.category is ErrorCategory.USER_CANCELLED:
            return ()
        place, at_s, ids = str(row.data.get("actionId") or ""), row.time.timestamp(), Ids(execution_id=row.execution)
        self._all.record(verdict, at_s, place=place, ids=ids)
        return self._incidents.record(verdict, at_s, place=place, ids=ids)


class Faults(HasParts):
    """The part of an `AsyncHold` for what went wrong, in all executions."""

    async def faults(self, *, since_s: float = 86_400.0, settings: Correlation | None = None) -> FaultReport:
        """Return what failed within the last seconds (1 to 31 days), over all workers: groups by fingerprint, and incidents.

        Raises:
            BadInput: the span is out of range.
            StoreError: the database cannot be used.
        """
        reader = await self.fault_reader(since_s=since_s, settings=settings)
        await reader.read()
        return reader.report()

    async def fault_reader(self, *, since_s: float = 86_400.0, settings: Correlation | None = None) -> FaultReader:
        """Return a reader that begins so many seconds ago and can be read again and again, for those who watch.

        Raises:
            BadInput: the span is out of range.
            StoreError: the database cannot be used.
        """
        if not 1 <= since_s <= WINDOW_MAX_S:
            message = f"must be 1 second to 31 days, but is {since_s:g} s"
            raise BadInput([Problem(source="faults", path="since", message=message)])
        store = self._parts.store
        now = await store.read(lambda snapshot: snapshot.now)
        return FaultReader(store, since=now - timedelta(seconds=since_s), until=now, settings=settings)


def place_before(snapshot: Snapshot, moment: datetime) -> tuple[int, int]:
    """Return a place in the outbox before which nothing happened at `moment` or later, found by halving.

    Times grow with sequence numbers but for what is within a transaction's length of each other.
    """
    newest = snapshot.newest_event()
    if newest is None:
        return (0, 0)
    place, low, high = (0, 0), 0, newest[0]
    while low < high:
        middle = (low + high + 1) // 2
        found = snapshot.event_from(middle)
        if found is None or found.time >= moment:
            high = middle - 1
        else:
            place, low = (found.xid, found.sequence), found.sequence
    return place


def verdict_told(data: Mapping[str, object]) -> Verdict | None:
    """Return the verdict that a failed attempt's event tells, as far as it goes; None when it tells none.

    Events of older releases lack some of it; what is not there is what the category says.
    """
    error = data.get("error")
    if not isinstance(error, Mapping):
        return None
    try:
        category = ErrorCategory(str(error.get("category")))
        outcome = Outcome(error.get("outcome") or Outcome.UNKNOWN)
    except ValueError:
        return None
    context = error.get("context")
    rule = context.get("rule") if isinstance(context, Mapping) else None
    status, message = error.get("statusCode"), str(error.get("message") or "")
    traits, retryable = traits_of(category), bool(error.get("retryable"))
    return Verdict(
        category=category,
        family=family_of(category, retryable=retryable),
        labels=(),
        retryable=retryable,
        health=traits.health,
        outcome=outcome,
        message=message,
        fingerprint=str(error.get("fingerprint") or f"holdfast:{category.value}"),
        rule=str(rule or ""),
        code=_text(error.get("code")),
        status=status if isinstance(status, int) else None,
        api_id=_text(error.get("apiId")),
        credential=_text(error.get("credential") or data.get("credential")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
