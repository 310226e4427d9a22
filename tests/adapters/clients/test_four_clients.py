"""The same script of a server gives the same story through every client: answers, attempts, waits, verdicts and connections."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest

import holdfast
from holdfast import Retry
from holdfast.guards.policy import Policy
from holdfast.testing.world import ControlledWorld, controlled_world
from tests.adapters.clients.clients import NAMES, Ask, Reply, play
from tests.adapters.clients.server import Act, Answer, Cut, Garbage, serving

BUSY = Answer(status=503, body=b'{"error": "busy"}', headers=(("Content-Type", "application/json"),))
FINE = Answer(status=200, body=b"fine")


@pytest.fixture
def world() -> Iterator[ControlledWorld]:
    """Nothing waits for real."""
    with controlled_world() as world:
        yield world


def patient(**strategies: object) -> Policy:
    """A policy that waits 1 s, then 2 s, without chance."""
    retry = strategies.pop("retry", Retry(attempts_max=3, jitter="none", budget=None))
    return holdfast.policy("api", retry=retry, **strategies)


def told(policy: Policy) -> list[tuple[object, ...]]:
    """What the policy tells from now on, without times."""
    story: list[tuple[object, ...]] = []
    facts = ("attempt", "wait_s", "reason", "category", "outcome", "health", "attempts")
    policy.on("*", lambda event: story.append((event.name, *(event.facts.get(name) for name in facts))))
    return story


LONG = b"long" * 500_000
PACKED = Answer(
    status=403,
    body=gzip.compress(b'{"error": "rate_limited"}'),
    headers=(("Content-Encoding", "gzip"), ("Content-Type", "application/json")),
)
POST = Ask(method="POST", content=b"x")
OWN = "the client's own exception"

# What the server does → the request, what its user gets, what is waited, and how often and over how many connections it is sent.
SCRIPTS: dict[str, tuple[list[Act], Ask, object, list[float], int, int]] = {
    "a success": ([FINE], Ask(), 200, [], 1, 1),
    "busy, then fine": ([BUSY, FINE], Ask(), 200, [1], 2, 1),
    "busy for good": ([BUSY] * 5, Ask(), 503, [1, 2], 3, 1),
    "told to wait": ([Answer(status=429, headers=(("Retry-After", "7"),)), FINE], Ask(), 200, [7], 2, 1),
    "told to wait, and no harm was done": ([Answer(status=429), FINE], POST, 200, [1], 2, 1),
    "failed at an unknown length": ([Answer(status=500, body=b"e" * 2500, chunked=True)] * 3, Ask(), 500, [1, 2], 3, 1),
    "throttled in a packed body": ([PACKED] * 3, Ask(), 403, [1, 2], 3, 1),
    "failed at length": ([Answer(status=502, body=LONG)] * 3, Ask(), 502, [1, 2], 3, 3),
    "failed at great unknown length": ([Answer(status=502, body=LONG, chunked=True)] * 3, Ask(), 502, [1, 2], 3, 3),
    "an effect that may have happened": ([Answer(status=500), FINE], POST, 500, [], 1, 1),
    "an effect under a key": (
        [Answer(status=500), FINE],
        replace(POST, headers={"Idempotency-Key": "k"}),
        200,
        [1],
        2,
        1,
    ),
    "the wrong request": ([Answer(status=404, body=b"no"), FINE], Ask(), 404, [], 1, 1),
    "not modified": ([Answer(status=304), FINE], Ask(), 304, [], 1, 1),
    "cut off, then fine": ([Cut(), FINE], Ask(), 200, [1], 2, 2),
    "cut off for good": ([Cut()] * 9, Ask(), OWN, [1, 2], 3, 3),
    "cut off with an effect": ([Cut(), FINE], POST, OWN, [], 1, 1),
    "cut off, but put": ([Cut(), FINE], Ask(method="PUT", content=b"abc"), 200, [1], 2, 2),
    "no HTTP": ([Garbage(), FINE], Ask(), 200, [1], 2, 2),
    "a failure that breaks off": ([Answer(status=503, body=b"0123456789", sent=4), FINE], Ask(), 200, [1], 2, 2),
    "a body that can be sent once": (
        [Answer(status=429), FINE],
        Ask(method="PUT", content=b"abc", streamed=True),
        429,
        [],
        1,
        1,
    ),
    "only headers": ([Answer(status=503, body=b"x"), Answer(body=b"x")], Ask(method="HEAD"), 200, [1], 2, 1),
}


@dataclass(frozen=True)
class Story:
    """All that can be seen of one request through one client."""

    got: object
    body: bytes
    told: list[tuple[object, ...]]
    waited: list[float]
    sent: list[bytes]
    connections: int


def story_of(name: str, title: str) -> Story:
    """Play a script."""
    acts, ask, *_ = SCRIPTS[title]
    policy = patient()
    with controlled_world() as world, serving(acts) as script:
        events = told(policy)
        [ending] = play(name, policy, script.url, [ask])
        bodies = [received.body for received in script.received]
        got, body = (ending.status, ending.body) if isinstance(ending, Reply) else (OWN, b"")
        return Story(got, body, events, world.slept, bodies, script.connections)


@cache
def first_story(title: str) -> Story:
    """What the first client makes of it."""
    return story_of(NAMES[0], title)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("title", SCRIPTS)
def test_every_client_tells_the_same_story(title: str, name: str) -> None:
    """Which client a program uses changes nothing about attempts, waits, verdicts, connections and what it gets."""
    _, ask, got, waited, sent, connections = SCRIPTS[title]

    story = story_of(name, title)

    assert (story.got, story.waited, story.connections) == (got, waited, connections)
    assert story.sent == [ask.content or b""] * sent
    assert story == first_story(title)


@pytest.mark.parametrize("name", NAMES)
def test_every_client_tells_once_that_an_api_goes_away(name: str) -> None:
    """Announcements in answers that succeed are told to listeners, once."""
    going = Answer(status=200, body=b"fine", headers=(("Sunset", "Wed, 01 Apr 2026 00:00:00 GMT"),))
    policy = patient()
    heard: list[object] = []
    policy.on("api.deprecated", lambda event: heard.append(event.facts["sunset_at"]))

    with controlled_world(), serving([going, going]) as script:
        play(name, policy, script.url, [Ask(), Ask()])

    assert heard == ["2026-04-01T00:00:00+00:00"]
