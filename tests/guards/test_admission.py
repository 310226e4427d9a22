"""Policies with limits and hedges, from the outside: plain functions, coroutines, generators and blocks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import pytest

import holdfast
from holdfast import AdaptiveLimit, Breaker, Budget, Bulkhead, Hedge, RateLimit, Retry, Throttle, Timeout
from holdfast.errors import BadInput, BadSettings, BulkheadFull, Exhausted, LimitReached, RateLimited, Throttled
from holdfast.guards.bulkheads import BulkheadStage
from holdfast.guards.course import Queue, course
from holdfast.guards.world import WORLD
from holdfast.testing.recording import recorded
from holdfast.testing.world import ControlledWorld, controlled_world

RETRY = Retry(attempts_max=2, initial_delay_s=3, jitter=holdfast.Jitter.NONE)


@pytest.fixture
def world() -> Iterator[ControlledWorld]:
    """Time passes when policies wait."""
    with controlled_world() as found:
        yield found


def full(name: str = "api", retry: Retry | None = None) -> tuple[holdfast.Policy, threading.Event, threading.Thread]:
    """A policy whose only place is taken by a thread, until the event is set."""
    policy = holdfast.policy(name, bulkhead=Bulkhead(calls_max=1), retry=retry)
    inside, done = threading.Event(), threading.Event()

    @policy
    def hold() -> None:
        inside.set()
        done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(60)
    return policy, done, thread


def test_a_full_bulkhead_turns_calls_away_in_every_form() -> None:
    """Functions, coroutines, generators and blocks find the same place taken, and none of them is made."""
    policy, done, thread = full()

    @policy
    def plain() -> None:
        raise AssertionError("it was to be turned away")

    @policy
    async def coroutine() -> None:
        plain.__wrapped__()  # type: ignore[attr-defined]  # what the guard is around

    @policy
    def rows() -> Iterator[int]:
        yield 1

    for call in (plain, lambda: asyncio.run(coroutine()), lambda: list(rows()), policy.attempt().__enter__):
        with pytest.raises(BulkheadFull):
            call()

    done.set()
    thread.join(60)
    assert [1] == list(rows())
    with policy.attempt():
        pass


def test_a_place_is_free_while_a_repeat_waits(world: ControlledWorld) -> None:
    """Trap 27: between two attempts the place in the bulkhead is somebody else's."""
    policy = holdfast.policy("api", bulkhead=Bulkhead(calls_max=1), retry=RETRY)
    answers = iter([ConnectionRefusedError("down"), "ok"])
    others: list[str] = []

    @policy
    def call() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @policy
    def other() -> str:
        return "served"

    policy.on("retry.scheduled", lambda event: others.append(other()))

    assert ("ok", ["served"], 3) == (call(), others, world.elapsed_s)


def test_a_repeat_that_is_turned_away_keeps_the_original_error(world: ControlledWorld) -> None:
    """Trap 27: when the place was lost meanwhile, the caller sees what went wrong first, not only that it is full."""
    policy = holdfast.policy("api", bulkhead=Bulkhead(calls_max=1), retry=RETRY)
    held = []

    @policy
    def call() -> None:
        raise ConnectionRefusedError("down")

    def take(event: holdfast.Event) -> None:
        block = policy.attempt()
        block.__enter__()
        held.append(block)

    remove = policy.on("retry.scheduled", take)
    with pytest.raises(Exhausted) as caught:
        call()
    remove()

    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert ("bulkhead-full", 1) == (caught.value.reason, len(caught.value.attempts))
    held[0].__exit__(None, None, None)


@pytest.mark.anyio
async def test_a_place_is_free_while_a_task_waits_for_its_repeat(world: ControlledWorld) -> None:
    """Trap 27, for tasks: others use the place meanwhile; when it is taken at the repeat, the first error is the cause."""
    policy = holdfast.policy("api", bulkhead=Bulkhead(calls_max=1), retry=RETRY)
    served: list[float] = []

    @policy
    async def fails() -> None:
        raise ConnectionRefusedError("down")

    @policy
    async def works(seconds: float) -> None:
        served.append(world.elapsed_s)
        await WORLD.asleep(seconds)

    async def others() -> None:
        await WORLD.asleep(1)
        await works(1)
        await works(5)

    other = asyncio.create_task(others())
    with pytest.raises(Exhausted) as caught:
        await fails()
    await other

    assert [1, 2] == served
    assert ("bulkhead-full", 3) == (caught.value.reason, caught.value.attempts[0].wait_s)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


@pytest.mark.anyio
async def test_tasks_wait_for_their_turn(world: ControlledWorld) -> None:
    """Five tasks, two places and a queue: never more than two at once, all are served in order."""
    policy = holdfast.policy("api", bulkhead=Bulkhead(calls_max=2, queue_max=3, wait_max_s=60))
    inside, most, order = 0, 0, []

    @policy
    async def call(number: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        order.append(number)
        await WORLD.asleep(1)
        inside -= 1

    await asyncio.gather(*(call(number) for number in range(5)))

    assert (2, [0, 1, 2, 3, 4], 3) == (most, order, world.elapsed_s)


@pytest.mark.anyio
async def test_a_cancelled_call_leaves_no_place_behind(world: ControlledWorld) -> None:
    """Cancelled while it waits or while it runs: the place is free for the next, and its turn is not lost."""
    policy = holdfast.policy("api", bulkhead=Bulkhead(calls_max=1, queue_max=5, wait_max_s=600))
    gate = asyncio.Event()

    @policy
    async def call() -> str:
        await gate.wait()
        return "done"

    tasks = [asyncio.create_task(call()) for _ in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)
    tasks[1].cancel()
    tasks[0].cancel()
    await asyncio.wait(tasks[:2])
    gate.set()

    assert "done" == await tasks[2]
    assert "done" == await call()


def test_a_wait_for_a_place_ends_with_the_deadline(world: ControlledWorld) -> None:
    """Nobody waits in a queue for longer than the whole call may take."""
    policy = holdfast.policy(
        "api", bulkhead=Bulkhead(calls_max=1, queue_max=1, wait_max_s=60), timeout=Timeout(deadline_s=5)
    )
    with policy.attempt(), pytest.raises(BulkheadFull):
        policy.call(print)

    assert 5 == world.elapsed_s


def test_calls_are_spread_over_time(world: ControlledWorld) -> None:
    """A policy with a rate limit makes callers wait for their booked moments."""
    policy = holdfast.policy("api", rate_limit=RateLimit(calls=2, per_s=1, kind="sliding-window", wait_max_s=10))
    begun: list[float] = []

    for _ in range(5):
        policy.call(lambda: begun.append(world.elapsed_s))

    assert [0, 0, 1, 1, 2] == begun


@pytest.mark.anyio
async def test_coroutines_are_spread_over_time(world: ControlledWorld) -> None:
    """The same for tasks that come all at once."""
    policy = holdfast.policy("api", rate_limit=RateLimit(calls=2, per_s=1, kind="sliding-window", wait_max_s=10))
    begun: list[float] = []

    @policy
    async def call() -> None:
        begun.append(world.elapsed_s)

    await asyncio.gather(*(call() for _ in range(5)))

    assert [0, 0, 1, 1, 2] == begun


def test_no_wait_for_a_rate_limit_is_begun_that_would_end_after_the_deadline(world: ControlledWorld) -> None:
    """Whoever cannot begin in time is turned away at once, and the moment goes to the next."""
    policy = holdfast.policy(
        "api", rate_limit=RateLimit(calls=1, per_s=10, wait_max_s=60), timeout=Timeout(deadline_s=5)
    )
    policy.call(print)

    with pytest.raises(RateLimited) as caught:
        policy.call(print)
    policy.update(timeout=None)
    policy.call(print)

    assert 10 == caught.value.retry_after_s
    assert 10 == world.elapsed_s


def test_who_is_turned_away_further_in_has_used_up_nothing(world: ControlledWorld) -> None:
    """A full bulkhead behind a rate limit gives the moment back: nothing was sent."""
    policy = holdfast.policy("api", rate_limit=RateLimit(calls=2, per_s=10), bulkhead=Bulkhead(calls_max=1))
    with policy.attempt():
        for _ in range(5):
            with pytest.raises(BulkheadFull):
                policy.call(print)

    policy.call(print)

    with pytest.raises(RateLimited):
        policy.call(print)


def test_a_dependency_that_refuses_is_sent_less(world: ControlledWorld) -> None:
    """With a throttle, a failing dependency gets about a tenth of the calls; when it works again, all of them."""
    policy = holdfast.policy("api", throttle=Throttle())
    sent, works = 0, False

    @policy
    def call() -> None:
        nonlocal sent
        sent += 1
        if not works:
            raise ConnectionRefusedError("down")

    def many() -> int:
        nonlocal sent
        sent = 0
        for _ in range(2000):
            with contextlib.suppress(ConnectionRefusedError, Throttled):
                call()
        return sent

    failing, works = many(), True
    world.advance(240)

    assert 150 <= failing <= 300
    assert 2000 == many()


def test_too_many_requests_are_no_failure_of_the_circuit_and_a_refusal_for_the_throttle(world: ControlledWorld) -> None:
    """A 429 does not open the circuit, and makes the throttle hold back."""

    class Busy(Exception):
        """Too many requests."""

    policy = holdfast.policy(
        "api",
        throttle=Throttle(),
        breaker=Breaker(),
        classify={Busy: holdfast.Judgement(category=holdfast.ErrorCategory.RATE_LIMIT_BURST)},
    )
    refused = 0

    def busy() -> None:
        raise Busy

    for _ in range(100):
        try:
            policy.call(busy)
        except Throttled:
            refused += 1
        except Busy:
            pass

    assert refused > 50
    assert "closed" == policy.health().state


def test_the_adaptive_limit_counts_what_is_under_way(world: ControlledWorld) -> None:
    """At the limit the next call is turned away; afterwards there is room again."""
    policy = holdfast.policy("api", adaptive=AdaptiveLimit(initial=2, low=1))
    with policy.attempt(), policy.attempt(), pytest.raises(LimitReached):
        policy.call(print)

    policy.call(print)


def test_who_is_interrupted_before_the_wait_begins_leaves_the_queue(world: ControlledWorld) -> None:
    """A place that was asked for and never waited at does not stay in the queue."""
    policy = holdfast.policy("api", bulkhead=Bulkhead(calls_max=1, queue_max=1))
    with policy.attempt():
        steps = course(policy._guarded(policy._lanes.only, repeatable=False))
        assert isinstance(steps.send(None), Queue)

        with pytest.raises(KeyboardInterrupt):
            steps.throw(KeyboardInterrupt())

    stage = policy._lanes.only.stages[-1]
    assert isinstance(stage, BulkheadStage)
    assert (0, 0) == (stage.active, stage.waiting)


def test_each_key_has_limits_of_its_own(world: ControlledWorld) -> None:
    """What one tenant uses up is not missing to another."""
    policy = holdfast.policy("api", rate_limit=RateLimit(calls=1, per_s=10), key=lambda tenant: tenant)

    @policy
    def call(tenant: str) -> str:
        return tenant

    with recorded(policy) as told:
        assert ["a", "b"] == [call("a"), call("b")]
        with pytest.raises(RateLimited):
            call("a")

    assert [("rejections.began", "a")] == [(event.name, event.key) for event in told]


def test_other_settings_still_count_the_calls_under_way() -> None:
    """A changed bulkhead knows who is inside, and a policy that had none gets one for functions guarded before."""
    policy, done, thread = full()
    policy.update(bulkhead=Bulkhead(calls_max=2))
    with policy.attempt(), pytest.raises(BulkheadFull):
        policy.call(print)
    done.set()
    thread.join(60)

    plain = holdfast.policy("plain")
    guarded = plain(lambda: "done")
    assert "done" == guarded()
    plain.update(bulkhead=Bulkhead(calls_max=1))

    with plain.attempt(), pytest.raises(BulkheadFull):
        guarded()
    assert "done" == guarded()
    plain.update(bulkhead=None)
    with plain.attempt():
        assert "done" == guarded()


def test_the_order_in_words() -> None:
    """What stands around a call is printed in the order in which it is met."""
    policy = holdfast.policy(
        "api",
        degradation=holdfast.Degradation.of(holdfast.Default(value=0)),
        cache=holdfast.Cache(ttl_s=5),
        retry=Retry(),
        timeout=Timeout(deadline_s=20, attempt_s=4),
        breaker=Breaker(),
        hedge=Hedge(),
        throttle=Throttle(),
        rate_limit=RateLimit(),
        adaptive=AdaptiveLimit(),
        bulkhead=Bulkhead(queue_max=5),
        repeatable=True,
    )

    words = [line.split()[0] for line in policy.explain().splitlines()[1:] if line.startswith("  ") and line[2] != " "]

    parts = [
        "degrades",
        "cache",
        "deadline",
        "retry",
        "hedge",
        "throttle",
        "breaker",
        "rate",
        "adaptive",
        "bulkhead",
        "timeout",
        "nothing",
    ]
    assert parts == words
    assert "left out: retry, timeout, breaker, degradation, cache, hedge, throttle" in holdfast.policy("bare").explain()


def test_what_is_no_strategy_is_refused() -> None:
    """Each part is told by its kind, all wrong ones at once."""
    with pytest.raises(BadSettings) as caught:
        holdfast.policy("api", bulkhead=3, hedge=0.5, rate_limit="10/s")  # type: ignore[arg-type]  # that is the test

    assert ["bulkhead", "hedge", "rate_limit"] == sorted(problem.path for problem in caught.value.problems)


# --- hedging ---


class Slow:
    """An async function whose first request of each call is slow."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds
        self.begun = 0
        self.cancelled = 0
        self.inside = 0
        self.most = 0

    async def __call__(self) -> int:
        """One request; its number."""
        number = self.begun
        self.begun += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await WORLD.asleep(self.seconds[number])
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.inside -= 1
        return number


@pytest.mark.anyio
async def test_a_late_call_is_made_once_more(world: ControlledWorld) -> None:
    """The hedge answers first, the late one is cancelled and says nothing about the dependency."""
    policy = holdfast.policy("api", hedge=Hedge(delay_s=1), breaker=Breaker(failures_consecutive=1), repeatable=True)
    slow = Slow(60, 0.5)

    with recorded(policy) as told:
        answer = await policy(slow)()

    assert (1, 1.5, 1) == (answer, world.elapsed_s, slow.cancelled)
    assert ["hedge.sent", "hedge.won"] == [event.name for event in told]
    counts = policy.health().counts
    assert (1, 0, "closed") == (counts.calls, counts.failures, policy.health().state)


@pytest.mark.anyio
async def test_each_hedge_passes_the_limits_for_itself(world: ControlledWorld) -> None:
    """A bulkhead of two holds for requests, not for calls; a hedge that finds no place is simply not made."""
    policy = holdfast.policy("api", hedge=Hedge(delay_s=1), bulkhead=Bulkhead(calls_max=2), repeatable=True)
    slow = Slow(5, 5, 5, 5)
    call = policy(slow)

    answers = await asyncio.gather(call(), call())

    assert ([0, 1], 2, 2, 5) == (answers, slow.begun, slow.most, world.elapsed_s)


@pytest.mark.anyio
async def test_hedges_come_out_of_the_retry_budget(world: ControlledWorld) -> None:
    """With an empty budget nothing is hedged, and the call succeeds all the same."""
    retry = Retry(budget=Budget(ratio=0, floor_per_s=0))
    policy = holdfast.policy("api", hedge=Hedge(delay_s=1), retry=retry, repeatable=True)
    slow = Slow(5)

    with recorded(policy) as told:
        answer = await policy(slow)()

    assert (0, 5, ["hedge.refused"]) == (answer, world.elapsed_s, [event.name for event in told])


@pytest.mark.anyio
async def test_a_hedged_call_that_fails_is_repeated(world: ControlledWorld) -> None:
    """Retry stands around the hedge: when all requests of an attempt fail, the first one's error counts, and another attempt is made."""
    policy = holdfast.policy("api", hedge=Hedge(delay_s=1), retry=RETRY, breaker=Breaker(), repeatable=True)
    made = 0

    @policy
    async def call() -> int:
        nonlocal made
        made += 1
        await WORLD.asleep(2)
        if made <= 2:
            raise ConnectionRefusedError(made)
        return made

    assert await call() >= 3
    counts = policy.health().counts
    assert 2 == counts.failures


@pytest.mark.anyio
async def test_a_first_request_that_failed_counts_although_the_hedge_saved_the_call(world: ControlledWorld) -> None:
    """The circuit hears of one failure and one success."""
    policy = holdfast.policy("api", hedge=Hedge(delay_s=1), breaker=Breaker(), repeatable=True)
    made = 0

    @policy
    async def call() -> str:
        nonlocal made
        made += 1
        await WORLD.asleep(2)
        if made == 2 and world.elapsed_s < 2.5:
            raise ConnectionRefusedError("down")
        return "saved"

    assert "saved" == await call()
    counts = policy.health().counts
    assert (2, 1) == (counts.calls, counts.failures)


@pytest.mark.anyio
async def test_hedges_end_with_the_deadline(world: ControlledWorld) -> None:
    """A hedge has the time that the whole call has left, not a deadline of its own."""
    policy = holdfast.policy("api", hedge=Hedge(delay_s=1), timeout=Timeout(deadline_s=20), repeatable=True)
    left: list[float | None] = []

    @policy
    async def call() -> None:
        left.append(holdfast.remaining_s())
        await WORLD.asleep(2 if len(left) == 1 else 0.1)

    await call()

    assert [20, 19] == left


def test_what_cannot_be_hedged_is_refused_at_once() -> None:
    """Plain functions, generators, blocks, and calls that may not be repeated: the reason and the way out are said."""
    policy = holdfast.policy("api", hedge=Hedge(), repeatable=True)

    async def coroutine() -> None:
        """Nothing."""

    def rows() -> Iterator[int]:
        yield 1

    for refused in (
        lambda: policy(print),
        lambda: policy(rows),
        lambda: policy.call(print),
        policy.attempt,
        policy.attempts,
    ):
        with pytest.raises(BadInput, match="needs an async function"):
            refused()
    with pytest.raises(BadInput, match="repeatable=True"):
        policy.guard(repeatable=False)(coroutine)
    with pytest.raises(BadInput, match="repeatable=True"):
        holdfast.policy("api", hedge=Hedge())(coroutine)
    assert holdfast.policy("api", hedge=Hedge()).guard(repeatable=True)(coroutine) is not None


@pytest.mark.anyio
async def test_a_hedge_that_is_added_later_serves_what_can_be_hedged(world: ControlledWorld) -> None:
    """Functions guarded before it go on; those that may be repeated are hedged from then on, the others never."""
    policy = holdfast.policy("api")
    safe, unsafe = Slow(0.1, 9, 0.5), Slow(9)
    guarded, kept = policy.guard(repeatable=True)(safe), policy(unsafe)
    plain = policy(lambda: "done")
    await guarded()

    policy.update(hedge=Hedge(delay_s=1))

    assert (2, 0, "done") == (await guarded(), await kept(), plain())
    assert (3, 1) == (safe.begun, unsafe.begun)
