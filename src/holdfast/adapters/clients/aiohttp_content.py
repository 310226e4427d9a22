"""The body of an aiohttp answer whose beginning was read to judge it: it reads as if nobody had."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from holdfast.adapters.clients.substitutes import Copy

__all__ = ["Content", "CopiedContent", "RewoundContent"]


class Content(Protocol):
    """A body as aiohttp has it (`aiohttp.StreamReader`)."""

    async def read(self, n: int = -1) -> bytes:
        """The next bytes, at most `n`, all of them with -1; none at the end."""

    async def readany(self) -> bytes:
        """The next bytes, as many as have come."""

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """Up to the next separator, with it."""

    def at_eof(self) -> bool:
        """Whether there is nothing left."""


class RewoundContent:
    """First what was read already, then the rest of the body, or the error that came instead."""

    def __init__(self, prefix: bytes, rest: Content, *, is_over: bool, broken: Exception | None) -> None:
        self._prefix = prefix
        self._rest = rest
        self._is_over = is_over
        self._broken = broken

    def __getattr__(self, name: str) -> object:
        return getattr(self._rest, name)

    def at_eof(self) -> bool:
        """Whether there is nothing left."""
        return not self._prefix and (self._is_over or self._rest.at_eof())

    async def read(self, n: int = -1) -> bytes:
        """The next bytes, at most `n`, all of them with -1; none at the end."""
        if n < 0:
            return b"".join([chunk async for chunk in self.iter_any()])
        if self._prefix:
            return self._head(n)
        return b"" if self._ended() else await self._rest.read(n)

    async def readany(self) -> bytes:
        """The next bytes, as many as have come."""
        if self._prefix:
            return self._head(len(self._prefix))
        return b"" if self._ended() else await self._rest.readany()

    async def readexactly(self, n: int) -> bytes:
        """Exactly so many bytes.

        Raises:
            EOFError: there are fewer.
        """
        kept = b""
        while len(kept) < n:
            chunk = await self.read(n - len(kept))
            if not chunk:
                from asyncio import IncompleteReadError  # noqa: PLC0415 - a program that awaits has it loaded

                raise IncompleteReadError(kept, n)
            kept += chunk
        return kept

    async def readchunk(self) -> tuple[bytes, bool]:
        """The next bytes, and whether a chunk of the transfer ends there, which is not known any more of what was read ahead."""
        return await self.readany(), False

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """Up to the next separator, with it."""
        found = self._prefix.find(separator)
        if found >= 0:
            return self._head(found + len(separator))
        head = self._head(len(self._prefix))
        return head if self._ended() else head + await self._rest.readuntil(separator)

    async def readline(self) -> bytes:
        """The next line."""
        return await self.readuntil()

    async def iter_any(self) -> AsyncIterator[bytes]:
        """All bytes as they come."""
        while chunk := await self.readany():
            yield chunk

    async def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """All bytes, at most `n` at a time."""
        while chunk := await self.read(n):
            yield chunk

    async def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        """All bytes, as `readchunk` gives them."""
        while (chunk := await self.readchunk())[0]:
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """All lines."""
        while line := await self.readline():
            yield line

    def _head(self, size: int) -> bytes:
        head, self._prefix = self._prefix[:size], self._prefix[size:]
        return head

    def _ended(self) -> bool:
        if self._broken is not None:
            raise self._broken
        return self._is_over


class CopiedContent:
    """A body of which a copy is handed to `done` when its reader has come to the end."""

    def __init__(self, content: Content, done: Callable[[bytes], Awaitable[object]]) -> None:
        self._content = content
        self._copy = Copy()
        self._done: Callable[[bytes], Awaitable[object]] | None = done

    def __getattr__(self, name: str) -> object:
        return getattr(self._content, name)

    def at_eof(self) -> bool:
        """Whether there is nothing left."""
        return self._content.at_eof()

    async def read(self, n: int = -1) -> bytes:
        """The next bytes, at most `n`, all of them with -1; none at the end."""
        return await self._told(await self._content.read(n), is_asked=n != 0)

    async def readany(self) -> bytes:
        """The next bytes, as many as have come."""
        return await self._told(await self._content.readany())

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """Up to the next separator, with it."""
        return await self._told(await self._content.readuntil(separator))

    async def _told(self, chunk: bytes, *, is_asked: bool = True) -> bytes:
        self._copy.add(chunk)
        if not chunk and is_asked and self._done is not None:
            done, self._done = self._done, None
            if self._copy.is_whole:
                await done(self._copy.body)
        return chunk
