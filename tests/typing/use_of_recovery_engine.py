"""The recovery engine as a user's program uses it, for the type checkers: this file is checked, not run."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

import holdfast


def renew() -> None:
    """Renew the token."""


def fetch(tenant: str, *, limit: int = 10) -> list[str]:
    """A plain function."""
    return [tenant] * limit


async def fetch_async(tenant: str) -> bytes:
    """A coroutine function."""
    return tenant.encode()


crm = holdfast.policy("crm", breaker=holdfast.Breaker())
engine = holdfast.RecoveryEngine(
    [
        holdfast.Remedy(
            name="own",
            priority=0,
            conditions=(holdfast.Condition(labels=frozenset({"network"}), predicate=lambda facts: facts.attempt < 3),),
            measures=(holdfast.Repeat(), holdfast.UseAlternative(name="other"), holdfast.TripCircuit(open_s=9)),
        ),
        *holdfast.SPEC_001,
    ],
    alternatives={"other": fetch, "secondary": "https://b.example"},
    circuits={"crm": crm},
    queue=holdfast.LaterQueue(size_max=9),
    refreshers={"crm": renew},
    classify={KeyError: "neutral"},
)


def use() -> None:
    """Plain calls."""
    assert_type(engine.run(fetch, "a", limit=3), holdfast.RecoveryResult[list[str]])
    assert_type(engine.run(fetch, "a").unwrap(), list[str])
    assert_type(engine.run(holdfast.RecoveryCall(fetch, ("a",), read_only=True)), holdfast.RecoveryResult[object])
    guarded: Callable[..., list[str]] = engine.guard(fetch, dependency="crm")
    assert_type(guarded("a"), list[str])


async def use_async() -> None:
    """The same on an event loop."""
    assert_type((await engine.run_async(fetch_async, "a")).unwrap(), bytes)
    assert_type(await engine.guard(fetch_async)("a"), bytes)
