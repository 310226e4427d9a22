"""Bodies of httpx2 and httpx answers: read as far as judging needs it, put back so that they read as if nobody had, and closed.

If that was all of it, the connection goes back to the pool at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import ModuleType
from typing import Protocol, cast

from holdfast.adapters.clients.answers import BODY_JUDGED_MAX_BYTES, Body
from holdfast.adapters.clients.substitutes import Copy

__all__ = ["Streamed", "aclose", "akeep_body", "aread_ahead", "close", "keep_body", "read_ahead"]


class Streamed(Protocol):
    """An answer with its body."""

    stream: object


class SyncStream(Protocol):
    """A body as it comes."""

    def __iter__(self) -> Iterator[bytes]:
        """Its chunks."""

    def close(self) -> None:
        """Give the connection back, or close it when there is something left to read."""


class AsyncStream(Protocol):
    """The same on an event loop."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its chunks."""

    async def aclose(self) -> None:
        """Give the connection back, or close it when there is something left to read."""


def close(response: object | None) -> None:
    """Give an answer's connection back, or close it when there is something left to read."""
    if response is not None:
        cast(SyncStream, cast(Streamed, response).stream).close()


async def aclose(response: object | None) -> None:
    """The same on an event loop."""
    if response is not None:
        await cast(AsyncStream, cast(Streamed, response).stream).aclose()


def read_ahead(response: Streamed, library: ModuleType) -> Body:
    """Read what is needed to judge a body, and put it back, as a stream of the library's kind."""
    stream = cast(SyncStream, response.stream)
    chunks = iter(stream)
    kept: list[bytes] = []
    broken: Exception | None = None
    whole = False
    try:
        whole = _fill(chunks, kept)
    except Exception as error:  # noqa: BLE001 - whoever reads on gets it; the status has been told already
        broken = error

    def leave(_: object = None) -> None:
        finish = getattr(chunks, "close", None)
        if finish is not None:
            finish()
        stream.close()

    def again(_: object) -> Iterator[bytes]:
        yield from kept
        if broken is not None:
            raise broken
        yield from chunks

    if whole or broken is not None:
        leave()
    response.stream = type("RewoundStream", (library.SyncByteStream,), {"__iter__": again, "close": leave})()
    return Body(prefix=b"".join(kept), whole=whole, cut=broken is not None)


async def aread_ahead(response: Streamed, library: ModuleType) -> Body:
    """The same on an event loop."""
    stream = cast(AsyncStream, response.stream)
    chunks = aiter(stream)
    kept: list[bytes] = []
    broken: Exception | None = None
    whole = False
    try:
        whole = await _afill(chunks, kept)
    except Exception as error:  # noqa: BLE001 - as above
        broken = error

    async def leave(_: object = None) -> None:
        finish = getattr(chunks, "aclose", None)
        if finish is not None:
            await finish()
        await stream.aclose()

    async def again(_: object) -> AsyncIterator[bytes]:
        for chunk in kept:
            yield chunk
        if broken is not None:
            raise broken
        async for chunk in chunks:
            yield chunk

    if whole or broken is not None:
        await leave()
    response.stream = type("RewoundStream", (library.AsyncByteStream,), {"__aiter__": again, "aclose": leave})()
    return Body(prefix=b"".join(kept), whole=whole, cut=broken is not None)


def keep_body(response: Streamed, library: ModuleType, *, done: Callable[[bytes], object]) -> None:
    """Hand a copy of the body to `done` when its reader has come to the end; a body that is too long, breaks off or is left is not handed on."""
    stream = cast(SyncStream, response.stream)
    at_once = _at_once(stream, library)
    if at_once is not None:
        if at_once.is_whole:
            done(at_once.body)
        return

    def again(_: object) -> Iterator[bytes]:
        copy = Copy()
        for chunk in stream:
            copy.add(chunk)
            yield chunk
        if copy.is_whole:
            done(copy.body)

    def leave(_: object) -> None:
        stream.close()

    response.stream = type("KeptStream", (library.SyncByteStream,), {"__iter__": again, "close": leave})()


async def akeep_body(response: Streamed, library: ModuleType, *, done: Callable[[bytes], Awaitable[object]]) -> None:
    """The same on an event loop."""
    stream = cast(AsyncStream, response.stream)
    at_once = _at_once(stream, library)
    if at_once is not None:
        if at_once.is_whole:
            await done(at_once.body)
        return

    async def again(_: object) -> AsyncIterator[bytes]:
        copy = Copy()
        async for chunk in stream:
            copy.add(chunk)
            yield chunk
        if copy.is_whole:
            await done(copy.body)

    async def leave(_: object) -> None:
        await stream.aclose()

    response.stream = type("KeptStream", (library.AsyncByteStream,), {"__aiter__": again, "aclose": leave})()


def _at_once(stream: object, library: ModuleType) -> Copy | None:
    """A copy of a body that is in memory, which its reader may take without coming by here; None for one that has still to come."""
    if not isinstance(stream, library.ByteStream):
        return None
    copy = Copy()
    for chunk in cast(SyncStream, stream):
        copy.add(chunk)
    return copy


def _fill(chunks: Iterator[bytes], kept: list[bytes]) -> bool:
    """Keep chunks until it is enough to judge by; whether that is all there is."""
    size = 0
    for chunk in chunks:
        kept.append(chunk)
        size += len(chunk)
        if size > BODY_JUDGED_MAX_BYTES:
            return False
    return True


async def _afill(chunks: AsyncIterator[bytes], kept: list[bytes]) -> bool:
    size = 0
    async for chunk in chunks:
        kept.append(chunk)
        size += len(chunk)
        if size > BODY_JUDGED_MAX_BYTES:
            return False
    return True
