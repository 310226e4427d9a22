"""The cache in Redis: what is not ours is not answered, and a password is never told."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from holdfast.adapters.cache_redis import RedisCache
from holdfast.errors import BadSettings, MissingExtra
from tests.conformance.cache.stores import FakeRedis


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[1]", id="a list"),
        pytest.param('{"value": 1}', id="without its time"),
        pytest.param('{"keep_ms": "1"}', id="without its value"),
        pytest.param('{"keep_ms": "1", "value": 1}', id="a time in words"),
    ],
)
def test_what_somebody_else_put_there_is_not_answered(text: str) -> None:
    """A value under our key that we did not write is no good value."""
    server = FakeRedis()
    server.set("key", text, px=60_000)

    assert RedisCache(server).get("key") is None


def test_what_does_not_expire_is_not_ours() -> None:
    """Our values have a time to live; without one, the age cannot be told."""
    server = FakeRedis()
    cache = RedisCache(server)
    cache.put("key", 1, keep_s=60)
    server.left_ms = lambda _: -1

    assert cache.get("key") is None


def test_the_age_is_the_servers() -> None:
    """However wrong this machine's clock is, the age is right."""
    server = FakeRedis()
    cache = RedisCache(server)
    cache.put("key", 1, keep_s=60)
    server.clock.advance(12.5)

    assert 12.5 == cache.get("key").age_s


def test_a_time_shorter_than_a_millisecond_is_one() -> None:
    """The server knows no shorter times, and refuses none at all."""
    server = FakeRedis()

    assert RedisCache(server).put("key", 1, keep_s=0.0001)


def test_bounds_are_checked() -> None:
    """All problems at once."""
    with pytest.raises(BadSettings) as caught:
        RedisCache(FakeRedis(), value_size_max_bytes=0, timeout_s=0)

    assert {"value_size_max_bytes", "timeout_s"} == {problem.path for problem in caught.value.problems}


def test_a_missing_client_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, the message says how to get it."""
    monkeypatch.setitem(sys.modules, "redis", None)

    with pytest.raises(MissingExtra, match="redis"):
        RedisCache("redis://localhost")


@pytest.mark.skipif(importlib.util.find_spec("redis") is None, reason="the package redis is not installed")
def test_a_wrong_address_is_refused_without_its_password() -> None:
    """What is no address is told, and what may be a secret in it is not."""
    with pytest.raises(BadSettings) as caught:
        RedisCache("http://ann:hunter2@localhost")

    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__, "the library's own words repeat the address"
