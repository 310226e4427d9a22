"""What a contestant offers: wrappers around a call without arguments, all asked for in the same words.

A contestant that cannot do what is asked raises `NotOffered`; a cell or a probe is then not applicable to it, which is no failure.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

__all__ = [
    "ASK",
    "BASELINES",
    "GROWTH",
    "MODULES",
    "OURS",
    "Boom",
    "BreakerAsk",
    "Call",
    "Ignored",
    "NotOffered",
    "Peer",
    "RetryAsk",
    "load",
    "version_of",
]

Call = Callable[[], object]
"""A call without arguments; an asynchronous one returns an awaitable."""
OURS = "holdfast"
GROWTH = 4
"""By which waits grow where they do: after five hundred attempts, more than a float can hold."""
BASELINES = ("bare call", "bare try/except", "pass-through wrapper", "asyncio.timeout alone")
MODULES = (
    "baselines", "ours", "tenacity_retry", "stamina_retry", "backoff_retry", "pybreaker_breaker", "circuitbreaker_breaker",
    "aiobreaker_breaker", "purgatory_breaker", "hyx_suite", "pyresilience_suite", "interlock_suite", "fluxgate_breaker",
    "redress_suite", "aioresilience_suite", "resilience_h8_suite",
)  # fmt: skip
"""The files of `benchmarks.policies.peers`."""


class Boom(Exception):
    """The fault of a dependency."""


class Ignored(Exception):
    """A business error: it says nothing about the dependency."""


class NotOffered(Exception):
    """The contestant has no such feature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerAsk:
    """A breaker that is open for `open_s`; `ignored` counts neither way, where that can be said.

    As a rule it is made as its authors recommend, with everything that is on by default. With `in_a_row` it opens after exactly `failures_max`
    failures in a row, closes after one success and has one probe at a time, so that all can be probed alike.
    """

    failures_max: int = 5
    in_a_row: bool = False
    open_s: float = 600.0
    ignored: type[Exception] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAsk:
    """A retry of `attempts_max` attempts with `wait_s` between them, growing by `GROWTH` up to `wait_max_s` if that is given.

    `unless`: every exception is retried but this one. `deadline_s`: no attempt begins later than that.
    """

    attempts_max: int = 3
    wait_s: float = 0.0
    wait_max_s: float | None = None
    unless: type[Exception] | None = None
    deadline_s: float | None = None


ASK = BreakerAsk()
"""A breaker as it is measured."""
Breaking = Callable[[Call, BreakerAsk], Call]
Retrying = Callable[[Call, RetryAsk], Call]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One contestant. What it does not offer is None.

    `both` is retry around breaker, `timed` the same with a time limit per attempt (seconds). `cell` makes one breaker and nothing else, for its
    memory. `keyed` is a breaker per key. `fallback` answers 1 when the call fails. `attempts` is the loop form of a retry, each time from the
    same object. `slotted` is a bulkhead of one slot with two attempts and a wait (seconds) between them. `rejections` is what an open circuit raises.
    """

    name: str
    package: str = ""
    rejections: tuple[type[BaseException], ...] = ()
    breaker: Breaking | None = None
    breaker_async: Breaking | None = None
    retry: Retrying | None = None
    retry_async: Retrying | None = None
    both: Callable[[Call], Call] | None = None
    both_async: Callable[[Call], Call] | None = None
    timed: Callable[[Call, float], Call] | None = None
    timed_async: Callable[[Call, float], Call] | None = None
    cell: Callable[[], object] | None = None
    keyed: Callable[[Call], Call] | None = None
    fallback: Callable[[Call], Call] | None = None
    attempts: Callable[[], Callable[[], AsyncIterator[AbstractContextManager[object]]]] | None = None
    slotted: Callable[[Call, float], Call] | None = None


def load(modules: Sequence[str] = MODULES) -> tuple[list[Peer], dict[str, str]]:
    """Return the contestants that can be loaded, and why the others cannot."""
    peers, absent = list[Peer](), dict[str, str]()
    for name in modules:
        try:
            peers += importlib.import_module(f"benchmarks.policies.peers.{name}").PEERS
        except ImportError as error:
            absent[name.rpartition("_")[0] or name] = f"not installed: {error}"
        except Exception as error:  # noqa: BLE001 - a peer that breaks when it is made is left out like one that is absent
            absent[name.rpartition("_")[0] or name] = f"{type(error).__name__}: {error}"
    return peers, absent


def version_of(package: str) -> str:
    """Return the installed version of a package, empty if there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
