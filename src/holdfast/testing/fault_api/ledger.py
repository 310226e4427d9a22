"""The ledger: what the fake API saw and did, as values. It is what proves "each side effect once".

Snapshots only: `holdfast.testing.fault_api.world` writes, tests and the demo read, over HTTP as the JSON of `to_json`.
No secret ever stands here: credentials appear as the first 12 hex digits of their SHA-256.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Ledger", "RequestRecord", "RouteLedger", "Violation", "ViolationKind"]


class ViolationKind(StrEnum):
    """What a well-behaved client never does."""

    EARLY_RETRY = "early_retry"
    """Called again before the Retry-After it was given: the same key or credential or, with neither, the same path."""
    SECOND_EFFECT = "second_effect"
    """Created the same business thing twice."""
    KEY_REUSED = "key_reused"
    """Sent another request under an idempotency key that was taken."""
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 - the name of a violation, not a secret
    """Used a refresh token that had been replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something a client should not have done; `at_s` in seconds since the API started."""

    kind: ViolationKind
    route: str
    at_s: float
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request, in order of arrival.

    `at_s` is in seconds since the API started. `status` is what was answered, None when nothing was (hang, reset).
    `route` is None where no route matched.
    `fault` names the injected fault, `effect` says whether this request did new work, `replayed` whether a stored answer was given.
    """

    at_s: float
    method: str
    path: str
    route: str | None
    key: str | None
    auth: str | None
    status: int | None
    fault: str | None = None
    effect: bool = False
    replayed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLedger:
    """The sums of one route. `calls` counts every request, `effects` the work really done."""

    route: str
    calls: int = 0
    effects: int = 0
    repeats: int = 0
    """Upserts of something that was there already."""
    replays: int = 0
    faults: int = 0
    effects_by_key: Mapping[str, int] = field(default_factory=dict)
    effects_by_business_id: Mapping[str, int] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """The distinct idempotency keys that were sent, in order of first arrival."""
        return tuple(self.effects_by_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything seen since the start or the last reset.

    `requests` holds the newest ones only; `requests_forgotten` counts the older ones that were let go. The sums forget nothing.
    """

    routes: Mapping[str, RouteLedger]
    requests: tuple[RequestRecord, ...]
    violations: tuple[Violation, ...]
    requests_forgotten: int = 0
    violations_forgotten: int = 0

    def route(self, name: str) -> RouteLedger:
        """The sums of a route by name; KeyError where the scenario has none of that name."""
        return self.routes[name]

    def to_json(self) -> dict[str, object]:
        """This ledger as JSON values; `from_json` is the way back."""
        return {
            "routes": {name: asdict(one) for name, one in self.routes.items()},
            "requests": [asdict(one) for one in self.requests],
            "violations": [asdict(one) for one in self.violations],
            "requests_forgotten": self.requests_forgotten,
            "violations_forgotten": self.violations_forgotten,
        }

    @classmethod
    def from_json(cls, value: object) -> Ledger:
        """The ledger that `to_json` wrote, in this release or an older one."""
        found = cast("dict[str, object]", value)
        routes = cast("dict[str, dict[str, object]]", found["routes"])
        requests = cast("list[dict[str, object]]", found["requests"])
        violations = cast("list[dict[str, object]]", found["violations"])
        return cls(
            routes={name: RouteLedger(**one) for name, one in routes.items()},  # type: ignore[arg-type]  # our own JSON
            requests=tuple(RequestRecord(**one) for one in requests),  # type: ignore[arg-type]  # our own JSON
            violations=tuple(_violation(one) for one in violations),
            requests_forgotten=cast("int", found["requests_forgotten"]),
            violations_forgotten=cast("int", found["violations_forgotten"]),
        )


def _violation(value: dict[str, object]) -> Violation:
    return Violation(
        kind=ViolationKind(cast("str", value["kind"])),
        route=cast("str", value["route"]),
        at_s=cast("float", value["at_s"]),
        detail=cast("str", value["detail"]),
    )
