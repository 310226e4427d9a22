"""Sending requests with httpx2: one pool, the whole exchange bounded in time and size, credentials never carried to another origin."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import httpx2

from holdfast.ports.http import HttpAnswer, ResponseTooLarge

if TYPE_CHECKING:
    from holdfast.ports.http import HttpRequest

__all__ = ["Httpx2Transport"]

REDIRECTS = (301, 302, 303, 307, 308)
KEEPS_METHOD = (307, 308)


class Httpx2Transport:
    """The `Transport` port over one `httpx2.AsyncClient`."""

    def __init__(self, *, connect_timeout_s: float, pool_connections_max: int, redirects_max: int) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._redirects_max = redirects_max
        self._limits = httpx2.Limits(
            max_connections=pool_connections_max, max_keepalive_connections=pool_connections_max
        )
        self._opened: httpx2.AsyncClient | None = None

    @property
    def _client(self) -> httpx2.AsyncClient:
        """The client, made when the first request is: reading the machine's certificates costs 20 ms that looking at a database need not pay."""
        if self._opened is None:
            # trust_env=False: a proxy or .netrc of the surroundings must not add credentials to a plan's requests. No retries of its own either:
            # repeats are decided, not assumed.
            self._opened = httpx2.AsyncClient(limits=self._limits, follow_redirects=False, trust_env=False)
        return self._opened

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send, following redirects within the same origin only; the timeout bounds all of it together."""
        began = time.perf_counter()
        progress = Progress()
        try:
            async with asyncio.timeout(request.timeout_s):
                url, answer = request.url, await self._once(request, request.url, progress)
                for _ in range(self._redirects_max):
                    target = followed(request, url, answer)
                    if target is None:
                        break
                    url, answer = target, await self._once(request, target, progress)
        except TimeoutError as err:
            if not progress.is_sent:
                raise httpx2.ConnectTimeout(f"no connection within {request.timeout_s:g} s; nothing was sent") from err
            raise httpx2.ReadTimeout(f"no complete answer within {request.timeout_s:g} s") from err
        status, headers, body = answer
        return HttpAnswer(status=status, headers=headers, body=body, duration_s=time.perf_counter() - began)

    async def _once(
        self, request: HttpRequest, url: str, progress: Progress
    ) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        connect_s = min(self._connect_timeout_s, request.timeout_s)
        timeout = httpx2.Timeout(request.timeout_s, connect=connect_s, pool=request.timeout_s)
        message = self._client.build_request(
            request.method,
            url,
            headers=list(request.headers),
            content=request.body,
            timeout=timeout,
            extensions={"trace": progress.note},
        )
        response = await self._client.send(message, stream=True)
        try:
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > request.response_size_max_bytes:
                    raise ResponseTooLarge(response.status_code, request.response_size_max_bytes)
                chunks.append(chunk)
        finally:
            await response.aclose()
        return response.status_code, tuple(response.headers.multi_items()), b"".join(chunks)

    async def close(self) -> None:
        """Close the pool."""
        if self._opened is not None:
            await self._opened.aclose()


class Progress:
    """How far an exchange has come: whether a byte of the request may have left."""

    def __init__(self) -> None:
        self.is_sent = False

    async def note(self, event: str, _info: object) -> None:
        """Take note of an event of the connection (httpcore's `trace` extension)."""
        if event.endswith(".send_request_headers.started"):
            self.is_sent = True


def followed(request: HttpRequest, url: str, answer: tuple[int, tuple[tuple[str, str], ...], bytes]) -> str | None:
    """Return where to go next; None when the answer is no redirect, or one that may not be followed.

    Another origin is never followed: the request may carry a credential or an idempotency key that is none of its business. A redirect that would
    turn a POST into a GET is not followed either, since nobody asked for that GET. Both come back as they are and are judged as a fault.
    """
    status, headers, _ = answer
    location = next((value for name, value in headers if name.lower() == "location"), None)
    if status not in REDIRECTS or location is None:
        return None
    if status not in KEEPS_METHOD and request.method != "GET":
        return None
    try:
        target = urljoin(url, location)
        return target if origin(target) == origin(url) else None
    except ValueError:
        return None  # no address at all, such as http://[


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port (RFC 6454)."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)
