"""What users do with policies beside calling: nest them, look at what they decorated, send errors and settings elsewhere, misspell."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import inspect
import logging
import pickle
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import holdfast
from holdfast.errors import BadInput, BadSettings, Exhausted, HandoverUnavailable
from holdfast.testing import controlled_world

pool_work = holdfast.policy("pool", retry=holdfast.Retry(attempts_max=2, initial_delay_s=0), repeatable=True)


@pool_work
def fails() -> None:
    """Fails under a policy, in whatever process."""
    raise ConnectionRefusedError("down")


def fails_degraded() -> None:
    """Fails with an error of a lesser answer, in whatever process."""
    raise holdfast.errors.CacheMissed("pool", "cached", why="nothing was kept")


@pytest.mark.parametrize("function", [fails, fails_degraded])
def test_an_error_comes_back_from_another_process(function: Callable[[], None]) -> None:
    """A guarded call that fails in a pool of processes fails alone, with its facts; the pool goes on."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        caught = pool.submit(function).exception()
        again = pool.submit(abs, -1).result()

    assert isinstance(caught, holdfast.errors.PolicyError)
    assert "pool" == caught.policy
    assert 1 == again


def test_an_error_from_elsewhere_says_why_it_cannot_be_handed_over() -> None:
    """How a call goes on is bound to the process that raised it, and a copy of its error says so."""
    with pytest.raises(Exhausted) as caught:
        fails()
    caught.value.resume = lambda _: pytest.fail("a copy must not hand over")  # type: ignore[assignment]  # never called
    there = pickle.loads(pickle.dumps(caught.value))

    with pytest.raises(HandoverUnavailable, match="another process"):
        there.hand_over()

    assert caught.value.resume is not None


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            holdfast.Retry(rules={holdfast.ErrorCategory.RATE_LIMIT_BURST: holdfast.RetryRule(attempts_max=5)}),
            id="retry",
        ),
        pytest.param(holdfast.Breaker(categories={holdfast.ErrorCategory.API_ENDPOINT_REMOVED: 1}), id="breaker"),
    ],
)
def test_settings_can_be_copied_and_sent(settings: holdfast.Retry | holdfast.Breaker) -> None:
    """Settings with a table inside are copied and pickled like any value, and their table stays read-only."""
    copies = [copy.deepcopy(settings), copy.copy(settings), pickle.loads(pickle.dumps(settings))]

    table = "rules" if isinstance(settings, holdfast.Retry) else "categories"
    assert [settings] * 3 == copies
    assert all("mappingproxy" == type(getattr(one, table)).__name__ for one in copies)
    assert dataclasses.replace(settings) == settings


def test_a_policy_is_not_copied_and_says_what_to_do() -> None:
    """A copied policy would have a state of its own: it is refused with the way out."""
    policy = holdfast.policy("shared")

    for way in (pickle.dumps, copy.deepcopy, copy.copy):
        with pytest.raises(TypeError, match="import it from there"):
            way(policy)


def test_a_guarded_async_generator_is_one_to_look_at() -> None:
    """Frameworks find an async generator function where one was guarded."""

    @holdfast.policy("feed")
    async def rows() -> AsyncIterator[int]:
        yield 1

    assert inspect.isasyncgenfunction(rows)


@pytest.mark.anyio
async def test_a_policy_around_a_guarded_async_generator_guards() -> None:
    """Two policies around an async generator both count: the outer one repeats what the inner one passes on."""
    runs = 0

    @holdfast.policy("outer", retry=holdfast.Retry(attempts_max=3))
    @holdfast.policy("inner", breaker=holdfast.Breaker())
    async def rows() -> AsyncIterator[int]:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ConnectionRefusedError("down")
        yield runs

    with controlled_world(waits=False) as world:
        found = [row async for row in rows()]

    assert [3] == found
    assert 2 == len(world.slept)


@pytest.mark.parametrize("kind", [classmethod, staticmethod, property])
def test_a_guard_above_the_wrong_decorator_says_where_it_belongs(kind: type) -> None:
    """A guard around a class method, a static method or a property says that it belongs below."""
    with pytest.raises(BadInput, match=f"is a {kind.__name__}. Put the guard below"):
        holdfast.policy("crm")(kind(lambda: None))


def test_what_must_be_functions_is_checked_when_the_policy_is_made() -> None:
    """A key, a look at results and a listener that cannot be called are refused at once, not by the first call."""
    with pytest.raises(BadSettings) as caught:
        holdfast.policy("crm", key="tenant", keys_max=0, result=500)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(TypeError, match="cannot be called"):
        holdfast.policy("crm").on("circuit.opened", 3)  # type: ignore[arg-type]  # the same

    assert ["key", "keys_max", "result"] == [problem.path for problem in caught.value.problems]


def test_a_wrong_word_is_answered_with_the_words() -> None:
    """A misspelt kind of growth is answered with the kinds that there are."""
    with pytest.raises(BadSettings, match="growth: must be one of fixed, linear, exponential, not 'exp'"):
        holdfast.Retry(growth="exp")  # type: ignore[arg-type]  # the point of the test


def test_a_word_does_for_a_choice_everywhere() -> None:
    """What may be given as a word in one place may be so in all."""
    assert holdfast.Jitter.NONE is holdfast.Repeat(jitter="none").jitter
    assert holdfast.Severity.ERROR is holdfast.RaiseAlert(severity="error").severity
    assert holdfast.Growth.LINEAR is holdfast.Retry(growth="linear").growth


def test_a_key_cannot_write_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Names and reasons from outside stay within their value and their line."""
    policy = holdfast.policy("crm", breaker=holdfast.Breaker(), key=lambda tenant: tenant)

    with caplog.at_level(logging.WARNING, "holdfast.guards"):
        policy.isolate('over\ncircuit.closed "crm"', key="a b\x1b[2J")

    assert ['circuit.isolated crm key="a b\\u001b[2J" because="over\\ncircuit.closed \\"crm\\""'] == caplog.messages


def test_one_call_is_no_calls() -> None:
    """Messages count in plain English."""
    one = holdfast.policy("one", bulkhead=holdfast.Bulkhead(calls_max=1))
    rare = holdfast.policy("rare", rate_limit=holdfast.RateLimit(calls=1, per_s=60))
    fragile = holdfast.policy("fragile", breaker=holdfast.Breaker(failures_consecutive=1))

    with one.attempt(), pytest.raises(holdfast.errors.BulkheadFull, match="has 1 call under way"):
        one.call(abs, -1)
    rare.call(abs, -1)
    with pytest.raises(holdfast.errors.RateLimited, match="may begin 1 call per 60 s"):
        rare.call(abs, -1)
    with pytest.raises(ConnectionRefusedError):
        fragile.call(fails.__wrapped__)  # type: ignore[attr-defined]  # what a decorator leaves
    with pytest.raises(holdfast.errors.CircuitOpen, match="is open: a call failed"):
        fragile.call(abs, -1)


def test_a_key_without_a_text_of_its_own_is_refused() -> None:
    """A key that takes the object of a method for the tenant would give each object a circuit of its own."""

    class Client:
        tenant = 7

        @holdfast.policy("crm", key=lambda client: client)
        def get(self) -> int:
            return self.tenant

        @holdfast.policy("crm", key=lambda client: client.tenant)
        def put(self) -> int:
            return self.tenant

    with pytest.raises(BadInput, match=r"policy .crm.: key: returned a .*Client, which has no text of its own"):
        Client().get()

    assert 7 == Client().put()


def test_a_call_of_unknown_outcome_says_how_to_allow_repeats() -> None:
    """Whoever meets the first call that is not repeated is told what to say if it may be."""
    policy = holdfast.policy("payments", retry=holdfast.Retry())

    def unsure() -> None:
        raise TimeoutError

    with pytest.raises(Exhausted, match="or say repeatable=True if doing it twice does no harm"):
        policy.call(unsure)


async def hang_around() -> None:
    """Hangs."""
    await asyncio.Event().wait()


async def as_function(policy: holdfast.Policy) -> None:
    """Guarded by decoration."""
    await policy(hang_around)()


async def as_block(policy: holdfast.Policy) -> None:
    """Guarded as a block."""
    async with policy.attempt():
        await hang_around()


@pytest.mark.anyio
@pytest.mark.parametrize("guarded", [as_function, as_block])
async def test_a_timeout_shows_where_the_call_hung(guarded: Callable[[holdfast.Policy], Awaitable[None]]) -> None:
    """The traceback of an interrupted call leads to the line that waited."""
    policy = holdfast.policy("slow", timeout=holdfast.Timeout(attempt_s=0.001))

    with pytest.raises(holdfast.errors.TimedOut) as caught:
        await guarded(policy)

    assert "await asyncio.Event().wait()" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("word", ["no", 0, 1])
def test_a_word_on_repeats_is_a_word(word: object) -> None:
    """A text, which would be true, is never taken for leave to do something twice."""
    policy = holdfast.policy("payments", retry=holdfast.Retry())

    with pytest.raises(BadSettings, match="repeatable: must be True, False or None"):
        policy.guard(repeatable=word)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(BadSettings, match="repeatable: must be True, False or None"):
        policy.attempts(repeatable=word)  # type: ignore[arg-type]  # the same


def next_row(rows: Iterator[int]) -> int:
    """What ends a loop somewhere further out."""
    return next(rows)


PLAIN = [
    pytest.param(holdfast.policy("rows", breaker=holdfast.Breaker()), id="fused"),
    pytest.param(holdfast.policy("rows", bulkhead=holdfast.Bulkhead()), id="course"),
    pytest.param(holdfast.policy("rows", retry=holdfast.Retry(reraise=True)), id="retry"),
]


@pytest.mark.parametrize("policy", PLAIN)
def test_a_stop_of_an_iteration_is_raised_as_it_is(policy: holdfast.Policy) -> None:
    """`next()` at its end raises what it always does, guarded as a function or as a block, and nothing stays taken."""
    raised = StopIteration("the last")

    def end() -> None:
        raise raised

    with pytest.raises(StopIteration) as caught:
        policy(next_row)(iter(()))
    with pytest.raises(StopIteration) as same:
        policy(end)()
    with pytest.raises(StopIteration), policy.attempt():
        next_row(iter(()))

    assert caught.value.value is None
    assert same.value is raised
    assert 7 == policy.call(next_row, iter([7]))
