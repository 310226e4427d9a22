"""Guarded clients as users write them: a client takes what we make, and a given transport keeps its type."""

from __future__ import annotations

from typing import assert_type

import httpx2

import holdfast

policy = holdfast.policy("api", retry=holdfast.Retry())

httpx2.Client(transport=holdfast.transport(policy))
httpx2.AsyncClient(transport=holdfast.async_transport(policy))
assert_type(holdfast.transport(policy, httpx2.HTTPTransport(), reraise=False), httpx2.HTTPTransport)
assert_type(holdfast.async_transport(policy, httpx2.AsyncHTTPTransport()), httpx2.AsyncHTTPTransport)

holdfast.transport(policy, repeatable="yes")  # type: ignore[call-overload]  # a word is no word of the user
holdfast.requests_adapter("api")  # type: ignore[arg-type]  # a name is no policy
