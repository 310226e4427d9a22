"""Authentication by a function of the user's own: it sees the request as it will be sent, and returns the headers to add."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from holdfast.plans.request import HEADER_NAME, OF_THE_TRANSPORT, header_flaw, replace_header
from holdfast.ports.http import OutgoingRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from holdfast.ports.http import HttpRequest

__all__ = ["AuthenticatorFailed", "authenticated"]

HEADERS_MAX = 50


class AuthenticatorFailed(Exception):
    """The function raised, took too long, or returned what cannot be sent; `why` says which and repeats no value of its."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


async def authenticated(
    request: HttpRequest, function: Callable[[OutgoingRequest], object] | None, *, timeout_s: float
) -> HttpRequest:
    """Return the request with the headers that `function` adds; every value of theirs counts as a secret.

    A plain function runs in a thread and cannot be interrupted.

    Raises:
        AuthenticatorFailed: there is no such request.
    """
    if function is None:
        raise AuthenticatorFailed("no such function is registered in this worker")
    view = OutgoingRequest(
        method=request.method,
        url=request.url,
        headers=MappingProxyType(dict(request.headers)),
        body=request.body or b"",
    )
    try:
        async with asyncio.timeout(timeout_s):
            if inspect.iscoroutinefunction(function):
                added = await function(view)
            else:
                added = await asyncio.to_thread(function, view)
    except (Exception, asyncio.CancelledError) as exc:
        task = asyncio.current_task()
        if isinstance(exc, asyncio.CancelledError) and task is not None and task.cancelling():
            raise  # it is we who are cancelled, not something inside the function
        # Its message may hold anything, a secret too.
        raise AuthenticatorFailed(f"it raised {type(exc).__name__}") from None
    headers = dict(request.headers)
    checked = checked_headers(added)
    for name, value in checked.items():
        replace_header(headers, name, value)
    secrets = [part for value in checked.values() for part in (value, value.rpartition(" ")[2]) if part]
    return replace(request, headers=tuple(headers.items()), secrets=(*request.secrets, *dict.fromkeys(secrets)))


def checked_headers(added: object) -> dict[str, str]:
    """Return what a function returned as headers that can be sent.

    Raises:
        AuthenticatorFailed: it is something else.
    """
    if not isinstance(added, Mapping):
        raise AuthenticatorFailed(f"it returned {type(added).__name__}, not a mapping of header names to values")
    if len(added) > HEADERS_MAX:
        raise AuthenticatorFailed(f"it returned more than {HEADERS_MAX} headers")
    headers: dict[str, str] = {}
    for name, value in added.items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name) or name.lower() in OF_THE_TRANSPORT:
            raise AuthenticatorFailed("it returned a name that is none of a header, or one that the transport sets")
        flaw = header_flaw(value) if isinstance(value, str) else "no text"
        if flaw is not None:
            raise AuthenticatorFailed(f"the header {name!r} that it returned holds {flaw}")
        headers[name] = value.strip(" \t")
    return headers
