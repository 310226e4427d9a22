"""Contestants made up for the tests: one that does everything wrong without a clock, one that does nothing at all."""

from __future__ import annotations

import inspect
from typing import Any

from benchmarks.policies.peer import BreakerAsk, Call, Peer, RetryAsk

__all__ = ["Open", "careful", "careless", "measured", "trapped"]


class Open(Exception):
    """A made-up rejection."""


def careless_breaker(call: Any, ask: BreakerAsk) -> Call:
    """Counts everything as a failure, keeps the last error, hides it at the trip; knows no coroutines."""
    state: dict[str, Any] = {"failures": 0, "last": None}

    def guarded() -> object:
        if state["failures"] >= ask.failures_max:
            raise Open
        try:
            return call()
        except BaseException as error:
            state["failures"] += 1
            state["last"] = error
            if state["failures"] >= ask.failures_max:
                raise Open from error
            raise

    return guarded


def careful_breaker(call: Any, ask: BreakerAsk) -> Call:
    """Opens for ever after failures in a row; shutdown and harmless errors say nothing."""
    failures = [0]

    def guarded() -> object:
        if failures[0] >= ask.failures_max:
            raise Open
        try:
            answer = call()
        except Exception as error:
            if ask.ignored is None or not isinstance(error, ask.ignored):
                failures[0] += 1
            raise
        failures[0] = 0
        return answer

    async def guarded_async() -> object:
        if failures[0] >= ask.failures_max:
            raise Open
        try:
            answer = await call()
        except Exception:
            failures[0] += 1
            raise
        failures[0] = 0
        return answer

    is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)
    return guarded_async if is_async else guarded


def careless_retry(call: Any, ask: RetryAsk) -> Call:
    """Overflows after ten attempts, and starts a generator anew whatever was delivered."""
    if inspect.isgeneratorfunction(call):

        def rows() -> Any:
            for _ in range(ask.attempts_max):
                try:
                    yield from call()
                except Exception:  # noqa: BLE001 - careless
                    continue
                return

        return rows

    def guarded() -> object:
        for number in range(ask.attempts_max):
            if number == 10:
                raise OverflowError("the wait")
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - careless
                last = error
        raise last

    return guarded


def careful_retry(call: Any, ask: RetryAsk) -> Call:
    """Repeats, and refuses what it cannot repeat."""
    if inspect.isgeneratorfunction(call):
        raise TypeError("generators are not repeated")

    def guarded() -> object:
        for number in range(ask.attempts_max):
            try:
                return call()
            except Exception:
                if number == ask.attempts_max - 1:
                    raise
        raise AssertionError

    return guarded


careless = Peer(name="careless", package="careless", rejections=(Open,), breaker=careless_breaker, retry=careless_retry)
careful = Peer(
    name="careful", package="careful", rejections=(Open,), breaker=careful_breaker, breaker_async=careful_breaker, retry=careful_retry
)  # fmt: skip


def timed(**ratios: float) -> dict[str, dict[str, float]]:
    """Timings of one cell by contestant: each so many bare calls of 20 ns."""
    return {
        name.replace("_", " "): {"ns": 20 * ratio, "ratio": ratio, "usual": ratio * 1.1}
        for name, ratio in ratios.items()
    }


def measured(**changes: Any) -> Any:
    """A measurement of ours, a baseline and two peers."""
    value = {
        "python": "3.11.0",
        "versions": {"holdfast": "", "quick": "1.0", "slow": "2.0"},
        "absent": {},
        "problems": {},
        "cells": {
            "closed breaker, sync": timed(bare_call=1.0, holdfast=9.0, quick=18.0, slow=200.0),
            "open rejection, sync": timed(holdfast=17.0, quick=32.0, slow=64.0),
            "retry and breaker, sync": timed(bare_call=1.0, holdfast=10.0, slow=80.0),
            "retry, breaker and timeout, sync": timed(holdfast=25.0),
            "retry, breaker and timeout, async": {**timed(holdfast=50.0, slow=90.0), "asyncio.timeout alone": timed(x=45.0)["x"]},
            "one failure and a retry, async": timed(holdfast=300.0, quick=60.0),
        },
        "rates": {
            "8 threads, calls that do nothing": {"bare call": 2e7, "holdfast": 4.5e6, "quick": 1e6},
            "8 threads, calls that do nothing, share": {"bare call": 100.0, "holdfast": 12.0, "quick": 5.0},
            "8 threads, calls of 5 ms": {"bare call": 100.0, "holdfast": 96.0, "quick": 99.0},
        },
        "bytes": {"holdfast": 800.0, "holdfast, one of many keys in use": 1500.0, "quick": 400.0},
        "single_ms": {"breaker's decision, p99": {"holdfast": 0.01, "quick": 0.02}, "answer by fallback, p99": {}},
    }  # fmt: skip
    return {**value, **changes}


def trapped(*findings: tuple[int, str, str, str]) -> Any:
    """A run of probes: trap, contestant, result, what happened."""
    return {
        "python": "3.11.0",
        "versions": {},
        "absent": {},
        "findings": [{"trap": trap, "peer": peer, "result": result, "what": what} for trap, peer, result, what in findings],
    }  # fmt: skip
