"""Events through the Python door: take in what others say, and hand out what happened to whoever keeps a cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem
from holdfast.hold.cursors import Cursor
from holdfast.hold.envelopes import as_event, envelope
from holdfast.hold.parts import HasParts
from holdfast.recovery.inbox import receive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.contract import Event
    from holdfast.hold.envelopes import EventSource
    from holdfast.ports.store import Snapshot
    from holdfast.recovery.inbox import Receipt

__all__ = ["Events", "OutboxPage"]

PAGE_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPage:
    """Events in the order of the outbox, and the `cursor` to go on from. `has_more` says that a next page is there already."""

    events: tuple[Event, ...]
    cursor: str
    has_more: bool


class Events(HasParts):
    """What a hold has to do with events."""

    async def emit(self, event: EventSource, *, type: str | None = None) -> Receipt:  # noqa: A002 - CloudEvents' word
        """Take in an event from outside; what came of it is durable when this returns.

        `event` is a CloudEvent as a model or as parsed JSON, or, with its `type`, a payload alone: its id then follows from its content. The same
        id twice takes effect once. An event that fits nothing here is no error: it is set aside as a dead letter, and the receipt says so.

        Raises:
            BadInput: it is no event at all; everything wrong with it is listed.
            StoreError: the database cannot be used.
        """
        parts = self._parts
        taken = as_event(event, kind=type, deployment=parts.deployment, limits=parts.event_limits)
        deciding = parts.worker.deciding()
        return await parts.store.transact(
            lambda tx: receive(tx, parts.steps, plans=parts.plans, event=taken, deciding=deciding)
        )

    async def outbox(self, after: str | None = None, *, limit: int = 100, types: Sequence[str] = ()) -> OutboxPage:
        """Return what happened after a cursor, in all executions, as CloudEvents; without one, from the beginning.

        Events of one execution are in their order, and none is ever passed by: an event that could still be overtaken by one before it is not
        handed out yet. `types` filters; `limit` is 1 to 10,000 events. Keep the page's cursor with what you made of its events.

        Raises:
            BadInput: it is no cursor, or the limit is out of range.
            StaleCursor: the database was restored from a copy since; read again from the beginning.
            StoreError: the database cannot be used.
        """
        if not 1 <= limit <= PAGE_MAX:
            raise BadInput([Problem(source="outbox", path="limit", message=f"must be 1 to {PAGE_MAX}, but is {limit}")])
        deployment = self._parts.deployment

        def look(snapshot: Snapshot) -> OutboxPage:
            place = Cursor.read(after, era=int(snapshot.fact("era") or 0))
            rows = snapshot.outbox(after=(place.xid, place.sequence), types=types, limit=limit + 1)
            page, has_more = rows[:limit], len(rows) > limit
            end = (page[-1].xid, page[-1].sequence) if page else (place.xid, place.sequence)
            if not has_more:
                # Nothing else is there: what the filter left out need not be looked through again.
                end = max(end, snapshot.outbox_end())
            return OutboxPage(
                events=tuple(envelope(row, deployment=deployment) for row in page),
                cursor=str(Cursor(era=place.era, xid=end[0], sequence=end[1])),
                has_more=has_more,
            )

        return await self._parts.store.read(look)
