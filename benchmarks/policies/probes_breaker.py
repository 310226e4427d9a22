"""One function per trap that circuit breakers fall into: None when the contestant does not, else what happened.

Numbers are those of the project's list of traps. Each takes a contestant and a colour, lasts a second at most, and judges by what reaches the
dependency, never by what a state is called.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable

from benchmarks.policies.dependency import FAILS, OPEN_S, WORKS, Circuit, Step, circuit_of, held
from benchmarks.policies.peer import Boom, BreakerAsk, Ignored, NotOffered, Peer

__all__ = [
    "business_error_decides", "cancel_counts", "cancel_resets", "cancelled_probe_closes", "hung_probe", "late_failure_extends",
    "late_success_closes", "nested_rejection", "shutdown_counts", "stampede", "tripping_call_hides", "zero_is_unset",
]  # fmt: skip

FAILURES = 3
ASK = BreakerAsk(in_a_row=True, failures_max=FAILURES, open_s=OPEN_S)
PROBES_MAX = 3
"""More at once while none is settled is a stampede; one is what most promise."""
AFTER_OPEN_S = OPEN_S * 1.5
SETTLE_S = 0.05


async def settled(*calls: Awaitable[object]) -> None:
    """Wait for calls, whatever comes of them."""
    await asyncio.gather(*calls, return_exceptions=True)


async def stampede(peer: Peer, *, is_async: bool) -> str | None:
    """1: as soon as the open time is over, everybody is let through at once."""
    many, gate = 50 if is_async else 20, threading.Event()
    async with circuit_of(peer, ASK, is_async=is_async) as circuit:
        await circuit.trip(FAILURES)
        await asyncio.sleep(AFTER_OPEN_S)
        before = circuit.dependency.reached
        calls = [asyncio.ensure_future(circuit.begin(held(gate))) for _ in range(many)]
        await asyncio.sleep(2 * SETTLE_S)
        through = circuit.dependency.reached - before
        waiting = sum(not call.done() for call in calls) - through
        gate.set()
        await settled(*calls)
    if through > PROBES_MAX:
        return f"{through} of {many} concurrent calls went through"
    return f"{waiting} of {many} calls waited behind the probe instead of failing fast" if waiting > 0 else None


async def hung_probe(peer: Peer, *, is_async: bool) -> str | None:
    """2: a probe that never ends closes the door for ever."""
    gate = threading.Event()
    async with circuit_of(peer, ASK, is_async=is_async) as circuit:
        await circuit.trip(FAILURES)
        await asyncio.sleep(AFTER_OPEN_S)
        probe = asyncio.ensure_future(circuit.begin(held(gate)))
        await asyncio.sleep(SETTLE_S)
        is_through = await gets_through(circuit, within_s=10 * OPEN_S)
        gate.set()
        await settled(probe)
    return None if is_through else f"nothing was let through for {10 * OPEN_S:g} s, ten times the open time"


async def gets_through(circuit: Circuit, *, within_s: float) -> bool:
    """Try again and again; whether any call reached the dependency in time. A call that blocks is left behind."""
    until, before = time.monotonic() + within_s, circuit.dependency.reached
    while time.monotonic() < until:
        await asyncio.wait({asyncio.ensure_future(swallowed(circuit.begin(WORKS)))}, timeout=OPEN_S)
        if circuit.dependency.reached > before:
            return True
        await asyncio.sleep(OPEN_S / 5)
    return False


async def swallowed(call: Awaitable[object]) -> None:
    """Wait for one call, whatever comes of it."""
    await asyncio.gather(call, return_exceptions=True)


async def cancelled(circuit: Circuit) -> None:
    """Begin a call, cancel it while it is at the dependency, and see it end."""
    gate = threading.Event()
    task = asyncio.ensure_future(circuit.begin(held(gate)))
    await asyncio.sleep(SETTLE_S / 2)
    task.cancel()
    await settled(task)


def needs_tasks(*, is_async: bool) -> None:
    """Refuse to probe functions: a thread cannot be cancelled."""
    if not is_async:
        raise NotOffered("a thread cannot be cancelled")


async def is_closed_after(circuit: Circuit) -> bool:
    """Whether the circuit is closed: one failure re-opens a half-open one, and says nothing to a closed one."""
    await circuit.outcome(FAILS)
    return await circuit.outcome(WORKS) == "works"


async def cancelled_probe_closes(peer: Peer, *, is_async: bool) -> str | None:
    """3: a probe that was cancelled counts as a success."""
    needs_tasks(is_async=is_async)
    async with circuit_of(peer, ASK, is_async=is_async) as circuit:
        await circuit.trip(FAILURES)
        await asyncio.sleep(AFTER_OPEN_S)
        await cancelled(circuit)
        return "the cancelled probe closed the circuit" if await is_closed_after(circuit) else None


async def cancel_counts(peer: Peer, *, is_async: bool) -> str | None:
    """4: whoever cancels calls opens the circuit."""
    needs_tasks(is_async=is_async)
    async with circuit_of(peer, ASK, is_async=is_async) as circuit:
        for _ in range(FAILURES + 2):
            await cancelled(circuit)
        return f"open after {FAILURES + 2} cancelled calls" if await circuit.outcome(WORKS) == "rejected" else None


async def cancel_resets(peer: Peer, *, is_async: bool) -> str | None:
    """5: a cancelled call wipes out the failures before it."""
    needs_tasks(is_async=is_async)
    async with circuit_of(peer, ASK, is_async=is_async) as circuit:
        for _ in range(FAILURES - 1):
            await circuit.outcome(FAILS)
        await cancelled(circuit)
        await circuit.outcome(FAILS)
        is_open = await circuit.outcome(WORKS) == "rejected"
    return None if is_open else f"{FAILURES} failures with a cancelled call among them did not open it"


async def shutdown_counts(peer: Peer, *, is_async: bool) -> str | None:
    """6: the end of the program is taken for a fault of the dependency."""
    for error in (KeyboardInterrupt, SystemExit):
        async with circuit_of(peer, ASK, is_async=is_async) as circuit:
            for _ in range(FAILURES + 2):
                await circuit.outcome(Step(error=error))
            if await circuit.outcome(WORKS) == "rejected":
                return f"open after {FAILURES + 2} times {error.__name__}"
    return None


async def business_error_decides(peer: Peer, *, is_async: bool) -> str | None:
    """7: an error that was declared to say nothing about the dependency decides a probe all the same."""
    ask = BreakerAsk(in_a_row=True, failures_max=FAILURES, open_s=OPEN_S, ignored=Ignored)
    ignored = Step(error=Ignored)
    async with circuit_of(peer, ask, is_async=is_async) as circuit:
        await circuit.trip(FAILURES)
        await asyncio.sleep(AFTER_OPEN_S)
        await circuit.outcome(ignored)
        if await is_closed_after(circuit):
            return "an ignored error closed the circuit"
    async with circuit_of(peer, ask, is_async=is_async) as circuit:
        await circuit.trip(FAILURES)
        await asyncio.sleep(AFTER_OPEN_S)
        await circuit.outcome(ignored)
        return "an ignored error opened the circuit again" if await circuit.outcome(WORKS) == "rejected" else None


async def late_success_closes(peer: Peer, *, is_async: bool) -> str | None:
    """8: a call from before the trip ends well and closes the open circuit."""
    gate = threading.Event()
    async with circuit_of(peer, BreakerAsk(in_a_row=True, failures_max=FAILURES), is_async=is_async) as circuit:
        late = asyncio.ensure_future(circuit.begin(held(gate)))
        await asyncio.sleep(SETTLE_S)
        tripping = asyncio.ensure_future(circuit.trip(FAILURES))
        done, _ = await asyncio.wait({tripping}, timeout=1.0)
        gate.set()
        await settled(late)
        if not done:
            await settled(tripping)
            return "calls wait for one another, so that none can be late"
        tripping.result()
        return "the circuit closed" if await circuit.outcome(WORKS) == "works" else None


async def late_failure_extends(peer: Peer, *, is_async: bool) -> str | None:
    """9: a call from before the trip fails and makes the open time longer."""
    open_s, gate = 0.3, threading.Event()
    async with circuit_of(
        peer, BreakerAsk(in_a_row=True, failures_max=FAILURES, open_s=open_s), is_async=is_async
    ) as circuit:
        late = asyncio.ensure_future(circuit.begin(held(gate, error=Boom)))
        await asyncio.sleep(SETTLE_S)
        tripping = asyncio.ensure_future(circuit.trip(FAILURES))
        done, _ = await asyncio.wait({tripping}, timeout=1.0)
        if not done:
            gate.set()
            await settled(tripping, late)
            return "calls wait for one another, so that none can be late"
        tripping.result()
        await asyncio.sleep(open_s * 0.7)
        gate.set()
        await settled(late)
        await asyncio.sleep(open_s * 0.6)
        is_open = await circuit.outcome(WORKS) == "rejected"
    return "still open after 1.3 of the open time" if is_open else None


async def tripping_call_hides(peer: Peer, *, is_async: bool) -> str | None:
    """13: the call that opens the circuit says `open` instead of what went wrong, though it reached the dependency."""
    async with circuit_of(peer, ASK, is_async=is_async) as circuit:
        for _ in range(FAILURES):
            before, circuit.dependency.does = circuit.dependency.reached, FAILS
            try:
                await circuit.begin()
            except Boom:
                continue
            except Exception as error:  # noqa: BLE001 - which error it is, is the question
                if circuit.dependency.reached > before:
                    return f"the caller got {type(error).__name__} for a call that was made"
    return None


async def zero_is_unset(peer: Peer, *, is_async: bool) -> str | None:
    """21: 0 means `not given`, so that a default takes its place."""
    try:
        circuit = circuit_of(peer, BreakerAsk(in_a_row=True, failures_max=FAILURES, open_s=0.0), is_async=is_async)
    except (ValueError, TypeError):
        return None  # refused, which is an answer
    async with circuit:
        for _ in range(FAILURES):
            await circuit.outcome(FAILS)
        await asyncio.sleep(0.02)
        return "an open time of 0 s became another" if await circuit.outcome(WORKS) == "rejected" else None


async def nested_rejection(peer: Peer, *, is_async: bool) -> str | None:
    """23: the probe meets another open circuit further in, and its place is never given back."""
    async with circuit_of(peer, BreakerAsk(in_a_row=True, failures_max=1), is_async=is_async) as inner:
        await inner.trip(1)
        async with circuit_of(peer, ASK, is_async=is_async) as outer:
            await outer.trip(FAILURES)
            await asyncio.sleep(AFTER_OPEN_S)
            try:
                await inner.begin()
            except Exception as error:  # noqa: BLE001 - the contestant's own rejection, whatever it is called
                rejection = error
            await outer.outcome(Step(error=lambda: rejection))
            is_through = await gets_through(outer, within_s=10 * OPEN_S)
    return None if is_through else f"nothing was let through for {10 * OPEN_S:g} s afterwards"
