"""Where the secret of an action comes from, what it is called, and how a token endpoint is asked for one. Pure.

A credential is named by `authentication.credential`, else by what the definition says of the secret: its variable or name (`bearer`, `api_key`),
`clientId@host` (`oauth2`), the handler (`custom`). It rests in one row for all executions, except a person's own key, which has one row per
execution: nobody's key may ever serve another's request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from holdfast.contract import (
    ApiKeyAuthentication,
    BearerAuthentication,
    CustomAuthentication,
    OAuth2Authentication,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from holdfast.contract import ActionDefinition

__all__ = [
    "EXTERNAL",
    "LITERAL",
    "OWN",
    "RESERVED",
    "VARIABLE",
    "VARIABLE_PREFIX",
    "Grant",
    "Source",
    "credential_of",
    "grant_of",
    "held_as",
    "own_names",
    "own_rows",
    "source_of",
    "split_own",
    "variables_of",
]

RESERVED = "~"
"""Names of rows that begin so are ours. No plan may name such a credential: it could read another execution's key."""
OWN = "~own/"
LITERAL = "~literal/"
EXTERNAL = "~external/"
VARIABLE_PREFIX = "env:"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Source(StrEnum):
    """Where an action's secret comes from."""

    ENVIRONMENT = "environment"
    """A variable of the worker, until a refresh has produced something newer."""
    GRANT = "grant"
    """A token endpoint: `oauth2`."""
    PERSON = "person"
    """Somebody authorises it and sets it, for everybody: `oauth_flow`."""
    OWN = "own"
    """The person who started this execution: `user_input`."""
    FUNCTION = "function"
    """A registered Python function: `custom`."""

    @property
    def is_held(self) -> bool:
        """Whether there is nothing to send before a row holds a value."""
        return self in (Source.GRANT, Source.PERSON, Source.OWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """How to ask a token endpoint (RFC 6749 §4.4 and §6). The secrets are names: `env:NAME`, or `~literal/…` for one that rests sealed.

    Without `refresh_token` the client's own credentials are the grant, unless the endpoint has handed a refresh token out.
    """

    credential: str
    token_url: str
    client_id: str
    client_secret: str
    refresh_token: str | None
    scope: tuple[str, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of its secrets."""
        return tuple(name for name in (self.client_secret, self.refresh_token) if name)


def credential_of(definition: ActionDefinition) -> str | None:
    """Return the name of the credential that a definition uses; None when it uses none."""
    match definition.authentication:
        case None:
            return None
        case authentication if authentication.credential is not None:
            return authentication.credential
        case BearerAuthentication(token=token):
            return token
        case ApiKeyAuthentication(value=value):
            return value
        case OAuth2Authentication(client_id=client, token_url=url):
            return f"{client}@{host_of(url)}"
        case CustomAuthentication(handler=handler):
            return handler


def source_of(definition: ActionDefinition) -> Source | None:
    """Return where a definition's secret comes from; None when it uses none."""
    match definition.authentication:
        case None:
            return None
        case BearerAuthentication(token_from=origin) | ApiKeyAuthentication(value_from=origin):
            return {"env": Source.ENVIRONMENT, "oauth_flow": Source.PERSON, "user_input": Source.OWN}[origin]
        case OAuth2Authentication():
            return Source.GRANT
        case CustomAuthentication():
            return Source.FUNCTION


def grant_of(definition: ActionDefinition) -> Grant | None:
    """Return how the token of an `oauth2` definition is fetched; None for any other."""
    authentication = definition.authentication
    if not isinstance(authentication, OAuth2Authentication):
        return None
    name = credential_of(definition)
    assert name is not None, "an authentication has a credential"
    return Grant(
        credential=name,
        token_url=authentication.token_url,
        client_id=authentication.client_id,
        client_secret=authentication.client_secret,
        refresh_token=authentication.refresh_token,
        scope=tuple(authentication.scope),
    )


def host_of(url: str) -> str:
    """Return the host of an address, with a port that is not the usual one."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return host if port in (None, 80, 443) else f"{host}:{port}"


def variables_of(definition: ActionDefinition) -> Mapping[str, str]:
    """Return the environment variables that hold a definition's secrets, by the field of `authentication` that names each."""
    match definition.authentication:
        case BearerAuthentication(token=name, token_from="env"):
            found = {"token": name}
        case ApiKeyAuthentication(value=name, value_from="env"):
            found = {"value": name}
        case OAuth2Authentication(client_secret=secret, refresh_token=token):
            told = {"clientSecret": secret, "refreshToken": token or ""}
            found = {
                field: value.removeprefix(VARIABLE_PREFIX)
                for field, value in told.items()
                if value.startswith(VARIABLE_PREFIX)
            }
        case _:
            found = {}
    return {field: name for field, name in found.items() if VARIABLE.fullmatch(name)}


def held_as(name: str, source: Source | None, *, execution: str, executor: str | None = None) -> str:
    """Return the name of the row that holds a credential for an execution. An executor outside has its own, of which only the generation is known."""
    assert not name.startswith(RESERVED), "such names are refused before a plan is frozen"
    if executor is not None:
        return f"{EXTERNAL}{quote(executor, safe='')}/{name}"
    return f"{OWN}{execution}/{name}" if source is Source.OWN else name


def own_rows(execution: str) -> str:
    """Return how the names of all rows that belong to one execution begin."""
    return f"{OWN}{execution}/"


def split_own(row: str) -> tuple[str, str | None]:
    """Return a credential's name and the execution that its row belongs to (None: to all)."""
    if row.startswith(EXTERNAL):
        return row.removeprefix(EXTERNAL).partition("/")[2], None
    if not row.startswith(OWN):
        return row, None
    execution, _, name = row.removeprefix(OWN).partition("/")
    return name, execution


def own_names(definitions: Iterable[ActionDefinition]) -> list[str]:
    """Return the secrets that somebody has to give for one execution, each once."""
    found = (credential_of(one) for one in definitions if source_of(one) is Source.OWN)
    return list(dict.fromkeys(name for name in found if name is not None))
