"""What users test their own recovery with: time and chance under control, calls and a fake API that fail on purpose, and the demo's plan.

Standard library only. Nothing in the product imports it except the command line's `demo`; nothing here decides anything.
"""

from holdfast.testing.breaker_store import MemoryBreakerStore
from holdfast.testing.chaos import Chaos, chaos
from holdfast.testing.clock import VirtualClock
from holdfast.testing.fault_api import (
    FaultApi,
    FaultApiProcess,
    Ledger,
    RequestRecord,
    RouteLedger,
    Violation,
    ViolationKind,
    read_ledger,
)
from holdfast.testing.onboarding import (
    OnboardingFiles,
    make_onboarding_secrets,
    onboarding_scenario_path,
    render_onboarding,
)
from holdfast.testing.recording import recorded
from holdfast.testing.world import ControlledWorld, controlled_world

__all__ = [
    "Chaos",
    "ControlledWorld",
    "FaultApi",
    "FaultApiProcess",
    "Ledger",
    "MemoryBreakerStore",
    "OnboardingFiles",
    "RequestRecord",
    "RouteLedger",
    "Violation",
    "ViolationKind",
    "VirtualClock",
    "chaos",
    "controlled_world",
    "make_onboarding_secrets",
    "onboarding_scenario_path",
    "read_ledger",
    "recorded",
    "render_onboarding",
]
