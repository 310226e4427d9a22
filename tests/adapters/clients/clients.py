"""Six ways to send the same requests: httpx2 and httpx, each in a thread and on an event loop, requests, and aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

import holdfast
from holdfast.guards.policy import Policy

NAMES = ("httpx2", "httpx2-async", "httpx", "httpx-async", "requests", "aiohttp")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request to send; a `streamed` body is given as something that can be read once."""

    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    streamed: bool = False
    timeout: float | None = 5.0


@dataclass(frozen=True)
class Reply:
    """What the user of the client got."""

    status: int
    body: bytes
    headers: dict[str, str]


Ending = Reply | Exception


def play(
    name: str, policy: Policy, url: str, asks: Sequence[Ask], *, between: Callable[[], object] = lambda: None, **options
) -> list[Ending]:
    """Send the requests one after the other by one client of that name; `between` is called after each."""
    library, _, loop = name.partition("-")
    pytest.importorskip(library)
    if library == "requests":
        return _by_requests(policy, url, asks, between=between, options=options)
    if library == "aiohttp":
        return asyncio.run(_by_aiohttp(policy, url, asks, between=between, options=options))
    if loop:
        return asyncio.run(_by_httpx_async(library, policy, url, asks, between=between, options=options))
    return _by_httpx(library, policy, url, asks, between=between, options=options)


def _by_httpx(library, policy, url, asks, *, between, options) -> list[Ending]:
    module = pytest.importorskip(library)
    endings: list[Ending] = []
    with module.Client(
        transport=holdfast.transport(policy, module.HTTPTransport(verify=False), **options), trust_env=False
    ) as client:
        for ask in asks:
            content = _once(ask.content) if ask.streamed else ask.content
            try:
                got = client.request(
                    ask.method, url + ask.path, headers=dict(ask.headers), content=content, timeout=ask.timeout
                )
                endings.append(Reply(got.status_code, got.content, _lower(got.headers)))
            except Exception as error:  # noqa: BLE001 - it is what the test looks at
                endings.append(error)
            between()
    return endings


async def _by_httpx_async(library, policy, url, asks, *, between, options) -> list[Ending]:
    module = pytest.importorskip(library)
    endings: list[Ending] = []
    async with module.AsyncClient(
        transport=holdfast.async_transport(policy, module.AsyncHTTPTransport(verify=False), **options), trust_env=False
    ) as client:
        for ask in asks:
            content = _aonce(ask.content) if ask.streamed else ask.content
            try:
                got = await client.request(
                    ask.method, url + ask.path, headers=dict(ask.headers), content=content, timeout=ask.timeout
                )
                endings.append(Reply(got.status_code, got.content, _lower(got.headers)))
            except Exception as error:  # noqa: BLE001 - it is what the test looks at
                endings.append(error)
            between()
    return endings


def _by_requests(policy, url, asks, *, between, options) -> list[Ending]:
    requests = pytest.importorskip("requests")
    endings: list[Ending] = []
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", holdfast.requests_adapter(policy, **options))
        for ask in asks:
            content = _once(ask.content) if ask.streamed else ask.content
            try:
                got = session.request(
                    ask.method, url + ask.path, headers=dict(ask.headers), data=content, timeout=ask.timeout
                )
                endings.append(Reply(got.status_code, got.content, _lower(got.headers)))
            except Exception as error:  # noqa: BLE001 - it is what the test looks at
                endings.append(error)
            between()
    return endings


async def _by_aiohttp(policy, url, asks, *, between, options) -> list[Ending]:
    aiohttp = pytest.importorskip("aiohttp")
    endings: list[Ending] = []
    async with aiohttp.ClientSession(middlewares=(holdfast.aiohttp_middleware(policy, **options),)) as session:
        for ask in asks:
            content = _aonce(ask.content) if ask.streamed else ask.content
            timeout = aiohttp.ClientTimeout(total=None, sock_read=ask.timeout, sock_connect=ask.timeout)
            try:
                got = await session.request(
                    ask.method, url + ask.path, headers=dict(ask.headers), data=content, timeout=timeout
                )
                async with got:
                    endings.append(Reply(got.status, await got.read(), _lower(got.headers)))
            except Exception as error:  # noqa: BLE001 - it is what the test looks at
                endings.append(error)
            between()
    return endings


def _once(content: bytes | None) -> Iterator[bytes]:
    yield content or b""


async def _aonce(content: bytes | None) -> AsyncIterator[bytes]:
    yield content or b""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
