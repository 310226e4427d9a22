"""Whether the ways of recovery that a plan prescribes can ever be taken.

What lacks its means is warned of and not refused: at run time such a strategy declines, and the failure goes on to the next way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.plans.frozen import credential_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from holdfast.contract import ActionDefinition, PlannedAction
    from holdfast.plans.findings import Findings

__all__ = ["check_recovery", "check_recovery_means"]


def check_recovery(action: PlannedAction, findings: Findings) -> None:
    """Warn of prescribed strategies that the plan itself leaves without means, and of a critical action that the plan would go on without."""
    handling = action.error_handling
    lacking = {
        RecoveryStrategy.FALLBACK: handling.fallback_value is None
        and "errorHandling.fallbackValue is missing. Give one.",
        RecoveryStrategy.ALTERNATIVE: handling.alternative_action_id is None
        and "errorHandling.alternativeActionId is missing. Name an action.",
        RecoveryStrategy.SKIP: bool(action.critical)
        and "a critical action is never skipped. Take one of the two away.",
    }
    for category, strategy in (action.recovery or {}).items():
        why = lacking.get(strategy)
        if why:
            findings.warn(f"recovery.{category}", f"the strategy {strategy.value!r} can never be taken: {why}")
    if action.critical and handling.continue_on_failure:
        findings.warn(
            "errorHandling.continueOnFailure", "has no effect: the action is critical, so the plan fails with it"
        )


def check_recovery_means(
    action: PlannedAction, definition: ActionDefinition | None, *, refreshed: Collection[str], findings: Findings
) -> None:
    """Warn of prescribed strategies that the action's definition leaves without means; None is a Python function."""
    credential = credential_of(definition) if definition else None
    lacking = {
        RecoveryStrategy.REFRESH_THEN_RETRY: credential is None and "the action uses no credential.",
        RecoveryStrategy.PROBE: (definition is None or definition.probe is None)
        and "the definition of the action has no probe.",
    }
    if credential is not None and credential not in refreshed:
        lacking[RecoveryStrategy.REFRESH_THEN_RETRY] = (
            f"no definition refreshes {credential!r}. Give one with --actions."
        )
    for category, strategy in (action.recovery or {}).items():
        why = lacking.get(strategy)
        if why:
            findings.warn(f"recovery.{category}", f"the strategy {strategy.value!r} can never be taken: {why}")
