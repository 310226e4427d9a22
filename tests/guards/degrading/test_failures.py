"""Which failures are degraded and which are not, and how a degraded answer says so."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import weakref
from collections.abc import Callable

import pytest

from holdfast.errors import (
    Attempted,
    BadInput,
    BadSettings,
    CircuitOpen,
    DegradationFailed,
    Exhausted,
    NoStrategy,
    TimedOut,
)
from holdfast.guards.answering import Answering, plain_sync
from holdfast.guards.answers import Answer, last_answer
from holdfast.guards.degrading import Call, DegradationRuntime, Failure, degrade_sync
from holdfast.guards.features import features
from holdfast.guards.judging import Judge
from holdfast.guards.listening import Listening
from holdfast.guards.policy import policy
from holdfast.guards.shapes import Shape
from holdfast.policies.breaker import Breaker
from holdfast.policies.degradation import Degradation, Rule, When
from holdfast.policies.lesser_answers import Alternative, Cached, Default, Reduced
from holdfast.policies.levels import Levels
from holdfast.policies.retry import Retry
from holdfast.testing.world import ControlledWorld
from tests.guards.degrading.shop import NOTHING, TIMED_OUT, Ask, fetch_price, price, shop_with


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


def test_a_raised_last_attempt_does_not_hide_the_others(ask: Ask) -> None:
    """With reraise, the last attempt's own exception comes out: that one was refused, but the first may have taken effect."""
    failures: list[Exception] = [TimeoutError("too slow"), ConnectionRefusedError("no")] * 2
    made: list[str] = []

    def twice(_sku: str) -> None:
        raise failures.pop(0)

    shop = policy(
        "shop",
        repeatable=True,
        degradation=Degradation.of(Alternative(call=made.append, repeatable=False)),
        retry=Retry(attempts_max=2, initial_delay_s=0),
    )
    shop.update(retry=Retry(attempts_max=2, initial_delay_s=0, reraise=True))

    with pytest.raises(NoStrategy, match="could do the work twice") as caught:
        ask(shop, "book", function=twice)

    assert [] == made
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_the_worst_outcome_counts_whatever_the_last_verdict_says() -> None:
    """A failure that is handed over with the verdict of its last attempt is still judged by all of them."""
    unknown = Judge("shop").exception(TimeoutError())
    refused = Judge("shop").exception(ConnectionRefusedError())
    attempts = tuple(
        Attempted(number=number, started_s=0, took_s=0, verdict=verdict)
        for number, verdict in enumerate((unknown, refused), start=1)
    )
    settings = Degradation.of(Alternative(call=print))
    exhausted = Exhausted("shop", "attempts-exhausted", attempts=attempts, explanation="")

    with pytest.raises(NoStrategy, match="could do the work twice"):
        degrade_sync(
            DegradationRuntime("shop", settings, tell=Listening("shop").tell),
            settings,
            failure=Failure(exception=exhausted, verdict=refused),
            call=Call(function=print, kwargs={}, inner=print),
        )


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
    """However many answers are degraded, the log has one line for each change of the level, and one for the incident that it is."""
    shop = policy("shop", degradation=Degradation.of(NOTHING, levels=Levels(calls_min=10)))
    heard: list[str] = []
    shop.on("*", lambda event: heard.append(event.name))
    price.down = ConnectionRefusedError("no")

    with caplog.at_level(logging.DEBUG, "holdfast.guards"):
        for _ in range(30):
            ask(shop, "book")

    assert 30 == heard.count("answer.degraded")
    assert 1 == heard.count("degradation.changed")
    assert ["degradation.changed", "incident.opened"] == [record.event for record in caplog.records]
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
        return plain_sync(answering.around(failing, failing, shape=Shape.SYNC, repeatable=True), failing)

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
    before = last_answer()
    price.down = None
    assert "book 100 EUR" == ask(shop, "book").value
    assert before is last_answer(), "taken away, it remembers nothing either"


def test_the_level_of_one_policy_can_be_set_by_hand() -> None:
    """It stays until it is let go again; what is no level is refused."""
    shop = shop_with(NOTHING)

    shop.degradation.set_level(2)
    forced = shop.degradation.level
    with pytest.raises(BadSettings, match="level"):
        shop.degradation.set_level(4)
    shop.degradation.set_level(None)

    assert (2, 2) == (forced, shop.degradation.level)


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


def test_the_full_answer_of_a_method_is_of_its_own_object() -> None:
    """A method that is guarded in its class can be asked for its full answer through an object, and is not guarded twice."""
    shop = shop_with(NOTHING, retry=Retry(attempts_max=2, initial_delay_s=0))

    class Client:
        def __init__(self, name: str) -> None:
            self.name = name

        @shop
        def fetch(self, sku: str) -> str:
            """A method."""
            return f"{self.name} {sku} {price.answer()}"

    assert "ann book 100" == shop.answer(Client("ann").fetch, "book").value
    price.calls, price.down = 0, ConnectionRefusedError("no")
    assert shop.answer(Client("ann").fetch, "book").is_degraded
    assert 2 == price.calls


def test_a_guarded_function_is_not_guarded_twice_by_asking_for_its_answer() -> None:
    """The attempts of the policy are made once, with degradation and without."""
    for settings in ({}, {"degradation": Degradation.of(NOTHING)}):
        shop = policy("shop", retry=Retry(attempts_max=2, initial_delay_s=0), **settings)
        price.calls, price.down = 0, ConnectionRefusedError("no")

        with contextlib.suppress(Exhausted):
            shop.answer(shop(fetch_price), "book")

        assert 2 == price.calls


def test_what_stands_around_a_guarded_function_is_not_passed_over() -> None:
    """A decorator of yours, or another policy, around a guarded function takes part in the full answer."""
    inner, outer = shop_with(Default(value="inner")), shop_with(Default(value="outer"))

    @functools.wraps(guarded := inner(fetch_price))
    def louder(sku: str) -> str:
        return guarded(sku).upper()

    price.down = ConnectionRefusedError("no")

    assert "INNER" == inner.answer(louder, "book").value
    assert Answer(value="inner") == outer.answer(guarded, "book")
    assert Answer(value="INNER") == outer.answer(outer(louder), "book")


def test_the_policy_explains_how_it_degrades() -> None:
    """The order of the lesser answers stands on top of what the policy says of itself."""
    words = shop_with(Cached(), Alternative(call=print), NOTHING).explain()

    assert "cached, then alternative, then default" in words.splitlines()[1]
