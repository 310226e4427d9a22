"""Lesser answers of guarded clients: from what is kept, from another address, from a function, from a default; each says that it is one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

import holdfast
from holdfast import Alternative, Breaker, Cached, Default, Degradation, QueueForLater, Reduced, Retry
from holdfast.errors import AlternativeFailed, BadSettings, CacheMissed, CircuitOpen, NoStrategy
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.guards.caches.memory import MemoryCache
from holdfast.policies.degradation import Rule, When
from holdfast.testing.world import ControlledWorld, controlled_world
from tests.adapters.clients.clients import NAMES, Ask, Reply, play
from tests.adapters.clients.server import Answer, Cut, serving
from tests.adapters.clients.test_guarding import expected_error

BUSY = Answer(status=503, body=b"busy")
JSON = (("Content-Type", "application/json"),)
TWICE = Retry(attempts_max=2, jitter="none", budget=None)
every_client = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def world() -> Iterator[ControlledWorld]:
    """Nothing waits for real but the network."""
    with controlled_world() as world:
        yield world


def policy_of(*strategies: object, **others: object) -> holdfast.Policy:
    """A policy with these lesser answers, first the first."""
    return holdfast.policy("api", degradation=Degradation.of(*strategies), **others)


def degraded_by(ending: object) -> str | None:
    """The strategy that an answer says it is from."""
    assert isinstance(ending, Reply), ending
    return ending.headers.get("holdfast-degraded")


# --- what was kept ---


@every_client
def test_the_last_good_answer_stands_in_for_one_that_fails(name: str, world: ControlledWorld) -> None:
    """Status, headers and body as they were, marked as kept and with their age; cookies and what is about the connection are not kept."""
    good = Answer(
        body=b'{"a": 1}', headers=(*JSON, ("Set-Cookie", "s=1; Path=/else"), ("X-Kept", "yes"), ("Keep-Alive", "max=9"))
    )
    policy = policy_of(Cached(ttl_s=60))
    with serving([good, BUSY, Cut()]) as script:
        first, second, third = play(name, policy, script.url, [Ask()] * 3, between=lambda: world.advance(7))

    assert degraded_by(first) is None
    for kept, age in ((second, "7"), (third, "14")):
        assert (degraded_by(kept), kept.status, kept.body) == ("cached", 200, good.body)
        assert (kept.headers["age"], kept.headers["x-kept"], kept.headers["content-type"]) == (age, "yes", JSON[0][1])
        assert {"set-cookie", "keep-alive"}.isdisjoint(kept.headers)


@every_client
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Ask(headers={"Authorization": "a"}), Ask(headers={"Authorization": "b"})),
        (Ask(headers={"Cookie": "u=a"}), Ask(headers={"Cookie": "u=b"})),
        (Ask(headers={"X-Api-Key": "a"}), Ask()),
        (Ask(headers={"Accept": "text/html"}), Ask(headers={"Accept": "text/csv"})),
        (Ask(path="/?q=1"), Ask(path="/?q=2")),
        (Ask(method="HEAD"), Ask()),
    ],
)
def test_nobody_gets_an_answer_that_was_meant_for_somebody_else(name: str, first: Ask, second: Ask) -> None:
    """Another user, another wish or another address is another answer; the same again is the same."""
    policy = policy_of(Cached(ttl_s=60))
    with serving([Answer(body=b"mine"), BUSY, BUSY]) as script:
        _, other, same = play(name, policy, script.url, [first, second, first])

    assert (other.status, degraded_by(other)) == (503, None)
    assert (same.status, degraded_by(same)) == (200, "cached")


@every_client
@pytest.mark.parametrize(
    ("answer", "ask"),
    [
        (Answer(headers=(("Cache-Control", "private, No-Store"),)), Ask()),
        (Answer(), Ask(headers={"Cache-Control": "no-store"})),
        (Answer(headers=(("Vary", "*"),)), Ask()),
        (Answer(status=206), Ask()),
        (Answer(), Ask(headers={"Range": "bytes=0-1"})),
        (Answer(), Ask(method="POST", content=b"x", headers={"Idempotency-Key": "k"})),
        (Answer(), Ask(method="PUT", content=b"x")),
        (Answer(body=b"x" * 1_048_577), Ask()),
        (Answer(body=b"x" * 1_048_577, chunked=True), Ask()),
    ],
)
def test_what_may_not_be_kept_is_not_kept(name: str, answer: Answer, ask: Ask) -> None:
    """Answers to writing requests, parts, long ones, and those that forbid it; the failure is then what it was."""
    policy = policy_of(Cached(ttl_s=60, cache=(cache := MemoryCache())))
    with serving([answer, BUSY]) as script:
        first, second = play(name, policy, script.url, [ask] * 2)

    assert len(first.body) == len(answer.body)
    assert (second.status, second.body, degraded_by(second), len(cache)) == (503, b"busy", None, 0)


@every_client
def test_a_body_as_long_as_allowed_is_kept_whole(name: str) -> None:
    """Of unknown length, too."""
    long = Answer(body=b"x" * 1_048_576, chunked=True)
    with serving([long, BUSY]) as script:
        first, second = play(name, policy_of(Cached(ttl_s=60)), script.url, [Ask()] * 2)

    assert degraded_by(second) == "cached"
    assert first.body == second.body == long.body


@pytest.mark.parametrize("library", ["httpx2", "httpx"])
def test_an_answer_that_is_in_memory_already_is_kept(library: str) -> None:
    """As other transports return them; whoever has read it will not read it again."""
    module = pytest.importorskip(library)
    statuses = [200, 503] * 2
    network = module.MockTransport(lambda request: module.Response(statuses.pop(0), json=1 if len(statuses) % 2 else 0))

    async def on_a_loop() -> str:
        transport = holdfast.async_transport(policy_of(Cached()), network)
        async with module.AsyncClient(transport=transport) as client:
            return [(await client.get("http://api.example")).text for _ in range(2)][1]

    with module.Client(transport=holdfast.transport(policy_of(Cached()), network)) as client:
        assert [client.get("http://api.example").text for _ in range(2)] == ["1", "1"]
    assert asyncio.run(on_a_loop()) == "1"


@every_client
def test_what_is_too_old_is_not_answered(name: str, world: ControlledWorld) -> None:
    """The failure is then what its user gets, as without degradation."""
    with serving([Answer(body=b"old"), BUSY, Cut()]) as script:
        _, answered, raised = play(
            name, policy_of(Cached(ttl_s=60)), script.url, [Ask()] * 3, between=lambda: world.advance(61)
        )
        [own] = play(name, policy_of(Cached(ttl_s=60)), "http://127.0.0.1:9", [Ask()], reraise=False)

    assert (answered.status, answered.body, degraded_by(answered)) == (503, b"busy", None)
    assert any("No lesser answer: no good value of this call is kept" in note for note in raised.__notes__)
    assert isinstance(own, CacheMissed)


@every_client
def test_an_open_circuit_is_answered_from_what_is_kept(name: str) -> None:
    """Nothing is sent, and the user has an answer; who has none kept is turned away."""
    breaker = Breaker(failures_consecutive=1, failure_ratio=None)
    with serving([Answer(body=b"kept"), BUSY]) as script:
        endings = play(
            name, policy_of(Cached(ttl_s=60), breaker=breaker), script.url, [Ask(), Ask(), Ask(), Ask(path="/other")]
        )

    assert [ending.body for ending in endings[:3]] == [b"kept"] * 3
    assert isinstance(endings[3], CircuitOpen)
    assert len(script.received) == 2


# --- another address ---


@every_client
def test_the_request_goes_to_another_address_with_its_path_and_without_its_secrets(name: str) -> None:
    """What proves who somebody is stays with whom it was meant for, and so does the idempotency key."""
    secrets = {
        "Authorization": "Bearer t",
        "Cookie": "a=b",
        "Proxy-Authorization": "p",
        "X-Api-Key": "k",
        "Idempotency-Key": "i",
    }
    ask = Ask(method="PUT", path="/v1/x?q=a%26b", content=b"body", headers={**secrets, "X-Kept": "yes"})
    with serving([BUSY]) as script, serving([Answer(body=b"other")]) as backup:
        policy = policy_of(Alternative(endpoint=f"{backup.url}/base/"))
        [ending] = play(name, policy, script.url, [ask])

    [received] = backup.received
    assert (degraded_by(ending), ending.status, ending.body) == ("alternative", 200, b"other")
    assert (received.method, received.path, received.body) == ("PUT", "/base/v1/x?q=a%26b", b"body")
    assert received.headers["host"] == backup.url.removeprefix("http://")
    assert received.headers["x-kept"] == "yes"
    assert {secret.lower() for secret in secrets}.isdisjoint(received.headers)


@every_client
def test_secrets_go_along_where_the_policy_says_so(name: str) -> None:
    """`sends_credentials` is about one alternative; another path of the same origin needs no word."""
    ask = Ask(headers={"Authorization": "Bearer t", "Cookie": "a=b"})
    with serving([BUSY, BUSY, Answer()]) as script, serving([]) as backup:
        play(name, policy_of(Alternative(endpoint=backup.url, sends_credentials=True)), script.url, [ask])
        play(name, policy_of(Alternative(endpoint=f"{script.url}/v2")), script.url, [ask])

    for received in (backup.received[0], script.received[2]):
        assert (received.headers["authorization"], received.headers["cookie"]) == ("Bearer t", "a=b")
    assert script.received[2].path == "/v2/"


@every_client
@pytest.mark.parametrize(
    ("status", "ask", "options", "sent"),
    [
        (500, Ask(method="POST", content=b"x"), {}, 0),
        (500, Ask(method="POST", content=b"x"), {"repeatable": True}, 1),
        (500, Ask(), {}, 1),
        (429, Ask(method="POST", content=b"x"), {}, 1),
        (429, Ask(method="POST", content=b"x", streamed=True), {}, 0),
    ],
)
def test_what_may_have_happened_is_not_sent_elsewhere(
    name: str, status: int, ask: Ask, options: dict[str, object], sent: int
) -> None:
    """As for a repeat: an effect that may have happened, and a body that is used up, end it."""
    with serving([Answer(status=status)]) as script, serving([]) as backup:
        [ending] = play(name, policy_of(Alternative(endpoint=backup.url)), script.url, [ask], **options)

    assert len(backup.received) == sent
    assert ending.status == (200 if sent else status)


@every_client
def test_the_worst_of_all_attempts_counts(name: str) -> None:
    """A refusal after an attempt with an unknown effect does not make it safe to do the work elsewhere."""
    with serving([Cut(), Answer(status=429)]) as script, serving([]) as backup:
        policy = policy_of(Alternative(endpoint=backup.url, repeatable=False), retry=TWICE)
        [ending] = play(name, policy, script.url, [Ask()])

    assert ending.status == 429
    assert not backup.received
    assert policy.degradation.meter.share == 1.0


@every_client
def test_a_streamed_body_that_was_not_sent_yet_goes_elsewhere(name: str) -> None:
    """A call that is turned away has used up nothing."""
    breaker = Breaker(failures_consecutive=1, failure_ratio=None)
    streamed = Ask(method="PUT", content=b"abc", streamed=True)
    with serving([BUSY]) as script, serving([]) as backup:
        policy = policy_of(Alternative(endpoint=backup.url), breaker=breaker)
        [_, ending] = play(name, policy, script.url, [Ask(), streamed])

    assert degraded_by(ending) == "alternative"
    assert backup.received[1].body == b"abc"


@every_client
@pytest.mark.parametrize("act", [BUSY, Cut(), Answer(status=302, headers=(("Location", "/else"),))])
def test_the_next_strategy_follows_one_that_fails(name: str, act: object) -> None:
    """Another address that fails as well, or sends elsewhere, is no answer."""
    with serving([BUSY] * 2) as script, serving([act, act]) as backup:
        there = Alternative(endpoint=backup.url)
        [default] = play(name, policy_of(there, Default(value={"a": 1})), script.url, [Ask()])
        [own] = play(name, policy_of(there), script.url, [Ask()])

    assert degraded_by(default) == "default"
    assert (own.status, own.body) == (503, b"busy")


@every_client
def test_without_reraise_the_failed_strategy_is_raised(name: str) -> None:
    """With what went wrong first as its cause."""
    policy = policy_of(Alternative(endpoint="http://127.0.0.1:9"))
    with serving([Cut()]) as script:
        [error] = play(name, policy, script.url, [Ask()], reraise=False)

    assert isinstance(error, AlternativeFailed)
    assert error.__cause__ is not None


@every_client
def test_cookies_of_another_address_are_not_taken_for_the_first_ones(name: str) -> None:
    """They would be sent to somebody they are not from."""
    cookie = Answer(headers=(("Set-Cookie", "theirs=1; Path=/"),))
    with serving([BUSY]) as script, serving([cookie]) as backup:
        backup_url = backup.url.replace("127.0.0.1", "localhost")
        play(name, policy_of(Alternative(endpoint=backup_url)), script.url, [Ask()] * 2)

    assert len(backup.received) == 1
    assert "cookie" not in script.received[1].headers


# --- defaults and functions ---


@every_client
@pytest.mark.parametrize(
    ("value", "body", "kind"),
    [
        ({"a": [1, None]}, b'{"a": [1, null]}', "application/json"),
        (None, b"null", "application/json"),
        ('{"a": 1}', b'{"a": 1}', "application/json"),
        ("plain", b"plain", "text/plain; charset=utf-8"),
        (b"\xff", b"\xff", "application/octet-stream"),
    ],
)
def test_a_default_is_an_answer_of_the_client(name: str, value: object, body: bytes, kind: str) -> None:
    """Texts and bytes are the body as they are, everything else is JSON."""
    with serving([Cut()] * 2) as script:
        [ending, head] = play(name, policy_of(Default(value=value)), script.url, [Ask(), Ask(method="HEAD")])

    assert (ending.status, ending.body, ending.headers["content-type"]) == (200, body, kind)
    assert (degraded_by(ending), ending.headers["content-length"]) == ("default", str(len(body)))
    assert head.body == b""


@every_client
def test_a_function_is_given_the_request_and_answers_in_its_place(name: str) -> None:
    """It returns an answer of the library, or a value that becomes one."""
    library = pytest.importorskip(name.partition("-")[0])

    def less(request: object) -> object:
        if library.__name__ == "aiohttp":
            return {"method": request.method}
        if library.__name__ != "requests":
            return library.Response(203, json={"method": request.method})
        answer = library.Response()
        answer.status_code, answer._content = 203, b'{"method":"GET"}'
        return answer

    with serving([BUSY] * 2) as script:
        [answer] = play(name, policy_of(Reduced(call=less)), script.url, [Ask()])
        [value] = play(name, policy_of(Alternative(call=lambda request: [request.method])), script.url, [Ask()])

    status = 200 if name == "aiohttp" else 203
    assert (degraded_by(answer), answer.status, json.loads(answer.body)) == ("reduced", status, {"method": "GET"})
    assert (degraded_by(value), json.loads(value.body)) == ("alternative", ["GET"])


@every_client
def test_what_cannot_be_an_answer_is_a_failure_of_its_strategy(name: str) -> None:
    """The next one is tried."""
    policy = policy_of(Reduced(call=lambda request: object()), Default(factory=lambda: {1}), Default(value="last"))
    with serving([BUSY]) as script:
        [ending] = play(name, policy, script.url, [Ask()])

    assert ending.body == b"last"


# --- what is told ---


@every_client
def test_a_lesser_answer_is_told(name: str) -> None:
    """Events, the level, and `last_answer` know of it; the request's own attempts are told as always."""
    events: list[tuple[object, ...]] = []
    last = []
    policy = policy_of(Default(value=1), retry=TWICE)
    policy.on("*", lambda event: events.append((event.name, event.facts.get("strategy"), event.facts.get("reason"))))
    with serving([Answer(), BUSY, BUSY]) as script:
        play(name, policy, script.url, [Ask()] * 2, between=lambda: last.append(holdfast.last_answer()))

    assert [name for name, *_ in events] == [
        "attempt.failed",
        "retry.scheduled",
        "attempt.failed",
        "call.exhausted",
        "answer.degraded",
    ]
    assert events[-1] == ("answer.degraded", "default", "api_unexpected_status")
    assert [one.degraded and one.degraded.strategy for one in last] == [None, "default"]
    assert policy.degradation.meter.share == 0.5


@every_client
def test_a_failure_that_no_rule_is_meant_for_is_what_it_is(name: str) -> None:
    """What is wrong with a request is its user's business, and is not hidden; a rule of one's own may say otherwise."""
    rule = Default(value=1)
    strict = Degradation(rules=Degradation.of(rule).rules, strict=True)
    named = Degradation(rules=(Rule(strategy=rule, when=When(categories=frozenset(ErrorCategory))),))
    with serving([Answer(status=404, body=b"no")] * 3) as script:
        [plain] = play(name, policy_of(rule), script.url, [Ask()])
        [told] = play(name, holdfast.policy("api", degradation=strict), script.url, [Ask()])
        [wanted] = play(name, holdfast.policy("api", degradation=named), script.url, [Ask()])

    assert (plain.status, plain.body) == (told.status, told.body) == (404, b"no")
    assert degraded_by(wanted) == "default"


@every_client
def test_a_failure_without_a_rule_is_told_under_strict(name: str) -> None:
    """Where the client's own exceptions are not asked for."""
    rule = Rule(strategy=Default(value=1), when=When(categories=frozenset({ErrorCategory.RATE_LIMIT_DAILY})))
    policy = holdfast.policy("api", degradation=Degradation(rules=(rule,), strict=True))
    with serving([Cut()] * 2) as script:
        [own] = play(name, policy, script.url, [Ask()])
        [ours] = play(name, policy, script.url, [Ask()], reraise=False)

    assert isinstance(own, expected_error(name))
    assert isinstance(ours, NoStrategy)


# --- settings ---


@pytest.mark.parametrize(
    "door", [holdfast.transport, holdfast.async_transport, holdfast.requests_adapter, holdfast.aiohttp_middleware]
)
def test_what_clients_cannot_do_is_refused_and_not_ignored(door: object) -> None:
    """All of it at once, when the client is made."""
    rules = (Cached(key=("a",)), Cached(stale_while_revalidate_s=1), QueueForLater(), Default(value=object()), Cached())
    policy = policy_of(*rules, cache=holdfast.Cache(), hedge=holdfast.Hedge())

    with pytest.raises(BadSettings) as caught:
        door(policy)

    places = [f"degradation.rules[{place}]" for place in range(4)]
    assert ["cache", "hedge", *places] == [problem.path for problem in caught.value.problems]


def test_a_policy_changed_in_use_to_what_clients_cannot_do_goes_on_without(caplog: pytest.LogCaptureFixture) -> None:
    """Requests are not failed for it; it is in the log, once."""
    policy = policy_of(Default(value="less"))
    with serving([BUSY] * 3) as script:
        first, *others = play(
            "httpx2",
            policy,
            script.url,
            [Ask()] * 3,
            between=lambda: policy.update(degradation=Degradation.of(QueueForLater())),
        )

    assert degraded_by(first) == "default"
    assert [other.status for other in others] == [503, 503]
    assert "give no lesser answers now" in caplog.text
