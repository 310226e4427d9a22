"""Whether a token endpoint can be asked, and a function of the user's named: `oauth2` and `custom`, one definition by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from holdfast.contract import CustomAuthentication, OAuth2Authentication
from holdfast.plans.authentication import RESERVED, VARIABLE, VARIABLE_PREFIX

if TYPE_CHECKING:
    from holdfast.plans.findings import Findings

__all__ = ["check_further_authentication"]

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def check_further_authentication(
    authentication: OAuth2Authentication | CustomAuthentication, findings: Findings
) -> None:
    """Note what is wrong with an authentication by a token endpoint or by a function."""
    if isinstance(authentication, CustomAuthentication):
        if not authentication.handler.strip():
            findings.refuse("authentication.handler", "must be the name of a registered function")
        return
    check_endpoint(authentication.token_url, findings)
    if not authentication.client_id:
        findings.refuse("authentication.clientId", "must not be empty")
    check_secret("clientSecret", authentication.client_secret, findings)
    if authentication.refresh_token is not None:
        if not authentication.refresh_token:
            findings.refuse("authentication.refreshToken", "must not be empty; leave it out where there is none")
        check_secret("refreshToken", authentication.refresh_token, findings)
    for index, scope in enumerate(authentication.scope):
        # RFC 6749 §3.3: visible characters without quotes and backslashes; a space would be two scopes.
        if not scope or not all("!" <= letter <= "~" and letter not in '"\\' for letter in scope):
            findings.refuse(f"authentication.scope[{index}]", "is not one scope (no spaces, quotes or backslashes)")


def check_endpoint(url: str, findings: Findings) -> None:
    """Note what is wrong with the address that secrets are sent to. It is not repeated, since it may hold a password."""
    path = "authentication.tokenUrl"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        findings.refuse(path, "is not an address that can be called")
        return
    if parts.scheme.lower() not in ("http", "https") or not host:
        findings.refuse(path, "must begin with https:// and name a host")
    elif parts.username is not None or parts.password is not None:
        findings.refuse(path, "carries a user or password. Use clientId and clientSecret.")
    elif parts.scheme.lower() == "http" and host not in LOCAL:
        findings.warn(path, "is not encrypted (http): whoever is on the way can read the client's secret")


def check_secret(field: str, value: str, findings: Findings) -> None:
    """Note a secret that was written out, and names that are none."""
    path = f"authentication.{field}"
    if value.startswith(RESERVED):
        findings.refuse(path, f"begins with {RESERVED}, which is Holdfast's own. Use env:NAME and a variable.")
    elif value.startswith(VARIABLE_PREFIX):
        if not VARIABLE.fullmatch(value.removeprefix(VARIABLE_PREFIX)):
            findings.refuse(path, "must be env: and the name of an environment variable")
    elif value:
        findings.warn(
            path, "is written out: it is sealed before anything is stored. Use env:NAME and a variable instead."
        )
