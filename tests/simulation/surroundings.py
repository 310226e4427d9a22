"""What plans share with others: credentials and who hands them out, limits on calls, executors outside, and the plan that somebody will put in place.

Part of drawing a scenario, and as pure: each drawing takes the dice. It knows nothing of how a scenario is played.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.plans.authentication import OWN
from tests.planted import planted

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping

__all__ = [
    "HOST",
    "CredentialScript",
    "PaceScript",
    "authentication_wire",
    "draw_credential",
    "draw_own",
    "draw_pace",
    "draw_shared",
    "environ_of",
    "rewrite",
]

HOST = "https://api.example.test"
GRANT_TIMEOUT_S = 30.0
REFRESH_TROUBLES = ("unavailable", "timeout_done", "timeout_lost", "denied", "tokenless", "refused")
SHARED_KINDS = ("get", "put", "unsafe")
"""Actions of these kinds may share one definition, and with it its limit: nothing but the address makes them differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialScript:
    """How a credential ages and how its refresh behaves: it expires before the world's call with one of these numbers, or after its lifetime.

    `source` is `environment` (renewed by a refresh action), `grant` (a token endpoint, which may rotate refresh tokens) or `own` (the key of whoever
    started `execution`; nobody but a person can provide it).
    """

    name: str
    expires_before: frozenset[int]
    troubles: tuple[str, ...]
    is_lasting: bool
    timeout_s: float
    source: str = "environment"
    lifetime_s: float | None = None
    has_refresh_token: bool = False
    rotates: bool = False
    execution: str | None = None
    is_given: bool = False

    @property
    def row(self) -> str:
        """The name of the row in which it rests."""
        return self.name if self.execution is None else f"{OWN}{self.execution}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceScript:
    """A limit that all executions of a scenario share, by the name of a definition."""

    requests: int
    window_s: float
    scope: str

    def wire(self) -> dict[str, object]:
        """The limit as a definition says it."""
        return {"requests": self.requests, "window": round(self.window_s * 1000), "scope": self.scope}


def draw_credential(dice: random.Random, name: str) -> CredentialScript:
    """Draw how a credential ages."""
    trouble = dice.random()
    troubles = tuple(dice.choice(REFRESH_TROUBLES) for _ in range(0 if trouble < 0.5 else dice.randint(1, 3)))
    expiries = frozenset(dice.randint(0, 25) for _ in range(dice.randint(0, 3)))
    is_lasting = bool(troubles) and dice.random() < 0.25
    timeout_s = dice.choice((5.0, 20.0))
    if dice.random() < 0.5:
        return CredentialScript(
            name=name, expires_before=expiries, troubles=troubles, is_lasting=is_lasting, timeout_s=timeout_s
        )
    has_refresh_token = dice.random() < 0.7
    return CredentialScript(
        name=name,
        expires_before=expiries,
        troubles=troubles,
        is_lasting=is_lasting,
        timeout_s=GRANT_TIMEOUT_S,
        source="grant",
        lifetime_s=dice.choice((None, 5.0, 90.0, 3600.0)),
        has_refresh_token=has_refresh_token,
        rotates=has_refresh_token and dice.random() < 0.7,
    )


def draw_own(dice: random.Random, execution: str, *, tag: int) -> CredentialScript | None:
    """Draw a key of the person who starts an execution; now and then it comes with the start, else it is missing."""
    if dice.random() >= 0.12:
        return None
    return CredentialScript(
        name=f"OWN_{tag}",
        expires_before=frozenset({dice.randint(0, 6)} if dice.random() < 0.4 else ()),
        troubles=(),
        is_lasting=False,
        timeout_s=GRANT_TIMEOUT_S,
        source="own",
        execution=execution,
        is_given=dice.random() < 0.4,
    )


def authentication_wire(credential: CredentialScript) -> dict[str, object]:
    """Write how a definition uses a credential."""
    match credential.source:
        case "grant":
            wire: dict[str, object] = {
                "type": "oauth2",
                "clientId": "simulated",
                "clientSecret": f"env:SECRET_{credential.name}",
                "tokenUrl": f"{HOST}/token/{credential.name}",
                "scope": [],
                "credential": credential.name,
            }
            return wire | ({"refreshToken": f"env:REFRESH_{credential.name}"} if credential.has_refresh_token else {})
        case "own":
            return {"type": "bearer", "token": credential.name, "tokenFrom": "user_input"}
        case _:
            return {"type": "bearer", "token": credential.name, "tokenFrom": "env"}


def environ_of(credentials: Iterable[CredentialScript]) -> dict[str, str]:
    """Return the variables of every worker."""
    environ: dict[str, str] = {}
    for credential in credentials:
        if credential.source == "environment":
            environ[credential.name] = planted(f"{credential.name}-0")
        if credential.source == "grant":
            environ[f"SECRET_{credential.name}"] = planted(f"secret-{credential.name}")
            environ[f"REFRESH_{credential.name}"] = planted(f"refresh-{credential.name}-0")
    return environ


def draw_pace(dice: random.Random) -> PaceScript | None:
    """Draw a limit on calls, for one scenario in four."""
    if dice.random() >= 0.25:
        return None
    return PaceScript(
        requests=dice.choice((1, 2, 5)),
        window_s=dice.choice((2.0, 10.0, 60.0)),
        scope=dice.choice(("global", "per_user", "per_ip")),
    )


def draw_shared(dice: random.Random, kinds: Mapping[str, str], *, pace: PaceScript | None) -> dict[str, str]:
    """Draw which actions (given with their kinds) use a definition that executions share, because its calls are limited; returns its name."""
    if pace is None or dice.random() < 0.3:
        return {}
    return {name: f"paced_{kind}" for name, kind in kinds.items() if kind in SHARED_KINDS}


def rewrite(dice: random.Random, planned: list[dict[str, object]], *, spare: str, tag: int) -> list[dict[str, object]]:
    """Draw another plan in the place of one: an action more, one less, and others that fail differently."""
    kept = [dict(wire) for wire in planned]
    needed = {
        name
        for wire in kept
        for name in (*wire["dependencies"], wire["errorHandling"].get("alternativeActionId"))  # type: ignore[misc,attr-defined]  # our own wire
    }
    free = [wire for wire in kept if wire["id"] not in needed]
    if len(kept) > 1 and dice.random() < 0.5:
        kept.remove(dice.choice(free))
    for wire in kept:
        if dice.random() < 0.2:
            wire["errorHandling"] = {**wire["errorHandling"], "fallbackValue": {"id": "replaced"}}  # type: ignore[dict-item]  # our own wire
    if dice.random() < 0.7:
        before = dice.sample([wire["id"] for wire in kept], dice.randint(0, min(2, len(kept))))
        stand_ins = {wire["errorHandling"].get("alternativeActionId") for wire in kept}  # type: ignore[attr-defined]  # our own wire
        kept.append(
            {
                "id": spare,
                "actionDefinitionId": f"d{tag}_{spare}",
                "inputs": {"place": f"e{tag}-{spare}"},
                "dependencies": sorted(name for name in before if name not in stand_ins),  # type: ignore[type-var]  # ids are texts
                "errorHandling": {"continueOnFailure": False},
            }
        )
    return kept
