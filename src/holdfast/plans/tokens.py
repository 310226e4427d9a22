"""What is sealed for a credential: a bare secret, or an access token together with the refresh token that renews it. Pure.

A bare secret is stored as itself, as every release has done it. A pair is JSON behind a prefix that no token has: a space is no part of one
(RFC 6750 §2.1).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

__all__ = ["Tokens", "read_tokens", "token_text"]

PREFIX = "holdfast tokens 1 "


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Tokens:
    """The tokens of a credential. Without `access`, one has to be fetched first."""

    access: str | None
    refresh: str | None = None


def token_text(tokens: Tokens) -> str:
    """Return tokens as the text that is sealed."""
    if tokens.refresh is None and tokens.access is not None and not tokens.access.startswith(PREFIX):
        return tokens.access
    return PREFIX + json.dumps({"access": tokens.access, "refresh": tokens.refresh}, ensure_ascii=False)


def read_tokens(text: str) -> Tokens:
    """Return the tokens in a text that was sealed."""
    if not text.startswith(PREFIX):
        return Tokens(access=text)
    kept = json.loads(text.removeprefix(PREFIX))
    return Tokens(access=kept["access"], refresh=kept["refresh"])
