"""What users test their own recovery with: a fake API that fails on purpose, and the demo's plan.

Standard library only. Nothing in the product imports it except the command line's `demo`; nothing here decides anything.
"""

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

__all__ = [
    "FaultApi",
    "FaultApiProcess",
    "Ledger",
    "OnboardingFiles",
    "RequestRecord",
    "RouteLedger",
    "Violation",
    "ViolationKind",
    "VirtualClock",
    "make_onboarding_secrets",
    "onboarding_scenario_path",
    "read_ledger",
    "render_onboarding",
]
