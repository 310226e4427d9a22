"""The offices of the other side: each keeps one credential, says which token is accepted until when, and hands out the next.

Part of the world. A refresh token that rotates is worth nothing once it was used, whoever heard the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from tests.planted import planted

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.ports.http import HttpRequest
    from tests.simulation.surroundings import CredentialScript
    from tests.simulation.world import Call

__all__ = ["Issued", "Office", "Presented"]


@dataclass(frozen=True, slots=True)
class Issued:
    """What an office hands out. `refresh` only where the credential has such a thing."""

    access: str
    refresh: str | None
    expires_s: float | None

    def wire(self) -> dict[str, object]:
        """The answer of a token endpoint."""
        wire: dict[str, object] = {"access_token": self.access, "token_type": "bearer"}
        wire |= {"refresh_token": self.refresh} if self.refresh else {}
        return wire | ({"expires_in": round(self.expires_s)} if self.expires_s else {})


@dataclass(slots=True)
class Presented:
    """A refresh token that was shown at the office, and by which call."""

    token: str
    call: Call


@dataclass(slots=True)
class Office:
    """What the world keeps about one credential: the one token that is accepted, and whether it has expired."""

    script: CredentialScript
    valid: str = ""
    valid_until: datetime | None = None
    refresh_token: str = ""
    issued: int = 0
    uses: int = 0
    met: int = 0
    is_expired: bool = False
    presented: list[Presented] = field(default_factory=list)

    def accepts(self, token: str | None, *, now: datetime) -> bool:
        """Whether a call with this token is served; some tokens expire before the call with a certain number."""
        self.uses += 1
        if self.uses - 1 in self.script.expires_before:
            self.is_expired = True
        is_over = self.valid_until is not None and now >= self.valid_until
        return bool(self.valid) and token == self.valid and not self.is_expired and not is_over

    def issue(self, *, now: datetime, is_by_person: bool = False) -> Issued:
        """Hand out new tokens; the ones before are no longer accepted."""
        script = self.script
        self.issued += 1
        self.valid, self.is_expired = planted(f"{script.name}-{self.issued}"), False
        self.valid_until = None if script.lifetime_s is None else now + timedelta(seconds=script.lifetime_s)
        is_new = script.rotates or (is_by_person and script.has_refresh_token)
        if is_new:
            self.refresh_token = planted(f"refresh-{script.name}-{self.issued}")
        return Issued(self.valid, self.refresh_token if is_new else None, script.lifetime_s)

    def next_trouble(self) -> str | None:
        """The trouble of this request, if any is left."""
        script = self.script
        position = self.met
        self.met += 1
        if position < len(script.troubles):
            return script.troubles[position]
        return script.troubles[-1] if script.is_lasting else None

    def is_refused(self, request: HttpRequest, call: Call) -> bool:
        """Whether the refresh token of a request is not good (any more)."""
        told = parse_qs((request.body or b"").decode()).get("refresh_token")
        if told is None:
            return False
        self.presented.append(Presented(told[0], call))
        return told[0] != self.refresh_token

    def first(self, environ: dict[str, str]) -> Office:
        """Return it with what everybody has from the beginning."""
        self.valid = environ.get(self.script.name, "")
        self.refresh_token = environ.get(f"REFRESH_{self.script.name}", "")
        return self
