"""The cache in Redis: JSON values that many machines share. The client library is imported when a cache is opened by an address.

A value is one key, which Redis itself forgets when its time is over. Its age is measured by the server's clock alone: each value says for how long
it was put in, and the server says how much of that is left; so clocks of clients that differ do not matter. Both are read in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from holdfast.errors import BadSettings, MissingExtra, Problem
from holdfast.guards.caches.json_values import json_text, json_value
from holdfast.policies.checks import number_problem, refuse
from holdfast.ports.cache import Entry

__all__ = ["RedisCache", "RedisClient"]

TIMEOUT_BOUND_S = 10.0
VALUE_BOUND_BYTES = 100_000_000


class RedisPipeline(Protocol):
    """A transaction of a Redis client, as far as it is used here."""

    def get(self, name: str, /) -> object:
        """Queue GET."""

    def pttl(self, name: str, /) -> object:
        """Queue PTTL."""

    def execute(self) -> Sequence[object]:
        """Run what was queued."""


class RedisClient(Protocol):
    """A Redis client, as far as it is used here: `redis.Redis` is one."""

    def pipeline(self, *, transaction: bool) -> RedisPipeline:
        """Begin a transaction."""

    def set(self, name: str, value: str, /, *, px: int) -> object:
        """SET with a time to live in milliseconds."""

    def delete(self, name: str, /) -> object:
        """DEL."""


class RedisCache:
    """Keeps JSON values in a Redis server: `redis` is an address such as `redis://host:6379/0`, or a client of yours.

    A value is at most `value_size_max_bytes` of JSON (1 to 100 000 000; default 1 000 000). Connecting and each answer take `timeout_s` at most
    (0.001 to 10; default 0.1), without repeats; with a client of yours, its own settings count. How much is kept in all is the server's setting
    (`maxmemory`). Safe over threads and forks, as the client is.
    """

    keeps = "json"
    is_local = False

    def __init__(
        self, redis: str | RedisClient, *, value_size_max_bytes: int = 1_000_000, timeout_s: float = 0.1
    ) -> None:
        """Takes the client, or makes one; nothing is connected yet.

        Raises:
            BadSettings: a bound is out of range, or the address is none.
            MissingExtra: an address was given, and the package `redis` is not installed.
        """
        refuse(
            "redis_cache",
            [
                ("value_size_max_bytes", number_problem(value_size_max_bytes, 1, VALUE_BOUND_BYTES, whole=True)),
                ("timeout_s", number_problem(timeout_s, 0.001, TIMEOUT_BOUND_S)),
            ],
        )
        self._client = _connected(redis, timeout_s=timeout_s) if isinstance(redis, str) else redis
        self._value_max_bytes = value_size_max_bytes

    def get(self, key: str) -> Entry | None:
        """The value under a key with its age, or None.

        Raises:
            Exception: the server cannot be asked now; the client library says how.
        """
        asked = self._client.pipeline(transaction=True)
        asked.get(key)
        asked.pttl(key)
        kept, left_ms = asked.execute()
        if not isinstance(kept, str | bytes) or not isinstance(left_ms, int) or left_ms < 0:
            return None  # not there, or of somebody else: ours have a time to live
        found = json_value(kept)
        if not isinstance(found, dict) or not isinstance(found.get("keep_ms"), int) or "value" not in found:
            return None
        return Entry(value=found["value"], age_s=max(0.0, (found["keep_ms"] - left_ms) / 1000))

    def put(self, key: str, value: object, *, keep_s: float) -> bool:
        """Keep a JSON value for at most `keep_s` seconds; False when it is too large.

        Raises:
            BadInput: the value is not JSON, or would not come back as it went in.
            Exception: the server cannot be asked now; the client library says how.
        """
        text = json_text(value)
        if len(text) > self._value_max_bytes:
            self.remove(key)
            return False
        keep_ms = max(1, round(keep_s * 1000))
        self._client.set(key, f'{{"keep_ms":{keep_ms},"value":{text}}}', px=keep_ms)
        return True

    def remove(self, key: str) -> None:
        """Forget a key.

        Raises:
            Exception: the server cannot be asked now; the client library says how.
        """
        self._client.delete(key)


def _connected(address: str, *, timeout_s: float) -> RedisClient:
    try:
        import redis  # noqa: PLC0415 - an extra, and slow to import
        from redis.backoff import NoBackoff  # noqa: PLC0415 - as above
        from redis.retry import Retry  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise MissingExtra("holdfast.RedisCache", "redis") from error
    try:
        client = redis.Redis.from_url(
            address,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            # A cache is not worth waiting for: the library would try three times, with pauses.
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        # The library's own words may repeat the address, and with it a password.
        message = "is no address of a Redis server; it looks like redis://host:6379/0"
        raise BadSettings([Problem(source="redis_cache", path="redis", message=message)]) from None
    return cast("RedisClient", client)
