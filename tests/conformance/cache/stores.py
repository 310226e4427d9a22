"""The caches under test, each with a way to let time pass; and a Redis of our own for machines without one."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.adapters.cache_redis import RedisCache
from holdfast.adapters.cache_sqlite import SqliteCache
from holdfast.guards.caches.memory import MemoryCache
from holdfast.ports.cache import CacheStore
from tests.guards.quiet_time import QuietTime

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
HAS_CLIENT = importlib.util.find_spec("redis") is not None
HAS_REDIS = SERVER is not None and HAS_CLIENT
VALUE_MAX_BYTES = 10_000


@dataclass(frozen=True)
class Tested:
    """A cache that takes values of up to 10 000 bytes or so, and how time passes for it."""

    cache: CacheStore
    advance: Callable[[float], None]


@dataclass
class FakeRedis:
    """A Redis with the four commands that are used, a clock that stands still, and nothing else."""

    clock: QuietTime = field(default_factory=QuietTime)
    kept: dict[str, tuple[bytes, int]] = field(default_factory=dict)

    def pipeline(self, *, transaction: bool) -> FakePipeline:
        """Begin a transaction."""
        assert transaction, "a value and its time to live belong together"
        return FakePipeline(self)

    def set(self, name: str, value: str, /, *, px: int) -> bool:
        """SET name value PX px."""
        assert px >= 1, "the server refuses a time to live of nothing"
        self.kept[name] = (value.encode(), self.now_ms() + px)
        return True

    def delete(self, name: str, /) -> int:
        """DEL name."""
        return int(self.kept.pop(name, None) is not None)

    def left_ms(self, name: str) -> int:
        """PTTL name: -2 if it is not there."""
        value = self.kept.get(name)
        if value is None or value[1] <= self.now_ms():
            self.kept.pop(name, None)
            return -2
        return value[1] - self.now_ms()

    def now_ms(self) -> int:
        """The server's clock."""
        return round(self.clock() * 1000)


class FakePipeline:
    """A transaction: commands are queued and run together."""

    def __init__(self, server: FakeRedis) -> None:
        self.server = server
        self.queued: list[Callable[[], object]] = []

    def get(self, name: str, /) -> None:
        """Queue GET."""
        self.queued.append(lambda: self.server.kept[name][0] if self.server.left_ms(name) > 0 else None)

    def pttl(self, name: str, /) -> None:
        """Queue PTTL."""
        self.queued.append(lambda: self.server.left_ms(name))

    def execute(self) -> list[object]:
        """Run what was queued."""
        return [command() for command in self.queued]


def memory() -> Tested:
    """The cache in memory."""
    clock = QuietTime()
    return Tested(
        cache=MemoryCache(entries_max=64, size_max_bytes=10 * VALUE_MAX_BYTES, monotonic=clock), advance=clock.advance
    )


def sqlite(directory: Path) -> Tested:
    """The cache in a file."""
    clock = QuietTime(1_750_000_000.0)
    cache = SqliteCache(
        directory / "cache.db", entries_max=64, value_size_max_bytes=VALUE_MAX_BYTES, busy_timeout_s=5, now_s=clock
    )
    return Tested(cache=cache, advance=clock.advance)


def redis_fake() -> Tested:
    """The cache in a Redis of our own."""
    server = FakeRedis()
    return Tested(cache=RedisCache(server, value_size_max_bytes=VALUE_MAX_BYTES), advance=server.clock.advance)


@contextmanager
def redis_real(socket: Path) -> Iterator[Tested]:
    """The cache in a real server. Its time cannot be moved, so the times to live of all keys are shortened instead."""
    import redis

    client = redis.Redis(unix_socket_path=str(socket))
    client.flushall()

    def advance(seconds: float) -> None:
        for key in client.scan_iter():
            left_ms = client.pttl(key) - round(seconds * 1000)
            client.pexpire(key, left_ms) if left_ms > 0 else client.delete(key)

    cache = RedisCache(f"unix://{socket}", value_size_max_bytes=VALUE_MAX_BYTES, timeout_s=5)
    yield Tested(cache=cache, advance=advance)
    cache._client.close()
    client.close()


@contextmanager
def server(directory: Path) -> Iterator[Path]:
    """A real Redis of its own: the path of its socket."""
    assert SERVER is not None, "only where there is one"
    socket = directory / "redis.sock"
    process = subprocess.Popen(
        [SERVER, "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", str(directory)],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None, "it is a pipe"
    try:
        told = next((line for line in process.stdout if "ready to accept connections" in line.lower()), "")
        assert told, "the server ended at once"
        yield socket
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
