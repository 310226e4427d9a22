"""What a guarded client does beside repeating: circuits, keys, deadlines, errors, and what users say about their requests."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

import httpx2
import pytest

import holdfast
from holdfast import Breaker, Retry, Timeout
from holdfast.adapters.clients import exchanges
from holdfast.adapters.clients.exchanges import host_of, left_s
from holdfast.errors import BadInput, BadSettings, CircuitOpen, Exhausted, RateLimited, TimedOut
from holdfast.faults.rules import ApiRules, Idempotency, Quirks
from holdfast.testing.world import ControlledWorld, controlled_world
from tests.adapters.clients.clients import NAMES, Ask, Reply, play
from tests.adapters.clients.server import Answer, Cut, Stall, serving

BUSY = Answer(status=503, body=b"busy")
TWICE = Retry(attempts_max=2, jitter="none", budget=None)
JSON = (("Content-Type", "application/json"),)

every_client = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(autouse=True)
def world() -> Iterator[ControlledWorld]:
    """Nothing waits for real but the network."""
    with controlled_world() as world:
        yield world


# --- circuits ---


@every_client
def test_a_client_is_turned_away_from_a_host_that_fails_and_from_no_other(name: str) -> None:
    """Each host has a circuit of its own; a call that is turned away sends nothing and says so as Holdfast's error."""
    policy = holdfast.policy("api", breaker=Breaker(failures_consecutive=2, failure_ratio=None))
    with serving([BUSY, BUSY]) as bad, serving([]) as good:
        endings = play(name, policy, bad.url, [Ask()] * 3)
        others = play(name, policy, good.url, [Ask()])

    assert [ending.status for ending in endings[:2]] == [503, 503]
    assert isinstance(endings[2], CircuitOpen)
    assert len(bad.received) == 2
    assert others[0].status == 200
    assert policy.health(host_of(bad.url)).state == "open"


@every_client
def test_an_answer_in_hand_is_returned_when_its_repeat_is_turned_away(name: str) -> None:
    """The attempt that opened the circuit brought an answer; its user gets that, whole, and no exception in its place."""
    policy = holdfast.policy("api", retry=TWICE, breaker=Breaker(failures_consecutive=1, failure_ratio=None))
    long = Answer(status=503, body=b"busy" * 500_000)
    with serving([long]) as script:
        [ending] = play(name, policy, script.url, [Ask()])

    assert isinstance(ending, Reply)
    assert (ending.status, ending.body) == (503, long.body)


@every_client
def test_a_circuit_can_belong_to_something_else_than_the_host(name: str) -> None:
    """`key=` sees the client's own request; the policy's own key counts without it."""
    by_tenant = holdfast.policy("api", key=lambda request: request.headers["tenant"])
    with serving([BUSY, BUSY]) as script:
        play(name, by_tenant, script.url, [Ask(headers={"tenant": "a"})])
        play(name, by_tenant, script.url, [Ask(headers={"tenant": "a"})], key=lambda request: request.method)
        play(name, by_tenant, script.url, [Ask()], key=lambda request: None)

    assert {"a", "GET", None} == {health.key for health in by_tenant.healths()}


@every_client
def test_a_rate_limit_holds_for_requests(name: str, world: ControlledWorld) -> None:
    """Every strategy that lets attempts in stands around requests as it does around functions."""
    policy = holdfast.policy("api", rate_limit=holdfast.RateLimit(calls=1, per_s=10, wait_max_s=0))
    with serving([]) as script:
        first, second = play(name, policy, script.url, [Ask()] * 2)

    assert first.status == 200
    assert isinstance(second, RateLimited)
    assert len(script.received) == 1


# --- repeats ---


@every_client
@pytest.mark.parametrize(
    ("method", "options", "sent"),
    [
        ("GET", {}, 2),
        ("GET", {"repeatable": False}, 1),
        ("POST", {}, 1),
        ("PATCH", {}, 1),
        ("DELETE", {}, 2),
        ("POST", {"repeatable": True}, 2),
        ("POST", {"repeatable": lambda request: request.method == "POST"}, 2),
        ("GET", {"repeatable": lambda request: None}, 2),
        ("POST", {"repeatable": lambda request: None}, 1),
        ("POST", {"adds_idempotency_key": True}, 2),
        ("POST", {"adds_idempotency_key": True, "repeatable": False}, 1),
    ],
)
def test_what_may_be_sent_twice_is_told_by_its_method_its_key_or_its_user(
    name: str, method: str, options: dict[str, object], sent: int
) -> None:
    """A 500 leaves open whether the work was done, so only what does no more when repeated is sent again."""
    with serving([Answer(status=500)]) as script:
        play(name, holdfast.policy("api", retry=TWICE), script.url, [Ask(method=method, content=b"x")], **options)

    assert len(script.received) == sent


@every_client
def test_a_policys_word_goes_for_its_requests_too(name: str) -> None:
    """`repeatable=True` of the policy needs not be said again."""
    with serving([Answer(status=500)]) as script:
        play(name, holdfast.policy("api", retry=TWICE, repeatable=True), script.url, [Ask(method="POST")])

    assert len(script.received) == 2


@every_client
def test_an_added_key_stays_the_same_over_all_attempts_and_differs_between_requests(name: str) -> None:
    """So the server can tell a repeat from a new request; a key of the user's is left as it is, and GET needs none."""
    policy = holdfast.policy("api", retry=TWICE)
    own = Ask(method="POST", headers={"Idempotency-Key": "mine"})
    with serving([Cut(), Answer(), Answer(), Answer(), Answer()]) as script:
        play(name, policy, script.url, [Ask(method="POST"), Ask(method="POST"), own, Ask()], adds_idempotency_key=True)

    first, again, second, third, fourth = (received.headers.get("idempotency-key") for received in script.received)
    assert first == again
    assert len({first, second}) == 2
    assert first is not None
    assert len(first) == 36
    assert (third, fourth) == ("mine", None)


@every_client
def test_another_header_can_carry_the_key(name: str) -> None:
    """APIs differ in its name."""
    with serving([Answer(status=500)]) as script:
        asks = [Ask(method="POST", headers={"X-Request-Id": "7"})]
        play(name, holdfast.policy("api", retry=TWICE), script.url, asks, idempotency_header="X-Request-Id")

    assert len(script.received) == 2


@every_client
def test_a_body_that_can_be_sent_once_is_sent_once_and_the_reason_is_told(name: str) -> None:
    """Sending what is left of a used-up stream would be another request."""
    policy, reasons = holdfast.policy("api", retry=TWICE), []
    policy.on("call.exhausted", lambda event: reasons.append(event.facts["reason"]))
    with serving([BUSY, Cut()]) as script:
        answered, raised = play(name, policy, script.url, [Ask(method="PUT", content=b"abc", streamed=True)] * 2)

    assert [received.body for received in script.received] == [b"abc", b"abc"]
    assert answered.status == 503
    assert isinstance(raised, Exception)
    assert reasons == ["body-not-replayable"] * 2
    assert "body can be sent only once" in story(raised)


def story(error: BaseException) -> str:
    """All that a traceback shows of an error."""
    return "".join(traceback.format_exception(error))


# --- what is known of the API ---


class Known:
    """A catalog of one API, which hides failures and has a header of its own for keys."""

    class Entry:
        api_id = "slackish"

    def match(self, url: str) -> Entry | None:
        """Known by a word in the path."""
        return self.Entry() if "/known" in url else None

    def rules(self, api_id: str) -> ApiRules:
        """That it hides failures, and what it calls its keys."""
        quirks = Quirks(success_with_error_body=True)
        return ApiRules(api_id=api_id, quirks=quirks, idempotency=Idempotency(header="X-Once"))


@every_client
def test_a_catalog_says_what_answers_mean_by_address(name: str) -> None:
    """A failure inside a 200 is repeated where the API is known for that, and what remains is given as it came."""
    hidden = Answer(body=b'{"ok": false, "error": "ratelimited"}', headers=JSON)
    with serving([hidden] * 3) as script:
        endings = play(
            name,
            holdfast.policy("api", retry=TWICE),
            script.url,
            [Ask(path="/known/a"), Ask(path="/b")],
            catalog=Known(),
        )

    assert [hidden.body] * 2 == [ending.body for ending in endings]
    assert ["/known/a", "/known/a", "/b"] == [received.path for received in script.received]


@every_client
def test_a_catalog_names_the_header_of_keys(name: str) -> None:
    """What the API calls its key is what is sent."""
    with serving([Answer(status=500)]) as script:
        asks = [Ask(method="POST", path="/known")]
        policy = holdfast.policy("api", retry=TWICE)
        play(name, policy, script.url, asks, catalog=Known(), adds_idempotency_key=True)

    assert len({received.headers["x-once"] for received in script.received}) == 1
    assert len(script.received) == 2


@every_client
def test_rules_of_an_api_can_be_given_to_the_client_or_to_the_policy(name: str) -> None:
    """Both reach the judging of answers."""
    hidden = Answer(body=b'{"ok": false, "error": "ratelimited"}', headers=JSON)
    api = Known().rules("slackish")
    with serving([hidden] * 4) as script:
        play(name, holdfast.policy("api", retry=TWICE), script.url, [Ask(path="/1")], api=api)
        play(name, holdfast.policy("api", retry=TWICE, api=api), script.url, [Ask(path="/2")])

    assert ["/1", "/1", "/2", "/2"] == [received.path for received in script.received]


def busy(request: httpx2.Request) -> httpx2.Response:
    """An answer that is final by the words of its code; who knows Stripe knows that its status counts and that it passes."""
    return httpx2.Response(429, json={"error": {"code": "resource_missing", "message": "x"}}, request=request)


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        pytest.param({}, 2, id="known-by-address"),
        pytest.param({"catalog": False}, 1, id="switched-off"),
        pytest.param({"api": ApiRules(api_id="other")}, 1, id="said-otherwise"),
        pytest.param({"catalog": Known()}, 1, id="another-catalog"),
    ],
)
def test_apis_are_known_by_their_addresses(options: dict[str, object], sent: int) -> None:
    """Without any configuration, answers are read as the API means them."""
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.headers.get("idempotency-key", ""))
        return busy(request)

    transport = holdfast.transport(holdfast.policy("api", retry=TWICE), httpx2.MockTransport(answer), **options)
    with httpx2.Client(transport=transport) as client:
        client.post("https://api.stripe.com/v1/charges", json={})

    assert sent == len(asked)


@pytest.mark.parametrize(
    ("given", "header"),
    [
        pytest.param({}, "x-once", id="of-the-api"),
        pytest.param({"idempotency_header": "X-Mine"}, "x-mine", id="of-the-user"),
    ],
)
def test_keys_go_where_the_api_wants_them(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], header: str) -> None:
    """An API that is known by its address names the header of keys, unless the user does."""
    monkeypatch.setattr(exchanges, "match_shipped", lambda url: "slackish")
    monkeypatch.setattr(exchanges, "shipped_rules", Known().rules)
    asked: list[httpx2.Headers] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.headers)
        return httpx2.Response(200, json={"ok": True}, request=request)

    transport = holdfast.transport(
        holdfast.policy("api"), httpx2.MockTransport(answer), adds_idempotency_key=True, **given
    )
    with httpx2.Client(transport=transport) as client:
        client.post("https://slack.example/x")

    assert [True] == [header in headers for headers in asked]


@every_client
def test_a_policy_may_look_at_answers_itself(name: str) -> None:
    """`result=` of a policy sees the client's own answer."""

    def is_teapot(answer: object) -> bool:
        return getattr(answer, "status_code", getattr(answer, "status", None)) == 218

    with serving([Answer(status=218)]) as script:
        [ending] = play(name, holdfast.policy("api", retry=TWICE, result=is_teapot), script.url, [Ask()])

    assert ending.status == 200
    assert len(script.received) == 2


# --- errors ---


def expected_error(name: str) -> type[Exception]:
    """What users of a client catch."""
    library = pytest.importorskip(name.partition("-")[0])
    if library.__name__ == "requests":
        return library.RequestException
    return library.ClientError if library.__name__ == "aiohttp" else library.TransportError


@every_client
def test_what_users_of_a_client_catch_is_what_is_raised(name: str) -> None:
    """The exception is the client's own; the story of the attempts is its note."""
    with serving([Cut(), Cut()]) as script:
        [error] = play(name, holdfast.policy("api", retry=TWICE), script.url, [Ask()])

    assert isinstance(error, expected_error(name))
    assert "gave up after 2 attempts" in story(error)
    assert len(script.received) == 2


@every_client
def test_a_client_may_raise_holdfasts_errors_instead(name: str) -> None:
    """Without `reraise`, a call that is given up raises `Exhausted`, with the client's exception as its cause."""
    with serving([Cut(), Cut()]) as script:
        [error] = play(name, holdfast.policy("api", retry=TWICE), script.url, [Ask()], reraise=False)

    assert isinstance(error, Exhausted)
    assert (error.reason, error.outcome, len(error.attempts)) == ("attempts-exhausted", "unknown", 2)
    assert isinstance(error.__cause__, expected_error(name))


@every_client
def test_a_policy_without_strategies_changes_nothing(name: str) -> None:
    """It watches, and what the client raises and returns goes through."""
    policy = holdfast.policy("api")
    with serving([BUSY, Cut()]) as script:
        answered, error = play(name, policy, script.url, [Ask()] * 2)

    assert answered.body == b"busy"
    assert isinstance(error, expected_error(name))
    assert len(script.received) == 2
    assert policy.health(host_of(script.url)).key == host_of(script.url)


# --- time ---


@every_client
@pytest.mark.parametrize("own_s", [5.0, None])
def test_the_time_of_an_attempt_is_the_clients_timeout(name: str, own_s: float | None) -> None:
    """A server that says nothing is given up when the attempt's time is over; users catch what they always catch."""
    policy = holdfast.policy("api", retry=TWICE, timeout=Timeout(attempt_s=0.05))
    with serving([Stall(), Stall()]) as script:
        [error] = play(name, policy, script.url, [Ask(timeout=own_s)])

    assert isinstance(error, expected_timeout(name))
    assert len(script.received) == 2


@every_client
def test_the_users_own_timeout_stays_when_it_is_shorter(name: str) -> None:
    """A policy never gives a client more time than its user does."""
    with serving([Stall()]) as script, holdfast.deadline(50):
        [error] = play(name, holdfast.policy("api", timeout=Timeout(attempt_s=60)), script.url, [Ask(timeout=0.05)])

    assert isinstance(error, expected_timeout(name))


def expected_timeout(name: str) -> type[Exception]:
    """What users of a client catch when it took too long."""
    library = pytest.importorskip(name.partition("-")[0])
    if library.__name__ == "requests":
        return library.Timeout
    return TimeoutError if library.__name__ == "aiohttp" else library.TimeoutException


@every_client
def test_nothing_is_sent_when_the_time_is_over_before(name: str, world: ControlledWorld) -> None:
    """A call that comes too late ends as one that could not connect: nothing was sent."""
    policy = holdfast.policy("api", retry=TWICE)
    with serving([]) as script, holdfast.deadline(10):
        world.advance(11)
        [error] = play(name, policy, script.url, [Ask()])

    assert isinstance(error, expected_timeout(name))
    assert isinstance(error, TimedOut) or "ConnectTimeout" in type(error).__name__
    assert not script.received


@every_client
def test_no_wait_is_begun_that_would_end_too_late(name: str, world: ControlledWorld) -> None:
    """When the server asks for more patience than there is time, its answer is returned at once."""
    with serving([Answer(status=429, headers=(("Retry-After", "30"),))]) as script, holdfast.deadline(10):
        [ending] = play(name, holdfast.policy("api", retry=TWICE), script.url, [Ask()])

    assert ending.status == 429
    assert world.slept == []


def test_a_client_is_never_told_that_it_has_no_time(world: ControlledWorld) -> None:
    """0 means "at once" to some clients and "for ever" to others, and a negative time is refused by both."""
    assert left_s() is None
    with holdfast.deadline(10):
        world.advance(4)
        assert left_s() == 6
        world.advance(7)
        assert left_s() == 0.001


@every_client
def test_an_answer_that_nobody_would_repeat_is_no_news(name: str) -> None:
    """A 404 ends no series of attempts, so listeners hear of the attempt alone."""
    policy, told = holdfast.policy("api", retry=TWICE), []
    policy.on("*", lambda event: told.append(event.name))
    with serving([Answer(status=404)]) as script:
        play(name, policy, script.url, [Ask()])

    assert told == ["attempt.failed"]


# --- connections ---


@every_client
def test_connections_are_kept_over_requests_and_repeats(name: str) -> None:
    """Forty requests, half of them repeats of failures, take one connection."""
    acts = [BUSY, Answer(body=b"fine")] * 20
    with serving(acts) as script:
        endings = play(name, holdfast.policy("api", retry=TWICE), script.url, [Ask()] * 20)

    assert [ending.status for ending in endings] == [200] * 20
    assert len(script.received) == 40
    assert script.connections == 1


# --- settings ---


@pytest.mark.parametrize(
    "door", [holdfast.transport, holdfast.async_transport, holdfast.requests_adapter, holdfast.aiohttp_middleware]
)
def test_all_that_is_wrong_with_the_options_is_told_at_once(door: object) -> None:
    """One error lists every problem, with what would be right."""
    options = {
        "key": "host",
        "repeatable": "yes",
        "api": Known().rules("a"),
        "catalog": "apis/",
        "idempotency_header": "no header",
        "adds_idempotency_key": 1,
        "reraise": None,
    }
    with pytest.raises(BadSettings) as caught:
        door(holdfast.policy("api"), **options)

    assert {"key", "repeatable", "catalog", "api", "idempotency_header", "adds_idempotency_key", "reraise"} == {
        problem.path for problem in caught.value.problems
    }
    with pytest.raises(BadSettings, match="must be a policy"):
        door("payments")
    with pytest.raises(BadSettings, match="must be a name or ApiRules"):
        door(holdfast.policy("api"), api=5)
    with pytest.raises(BadSettings, match="Did you mean 'stripe'"):
        door(holdfast.policy("api"), api="stripes")


def test_a_request_of_an_unknown_library_is_refused() -> None:
    """The transports serve httpx2 and httpx, and say so."""
    with pytest.raises(BadInput, match="must be a request of httpx2 or httpx"):
        holdfast.transport(holdfast.policy("api")).handle_request(
            type(
                "Request", (), {"method": "GET", "url": "http://a/", "headers": {}, "stream": None, "extensions": {}}
            )()
        )


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://API.Example/v1", "api.example"),
        ("https://api.example:443/v1", "api.example"),
        ("http://user:secret@api.example:8080/", "api.example:8080"),
        ("http://[::1]:8000/", "::1:8000"),
        ("http://a:99999/", ""),
        ("nonsense", ""),
    ],
)
def test_the_key_of_a_request_is_its_host(url: str, host: str) -> None:
    """Never a user's name or password: keys stand in events and logs."""
    assert host_of(url) == host


def test_settings_changed_in_use_reach_guarded_clients() -> None:
    """A policy that is updated guards the next request by its new settings."""
    policy = holdfast.policy("api", retry=TWICE)
    with serving([BUSY] * 9) as script:
        play("httpx2", policy, script.url, [Ask()] * 2, between=lambda: policy.update(retry=None))

    assert len(script.received) == 3
