"""The two drivers of a recovery do the same."""

from __future__ import annotations

import asyncio

from hypothesis import given, strategies as st

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.guards.alarm import Alert
from holdfast.guards.engine import RecoveryEngine
from holdfast.guards.judging import plain_verdict
from holdfast.guards.later_queue import LaterQueue
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.guards.recovery_result import RecoveryResult
from holdfast.policies.remedies import (
    Condition,
    Degrade,
    KeepForLater,
    Measure,
    RaiseAlert,
    Remedy,
    Repeat,
    TripCircuit,
    UseAlternative,
    UseCache,
    UseDefault,
)
from tests.guards.virtual import virtual_world

CATEGORIES = [
    ErrorCategory.NETWORK_TIMEOUT,
    ErrorCategory.AUTH_EXPIRED,
    ErrorCategory.RATE_LIMIT_BURST,
    ErrorCategory.VALIDATION_FAILED,
]


class Trouble(Exception):
    """A failure that carries its own verdict."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("trouble")
        self.verdict = verdict


class Switch:
    """A circuit that remembers what was done to it."""

    def __init__(self, log: list[object]) -> None:
        self.log = log

    def trip(self, because: str, seconds: float, *, key: str | None = None) -> None:
        """Opened."""
        self.log.append(("trip", because, seconds, key))


def judge(error: BaseException) -> Verdict:
    """The verdict that the failure carries."""
    assert isinstance(error, Trouble), error
    return error.verdict


troubles = st.builds(
    lambda category, outcome, wait: plain_verdict(category, place="p", message="m", rule="r", outcome=outcome, retry_after_s=wait),
    st.sampled_from(CATEGORIES),
    st.sampled_from(Outcome),
    st.none() | st.floats(0, 20),
)  # fmt: skip
measures = st.one_of(
    st.builds(Repeat, attempts_max=st.integers(1, 5), refresh_credential=st.booleans(), delay_s=st.floats(0, 5)),
    st.just(UseCache()),
    st.builds(UseAlternative, name=st.sampled_from(["other", "missing"]), harmless=st.booleans()),
    st.just(Degrade(reduced="other")),
    st.builds(TripCircuit, threshold=st.integers(1, 2)),
    st.just(KeepForLater()),
    st.just(RaiseAlert()),
    st.just(UseDefault(value="default")),
)
remedies_ = st.lists(st.lists(measures, min_size=1, max_size=4), min_size=1, max_size=3)


def remedies_of(parts: list[list[Measure]]) -> list[Remedy]:
    """Remedies that always apply."""
    always = (Condition(predicate=lambda facts: True),)
    return [
        Remedy(name=f"r{place}", priority=place, conditions=always, measures=tuple(some), attempts_max=5, timeout_s=30)
        for place, some in enumerate(parts)
    ]


@given(
    parts=remedies_,
    calls=st.lists(st.none() | troubles, min_size=1, max_size=9),
    others=st.lists(st.none() | troubles, min_size=1, max_size=3),
    refreshes=st.booleans(),
    repeatable=st.booleans(),
    draw=st.floats(0, 0.99),
)
def test_threads_and_loops_recover_alike(
    parts: list[list[Measure]],
    calls: list[Verdict | None],
    others: list[Verdict | None],
    *,
    refreshes: bool,
    repeatable: bool,
    draw: float,
) -> None:
    """The same failures lead to the same calls, waits, alerts and results in both."""

    def play(*, is_async: bool) -> tuple[list[object], object]:
        log: list[object] = []
        scripts = {"call": list(calls), "other": list(others)}

        def act(who: str) -> object:
            log.append((who, world.at))
            trouble = scripts[who].pop(0) if scripts[who] else None
            if trouble is not None:
                raise Trouble(trouble)
            return f"{who} answered"

        def renew() -> None:
            log.append(("renew", world.at))
            if not refreshes:
                raise OSError

        def tell(alert: Alert) -> None:
            log.append(alert)

        queue = LaterQueue()
        engine = RecoveryEngine(
            remedies_of(parts), judge=judge, alternatives={"other": lambda: act("other")}, reduced={"other": lambda: act("other")},
            circuits={"crm": Switch(log)}, queue=queue, on_alert=tell, refreshers={"key": renew},
        )  # fmt: skip
        about = {"operation": "call", "dependency": "crm", "credential": "key", "repeatable": repeatable}

        async def act_async() -> object:
            return act("call")

        with virtual_world(draw=draw) as world:
            result: RecoveryResult[object]
            if is_async:
                result = asyncio.run(engine.run_async(RecoveryCall(act_async, **about)))  # type: ignore[arg-type]  # fields by name
            else:
                result = engine.run(RecoveryCall(lambda: act("call"), **about))  # type: ignore[arg-type]  # as above
            log.append(world.waits)
        kept = [(one.queue, one.due_at_s, one.outcome, one.attempts) for one in queue.peek()]
        told = (
            result.success, result.strategy, result.attempts, result.answer, result.outcome, result.recovery_time_s, result.tried,
            result.fallback_used, result.degraded, result.circuit_tripped, result.queued_for_later, kept,
        )  # fmt: skip
        return log, told

    assert play(is_async=False) == play(is_async=True)
