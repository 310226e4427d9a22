"""Cache: answering from a kept value before anybody is called, and how old a kept value may be.

The words are those of HTTP: a value is fresh for a while (RFC 9111 §4.2), then stale; a stale one may still be answered while a new one is
fetched (`stale-while-revalidate`, RFC 5861 §3), or because fetching failed (`stale-if-error`, §4). The last is the strategy `Cached` of
degradation; `freshness` is the arithmetic of both. Pure: ages arrive as seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique

from holdfast.policies.checks import number_problem, refuse
from holdfast.policies.lesser_answers import AGE_BOUND_S, key_problem
from holdfast.ports.cache import CacheStore

__all__ = ["Cache", "Freshness", "freshness"]


@unique
class Freshness(StrEnum):
    """What may be done with a kept value of a certain age."""

    FRESH = "fresh"
    """Answer with it."""

    STALE = "stale"
    """Answer with it, and fetch a new one behind the caller's back."""

    GONE = "gone"
    """Do not answer with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """Answer repeated calls from a kept value instead of making them. For calls that only read.

    A value is fresh for `ttl_s` (0 to a year; default 60 s), then answered stale for `stale_while_revalidate_s` more (default 0) while one call
    in the background fetches a new one. `key` names the parameters that tell one call from another (default: all of them), `cache` keeps the
    values (default: this process's memory, the policy's own).
    """

    ttl_s: float = 60.0
    stale_while_revalidate_s: float = 0.0
    key: tuple[str, ...] | Callable[..., object] | None = None
    cache: CacheStore | None = None

    def __post_init__(self) -> None:
        refuse(
            "cache",
            [
                ("ttl_s", number_problem(self.ttl_s, 0, AGE_BOUND_S)),
                ("stale_while_revalidate_s", number_problem(self.stale_while_revalidate_s, 0, AGE_BOUND_S)),
                ("key", key_problem(self.key)),
            ],
        )


def freshness(age_s: float, *, ttl_s: float, stale_while_revalidate_s: float) -> Freshness:
    """What may be done with a value that is `age_s` old: fresh up to and including `ttl_s`, stale for so much more, then gone."""
    if age_s <= ttl_s:
        return Freshness.FRESH
    if age_s <= ttl_s + stale_while_revalidate_s:
        return Freshness.STALE
    return Freshness.GONE
