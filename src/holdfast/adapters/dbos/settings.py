"""How a worker on DBOS claims, and how long what ended is kept."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DbosSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DbosSettings:
    """How a worker claims: `concurrency` steps at once, looking every `poll_interval_s`, alive by a heartbeat every `heartbeat_interval_s`,
    taken for dead after `takeover_after_s` without one; workflows that ended are deleted after `retention_s`.

    `worker` must be unique: host + UUID. Concurrency and polling interval are one row for the whole database, so the workers of a
    deployment should agree on them; each keeps its own concurrency as a bound all the same.
    """

    worker: str
    concurrency: int
    poll_interval_s: float
    heartbeat_interval_s: float
    takeover_after_s: float
    retention_s: float = 60.0
