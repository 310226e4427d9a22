"""The tokens of the fake API: which are valid, how long, and what a refresh gives.

Called by `holdfast.testing.fault_api.world` under its lock; knows no route and no clock.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.testing.fault_api.scenario import Credential

__all__ = ["Denial", "Refreshed", "TokenBook"]

REFRESH_HEADER = "x-refresh-token"
REFRESHES_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why a call was not let in (RFC 6750, section 3)."""

    headers: tuple[tuple[str, str], ...]
    body: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a token request came to: `body` is None for a refusal, `error` says why; `reused` when the refresh token had been replaced before."""

    credential: str | None = None
    body: Mapping[str, object] | None = None
    reused: bool = False
    error: str = "invalid_grant"


@dataclass(slots=True)
class _TokenState:
    access_token: str
    refresh_token: str | None
    issued_s: float
    is_expired: bool
    is_revoked: bool = False
    uses: int = 0
    old_access_tokens: set[str] = field(default_factory=set)
    old_refresh_tokens: set[str] = field(default_factory=set)
    authorised: set[str] = field(default_factory=set)
    """Refresh tokens that people were given and nobody has used yet."""
    buried_refresh_tokens: set[str] = field(default_factory=set)
    """Those that belong to a grant which a newer one has followed: to use one is a mistake that revokes nothing of the newer one."""


class TokenBook:
    """The current tokens of every credential of a scenario."""

    def __init__(self, credentials: tuple[Credential, ...], *, now_s: float) -> None:
        self._credentials = {one.name: one for one in credentials}
        self._states = {
            one.name: _TokenState(
                access_token=one.access_token,
                refresh_token=one.refresh_token,
                issued_s=now_s,
                is_expired=one.expired_at_start,
            )
            for one in credentials
        }

    def digest(self, headers: Mapping[str, str], *, credential: str | None) -> str | None:
        """A short name for the credential that a request carries; never the secret itself."""
        header = self._credentials[credential].header if credential else "Authorization"
        value = headers.get(header.lower())
        return None if value is None else hashlib.sha256(value.encode()).hexdigest()[:12]

    def check(self, headers: Mapping[str, str], *, credential: str, now_s: float) -> Denial | None:
        """Let a call in, which uses the token once, or say why not."""
        wanted, state = self._credentials[credential], self._states[credential]
        value = headers.get(wanted.header.lower())
        if value is None or not value.startswith(wanted.prefix):
            return _deny(wanted, code="missing_token", description=None)
        token = value.removeprefix(wanted.prefix)
        if token in state.old_access_tokens:
            return _deny(wanted, code="invalid_token", description="The access token expired")
        if not secrets.compare_digest(token.encode(), state.access_token.encode()):
            return _deny(wanted, code="invalid_token", description="The access token is not known")
        if state.is_expired or state.is_revoked or _has_ended(wanted, state, now_s=now_s):
            return _deny(wanted, code="invalid_token", description="The access token expired")
        state.uses += 1
        return None

    def authorise(self, credential: str) -> str | None:
        """Let a person log in anew: a refresh token of its own, which stays good until it is used; None without a credential that has any."""
        state = self._states.get(credential)
        if state is None or state.refresh_token is None or len(state.authorised) >= REFRESHES_MAX:
            return None
        token = fresh(state.refresh_token)
        state.authorised.add(token)
        return token

    def refresh(self, headers: Mapping[str, str], *, body: object, now_s: float) -> Refreshed:
        """A new access token for a refresh token, which stands in the header `X-Refresh-Token` or the body's `refresh_token`.

        With `grant_type=client_credentials` the client itself is let in (RFC 6749 §4.4). A credential with a `client_id` wants to see it.
        """
        client = _client_of(headers, body)
        if isinstance(body, dict) and body.get("grant_type") == "client_credentials":
            for name, one in self._credentials.items():
                if one.client_id is not None and client is not None and one.client_id == client[0]:
                    return self._granted(name, client, now_s=now_s)
            return Refreshed(error="invalid_client")
        token = headers.get(REFRESH_HEADER)
        if token is None and isinstance(body, dict) and isinstance(body.get("refresh_token"), str):
            token = body["refresh_token"]
        for name, state in self._states.items():
            if token is not None and _is_known(state, token):
                return self._exchange(name, token, client, now_s=now_s)
        return Refreshed()

    def _exchange(self, name: str, token: str, client: tuple[str, str, bool] | None, *, now_s: float) -> Refreshed:
        """What a refresh token that was handed out at some time is good for now."""
        wanted, state = self._credentials[name], self._states[name]
        if not _is_client(wanted, client):
            return Refreshed(error="invalid_client")
        if token in state.buried_refresh_tokens:
            return Refreshed(credential=name, reused=True)
        if token in state.old_refresh_tokens:
            # Whoever sends a replaced token may have stolen it: everything that came from it ends (RFC 9700 §4.14.2).
            state.is_revoked = state.is_revoked or wanted.revokes_on_reuse
            return Refreshed(credential=name, reused=True)
        if token in state.authorised:
            _begin_anew(state, token)
        if state.is_revoked or len(state.old_access_tokens) >= REFRESHES_MAX:
            return Refreshed()
        return Refreshed(credential=name, body=self._renew(name, state, now_s=now_s))

    def _granted(self, name: str, client: tuple[str, str, bool], *, now_s: float) -> Refreshed:
        """A token for the client itself; it comes without a refresh token (RFC 6749 §4.4.3)."""
        if not _is_client(self._credentials[name], client):
            return Refreshed(error="invalid_client")
        body = dict(self._renew(name, self._states[name], now_s=now_s))
        body.pop("refresh_token", None)
        return Refreshed(credential=name, body=body)

    def _renew(self, name: str, state: _TokenState, *, now_s: float) -> Mapping[str, object]:
        credential = self._credentials[name]
        state.old_access_tokens.add(state.access_token)
        state.access_token = fresh(state.access_token)
        state.issued_s, state.is_expired, state.uses = now_s, False, 0
        body: dict[str, object] = {"access_token": state.access_token, "token_type": "Bearer"}
        if credential.expires_after_s is not None:
            body["expires_in"] = int(credential.expires_after_s)
        if credential.rotates and state.refresh_token is not None:
            state.old_refresh_tokens.add(state.refresh_token)
            state.refresh_token = fresh(state.refresh_token)
            body["refresh_token"] = state.refresh_token
        return body


def _is_known(state: _TokenState, token: str) -> bool:
    known = (state.old_refresh_tokens, state.authorised, state.buried_refresh_tokens)
    return token == state.refresh_token or any(token in tokens for tokens in known)


def _begin_anew(state: _TokenState, token: str) -> None:
    """What a person has authorised anew takes the place of the grant before it, revoked or not."""
    state.authorised.discard(token)
    state.buried_refresh_tokens |= state.old_refresh_tokens
    state.old_refresh_tokens = set()
    state.refresh_token, state.is_revoked = token, False


def _client_of(headers: Mapping[str, str], body: object) -> tuple[str, str, bool] | None:
    """Who asks: id, secret, and whether both stood in the body (RFC 6749 §2.3.1)."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        with contextlib.suppress(ValueError):
            name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            return unquote_plus(name), unquote_plus(secret), False
    if isinstance(body, dict) and isinstance(body.get("client_id"), str):
        return body["client_id"], str(body.get("client_secret", "")), True
    return None


def _is_client(credential: Credential, client: tuple[str, str, bool] | None) -> bool:
    """Whether it is the client that a credential belongs to, if it belongs to one."""
    if credential.client_id is None:
        return True
    if client is None or (credential.takes_secret_in_body_only and not client[2]):
        return False
    return client[:2] == (credential.client_id, credential.client_secret or "")


def _has_ended(credential: Credential, state: _TokenState, *, now_s: float) -> bool:
    is_used_up = credential.expires_after_uses is not None and state.uses >= credential.expires_after_uses
    is_too_old = credential.expires_after_s is not None and now_s - state.issued_s >= credential.expires_after_s
    return is_used_up or is_too_old


def _deny(credential: Credential, *, code: str, description: str | None) -> Denial:
    """A 401; RFC 6750 gives no error code to a request without any token."""
    challenge = "Bearer" if description is None else f'Bearer error="{code}", error_description="{description}"'
    headers = (("WWW-Authenticate", challenge),) if credential.prefix == "Bearer " else ()
    return Denial(headers=headers, body={"error": code, "error_description": description or "A token is needed"})


def fresh(replaced: str) -> str:
    """Return a new token. It keeps what stands before the first dot of the one it replaces, as tokens do that tell whose they are."""
    kept, dot, _ = replaced.partition(".")
    return (kept + dot if dot else "") + secrets.token_urlsafe(24)
