"""Using the recovery engine: what is refused, guarded functions, and event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from holdfast.errors import AnswerFailed, BadInput, BadSettings
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from holdfast.guards.alarm import Alert
from holdfast.guards.engine import RecoveryEngine
from holdfast.guards.later_queue import Later
from holdfast.guards.policy import policy
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.guards.recovery_purses import NAMES_MAX, Purses
from holdfast.policies.budget import Budget
from holdfast.policies.remedies import (
    KeepForLater,
    RaiseAlert,
    Remedy,
    Repeat,
    UseAlternative,
    UseCache,
    UseDefault,
)
from tests.guards.recoveries import (
    Answers,
    answer_later,
    cure,
    failing,
    reading,
)
from tests.guards.virtual import VirtualWorld, virtual_world


@pytest.fixture(autouse=True)
def world() -> Iterator[VirtualWorld]:
    """Time passes only when somebody waits."""
    with virtual_world() as found:
        yield found


# --- using it wrongly ---


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda engine: engine.run(answer_later), id="run an async function"),
        pytest.param(lambda engine: engine.run(lambda: answer_later()), id="run what returns a coroutine"),  # noqa: PLW0108 - a plain function on purpose
        pytest.param(lambda engine: engine.recover(ValueError(), RecoveryCall(answer_later)), id="recover an async function"),
        pytest.param(lambda engine: engine.run(RecoveryCall(len), "x"), id="arguments twice"),
        pytest.param(lambda engine: engine.run(RecoveryCall()), id="nothing to call"),
        pytest.param(lambda engine: engine.run(3), id="no function"),
    ],
)  # fmt: skip
def test_wrong_uses_are_refused(use: Callable[[RecoveryEngine], object]) -> None:
    """A use that cannot work is refused at once, and says what to do instead."""
    with pytest.raises(BadInput):
        use(RecoveryEngine())


def test_an_async_alternative_of_a_sync_call_is_told() -> None:
    """It cannot be awaited there, and nothing was asked: the next measure follows."""
    engine = RecoveryEngine(
        [cure(UseAlternative(name="later"), UseDefault(value=2))], alternatives={"later": answer_later}
    )

    result = engine.run(reading(failing(ConnectionError("x"))))

    assert 2 == result.answer
    assert "async" in result.tried[0].why


def test_a_repeat_that_turns_out_async_is_a_system_error() -> None:
    """A plain function that returns something to be awaited only at its second call is not taken for an answer."""

    def odd(first: list[int]) -> object:
        if first:
            first.pop()
            raise ConnectionResetError("x")
        return answer_later()

    result = RecoveryEngine().run(reading(odd, [1]))

    assert (False, "system_error") == (result.success, result.strategy)


def test_wrong_settings_of_an_engine_are_refused_all_at_once() -> None:
    """Everything that is wrong with an engine is listed."""
    with pytest.raises(BadSettings) as caught:
        RecoveryEngine(
            [cure(UseDefault()), cure(UseDefault())],
            keep_answers_s=-1,
            alternatives={"a": "b.example", "c": len},
            reduced={"r": 3},  # type: ignore[dict-item]  # wrong on purpose
            circuits={"x": policy("x"), "y": 3},  # type: ignore[dict-item]  # as above
            budget=3,  # type: ignore[arg-type]  # as above
            alert_every_s=-1,
            redo_max=0,
            redo_after_s=float("inf"),
        )

    own = ["remedies", "keep_answers_s", "redo_max", "redo_after_s", "budget", "alert_every_s"]
    paths = [*own, "alternatives.a", "reduced.r", "circuits.x", "circuits.y"]
    assert paths == [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize("remedies", [3, [3], [cure(UseDefault(), name=f"{n}") for n in range(201)]], ids=["none", "strange", "many"])  # fmt: skip
def test_what_is_no_list_of_remedies_is_refused(remedies: list[Remedy]) -> None:
    """An engine takes at most 200 remedies, and nothing else."""
    with pytest.raises(BadSettings, match="remed"):
        RecoveryEngine(remedies)


# --- the guard, and async ---


def test_a_guarded_function_answers_or_raises() -> None:
    """A guarded function behaves like the function, with recovery."""
    engine = RecoveryEngine([cure(Repeat(attempts_max=2), timeout_s=5)])
    fails = [ConnectionError("a")]

    def read(name: str, *, loud: bool = False) -> str:
        """Reads."""
        if fails:
            raise fails.pop()
        return name.upper() if loud else name

    guarded = engine.guard(read, dependency="crm", read_only=True)

    assert ("X", "read", "Reads.") == (guarded("x", loud=True), guarded.__name__, guarded.__doc__)
    with pytest.raises(ZeroDivisionError):
        engine.guard(lambda: 1 // 0)()


def test_a_guarded_async_function_answers_or_raises() -> None:
    """The same for async functions."""
    engine = RecoveryEngine()
    fails = [ConnectionResetError("a")]

    async def read(name: str) -> str:
        await asyncio.sleep(0)
        if fails:
            raise fails.pop()
        return name

    assert "x" == asyncio.run(engine.guard(read, read_only=True)("x"))  # type: ignore[arg-type]  # it returns a coroutine


def test_an_async_call_that_takes_too_long_is_ended() -> None:
    """A repeat on an event loop is ended with the strategy's time, and counts as one that may have happened."""
    ended: list[str] = []
    fails = [ConnectionRefusedError("x")]

    async def hang() -> None:
        if fails:
            raise fails.pop()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    engine = RecoveryEngine([cure(Repeat(initial_delay_s=0), timeout_s=0.01)])
    result = asyncio.run(engine.run_async(reading(hang, method="POST")))

    assert (["cancelled"], Outcome.UNKNOWN, 2) == (ended, result.outcome, result.attempts)


def test_a_calls_own_timeout_is_no_timeout_of_ours() -> None:
    """A TimeoutError that the call raises by itself is judged as what it is."""

    async def slow() -> None:
        raise TimeoutError("theirs")

    result = asyncio.run(RecoveryEngine().run_async(reading(slow)))

    assert (3, ErrorCategory.NETWORK_TIMEOUT) == (result.attempts, result.verdict and result.verdict.category)


def test_a_cancelled_recovery_ends_at_once() -> None:
    """Cancelling the task during a recovery is no failure of the call: nothing more is done."""
    calls: list[int] = []
    engine = RecoveryEngine([cure(Repeat(attempts_max=9), timeout_s=50)])

    async def ask() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise asyncio.CancelledError
        raise ConnectionResetError("x")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(engine.run_async(reading(ask)))
    assert 2 == len(calls)
    assert engine.run(reading(failing(ConnectionResetError("x")))).success


def test_async_parts_are_awaited() -> None:
    """Alternatives, queues and alerts may be async where there is a loop; a cache that is not local is asked in a thread."""
    told: list[Alert] = []
    kept: list[Later] = []
    cache = Answers(is_local=False)

    async def tell(alert: Alert) -> None:
        await asyncio.sleep(0)
        told.append(alert)

    class Durable:
        durable = True

        async def keep(self, later: Later) -> None:
            await asyncio.sleep(0)
            kept.append(later)

    engine = RecoveryEngine(
        [cure(RaiseAlert(), KeepForLater(), UseCache(), UseAlternative(name="other"))],
        alternatives={"other": answer_later}, queue=Durable(), cache=cache, on_alert=tell,
    )  # fmt: skip

    async def use() -> tuple[object, object]:
        first = await engine.run_async(reading(failing(ConnectionError("x")), key_inputs=()))
        await engine.run_async(reading(answer_later, key_inputs=()))
        second = await engine.recover_async(ConnectionError("x"), reading(answer_later, key_inputs=()))
        return first.answer, (second.answer, second.degraded)

    assert (1, (1, True)) == asyncio.run(use())
    assert (1, 2) == (len(told), len(kept))


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_answer_may_be_a_failure(*, is_async: bool) -> None:
    """What the user calls a failed answer is recovered like an exception, in repeats, alternatives and kept calls too."""
    engine = RecoveryEngine(
        [cure(Repeat(attempts_max=2), UseAlternative(name="other"), KeepForLater(after_s=0))],
        alternatives={"other": lambda: "busy"}, result=lambda answer: answer == "busy", redo_max=2,
    )  # fmt: skip
    answers = ["busy", "busy", "busy", "fine"]
    call = reading(lambda: answers.pop(0))

    result = asyncio.run(engine.run_async(call)) if is_async else engine.run(call)
    redone = [asyncio.run(engine.redo_async()) if is_async else engine.redo() for _ in range(1)]

    assert (False, 2) == (result.success, result.attempts)
    assert isinstance(result.error, AnswerFailed)
    assert "busy" == result.error.answer
    assert ["attempts-exhausted", "failed", "done"] == [one.ended for one in result.tried]
    assert [False] == [one.success for (one,) in redone]


def test_an_answer_that_cannot_be_judged_is_an_answer() -> None:
    """A user's function that raises about an answer does not lose the answer."""
    assert 0 == RecoveryEngine(result=lambda answer: 1 // answer > 0).run(lambda: 0).answer  # type: ignore[operator]  # raises on purpose


def test_exceptions_mean_what_the_user_says() -> None:
    """`classify` works as it does for policies."""
    engine = RecoveryEngine(classify={LookupError: ErrorCategory.RATE_LIMIT_BURST})

    assert "rate-limit-backoff" == engine.run(reading(failing(KeyError("x")))).strategy


def test_repeats_are_a_share_of_the_calls(world: VirtualWorld) -> None:
    """When everything fails, repeats stay within the budget of their dependency; another one has its own."""
    made = {"crm": 0, "erp": 0}

    def ask(name: str) -> None:
        made[name] += 1
        raise ConnectionResetError(name)

    engine = RecoveryEngine([cure(Repeat(initial_delay_s=0))], budget=Budget(ratio=0, floor_per_s=1, window_s=10))
    results = [engine.run(reading(ask, "crm")) for _ in range(20)]
    engine.run(reading(ask, "erp", dependency="erp"))
    free = RecoveryEngine([cure(Repeat(initial_delay_s=0))], budget=None)
    free_results = [free.run(reading(ask, "erp")) for _ in range(20)]

    assert (20 + 10, []) == (made["crm"], world.waits)
    assert ["attempts-exhausted", "budget"] == [results[0].tried[0].ended, results[-1].tried[0].ended]
    assert 3 + 60 == made["erp"]
    assert 3 == free_results[-1].attempts


def test_calls_fill_the_purse() -> None:
    """The more a dependency is called, the more repeats it may be sent; what is remembered is bounded."""
    purses = Purses(Budget(ratio=0.5, floor_per_s=0, window_s=10))

    paid = [purses.pay("crm", now=0)]
    for _ in range(4):
        purses.count("crm")
    paid += [purses.pay("crm", now=0) for _ in range(3)]
    for number in range(NAMES_MAX):
        purses.count(str(number))
    for _ in range(2):
        purses.count("crm")

    assert [False, True, True, False] == paid
    assert not purses.pay("crm", now=0)
