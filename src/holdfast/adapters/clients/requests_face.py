"""Requests and answers of requests made by us: an answer in the place of another, a request at another address."""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping, MutableMapping
from typing import Protocol, cast

from holdfast.adapters.clients.degraded import Place
from holdfast.adapters.clients.substitutes import Given

__all__ = ["RequestsFace"]


class _Prepared(Protocol):
    method: str
    url: str
    headers: MutableMapping[str, str]

    def copy(self) -> _Prepared: ...


class _Response(Protocol):
    status_code: int
    headers: MutableMapping[str, str]
    raw: object
    url: str
    request: object
    connection: object
    encoding: object


class RequestsFace:
    """How an answer to one request looks; `connection` is the adapter that it says to come from."""

    def __init__(self, request: object, connection: object) -> None:
        self._request = cast(_Prepared, request)
        self._connection = connection
        self._requests = importlib.import_module("requests")

    def is_answer(self, value: object) -> bool:
        """Whether it is an answer of requests."""
        return isinstance(value, self._requests.Response)

    def made(self, given: Given) -> object:
        """An answer whose body was not read yet, as adapters return them."""
        wire = importlib.import_module("urllib3").HTTPResponse(
            body=io.BytesIO(given.body),
            headers=importlib.import_module("urllib3").HTTPHeaderDict(given.headers),
            status=given.status,
            preload_content=False,
            decode_content=False,
            request_method=self._request.method,
        )
        response = cast(_Response, self._requests.Response())
        response.status_code = given.status
        response.headers = self._requests.structures.CaseInsensitiveDict(wire.headers)
        response.encoding = self._requests.utils.get_encoding_from_headers(response.headers)
        response.raw, response.url = wire, self._request.url
        response.request, response.connection = self._request, self._connection
        return response

    def mark(self, response: object, headers: Mapping[str, str]) -> None:
        """Add headers to an answer."""
        cast(_Response, response).headers.update(headers)

    def failed(self, response: object) -> Exception:
        """What `raise_for_status` would raise."""
        status = cast(_Response, response).status_code
        made: Exception = self._requests.HTTPError(f"the answer was {status}", request=self._request, response=response)
        return made

    def moved(self, place: Place) -> object:
        """The request at another address."""
        moved = self._request.copy()
        moved.url = place.url
        moved.headers = self._requests.structures.CaseInsensitiveDict(place.headers)
        return moved

    def forget_cookies(self, response: object) -> None:
        """Take out the cookies of another origin: the session would take them for the first one's."""
        answer = cast(_Response, response)
        answer.headers.pop("set-cookie", None)
        original = getattr(answer.raw, "_original_response", None)  # where the session reads them
        if original is not None:
            del original.msg["set-cookie"]
