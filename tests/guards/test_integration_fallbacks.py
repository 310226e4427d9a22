"""What an integration answers when its API does not: fallbacks by priority, each answer saying that it is a lesser one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from holdfast.errors import CircuitOpen, DegradationFailed, Exhausted, QueueFull, RateLimited
from holdfast.guards.integration import Integration, Reply, secrets_of
from holdfast.ports.http import HttpAnswer, HttpRequest
from holdfast.settings import (
    ApiFallback,
    CacheFallback,
    DefaultFallback,
    Integration as Declared,
    IntegrationBreaker,
    IntegrationFallback,
    IntegrationQueue,
    IntegrationRateLimit,
    QueueFallback,
)
from holdfast.testing import controlled_world
from tests.planted import ACCESS_TOKEN, API_KEY

Ask = Callable[..., Reply]
SECOND = ApiFallback(endpoint="https://second.example.com/v2", priority=1)
CACHE = CacheFallback(ttl_s=60, priority=2)
NULL = DefaultFallback(value=None, priority=3)


class World:
    """Two APIs: each answers with its status, unless told otherwise, and remembers what it was asked."""

    def __init__(self, **status: int) -> None:
        self.status = {"first": 200, "second": 200} | status
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpAnswer:
        """Answer for the host that was asked."""
        self.sent.append(request)
        who = "second" if "second" in request.url else "first"
        body = json.dumps({"by": who, "call": len(self.sent)}).encode()
        return HttpAnswer(
            status=self.status[who], headers=(("Content-Type", "application/json"),), body=body, duration_s=0.1
        )

    async def send_async(self, request: HttpRequest) -> HttpAnswer:
        """The same, after giving way."""
        await asyncio.sleep(0)
        return self.send(request)

    def close(self) -> None:
        """Nothing is open."""

    async def close_async(self) -> None:
        """Nothing is open."""

    @property
    def hosts(self) -> list[str]:
        """Who was asked, in order."""
        return ["second" if "second" in request.url else "first" for request in self.sent]


def make(world: World, *fallbacks: IntegrationFallback, **changes: object) -> Integration:
    """An integration of the first API that is not patient."""
    given = {"base_url": "https://first.example.com", "recovery_enabled": False, "fallbacks": fallbacks, **changes}
    declared = Declared(**given)  # type: ignore[arg-type]  # each test gives what it means
    secrets = secrets_of("first", declared, environ={"SECOND_TOKEN": "their-own"})
    return Integration("first", declared, senders=world, secrets=secrets, response_size_max_bytes=1024)


@pytest.fixture(params=["plain", "async"])
def ask(request: pytest.FixtureRequest) -> Callable[[Integration], Ask]:
    """Asks in a thread or on an event loop."""

    def asking(integration: Integration) -> Ask:
        if request.param == "plain":
            return integration.request

        def on_a_loop(method: str, path: str, *, json: object = None, repeatable: bool | None = None) -> Reply:
            return asyncio.run(integration.arequest(method, path, json=json, repeatable=repeatable))

        return on_a_loop

    return asking


def test_a_full_answer_is_not_degraded(ask: Callable[[Integration], Ask]) -> None:
    """Where the API answers, nothing else is asked and nothing is said."""
    world = World()

    reply = ask(make(world, SECOND, CACHE, NULL))("GET", "/users")

    assert (None, ["first"]) == (reply.degraded, world.hosts)


def test_should_use_fallback_when_primary_api_fails(ask: Callable[[Integration], Ask]) -> None:
    """The other API is asked for the same path, and the answer says that it is a lesser one, and why."""
    world = World(first=500)

    reply = ask(make(world, SECOND, CACHE, NULL))("GET", "/users?page=2")

    assert ("https://second.example.com/v2/users?page=2", {"by": "second", "call": 2}) == (
        world.sent[-1].url,
        reply.json(),
    )
    assert reply.degraded is not None
    assert ("alternative", "api_unexpected_status") == (reply.degraded.strategy, reply.degraded.reason)


def test_the_address_for_all_stands_in_where_a_fallback_names_none(ask: Callable[[Integration], Ask]) -> None:
    """`fallback_url` is the endpoint of fallbacks without one."""
    world = World(first=500)

    ask(make(world, ApiFallback(), fallback_url="https://second.example.com"))("GET", "/users")

    assert "https://second.example.com/users" == world.sent[-1].url


def test_fallbacks_are_tried_by_priority_until_one_answers(ask: Callable[[Integration], Ask]) -> None:
    """Both APIs fail: the last good answer is given while it is young enough, then the default."""
    world = World()
    with controlled_world() as time:
        first = make(world, NULL, CACHE, SECOND, breaker=IntegrationBreaker(enabled=False))
        good = ask(first)("GET", "/users")
        world.status = {"first": 503, "second": 503}

        kept = ask(first)("GET", "/users")
        time.advance(61)
        null = ask(first)("GET", "/users")

    assert (good.body, ["first", "first", "second", "first", "second"]) == (kept.body, world.hosts)
    assert kept.degraded is not None
    assert null.degraded is not None
    assert ("cached", "default") == (kept.degraded.strategy, null.degraded.strategy)
    assert (200, None) == (null.status, null.json())


def test_nobody_gets_somebody_elses_answer(ask: Callable[[Integration], Ask]) -> None:
    """Another path, or other rights, is another call; what a POST was answered is kept for nobody."""
    world = World()
    with controlled_world():
        first = make(world, CACHE, breaker=IntegrationBreaker(enabled=False))
        first.request("GET", "/users", headers={"Authorization": "Bearer ana"})
        first.request("POST", "/users", json={})
        world.status["first"] = 503

        with pytest.raises(DegradationFailed):
            first.request("GET", "/orders", headers={"Authorization": "Bearer ana"})
        with pytest.raises(DegradationFailed):
            first.request("GET", "/users", headers={"Authorization": "Bearer ben"})
        with pytest.raises(DegradationFailed):
            ask(first)("POST", "/users", json={}, repeatable=True)
        hers = first.request("GET", "/users", headers={"Authorization": "Bearer ana", "X-Request-Id": "7"})

    assert {"by": "first", "call": 1} == hers.json()


def test_what_may_have_happened_is_not_done_elsewhere(ask: Callable[[Integration], Ask]) -> None:
    """A POST that may have taken effect goes to no other API and into no queue, but may be answered with a default."""
    world = World(first=500)
    first = make(world, SECOND, QueueFallback(priority=2), DefaultFallback(value={"later": True}, priority=3))

    reply = ask(first)("POST", "/orders", json={"item": 1})

    assert (["first"], {"later": True}) == (world.hosts, reply.json())


def test_rights_are_given_to_nobody_else(ask: Callable[[Integration], Ask]) -> None:
    """The other API gets no token of the first one, only what was given for it."""
    world = World(first=500)
    headers = {"X-Api-Key": API_KEY, "Accept": "application/json"}
    own = ApiFallback(endpoint="https://second.example.com", credential="env:SECOND_TOKEN")

    ask(make(world, SECOND, credential=ACCESS_TOKEN, headers=headers))("GET", "/a")
    ask(make(world, own, credential=ACCESS_TOKEN, headers=headers))("GET", "/a")

    assert (("Accept", "application/json"),) == world.sent[1].headers
    assert (("Accept", "application/json"), ("Authorization", "Bearer their-own")) == world.sent[3].headers


def test_a_wrong_request_gets_no_lesser_answer(ask: Callable[[Integration], Ask]) -> None:
    """A refusal is the caller's mistake: a fallback would hide it."""
    world = World(first=422)

    with pytest.raises(Exhausted) as caught:
        ask(make(world, SECOND, CACHE, NULL))("GET", "/users")

    assert isinstance(caught.value.result, Reply)
    assert (422, ["first"]) == (caught.value.result.status, world.hosts)


def test_when_every_fallback_fails_the_first_failure_is_the_cause(ask: Callable[[Integration], Ask]) -> None:
    """The error says what was tried last, and its cause holds the answer in the form that users know."""
    world = World(first=500, second=500)

    with pytest.raises(DegradationFailed) as caught:
        ask(make(world, SECOND))("GET", "/users")

    cause: BaseException | None = caught.value
    while cause is not None and not isinstance(cause, Exhausted):
        cause = cause.__cause__ or cause.__context__
    assert isinstance(cause, Exhausted)
    assert isinstance(cause.result, Reply)
    assert {"by": "first", "call": 1} == cause.result.json()


def test_an_open_circuit_is_answered_with_less(ask: Callable[[Integration], Ask]) -> None:
    """Calls that are turned away get the fallback at once, and the API is left alone."""
    world = World(first=500)
    with controlled_world():
        first = make(world, NULL, breaker=IntegrationBreaker(failures=1))
        ask(first)("GET", "/users")

        reply = ask(first)("GET", "/users")

    assert reply.degraded is not None
    assert (["first"], "circuit-open") == (world.hosts, reply.degraded.reason)


def test_a_call_is_kept_and_made_later(ask: Callable[[Integration], Ask]) -> None:
    """The answer says where the call waits and that it is lost with the process; the program makes it when it likes."""
    world = World(first=503)
    first = make(world, QueueFallback(), queue=IntegrationQueue(size_max=1), breaker=IntegrationBreaker(enabled=False))
    reply = ask(first)("GET", "/users")
    with pytest.raises(QueueFull):
        ask(first)("GET", "/users")
    world.status["first"] = 200
    assert first.waiting is not None
    waited = len(first.waiting)

    ran = asyncio.run(first.waiting.run_async())

    said = reply.json()
    assert isinstance(said, dict)
    assert (202, True, "first", 1, False) == (
        reply.status,
        said["queued"],
        said["queue"],
        said["place"],
        said["durable"],
    )
    assert reply.degraded is not None
    assert ("queued", 1, 1, 0) == (reply.degraded.strategy, waited, ran.done, ran.left)


@pytest.mark.parametrize(
    "changes",
    [{"degradation_enabled": False}, {"queue": IntegrationQueue(enabled=False), "fallbacks": (QueueFallback(),)}, {"fallbacks": ()}],
    ids=["degradation", "queue", "none"],
)  # fmt: skip
def test_what_is_switched_off_answers_nothing(ask: Callable[[Integration], Ask], changes: dict[str, object]) -> None:
    """`false` really switches off: the failure is raised as it is."""
    world = World(first=500)
    first = make(world, **{"fallbacks": (SECOND, NULL, QueueFallback()), **changes})  # type: ignore[arg-type]  # as in make

    with pytest.raises(Exhausted):
        ask(first)("GET", "/users")

    assert (["first"], None) == (world.hosts, first.waiting)


def test_no_more_requests_begin_than_may(ask: Callable[[Integration], Ask]) -> None:
    """The rate limit holds in any window, and who would have to wait too long is turned away unsent."""
    world = World()
    with controlled_world() as time:
        first = make(world, rate_limit=IntegrationRateLimit(requests=2, window_s=10, wait_max_s=5))
        ask(first)("GET", "/")
        time.advance(6)
        ask(first)("GET", "/")

        ask(first)("GET", "/")
        with pytest.raises(RateLimited):
            ask(first)("GET", "/")

    assert (3, [pytest.approx(4)]) == (len(world.sent), time.slept)


def test_a_rejection_without_fallbacks_is_raised(ask: Callable[[Integration], Ask]) -> None:
    """Where nothing answers instead, an open circuit is told."""
    world = World(first=500)
    with controlled_world():
        first = make(world, breaker=IntegrationBreaker(failures=1))
        with pytest.raises(Exhausted):
            ask(first)("GET", "/")

        with pytest.raises(CircuitOpen):
            ask(first)("GET", "/")


def test_names_a_variable_of_a_fallback_that_is_missing() -> None:
    """Credentials of fallbacks are looked for like all others."""
    declared = Declared(base_url="https://a", fallbacks=(ApiFallback(endpoint="https://b", credential="env:NOT_SET"),))

    with pytest.raises(Exception, match=r"fallbacks\[0\].credential.*NOT_SET"):
        secrets_of("a", declared, environ={})
