"""A scenario: which routes the fake API has, what they answer, and what goes wrong when.

A scenario is read once (`holdfast.testing.fault_api.scenario_file`), never changes, and knows neither sockets nor clocks;
`holdfast.testing.fault_api.world` plays it. The file is one JSON object, unknown keys are refused:

```
{
  "credentials": {                      optional; by name
    "crm": {
      "header": "Authorization",        the request header that carries the token (default Authorization)
      "prefix": "Bearer ",              what stands before the token (default "Bearer "; "" for an API key)
      "access_token": "env:NAME",       a literal, or the environment variable that holds it; absent: random
      "refresh_token": "env:NAME",      likewise; absent: this credential cannot be refreshed
      "expired_at_start": true,         the first access token is already expired (default false)
      "expires_after_uses": 100,        every access token: how many accepted calls it lives (default: no end)
      "expires_after_s": 3600,          every access token: how many seconds it lives (default: no end)
      "rotates": true,                  a refresh retires the refresh token and gives a new one (default true)
      "revokes_on_reuse": true,         a retired refresh token that comes again ends every token (default false)
      "client_id": "me",                the token endpoint wants to see this client; alone, it grants client_credentials
      "client_secret": "env:NAME",      and this secret of its, by HTTP Basic or in the body
      "takes_secret_in_body_only": true in the body only (default false)
    }
  },
  "refused": {                          optional: a second port that refuses connections at first
    "open_after_s": 3,                  null: only by POST /_control/open
    "since": "start"                    or "first_request": the first request on the open port
  },
  "routes": [{
    "name": "create_charge",            unique; the name in the ledger
    "method": "POST", "path": "/v1/charges/{customer}",
    "status": 201, "headers": {}, "body": {"id": "ch_{id}", "amount": "{body.amount}"},
    "effect": "create",                 none | create | upsert (default: GET none, PUT and DELETE upsert, POST and PATCH create)
    "business_id": "{body.order}",      what the effect is about; two creates of one business id are a violation
    "idempotency_header": "Idempotency-Key",
    "replays_errors": false,            answers of `status` faults are stored under the key as well
    "credential": "crm",                calls need this credential's current token
    "found_by": "create_charge",        answer only what that route's effects made (same business id), else 404
    "refreshes": false,                 this is a token endpoint
    "faults": [{
      "kind": "status",                 see FaultKind
      "calls": [1, 2],                  call numbers of this route, from 1; or
      "from_s": 0, "until_s": 3, "since": "start",
      "status": 429, "headers": {"Retry-After": "2"}, "body": {}, "after_effect": false,     for kind status
      "location": "http://elsewhere.invalid/",                                               for kind redirect
      "seconds": 5,                                                                          hangs and slow_body
      "size_bytes": 1000000                                                                  huge_body
    }]
  }]
}
```

Strings in bodies and headers may hold `{id}` (stable per business id, else key, else effect), `{effect}` (its number), `{path.NAME}`,
`{query.NAME}`, `{body.a.b}`, `{unix_in.SECONDS}` and `{http_date_in.SECONDS}`. A body string that is nothing but one placeholder keeps
the value's JSON type.

A scenario with a refresh token and no route with `refreshes` gets one: `oauth_token`, POST /oauth/token. A token request shows its refresh
token in the header `X-Refresh-Token` or in the field `refresh_token` of a JSON or form body. POST /_control/authorise/NAME is a person who logs
in anew at a credential's provider: it answers with a refresh token that stays good until it is used, and then takes the place of the one before.
Every request to a route counts as a call of it, those that are let in and those that are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Credential", "Effect", "Fault", "FaultKind", "RefusedPort", "Route", "Scenario", "Since"]


class FaultKind(StrEnum):
    """What goes wrong. `before`/`after` say whether the server has done the work by then."""

    STATUS = "status"
    """Answer a status with headers and a body; before the work unless `after_effect`."""
    HANG_BEFORE_EFFECT = "hang_before_effect"
    """Do nothing and stay silent until the client gives up, at most `seconds`; then close."""
    HANG_AFTER_EFFECT = "hang_after_effect"
    """Do the work and stay silent until the client gives up, at most `seconds`; then close."""
    RESET_BEFORE_EFFECT = "reset_before_effect"
    """Do nothing and reset the connection (TCP RST)."""
    RESET_AFTER_EFFECT = "reset_after_effect"
    """Do the work and reset the connection (TCP RST)."""
    TRUNCATE = "truncate"
    """Do the work, announce the whole answer, send half of it and close."""
    GARBAGE = "garbage"
    """Do the work and answer the normal status as JSON that is none."""
    HTML = "html"
    """Do the work and answer 200 with a page of HTML."""
    SLOW_BODY = "slow_body"
    """Do the work and take `seconds` to send the answer's body."""
    HUGE_BODY = "huge_body"
    """Do the work and answer `size_bytes` of valid JSON."""
    REDIRECT = "redirect"
    """Do nothing and send the client to `location`."""

    @property
    def is_after_effect(self) -> bool:
        """Whether the work is done by the time this goes wrong (a `status` fault says so itself)."""
        return self not in _BEFORE_EFFECT


_BEFORE_EFFECT = frozenset(
    {FaultKind.STATUS, FaultKind.HANG_BEFORE_EFFECT, FaultKind.RESET_BEFORE_EFFECT, FaultKind.REDIRECT}
)


class Effect(StrEnum):
    """What a successful call does in the fake world."""

    NONE = "none"
    """Nothing: a pure read."""
    CREATE = "create"
    """A new thing every time; a second one for the same business id is a violation."""
    UPSERT = "upsert"
    """The same thing again is no second effect."""


class Since(StrEnum):
    """Where a duration of the scenario begins."""

    START = "start"
    FIRST_REQUEST = "first_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A token that calls must carry. Its values stand here in clear: they are fake, and never leave through the ledger."""

    name: str
    header: str = "Authorization"
    prefix: str = "Bearer "
    access_token: str
    refresh_token: str | None = None
    expired_at_start: bool = False
    expires_after_uses: int | None = None
    expires_after_s: float | None = None
    rotates: bool = True
    client_id: str | None = None
    client_secret: str | None = None
    takes_secret_in_body_only: bool = False
    revokes_on_reuse: bool = False

    def __repr__(self) -> str:
        return f"Credential(name={self.name!r}, header={self.header!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong on a route, on the given call numbers or within a window of seconds."""

    kind: FaultKind
    calls: frozenset[int] = frozenset()
    from_s: float = 0.0
    until_s: float | None = None
    since: Since = Since.START
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()
    body: object = None
    after_effect: bool = False
    location: str = ""
    seconds: float = 30.0
    size_bytes: int = 1_000_000

    @property
    def is_after_effect(self) -> bool:
        """Whether the server does the work before this goes wrong."""
        return self.after_effect or self.kind.is_after_effect

    def applies(self, call: int, *, since_start_s: float, since_first_request_s: float) -> bool:
        """Whether this fault hits call number `call` (from 1), so many seconds after each origin."""
        if self.calls:
            return call in self.calls
        elapsed_s = since_start_s if self.since is Since.START else since_first_request_s
        return self.from_s <= elapsed_s and (self.until_s is None or elapsed_s < self.until_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method and path of the fake API, with its normal answer and its faults (the first that applies wins)."""

    name: str
    method: str
    path: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: object = None
    effect: Effect = Effect.NONE
    business_id: str | None = None
    idempotency_header: str | None = None
    replays_errors: bool = False
    credential: str | None = None
    found_by: str | None = None
    refreshes: bool = False
    faults: tuple[Fault, ...] = ()

    def match(self, path: str) -> Mapping[str, str] | None:
        """The path's parameters, or None when it is not of this route. A parameter is one segment."""
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPort:
    """A second port: reserved, but refusing connections until `open_after_s` (None: until it is opened by a control call)."""

    open_after_s: float | None = None
    since: Since = Since.START


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything one fake API does. Make one with `load_scenario` or `parse_scenario`."""

    routes: tuple[Route, ...]
    credentials: tuple[Credential, ...] = ()
    refused: RefusedPort | None = None
