"""Requests to an integration: its address and headers with what one call adds, put together and checked. Pure: nothing is sent.

A path can lead nowhere but below the integration's own address, whatever is in it. Bodies are bytes from the beginning, so that every attempt
sends the same ones.
"""

from __future__ import annotations

import json as json_text
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

from holdfast.errors import BadInput, Problem
from holdfast.faults.redact import is_sensitive
from holdfast.ports.http import HttpRequest

__all__ = ["IDEMPOTENT", "Parameter", "Sendable", "elsewhere", "make_request"]

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
"""Methods that may be repeated by their definition (RFC 9110 §9.2.2)."""

Parameter = str | int | float | bool | None
_METHOD = re.compile(r"[A-Z]{1,20}")
_PATH = re.compile(r"/[^\x00-\x20\x7f\\#<>\"{}|^`]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_HEADER_VALUE = re.compile(r"[\t \x21-\x7e\xa0-\xff]*")
_DOTS = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sendable:
    """What every request to an integration begins with: its address, its headers (credentials among them), and its bounds."""

    integration: str
    base_url: str
    headers: tuple[tuple[str, str], ...]
    timeout_s: float
    response_size_max_bytes: int


def make_request(
    sendable: Sendable,
    method: str,
    path: str,
    *,
    params: Mapping[str, Parameter | Sequence[Parameter]] | None = None,
    json: object = None,
    content: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpRequest:
    """Put a request together.

    Args:
        sendable: the integration's part.
        method: any word; small letters do.
        path: begins with a slash and is joined to the address; it may have a query.
        params: added to the query; a sequence repeats its name, None is an empty value.
        json: sent as JSON, unless it is None.
        content: sent as it is, text as UTF-8.
        headers: beat those of the integration, whatever their spelling.

    Raises:
        BadInput: naming everything that cannot be sent.
    """
    word = method.upper()
    body, kind, wrong = _body(json, content)
    own = dict(headers or {})
    problems = [
        ("method", None if _METHOD.fullmatch(word) else f"{method!r} is no method. Give a word such as GET."),
        ("path", _path_problem(path)),
        ("json", wrong),
        *((f"headers.{name!r}", problem) for name, value in own.items() if (problem := _header_problem(name, value))),
    ]
    found = [
        Problem(source=f"request to {sendable.integration!r}", path=place, message=message)
        for place, message in problems
        if message
    ]
    if found:
        raise BadInput(found)
    if kind and not any(name.lower() == "content-type" for name in own):
        own = {"Content-Type": kind, **own}
    beaten = {name.lower() for name in own}
    return HttpRequest(
        method=word,
        url=_joined(sendable.base_url, path, params=params),
        headers=(*((name, value) for name, value in sendable.headers if name.lower() not in beaten), *own.items()),
        body=body,
        timeout_s=sendable.timeout_s,
        response_size_max_bytes=sendable.response_size_max_bytes,
    )


def elsewhere(request: HttpRequest, *, base_url: str, other_url: str, credential: str | None = None) -> HttpRequest:
    """The same request to another address: what stands behind `base_url` is joined to `other_url`.

    To another origin (RFC 6454: scheme, host and port) nothing goes along that stands for somebody's rights, because those were given to the first;
    `credential` is sent instead, if there is one.
    """
    moved = other_url.rstrip("/") + request.url[len(base_url.rstrip("/")) :]
    headers = request.headers
    if _origin(other_url) != _origin(base_url):
        headers = tuple((name, value) for name, value in headers if not is_sensitive(name))
    if credential is not None:
        headers = tuple((name, value) for name, value in headers if name.lower() != "authorization")
        headers = (*headers, ("Authorization", f"Bearer {credential}"))
    return replace(request, url=moved, headers=headers)


def _joined(base_url: str, path: str, *, params: Mapping[str, Parameter | Sequence[Parameter]] | None) -> str:
    url = base_url.rstrip("/") + path
    if not params:
        return url
    return f"{url}{'&' if '?' in path else '?'}{urlencode(list(_pairs(params)))}"


def _pairs(params: Mapping[str, Parameter | Sequence[Parameter]]) -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        for one in several:
            yield name, "" if one is None else str(one).lower() if isinstance(one, bool) else str(one)


def _path_problem(path: str) -> str | None:
    if _PATH.fullmatch(path) is None:
        return "has to begin with a slash, without spaces, backslashes and fragments. Percent-encode what is in it."
    if path.startswith("//"):
        return "begins with two slashes, which can mean another host. Begin it with one."
    if any(_DOTS.fullmatch(segment) for segment in path.partition("?")[0].split("/")):
        return "has a segment of dots, which leads to another place. Write out the path that is meant."
    return None


def _header_problem(name: object, value: object) -> str | None:
    if not isinstance(name, str) or _HEADER_NAME.fullmatch(name) is None:
        return "is no name that a header can have. Use letters, digits and hyphens."
    if not isinstance(value, str) or _HEADER_VALUE.fullmatch(value) is None:
        return "has a value that cannot stand in one line of Latin-1. Encode it."
    return None


def _body(json: object, content: bytes | str | None) -> tuple[bytes | None, str, str | None]:
    """The bytes, their kind, and what is wrong with them."""
    if json is not None and content is not None:
        return None, "", "is given beside content. Give one of the two."
    if json is None:
        return (content.encode() if isinstance(content, str) else content), "", None
    try:
        text = json_text.dumps(json, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode(), "application/json", None
    except (TypeError, ValueError, RecursionError):
        return None, "", "cannot be said in JSON. Give text, numbers, truth values, lists and dictionaries."


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
