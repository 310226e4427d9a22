"""Sending an integration's requests with httpx2: one client for plain requests, and one for each event loop, each with its pool."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

import httpx2

from holdfast.adapters.http.transport import Httpx2Transport, followed
from holdfast.ports.http import HttpAnswer, ResponseTooLarge

if TYPE_CHECKING:
    from holdfast.ports.http import HttpRequest

__all__ = ["Httpx2Senders"]


class Httpx2Senders:
    """The `Senders` of one integration. Clients are made when the first request is, and once per process: a fork makes its own."""

    def __init__(self, *, connect_timeout_s: float, pool_connections_max: int, redirects_max: int) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._pool_connections_max = pool_connections_max
        self._redirects_max = redirects_max
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._client: httpx2.Client | None = None
        self._transports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Httpx2Transport] = (
            weakref.WeakKeyDictionary()
        )

    def send(self, request: HttpRequest) -> HttpAnswer:
        """Send, following redirects within the same origin only. A thread cannot be interrupted: the time is checked between parts of the answer."""
        began = time.perf_counter()
        client = self._opened()
        url, answer = request.url, self._once(client, request, url=request.url, until=began + request.timeout_s)
        for _ in range(self._redirects_max):
            target = followed(request, url, answer)
            if target is None:
                break
            url, answer = target, self._once(client, request, url=target, until=began + request.timeout_s)
        status, headers, body = answer
        return HttpAnswer(status=status, headers=headers, body=body, duration_s=time.perf_counter() - began)

    async def send_async(self, request: HttpRequest) -> HttpAnswer:
        """The same on an event loop, where the whole exchange is interrupted when its time is over."""
        loop = asyncio.get_running_loop()
        with self._lock:
            self._leave_parent()
            transport = self._transports.get(loop)
            if transport is None:
                transport = self._transports[loop] = Httpx2Transport(
                    connect_timeout_s=self._connect_timeout_s,
                    pool_connections_max=self._pool_connections_max,
                    redirects_max=self._redirects_max,
                )
        return await transport.send(request)

    def close(self) -> None:
        """Close the client of plain requests."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def close_async(self) -> None:
        """Close the client of this event loop."""
        with self._lock:
            transport = self._transports.pop(asyncio.get_running_loop(), None)
        if transport is not None:
            await transport.close()

    def _opened(self) -> httpx2.Client:
        with self._lock:
            self._leave_parent()
            if self._client is None:
                # As for plans: a proxy or .netrc of the surroundings must not add credentials, and repeats are decided, not assumed.
                limits = httpx2.Limits(
                    max_connections=self._pool_connections_max, max_keepalive_connections=self._pool_connections_max
                )
                self._client = httpx2.Client(limits=limits, follow_redirects=False, trust_env=False)
            return self._client

    def _leave_parent(self) -> None:
        """Forget connections that belong to the process we were forked from: two processes on one connection read each other's answers."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._client = None
            self._transports = weakref.WeakKeyDictionary()

    def _once(
        self, client: httpx2.Client, request: HttpRequest, *, url: str, until: float
    ) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        left_s = max(0.001, until - time.perf_counter())
        message = client.build_request(
            request.method,
            url,
            headers=list(request.headers),
            content=request.body,
            timeout=httpx2.Timeout(left_s, connect=min(self._connect_timeout_s, left_s)),
        )
        with_body = client.send(message, stream=True)
        try:
            chunks, size = [], 0
            for chunk in with_body.iter_bytes():
                size += len(chunk)
                if size > request.response_size_max_bytes:
                    raise ResponseTooLarge(with_body.status_code, request.response_size_max_bytes)
                if time.perf_counter() > until:
                    raise httpx2.ReadTimeout(f"no complete answer within {request.timeout_s:g} s", request=message)
                chunks.append(chunk)
        finally:
            with_body.close()
        return with_body.status_code, tuple(with_body.headers.multi_items()), b"".join(chunks)
