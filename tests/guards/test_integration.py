"""Integrations in use: one policy for plain and async requests, with time and chance under control."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from holdfast.errors import BadInput, BadSettings, CircuitOpen, Exhausted
from holdfast.faults.verdict import Outcome
from holdfast.guards.integration import Integration, Reply, secrets_of
from holdfast.ports.http import HttpAnswer, HttpRequest
from holdfast.settings import Integration as Declared, IntegrationBreaker, IntegrationRetry
from holdfast.testing import controlled_world
from tests.planted import ACCESS_TOKEN

Ask = Callable[..., Reply]
STEADY = IntegrationRetry(jitter="none")


def answer(status: int = 200, body: bytes = b"{}", **headers: str) -> HttpAnswer:
    """An answer of a JSON API."""
    pairs = (
        ("Content-Type", "application/json"),
        *((name.replace("_", "-"), value) for name, value in headers.items()),
    )
    return HttpAnswer(status=status, headers=pairs, body=body, duration_s=0.1)


@dataclass
class Scripted:
    """Senders that answer as told, one after the other and the last one for ever, and remember what they were sent."""

    script: list[HttpAnswer | Exception]
    sent: list[HttpRequest] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpAnswer:
        """Answer as told."""
        self.sent.append(request)
        told = self.script[min(len(self.sent), len(self.script)) - 1]
        if isinstance(told, Exception):
            raise told
        return told

    async def send_async(self, request: HttpRequest) -> HttpAnswer:
        """Give way once, and answer as told."""
        await asyncio.sleep(0)
        return self.send(request)

    def close(self) -> None:
        """Remember it."""
        self.closed.append("plain")

    async def close_async(self) -> None:
        """Remember it."""
        self.closed.append("loop")


def make(*script: HttpAnswer | Exception, **changes: object) -> tuple[Integration, Scripted]:
    """An integration over scripted senders."""
    senders = Scripted(list(script))
    declared = Declared(**{"base_url": "https://shop.example.com", "retry": STEADY, **changes})  # type: ignore[arg-type]  # each test gives what it means
    integration = Integration("shop", declared, senders=senders, secrets={}, response_size_max_bytes=1024)
    return integration, senders


@pytest.fixture(params=["plain", "async"])
def ask(request: pytest.FixtureRequest) -> Callable[[Integration], Ask]:
    """Asks in a thread or on an event loop: what holds for one holds for the other."""

    def asking(integration: Integration) -> Ask:
        if request.param == "plain":
            return integration.request

        def on_a_loop(*args: str, **kwargs: object) -> Reply:
            made: Awaitable[Reply] = integration.arequest(*args, **kwargs)  # type: ignore[arg-type]  # passed on

            async def wait() -> Reply:
                return await made

            return asyncio.run(wait())

        return on_a_loop

    return asking


def test_answers_with_status_headers_and_body(ask: Callable[[Integration], Ask]) -> None:
    """A good answer comes back whole, byte for byte."""
    shop, senders = make(answer(201, b'{"id": "\xc3\xa9"}', X_Id="7"))

    reply = ask(shop)("POST", "/users", json={"name": "Ana"})

    assert (201, {"id": "é"}, "7", None) == (reply.status, reply.json(), reply.header("x-id"), reply.header("x-no"))
    assert [("POST", "https://shop.example.com/users")] == [(one.method, one.url) for one in senders.sent]


def test_repeats_what_passes_by_itself(ask: Callable[[Integration], Ask]) -> None:
    """A GET that fails twice with 503 and a lost connection is repeated after 1 s and 2 s, and answered."""
    with controlled_world() as world:
        shop, senders = make(answer(503), ConnectionResetError(), answer(body=b"[1]"))

        reply = ask(shop)("GET", "/users")

    assert ([1], 3, [1, 2]) == (reply.json(), len(senders.sent), world.slept)


def test_waits_as_long_as_the_server_says(ask: Callable[[Integration], Ask]) -> None:
    """Retry-After is never undercut."""
    with controlled_world() as world:
        shop, _ = make(answer(429, Retry_After="17"), answer())

        ask(shop)("GET", "/users")

    assert [17] == world.slept


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_should_not_retry_client_errors(ask: Callable[[Integration], Ask], status: int) -> None:
    """A refusal is told at once, with the answer in the form that users know."""
    with controlled_world() as world:
        shop, senders = make(answer(status, b'{"error": "no"}'))

        with pytest.raises(Exhausted) as caught:
            ask(shop)("GET", "/users")

    assert (1, []) == (len(senders.sent), world.slept)
    assert isinstance(caught.value.result, Reply)
    assert (status, {"error": "no"}) == (caught.value.result.status, caught.value.result.json())


@pytest.mark.parametrize(
    ("method", "repeatable", "sent"),
    [
        pytest.param("POST", None, 1, id="post"),
        pytest.param("PATCH", None, 1, id="patch"),
        pytest.param("POST", True, 3, id="post-with-my-word"),
        pytest.param("PUT", None, 3, id="put"),
        pytest.param("DELETE", None, 3, id="delete"),
        pytest.param("GET", False, 1, id="get-without-my-word"),
    ],
)
def test_repeats_an_unknown_outcome_only_where_it_is_safe(
    ask: Callable[[Integration], Ask], method: str, repeatable: bool | None, sent: int
) -> None:
    """A 500 may have taken effect: only what may be done twice is done again (RFC 9110 §9.2.2, or the caller's word)."""
    with controlled_world():
        shop, senders = make(answer(500))

        with pytest.raises(Exhausted) as caught:
            ask(shop)(method, "/users", repeatable=repeatable)

    assert (sent, Outcome.UNKNOWN) == (len(senders.sent), caught.value.outcome)


def test_every_attempt_sends_the_same(ask: Callable[[Integration], Ask]) -> None:
    """A body is there for every attempt."""
    with controlled_world():
        shop, senders = make(answer(503), answer(503), answer())

        ask(shop)("PUT", "/users/1", json={"name": "Ana"})

    assert 1 == len({(one.method, one.url, one.headers, one.body) for one in senders.sent})
    assert b'{"name":"Ana"}' == senders.sent[0].body


def test_should_open_circuit_after_threshold_failures() -> None:
    """After five failures the sixth call is turned away unsent, for plain and async requests alike, until the open time is over."""
    with controlled_world() as world:
        shop, senders = make(
            *[answer(500)] * 5, answer(), recovery_enabled=False, breaker=IntegrationBreaker(open_jitter=0)
        )
        for _ in range(5):
            with pytest.raises(Exhausted):
                shop.request("GET", "/failing-endpoint")

        with pytest.raises(CircuitOpen):
            shop.request("GET", "/test")
        with pytest.raises(CircuitOpen):
            asyncio.run(shop.arequest("GET", "/test"))
        refused = len(senders.sent)
        world.advance(30)
        reply = shop.request("GET", "/test")

    assert (5, 200) == (refused, reply.status)


def test_without_a_breaker_every_call_is_made() -> None:
    """`enabled = false` really switches the circuit off."""
    with controlled_world():
        shop, senders = make(answer(500), recovery_enabled=False, breaker=IntegrationBreaker(enabled=False))

        for _ in range(20):
            with pytest.raises(Exhausted):
                shop.request("GET", "/")

    assert 20 == len(senders.sent)


def test_gives_an_attempt_no_more_time_than_is_left(ask: Callable[[Integration], Ask]) -> None:
    """A request has its own limit, and less when the attempt or the whole call has less."""
    with controlled_world():
        shop, senders = make(answer(503), answer(), timeout_s=30, attempt_timeout_s=20, deadline_s=10)

        ask(shop)("GET", "/")

    first, second = (one.timeout_s for one in senders.sent)
    assert (pytest.approx(10, abs=0.01), pytest.approx(9, abs=0.01)) == (first, second)


def test_a_request_has_its_own_limit(ask: Callable[[Integration], Ask]) -> None:
    """A request may take `timeout_s`, however much time the attempt would have."""
    with controlled_world():
        shop, senders = make(answer(), timeout_s=3)

        ask(shop)("GET", "/")

    assert [3] == [one.timeout_s for one in senders.sent]


def test_not_modified_is_an_answer(ask: Callable[[Integration], Ask]) -> None:
    """Who asks whether something has changed is told."""
    shop, _ = make(answer(304, b""))

    assert 304 == ask(shop)("GET", "/", headers={"If-None-Match": '"7"'}).status


def test_a_success_that_holds_no_json_is_a_failure(ask: Callable[[Integration], Ask]) -> None:
    """A 200 that promises JSON and was cut is not taken for an answer; since its effect happened, it is not repeated either."""
    with controlled_world():
        shop, senders = make(answer(200, b'{"users": ['))

        with pytest.raises(Exhausted) as caught:
            ask(shop)("GET", "/")

    assert (1, Outcome.EXECUTED) == (len(senders.sent), caught.value.outcome)


def test_refuses_before_anything_is_sent(ask: Callable[[Integration], Ask]) -> None:
    """A request that cannot be sent counts as no attempt."""
    shop, senders = make(answer())

    with pytest.raises(BadInput):
        ask(shop)("GET", "users")

    assert [] == senders.sent


def test_the_policy_can_be_looked_at() -> None:
    """An integration tells its name and explains its strategies."""
    shop, senders = make(answer(), name="The shop")

    assert ("shop", "The shop", "<holdfast integration 'shop'>") == (shop.id, shop.name, repr(shop))
    assert "Policy 'shop', outermost first:" in shop.policy.explain()
    assert "shop" == make(answer())[0].name
    shop.close()
    asyncio.run(shop.aclose())
    assert ["plain", "loop"] == senders.closed


# --- secrets ---


def test_variables_are_read_once_and_sent() -> None:
    """`env:NAME` in the settings is the variable's value on the wire."""
    declared = Declared(
        base_url="https://shop", credential="env:TOKEN", headers={"X-Key": "env:KEY", "Accept": "text/plain"}
    )
    secrets = secrets_of("shop", declared, environ={"TOKEN": f" {ACCESS_TOKEN}\n", "KEY": "k"})
    senders = Scripted([answer()])

    Integration("shop", declared, senders=senders, secrets=secrets, response_size_max_bytes=1).request("GET", "/")

    expected = (("X-Key", "k"), ("Accept", "text/plain"), ("Authorization", f"Bearer {ACCESS_TOKEN}"))
    assert expected == senders.sent[0].headers


def test_a_header_of_that_name_beats_the_credential() -> None:
    """Whoever writes the Authorization header out means it."""
    shop, senders = make(answer(), credential="a-token", headers={"authorization": "Basic x"})

    shop.request("GET", "/")

    assert (("authorization", "Basic x"),) == senders.sent[0].headers


def test_names_every_variable_that_is_missing() -> None:
    """All variables that are not set, or set to nothing, are told at once with the setting that asks for them."""
    declared = Declared(base_url="https://shop", credential="env:TOKEN", headers={"X-Key": "env:KEY", "Accept": "a"})

    with pytest.raises(BadSettings) as caught:
        secrets_of("shop", declared, environ={"KEY": " "})

    assert ["headers.X-Key", "credential"] == [problem.path for problem in caught.value.problems]
    assert "TOKEN" in str(caught.value)


# --- replies ---


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        pytest.param("é".encode(), "text/plain", "é", id="utf-8-by-default"),
        pytest.param("é".encode("latin-1"), "text/plain; Charset=ISO-8859-1; x=y", "é", id="by-its-word"),
        pytest.param("é".encode(), 'text/plain; charset="utf-8"', "é", id="quoted"),
        pytest.param("é".encode(), "text/plain; charset=klingon", "é", id="unknown-word"),
        pytest.param(b"\xff", "text/plain", "�", id="unreadable"),
    ],
)
def test_reads_text_by_its_own_word(body: bytes, content_type: str, text: str) -> None:
    """Text is in UTF-8 unless the answer says otherwise; what cannot be read is shown as such."""
    assert text == Reply(status=200, headers=(("content-type", content_type),), body=body).text


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 100_000], ids=["empty", "html", "deep"])
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    """A body that is no JSON, or is nested without end, raises ValueError and nothing worse."""
    with pytest.raises(ValueError, match=r"."):
        Reply(status=200, headers=(), body=body).json()
