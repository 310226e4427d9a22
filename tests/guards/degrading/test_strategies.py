"""A call that fails gets a lesser answer, in threads and on event loops alike: the five strategies."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.errors import (
    AlternativeFailed,
    CacheMissed,
    DefaultMissing,
    DegradationFailed,
    FunctionalityReduced,
    NoStrategy,
    QueueFull,
)
from holdfast.guards.answering import AT_ENDPOINT
from holdfast.guards.answers import Answer, Degraded
from holdfast.guards.features import features
from holdfast.guards.policy import policy
from holdfast.policies.degradation import Degradation
from holdfast.policies.features import Feature
from holdfast.policies.lesser_answers import Alternative, Cached, Default, QueueForLater, Reduced
from holdfast.ports.later import KeptCall, Receipt
from holdfast.testing.world import ControlledWorld
from tests.guards.degrading.shop import NOTHING, Ask, price, shop_with


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


def test_a_client_that_can_be_sent_elsewhere_is_sent_there(ask: Ask) -> None:
    """The function of an HTTP client makes the same call at the other address."""

    def get(_path: str) -> str:
        raise ConnectionRefusedError("no")

    setattr(get, AT_ENDPOINT, lambda base_url, path: f"{base_url}{path}")

    answer = ask(shop_with(Alternative(endpoint="backup.example.com")), "/users", function=get)

    assert ("https://backup.example.com/users", "alternative") == (answer.value, answer.degraded.strategy)


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
    features.declare(Feature(name="discounts", policy="shop"))
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


class Books:
    """Where work leaves its mark, and a sink that writes it down."""

    def __init__(self, raises: Exception | None = None) -> None:
        self.made: list[object] = []
        self.raises = raises

    def make(self, *args: object) -> object:
        """Do the work; say so, or raise."""
        self.made.append(args)
        if self.raises is not None:
            raise self.raises
        return "made"

    def keep(self, call: KeptCall) -> Receipt:
        """Take a call for later, in the same way."""
        self.make(*call.args)
        return Receipt(queue="books", place=1, durable=True, id="1")


@pytest.mark.parametrize("later", ["alternative", "reduced", "queue"])
@pytest.mark.parametrize(
    ("raised", "goes_on"),
    [
        pytest.param(TimeoutError("slow"), False, id="may have done it"),
        pytest.param(ConnectionRefusedError("no"), True, id="has not done it"),
    ],
)
@pytest.mark.parametrize("first", ["alternative", "reduced"])
def test_work_that_one_way_may_have_done_is_not_done_by_the_next(
    ask: Ask, *, first: str, raised: Exception, goes_on: bool, later: str
) -> None:
    """Another way that fails without saying how far it came counts like the call itself: only what does nothing may follow."""
    price.down = ConnectionRefusedError("no")
    one, other = Books(raised), Books()
    ways = {
        "alternative": lambda books: Alternative(call=books.make),
        "reduced": lambda books: Reduced(features=("x",), call=books.make),
        "queue": lambda books: QueueForLater(sink=books),
    }

    answer = ask(shop_with(ways[first](one), ways[later](other), NOTHING), "book")
    repeated = ask(shop_with(ways[first](one), ways[later](other), NOTHING, repeatable=True), "book")

    assert (2, 1 + goes_on) == (len(one.made), len(other.made))
    assert ("default" != answer.degraded.strategy) == goes_on
    assert repeated.degraded.strategy != "default"


def test_a_queue_that_fails_may_have_kept_the_call(ask: Ask) -> None:
    """A sink that breaks off is not followed by another way of doing the work; a full queue is."""
    price.down = ConnectionRefusedError("no")
    broken, full, other = Books(OSError("gone")), Books(QueueFull("shop", "queued", why="full")), Books()

    kept = ask(shop_with(QueueForLater(sink=broken), Alternative(call=other.make), NOTHING), "book")
    assert ("default", []) == (kept.degraded.strategy, other.made)

    made = ask(shop_with(QueueForLater(sink=full), Alternative(call=other.make), NOTHING), "book")
    assert ("alternative", [("book",)]) == (made.degraded.strategy, other.made)


def test_should_use_fallback_when_primary_api_fails(ask: Ask) -> None:
    """Spec 001: with its fallbacks, a failing primary API is answered by the other one, else from the cache, else with null."""
    shop = policy("primary-api", degradation=Degradation.spec_001())
    ask(shop, "book")
    price.down = ConnectionRefusedError("no")

    cached, default = ask(shop, "book"), ask(shop, "pen")

    assert ("book 100 EUR", "cached") == (cached.value, cached.degraded.strategy)
    assert (None, "default") == (default.value, default.degraded.strategy)
