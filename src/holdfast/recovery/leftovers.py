"""What no execution needs any more and no execution owns: secrets that plans wrote out, and rate limits that nobody uses. The keeper looks hourly.

Each goes in a transaction of its own, which takes its lock and looks again: a plan may be starting that names the secret, a call may be beginning.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from holdfast.plans.authentication import LITERAL
from holdfast.recovery.pacing import window_of

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.ports.store import Snapshot, Store, Tx

__all__ = ["forget_limits", "forget_literals"]

log = logging.getLogger("holdfast.retention")

IDLE_AGE = timedelta(days=1)
"""A limit is idle once its whole window, and so much more for clocks that are set back, has passed since the last call."""
PAGE = 1000


async def forget_literals(store: Store) -> int:
    """Forget the secrets that stood in plans, once no document names them; returns how many went.

    Raises:
        StoreError: the database cannot be used; the rest is for the next look.
    """
    names = await store.read(unnamed)
    gone = 0
    for name in names:
        gone += await store.transact(partial(forget_literal, name=name))
    if gone:
        log.info("%d secrets that no plan names any more are gone", gone)
    return gone


async def forget_limits(store: Store) -> int:
    """Forget rate limits whose last call began longer ago than their window and a day; returns how many went.

    Raises:
        StoreError: the database cannot be used; the rest is for the next look.
    """
    gone, after = 0, ""
    while page := await store.read(partial(limits, after=after)):
        after = page[-1][0]
        now = await store.read(now_of)
        for name in (name for name, used_at in page if is_idle(name, used_at=used_at, now=now)):
            gone += await store.transact(partial(forget_limit, name=name))
    if gone:
        log.info("%d rate limits that nobody uses any more are gone", gone)
    return gone


def is_idle(name: str, *, used_at: datetime | None, now: datetime) -> bool:
    """Whether a limit that was last used then counts nothing any more."""
    window = window_of(name)
    return window is not None and (used_at is None or now - used_at > window + IDLE_AGE)


def unnamed(snapshot: Snapshot) -> list[str]:
    """Return secrets of plans that no document names."""
    return snapshot.unnamed(prefix=LITERAL, limit=PAGE)


def forget_literal(tx: Tx, *, name: str) -> bool:
    """Forget a secret, if still no document names it; its lock first: a plan that starts with it waits, and puts it anew."""
    tx.lock_credential(name)
    return tx.forget_unnamed(name)


def limits(snapshot: Snapshot, *, after: str) -> list[tuple[str, datetime | None]]:
    """Return the next page of rate limits."""
    return snapshot.limits(after=after, limit=PAGE)


def now_of(snapshot: Snapshot) -> datetime:
    """Return the store's time."""
    return snapshot.now


def forget_limit(tx: Tx, *, name: str) -> bool:
    """Forget a limit, if it is idle still; its lock first: a call that is about to begin waits, and begins a new ring."""
    bucket = tx.lock_bucket(name)
    if not is_idle(name, used_at=tx.limit_used_at(name), now=bucket.now):
        return False
    tx.forget_limit(name)
    return True
