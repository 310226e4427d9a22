"""Integrations as a user's program calls them, for the type checkers: this file is checked, not run."""

from __future__ import annotations

from typing import assert_type

import holdfast
from holdfast.settings import ApiFallback, CacheFallback, Integration, IntegrationRetry, Settings, load

declared = Integration(
    base_url="https://api.example.com",
    retry=IntegrationRetry(attempts_max=4),
    fallbacks=(ApiFallback(endpoint="https://eu.example.com"), CacheFallback(ttl_s=60, priority=2)),
)
settings = Settings(integrations={"primary-api": declared})
assert_type(load(aliases=True).integrations["primary-api"], Integration)

shop = holdfast.integration("primary-api", settings=settings)
assert_type(shop, holdfast.Integration)
assert_type(shop.policy, holdfast.Policy)
reply = shop.request("GET", "/users", params={"page": 1, "tags": ["a", None]}, repeatable=True)
assert_type(reply, holdfast.Reply)
assert_type(reply.json(), object)
assert_type(reply.header("etag"), str | None)


async def ask() -> int:
    """Ask on an event loop."""
    return (await shop.arequest("POST", "/users", json={"name": "Ana"}, headers={"Accept": "text/plain"})).status
