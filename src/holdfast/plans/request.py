"""The HTTP request that an attempt makes: pure, from the definition, the resolved inputs, the secret and the idempotency key.

`{param}` takes an input, percent-encoded, in the URL and in static headers; the inputs that are left go to the query (GET, DELETE) or into
a JSON body (POST, PUT, PATCH).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from holdfast.contract.json_text import write_json
from holdfast.errors import BadInput
from holdfast.ports.http import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.contract import ActionDefinition

__all__ = [
    "HEADER_NAME",
    "OF_THE_TRANSPORT",
    "PARAMETER",
    "Extras",
    "UnusableRequest",
    "as_text",
    "build_request",
    "header_flaw",
    "parameters_of",
    "replace_header",
]

PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
FORBIDDEN_IN_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
LATIN_1 = re.compile(r"[\x00-\xff]*")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
"""What a header may be called (RFC 9110 §5.6.2, token)."""

OF_THE_TRANSPORT = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
"""Headers that nobody but the transport may set."""
USER_AGENT = "holdfast"


class UnusableRequest(Exception):
    """The inputs do not make a request that may be sent; `reason` says why and holds no value of theirs."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What a request carries besides its inputs: where the secret goes, the key and its header, the limits."""

    secret: str | None
    key: str
    idempotency_header: str | None
    timeout_s: float
    response_size_max_bytes: int
    user_agent: str | None = None


def parameters_of(definition: ActionDefinition) -> set[str]:
    """Return the names of all `{param}` in the URL and the static headers of a definition."""
    texts = [definition.endpoint.url, *definition.endpoint.headers.values()]
    return {name for text in texts for name in PARAMETER.findall(text)}


def build_request(definition: ActionDefinition, inputs: Mapping[str, object], *, extras: Extras) -> HttpRequest:
    """Return the request for one attempt.

    Raises:
        UnusableRequest: a `{param}` has no input or one that cannot stand there, or a header value would break out of its line.
    """
    endpoint = definition.endpoint
    used = parameters_of(definition)
    url = address(endpoint.url, inputs)
    headers = {name: fill(value, inputs, encode=False) for name, value in endpoint.headers.items()}
    rest = {name: value for name, value in inputs.items() if name not in used}
    body: bytes | None = None
    if endpoint.method in ("GET", "DELETE"):
        url = with_query(url, rest)
    else:
        body = body_of(rest)
        set_default(headers, "Content-Type", "application/json")
    set_default(headers, "Accept", "application/json")
    set_default(headers, "User-Agent", extras.user_agent or USER_AGENT)
    if extras.idempotency_header is not None:
        replace_header(headers, extras.idempotency_header, extras.key)
    if extras.secret is not None:
        name, value = credential_header(definition, extras.secret)
        replace_header(headers, name, value)
    # White space around a value is no part of it (RFC 9110 §5.5), and transports refuse it.
    headers = {name: value.strip(" \t") for name, value in headers.items()}
    refuse_broken_headers(headers)
    return HttpRequest(
        method=endpoint.method,
        url=url,
        headers=tuple(headers.items()),
        body=body,
        timeout_s=extras.timeout_s,
        response_size_max_bytes=extras.response_size_max_bytes,
        secrets=(extras.secret,) if extras.secret else (),
    )


def body_of(inputs: Mapping[str, object]) -> bytes:
    """Return inputs as a JSON body. Half surrogate pairs stay what they are, escaped."""
    try:
        return write_json(dict(inputs)).encode("utf-8")
    except (ValueError, BadInput):
        raise UnusableRequest("an input holds a number that JSON cannot carry, or is nested too deeply") from None


def address(template: str, inputs: Mapping[str, object]) -> str:
    """Return the URL with its parameters filled in.

    Raises:
        UnusableRequest: an input would address another resource than the definition's author meant: an empty segment, `.` or `..`, also when
            several parameters make it together (RFC 3986 §5.2.4).
    """
    path, mark, query = template.partition("?")
    filled = fill(path, inputs, encode=True)
    for written, segment in zip(path.split("/"), filled.split("/"), strict=True):
        if written != segment and segment in ("", ".", ".."):
            names = ", ".join(f"{{{name}}}" for name in PARAMETER.findall(written))
            raise UnusableRequest(f"{names} may not make a part of an address that is empty, '.' or '..'")
    return filled + mark + fill(query, inputs, encode=True)


def fill(template: str, inputs: Mapping[str, object], *, encode: bool) -> str:
    """Replace each `{param}` by its input."""

    def value_of(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in inputs:
            raise UnusableRequest(f"{{{name}}} has no input")
        text = as_text(inputs[name])
        if text is None:
            raise UnusableRequest(f"{{{name}}} takes a text, a number or true/false, not {type(inputs[name]).__name__}")
        return quote(text, safe="", errors="replace") if encode else text

    return PARAMETER.sub(value_of, template)


def as_text(value: object) -> str | None:
    """Return a scalar as it stands in a URL or header; None for anything else."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return (
                repr(int(value))
                if isinstance(value, float) and value.is_integer() and abs(value) < 1e15
                else repr(value)
            )
        case _:
            return None


def with_query(url: str, inputs: Mapping[str, object]) -> str:
    """Append inputs to the query; lists and objects as JSON text."""
    if not inputs:
        return url
    pairs = [
        (name, text if (text := as_text(value)) is not None else json.dumps(value, ensure_ascii=False))
        for name, value in inputs.items()
    ]
    base, hash_mark, fragment = url.partition("#")
    joint = "&" if urlsplit(base).query else ("" if base.endswith("?") else "?")
    return f"{base}{joint}{urlencode(pairs, errors='replace')}{hash_mark}{fragment}"


def credential_header(definition: ActionDefinition, secret: str) -> tuple[str, str]:
    """Return the header that carries the secret."""
    authentication = definition.authentication
    assert authentication is not None, "a secret comes with an authentication"
    return (
        (authentication.header, secret) if authentication.type == "api_key" else ("Authorization", f"Bearer {secret}")
    )


def set_default(headers: dict[str, str], name: str, value: str) -> None:
    """Set a header unless it is there, in whatever spelling."""
    if not any(existing.lower() == name.lower() for existing in headers):
        headers[name] = value


def replace_header(headers: dict[str, str], name: str, value: str) -> None:
    """Set a header, dropping other spellings of it."""
    for existing in [key for key in headers if key.lower() == name.lower()]:
        del headers[existing]
    headers[name] = value


def refuse_broken_headers(headers: Mapping[str, str]) -> None:
    """Refuse values that would end the header's line: they could smuggle another header or request (RFC 9110 §5.5)."""
    for name, value in headers.items():
        flaw = header_flaw(value)
        if flaw is not None:
            raise UnusableRequest(f"the header {name!r} would hold {flaw}")


def header_flaw(value: str) -> str | None:
    """Return what in a header's value may not be sent; None when all may."""
    if FORBIDDEN_IN_HEADER.search(value):
        return "a control character"
    return None if value.isascii() or LATIN_1.fullmatch(value) else "characters outside Latin-1"
