"""A call that fails gets a lesser answer, in threads and on event loops alike, and the answer says so."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import weakref
from collections.abc import Callable, Iterator

import pytest

from holdfast.errors import (
    AlternativeFailed,
    BadInput,
    BadSettings,
    CacheMissed,
    CircuitOpen,
    DefaultMissing,
    DegradationFailed,
    Exhausted,
    FunctionalityReduced,
    NoStrategy,
    QueueFull,
    TimedOut,
)
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.guards.answering import Answering
from holdfast.guards.answers import Answer, Degraded, last_answer
from holdfast.guards.features import features
from holdfast.guards.judging import Judge
from holdfast.guards.listening import Listening
from holdfast.guards.policy import Policy, policy
from holdfast.guards.shapes import Shape
from holdfast.policies.breaker import Breaker
from holdfast.policies.degradation import Degradation, Rule, When
from holdfast.policies.features import Feature
from holdfast.policies.lesser_answers import Alternative, Cached, Default, QueueForLater, Reduced
from holdfast.policies.levels import Levels
from holdfast.policies.retry import Retry
from holdfast.ports.later import KeptCall, Receipt
from holdfast.testing import controlled_world
from holdfast.testing.world import ControlledWorld

Ask = Callable[..., Answer[object]]
NOTHING = Default(value=None)
TIMED_OUT = When(categories=frozenset({ErrorCategory.NETWORK_TIMEOUT}))


class Price:
    """A dependency that can be down."""

    def __init__(self) -> None:
        self.down: Exception | None = None
        self.calls = 0
        self.price = 100

    def answer(self) -> int:
        """What it would say now."""
        self.calls += 1
        if self.down is not None:
            raise self.down
        return self.price


price = Price()


def fetch_price(sku: str, currency: str = "EUR") -> str:
    """The function that is guarded."""
    return f"{sku} {price.answer()} {currency}"


@pytest.fixture(autouse=True)
def clock() -> Iterator[ControlledWorld]:
    """Time that stands still, and a dependency that is well."""
    price.__init__()
    with controlled_world() as world:
        yield world


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Ask through a policy, in a thread or on an event loop: `ask(policy, *args)` or `ask(policy, *args, function=…)`."""

    def ask_sync(shop: Policy, *args: object, function: Callable[..., object] = fetch_price) -> Answer[object]:
        return shop.answer(shop(function), *args)

    def ask_async(shop: Policy, *args: object, function: Callable[..., object] = fetch_price) -> Answer[object]:
        @functools.wraps(function)
        async def awaited(*inner: object) -> object:
            await asyncio.sleep(0)
            return function(*inner)

        async def main() -> Answer[object]:
            answer = await shop.answer(shop(awaited), *args)
            await asyncio.sleep(0)
            return answer

        return asyncio.run(main())

    return ask_sync if request.param == "sync" else ask_async


def shop_with(*strategies: object, **settings: object) -> Policy:
    """A policy that degrades."""
    return policy("shop", degradation=Degradation.of(*strategies), **settings)


def test_a_good_answer_says_that_it_is_one(ask: Ask) -> None:
    """As long as the dependency is well, nothing is degraded."""
    answer = ask(shop_with(NOTHING), "book")

    assert Answer(value="book 100 EUR") == answer
    assert not answer.is_degraded


def test_the_last_good_value_is_answered_within_its_time(ask: Ask, clock: ControlledWorld) -> None:
    """Up to its age the kept value stands in, with its age; after that the failure is told as a cache that missed."""
    shop = shop_with(Cached(ttl_s=300))
    ask(shop, "book")
    price.down = ConnectionRefusedError("no")

    clock.advance(300)
    answer = ask(shop, "book")
    clock.advance(0.5)
    with pytest.raises(CacheMissed) as caught:
        ask(shop, "book")

    expected = Degraded(strategy="cached", level=0, reason="network_connection_refused", age_s=300.0)
    assert Answer(value="book 100 EUR", degraded=expected) == answer
    assert price.down is caught.value.__cause__


def test_one_users_answer_is_never_anothers(ask: Ask) -> None:
    """Another argument is another call: nothing is kept for it."""
    shop = shop_with(Cached())
    ask(shop, "book")
    price.down = ConnectionRefusedError("no")

    with pytest.raises(CacheMissed, match="no good value"):
        ask(shop, "pen")


def test_another_way_is_taken_when_nothing_was_sent(ask: Ask) -> None:
    """The alternative gets the same arguments."""
    shop = shop_with(Alternative(call=lambda sku: f"{sku} from elsewhere"))
    price.down = ConnectionRefusedError("no")

    answer = ask(shop, "book")

    assert ("book from elsewhere", "alternative") == (answer.value, answer.degraded.strategy)


def test_an_async_alternative_is_awaited_for_async_calls_and_refused_for_sync_ones(ask: Ask) -> None:
    """A sync call cannot wait for a coroutine; it is closed, and the failure says why."""

    async def elsewhere(sku: str) -> str:
        await asyncio.sleep(0)
        return f"{sku} awaited"

    shop = shop_with(Alternative(call=elsewhere))
    price.down = ConnectionRefusedError("no")

    if "async" in ask.__name__:
        assert "book awaited" == ask(shop, "book").value
    else:
        with pytest.raises(AlternativeFailed, match="TypeError"):
            ask(shop, "book")


def test_an_alternative_that_fails_too_is_told_by_its_kind_only(ask: Ask) -> None:
    """Its words may be secret; the first failure is the cause."""

    def elsewhere(_sku: str) -> str:
        raise PermissionError("token=hunter2")

    shop = shop_with(Alternative(call=elsewhere))
    price.down = ConnectionRefusedError("no")

    with pytest.raises(AlternativeFailed, match="PermissionError") as caught:
        ask(shop, "book")

    assert "hunter2" not in str(caught.value)
    assert price.down is caught.value.__cause__


def test_another_endpoint_needs_an_http_client(ask: Ask) -> None:
    """A plain function has no address to exchange, and the failure says what to give instead."""
    price.down = ConnectionRefusedError("no")

    with pytest.raises(AlternativeFailed, match="call="):
        ask(shop_with(Alternative(endpoint="backup.example.com")), "book")


def test_a_call_of_unknown_outcome_is_not_made_another_way(ask: Ask) -> None:
    """After a timeout the work may be done; the alternative could do it twice and is barred, with the reason told."""
    made: list[str] = []
    price.down = TimeoutError("too slow")

    with pytest.raises(NoStrategy, match="could do the work twice"):
        ask(shop_with(Alternative(call=made.append)), "book")
    allowed = ask(shop_with(Alternative(call=made.append), repeatable=True), "book")
    passed_over = ask(shop_with(Alternative(call=made.append), NOTHING), "book")

    assert ["book"] == made
    assert ("alternative", "default") == (allowed.degraded.strategy, passed_over.degraded.strategy)


def test_features_are_off_while_the_reduced_version_answers(ask: Ask, clock: ControlledWorld) -> None:
    """The reduced version sees its features off, and so does everybody else for a while."""
    features.declare(Feature(name="discounts"))
    seen: list[bool] = []

    def plain_price(sku: str) -> str:
        seen.append(features.is_on("discounts"))
        return f"{sku} without discount"

    price.down = ConnectionRefusedError("no")
    answer = ask(shop_with(Reduced(features=("discounts",), call=plain_price, off_s=30)), "book")

    off = not features.is_on("discounts")
    clock.advance(30)
    assert ("book without discount", "reduced", [False]) == (answer.value, answer.degraded.strategy, seen)
    assert (True, True) == (off, features.is_on("discounts"))


def test_a_reduction_without_a_version_of_its_own_is_told(ask: Ask) -> None:
    """The features are off, and the failure says that nothing was there to answer; the next strategy may."""
    price.down = ConnectionRefusedError("no")

    with pytest.raises(FunctionalityReduced, match="images switched off"):
        ask(shop_with(Reduced(features=("images",))), "book")
    assert not features.is_on("images")
    assert "default" == ask(shop_with(Reduced(features=("images",)), NOTHING), "book").degraded.strategy


def test_a_reduced_version_that_fails_is_told(ask: Ask) -> None:
    """By its kind; and the features it saw off are its own."""
    price.down = ConnectionRefusedError("no")
    broken = Reduced(features=("videos",), off_s=0, call=lambda _: 1 / 0)

    with pytest.raises(FunctionalityReduced, match="ZeroDivisionError"):
        ask(shop_with(broken), "book")

    assert features.is_on("videos")


def test_a_default_is_new_for_each_answer(ask: Ask) -> None:
    """Nobody changes the default of the next one, and None is a default."""
    price.down = ConnectionRefusedError("no")
    shop = shop_with(Default(value={"rows": []}))

    ask(shop, "book").value["rows"].append("mine")

    assert {"rows": []} == ask(shop, "book").value
    assert ask(shop_with(NOTHING), "book").value is None
    assert [] == ask(shop_with(Default(factory=list)), "book").value


@pytest.mark.parametrize("in_factory", [True, False], ids=["factory", "value"])
def test_a_default_that_cannot_be_made_is_missing(ask: Ask, in_factory: bool) -> None:
    """A factory that fails, or a value that cannot be copied, is no default."""
    circle: list[object] = []
    circle.append(circle)
    strategy = Default(factory=lambda: {}["x"]) if in_factory else Default(value=circle)
    price.down = ConnectionRefusedError("no")

    with pytest.raises(DefaultMissing, match="KeyError" if in_factory else "deeper"):
        ask(shop_with(strategy), "book")


def test_a_call_is_kept_for_later_and_made_then(ask: Ask) -> None:
    """The answer is a receipt that says that it would not survive the process; later the call is made under the policy."""
    shop = shop_with(QueueForLater(queue="retry_queue", size_max=1))
    price.down = ConnectionRefusedError("no")
    receipt = ask(shop, "book").value
    with pytest.raises(QueueFull, match="retry_queue"):
        ask(shop, "pen")
    price.down = None
    queue = shop.degradation.queue("retry_queue")

    ran = asyncio.run(queue.run_async())

    assert Receipt(queue="retry_queue", place=1, durable=False, id="retry_queue-1") == receipt
    assert (1, 0, 3) == (ran.done, ran.left, price.calls)


def test_a_sink_takes_the_call_in_the_place_of_memory(ask: Ask) -> None:
    """What is handed over has all that is needed to make the call again; a sink that fails is told."""
    kept: list[KeptCall] = []

    class Sink:
        def keep(self, call: KeptCall) -> Receipt:
            kept.append(call)
            if len(kept) > 1:
                raise OSError("disk full")
            return Receipt(queue="durable", place=1, durable=True, id="7")

    shop = shop_with(QueueForLater(sink=Sink()))
    price.down = ConnectionRefusedError("no")
    receipt = ask(shop, "book").value
    with pytest.raises(DegradationFailed, match="OSError"):
        ask(shop, "book")

    assert receipt.durable
    assert ("shop", ("book",), {}, "network_connection_refused") == (
        kept[0].policy, kept[0].args, kept[0].kwargs, kept[0].reason,
    )  # fmt: skip
    assert kept[0].operation.endswith("fetch_price")


def test_strategies_are_tried_until_one_answers(ask: Ask) -> None:
    """Whoever fails is passed over; if all fail, the last one's error is raised from the first failure."""
    price.down = ConnectionRefusedError("no")
    tried = (Cached(), Alternative(call=lambda _: 1 / 0))

    assert "default" == ask(shop_with(*tried, NOTHING), "book").degraded.strategy
    with pytest.raises(AlternativeFailed) as caught:
        ask(shop_with(*tried), "book")
    assert price.down is caught.value.__cause__


def test_a_failure_that_no_rule_is_meant_for_is_raised_as_it_is(ask: Ask) -> None:
    """`except Declined` goes on working under a policy that degrades; a strict one tells that nothing was meant for it."""

    class Declined(ValueError):
        """A business error."""

    price.down = Declined("no money")
    strict = policy("shop", degradation=Degradation(rules=(Rule(strategy=NOTHING),), strict=True))

    with pytest.raises(Declined) as caught:
        ask(shop_with(NOTHING), "book")
    with pytest.raises(NoStrategy, match="no rule is meant") as told:
        ask(strict, "book")

    assert price.down is caught.value
    assert price.down is told.value.__cause__


def test_mistakes_in_using_it_are_never_degraded(ask: Ask) -> None:
    """A lesser answer would hide a wrong use of the library."""

    def misused(_sku: str) -> None:
        policy("", retry=3)

    with pytest.raises(BadSettings):
        ask(shop_with(NOTHING), "book", function=misused)


def test_an_open_circuit_is_degraded_as_well(ask: Ask, clock: ControlledWorld) -> None:
    """Calls that are turned away get the lesser answer with the refusal as the reason, and the dependency is left in peace."""
    shop = shop_with(NOTHING, breaker=Breaker(failures_consecutive=2, open_s=30))
    price.down = ConnectionRefusedError("no")
    for _ in range(2):
        ask(shop, "book")
    calls = price.calls

    answer = ask(shop, "book")

    assert ("circuit-open", calls) == (answer.degraded.reason, price.calls)
    with pytest.raises(CircuitOpen):
        ask(policy("other", breaker=Breaker()), "book", function=_raise_circuit_open)


def _raise_circuit_open(_sku: str) -> None:
    other = policy("isolated", breaker=Breaker())
    other.isolate("by hand")
    other.call(fetch_price, "book")


def test_what_is_exhausted_is_judged_by_all_its_attempts(ask: Ask) -> None:
    """Of two attempts the first may have taken effect: the alternative is barred although the last one was refused."""
    failures: list[Exception] = [TimeoutError("too slow"), ConnectionRefusedError("no")]
    made: list[str] = []

    def twice(_sku: str) -> None:
        raise failures.pop(0)

    shop = policy(
        "shop",
        repeatable=True,
        retry=Retry(attempts_max=2, initial_delay_s=0),
        degradation=Degradation.of(Alternative(call=made.append, repeatable=False)),
    )

    with pytest.raises(NoStrategy, match="could do the work twice") as caught:
        ask(shop, "book", function=twice)

    assert ([], []) == (made, failures)
    assert isinstance(caught.value.__cause__, Exhausted)


def test_a_call_that_was_turned_away_after_an_attempt_counts_as_turned_away(ask: Ask) -> None:
    """Rules for refusals are meant for a call whose repeat was refused, too."""
    shop = policy(
        "shop",
        repeatable=True,
        retry=Retry(attempts_max=3, initial_delay_s=0),
        breaker=Breaker(failures_consecutive=1, open_s=30),
        degradation=Degradation(rules=(Rule(strategy=NOTHING, when=When(rejected=frozenset({"circuit-open"}))),)),
    )
    price.down = ConnectionRefusedError("no")

    assert ask(shop, "book").is_degraded
    assert 1 == price.calls


def test_a_deadline_that_is_over_is_degraded(ask: Ask) -> None:
    """An error of ours about time is a failure like the dependency's own."""
    price.down = TimedOut("inner", kind="attempt", limit_s=1.0, begun=False)
    shop = policy("shop", degradation=Degradation(rules=(Rule(strategy=NOTHING, when=TIMED_OUT),)))

    assert "network_timeout" == ask(shop, "book").degraded.reason


def test_ctrl_c_and_cancellation_are_never_degraded() -> None:
    """Whoever stops the program does not want an answer."""

    def stop(_sku: str) -> None:
        raise KeyboardInterrupt

    async def stopped(_sku: str) -> None:
        raise asyncio.CancelledError

    shop = shop_with(NOTHING)

    with pytest.raises(KeyboardInterrupt):
        shop(stop)("book")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(shop.answer(stopped, "book"))


def test_an_alternative_that_is_cancelled_gives_everything_back() -> None:
    """A cancelled reduced version leaves no feature off behind it."""

    async def slow(_sku: str) -> None:
        raise asyncio.CancelledError

    async def failing(_sku: str) -> None:
        raise ConnectionRefusedError

    async def main() -> bool:
        shop = shop_with(Reduced(features=("maps",), off_s=0, call=slow))
        with contextlib.suppress(asyncio.CancelledError):
            await shop.answer(failing, "book")
        return features.is_on("maps")

    assert asyncio.run(main())


def test_a_plain_call_returns_the_value_and_remembers_how_it_was(clock: ControlledWorld) -> None:
    """Without `answer` a caller gets the value alone, and can ask afterwards."""
    shop = shop_with(Cached(ttl_s=60))
    guarded = shop(fetch_price)
    guarded("book")
    well = last_answer()
    price.down = ConnectionRefusedError("no")
    clock.advance(5)

    value = guarded("book")

    lesser = last_answer()
    assert (False, "shop") == (well.is_degraded, well.policy)
    assert ("book 100 EUR", 5.0) == (value, lesser.degraded.age_s)
    assert shop.call(fetch_price, "book") == value


def test_tasks_remember_their_own_answers() -> None:
    """What one task was answered is not told to another."""

    async def fetch(sku: str) -> str:
        if sku == "broken":
            raise ConnectionRefusedError
        return sku

    guarded = shop_with(NOTHING)(fetch)

    async def one(sku: str) -> bool:
        await guarded(sku)
        await asyncio.sleep(0)
        return last_answer().is_degraded

    async def main() -> list[bool]:
        return await asyncio.gather(*(one(sku) for sku in ("fine", "broken", "fine")))

    assert [False, True, False] == asyncio.run(main())


def test_listeners_hear_of_each_lesser_answer_and_the_log_only_of_changes(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """However many answers are degraded, the log has one line for each change of the level."""
    shop = policy("shop", degradation=Degradation.of(NOTHING, levels=Levels(calls_min=10)))
    heard: list[str] = []
    shop.on("*", lambda event: heard.append(event.name))
    price.down = ConnectionRefusedError("no")

    with caplog.at_level(logging.DEBUG, "holdfast.guards"):
        for _ in range(30):
            ask(shop, "book")

    assert 30 == heard.count("answer.degraded")
    assert 1 == heard.count("degradation.changed")
    assert ["degradation.changed"] == [record.event for record in caplog.records]
    assert 3 == shop.degradation.level
    assert 3 == ask(shop, "book").degraded.level


def test_a_failure_is_not_kept_alive() -> None:
    """What the frames of a failed call hold is let go with the error, without waiting for the collector."""

    class Large:
        """Something that a frame holds."""

    seen: list[weakref.ref[Large]] = []

    def failing(_sku: str) -> None:
        held = Large()
        seen.append(weakref.ref(held))
        raise ConnectionRefusedError("no")

    def around(*strategies: object) -> Callable[..., object]:
        answering = Answering(
            "shop",
            degradation=Degradation.of(*strategies),
            cache=None,
            judge=Judge("shop"),
            listening=Listening("shop"),
        )
        return answering.around(failing, failing, shape=Shape.SYNC, repeatable=True)

    gc.disable()
    try:
        around(Cached(key=("_sku",)), NOTHING)("book")
        for strategy in (Cached(key=("_sku",)), Alternative(call=failing)):
            with contextlib.suppress(DegradationFailed):
                around(strategy)("book")
        assert [None] * 4 == [found() for found in seen]
    finally:
        gc.enable()


def test_settings_can_be_exchanged_in_use(ask: Ask) -> None:
    """What is kept stays if the new settings still speak of it; taken away, failures are raised again."""
    shop = shop_with(Cached(ttl_s=60))
    ask(shop, "book")
    price.down = ConnectionRefusedError("no")

    shop.update(degradation=Degradation.of(Cached(ttl_s=60), NOTHING))
    kept = ask(shop, "book")
    shop.update(degradation=Degradation.of(NOTHING))
    default = ask(shop, "book")
    shop.update(degradation=None)

    assert ("cached", "default") == (kept.degraded.strategy, default.degraded.strategy)
    with pytest.raises(ConnectionRefusedError):
        ask(shop, "book")


def test_degradation_cannot_be_begun_by_an_update() -> None:
    """Functions that are guarded already have no place for it, so it is refused instead of ignored."""
    with pytest.raises(BadSettings, match="not begun"):
        policy("shop").update(degradation=Degradation.of(NOTHING))
    assert policy("shop").degradation is None


def test_generators_are_refused() -> None:
    """Values that were delivered cannot be taken back, so nothing can stand in for the rest."""

    def rows(_sku: str) -> object:
        yield 1

    with pytest.raises(BadInput, match="is a generator"):
        shop_with(NOTHING)(rows)


def test_a_function_without_a_stable_key_is_refused_at_decoration() -> None:
    """Keeping the answers of a method would mix up its objects; without keeping, it is fine."""

    class Client:
        def fetch(self, sku: str) -> str:
            """A method."""
            return sku

    with pytest.raises(BadSettings, match="self"):
        shop_with(Cached())(Client.fetch)
    assert callable(shop_with(NOTHING)(Client.fetch))


def test_a_full_answer_can_be_had_without_degradation(ask: Ask) -> None:
    """Code that asks for full answers works under any policy."""
    assert Answer(value="book 100 EUR") == ask(policy("plain"), "book")


def test_the_policy_explains_how_it_degrades() -> None:
    """The order of the lesser answers stands on top of what the policy says of itself."""
    words = shop_with(Cached(), Alternative(call=print), NOTHING).explain()

    assert "cached, then alternative, then default" in words.splitlines()[1]
