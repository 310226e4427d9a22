"""Requests and answers of httpx2 and httpx made by us: which library it is, an answer in the place of another, a request at another address."""

from __future__ import annotations

import sys
from collections.abc import Mapping, MutableMapping
from types import ModuleType
from typing import Protocol, cast

from holdfast.adapters.clients.degraded import Place
from holdfast.adapters.clients.substitutes import Given
from holdfast.errors import BadInput, Problem

__all__ = ["HttpxFace", "library_of"]

_OF_ONE_ORIGIN = ("sni_hostname", "target")


class _Request(Protocol):
    method: str
    stream: object
    extensions: MutableMapping[str, object]


class _Response(Protocol):
    status_code: int
    headers: MutableMapping[str, str]


def library_of(request: object) -> ModuleType:
    """The library that a request is of: httpx2, httpx, or another with their streams.

    Raises:
        BadInput: it is of no such library.
    """
    for kind in type(request).__mro__:
        module = sys.modules.get(kind.__module__.partition(".")[0])
        if module is not None and hasattr(module, "SyncByteStream") and hasattr(module, "HTTPTransport"):
            return module
    message = f"must be a request of httpx2 or httpx, not {type(request).__name__}"
    raise BadInput([Problem(source="transport", path="request", message=message)])


class HttpxFace:
    """How an answer to one request looks."""

    def __init__(self, library: ModuleType, request: object) -> None:
        self._library = library
        self._request = request

    def is_answer(self, value: object) -> bool:
        """Whether it is an answer of the library."""
        return isinstance(value, self._library.Response)

    def made(self, given: Given) -> object:
        """An answer that was not read yet, as transports return them."""
        return cast(
            object,
            self._library.Response(
                given.status, headers=list(given.headers), stream=self._library.ByteStream(given.body)
            ),
        )

    def mark(self, response: object, headers: Mapping[str, str]) -> None:
        """Add headers to an answer."""
        cast(_Response, response).headers.update(headers)

    def failed(self, response: object) -> Exception:
        """What `raise_for_status` would raise."""
        status = cast(_Response, response).status_code
        made: Exception = self._library.HTTPStatusError(
            f"the answer was {status}", request=self._request, response=response
        )
        return made

    def moved(self, place: Place) -> object:
        """The request at another address."""
        request = cast(_Request, self._request)
        extensions = dict(request.extensions)
        if not place.is_same_origin:
            for name in _OF_ONE_ORIGIN:
                extensions.pop(name, None)
        return cast(
            object,
            self._library.Request(
                request.method, place.url, headers=list(place.headers), stream=request.stream, extensions=extensions
            ),
        )

    def forget_cookies(self, response: object) -> None:
        """Take out the cookies of another origin: the client would take them for the first one's."""
        cast(_Response, response).headers.pop("set-cookie", None)
