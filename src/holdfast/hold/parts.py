"""What a hold is made of: the ports and settings that wiring puts together, and the Python functions that users register."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from holdfast.hold.admission import Admission
    from holdfast.hold.envelopes import EventLimits
    from holdfast.hold.health import HealthWatch
    from holdfast.hold.knowing import KnownApis
    from holdfast.plans.frozen import FunctionRules
    from holdfast.ports.clock import Clock
    from holdfast.ports.http import OutgoingRequest
    from holdfast.ports.outputs import Outputs, Sealer
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Store
    from holdfast.recovery.turn import Plans
    from holdfast.recovery.worker import Worker

__all__ = ["HasParts", "Parts", "Registry"]


@dataclass(frozen=True, slots=True)
class Registry:
    """The Python functions that plans can name, and what their authors said of them."""

    functions: dict[str, Callable[..., object]] = field(default_factory=dict)
    authenticators: dict[str, Callable[[OutgoingRequest], object]] = field(default_factory=dict)
    rules: dict[str, FunctionRules] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What wiring puts together for an `AsyncHold`. `claim_worker_place` raises WorkerAlreadyRunning where only one worker may be."""

    store: Store
    steps: Steps
    plans: Plans
    clock: Clock
    outputs: Outputs
    worker: Worker
    apis: KnownApis
    ships_entries: bool
    health: HealthWatch
    environ: Mapping[str, str]
    database: str
    deployment: str
    event_limits: EventLimits
    actions_max: int
    plan_size_max_bytes: int
    takeover_after_s: float
    admission: Admission
    registry: Registry
    claim_worker_place: Callable[[], None]
    leave_worker_place: Callable[[], None]
    require_secrets: Callable[[], None]
    sealer: Sealer
    close: Callable[[], Awaitable[None]]


class HasParts:
    """Something asynchronous made of parts; what an `AsyncHold` can do is written in several classes on this ground."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
