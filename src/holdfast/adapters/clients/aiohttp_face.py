"""Requests and answers of aiohttp made by us: an answer in the place of another, a request at another address."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from types import SimpleNamespace
from typing import Protocol, cast

from holdfast.adapters.clients.degraded import Place
from holdfast.adapters.clients.substitutes import Given

__all__ = ["AiohttpFace"]

_REASON = "Holdfast"


class _Request(Protocol):
    method: str
    url: object
    original_url: object
    headers: object
    server_hostname: str | None
    loop: object
    session: object
    request_info: object
    response_class: Callable[..., object]


class _Response(Protocol):
    status: int
    reason: str
    version: object
    content: object
    headers: Mapping[str, str]
    _headers: object
    _raw_headers: object
    _body: bytes
    _cache: MutableMapping[str, object]


class AiohttpFace:
    """How an answer to one request looks."""

    def __init__(self, request: object) -> None:
        self._request = cast(_Request, request)
        self._aiohttp = importlib.import_module("aiohttp")
        self._multidict = importlib.import_module("multidict")

    def is_answer(self, value: object) -> bool:
        """Whether it is an answer of aiohttp."""
        return isinstance(value, self._aiohttp.ClientResponse)

    def made(self, given: Given) -> object:
        """An answer that no connection brought; its body is there already."""
        request = self._request
        kind = request.response_class
        more = {
            "writer": None,
            "continue100": None,
            "timer": None,
            "request_info": request.request_info,
            "traces": [],
            "loop": request.loop,
            "session": request.session,
            "stream_writer": SimpleNamespace(output_size=0),
        }
        known = inspect.signature(kind).parameters  # `stream_writer` came with aiohttp 3.13
        response = cast(
            _Response,
            kind(request.method, request.original_url, **{name: it for name, it in more.items() if name in known}),
        )
        response.status, response.reason = given.status, _REASON
        response.version = self._aiohttp.HttpVersion11
        self._put(response, given.headers)
        response._raw_headers = tuple((name.encode(), value.encode()) for name, value in given.headers)
        protocol = importlib.import_module("aiohttp.base_protocol").BaseProtocol(request.loop)
        # Room for all of it: there is no connection that could be asked to pause.
        content = self._aiohttp.StreamReader(protocol, len(given.body) + 1, loop=request.loop)
        content.feed_data(given.body)
        content.feed_eof()
        response.content, response._body = content, given.body
        return response

    def mark(self, response: object, headers: Mapping[str, str]) -> None:
        """Add headers to an answer."""
        marked = cast(_Response, response)
        self._put(marked, (*((name, value) for name, value in marked.headers.items()), *headers.items()))

    def failed(self, response: object) -> Exception:
        """What `raise_for_status` would raise."""
        answer = cast(_Response, response)
        made: Exception = self._aiohttp.ClientResponseError(
            self._request.request_info, (), status=answer.status, message=answer.reason or "", headers=answer.headers
        )
        return made

    @contextlib.contextmanager
    def moved(self, place: Place) -> Iterator[None]:
        """The request is one for another address as long as this lasts: the session's handler sends no other."""
        request = self._request
        own = (request.url, request.original_url, request.headers, request.server_hostname)
        address = importlib.import_module("yarl").URL(place.url, encoded=True)
        request.url = request.original_url = address
        request.headers = self._multidict.CIMultiDict(place.headers)
        request.server_hostname = request.server_hostname if place.is_same_origin else None
        try:
            yield
        finally:
            request.url, request.original_url, request.headers, request.server_hostname = own

    def _put(self, response: _Response, headers: tuple[tuple[str, str], ...]) -> None:
        response._headers = self._multidict.CIMultiDictProxy(self._multidict.CIMultiDict(headers))
        response._cache.pop("headers", None)  # aiohttp remembers what it gave out
