"""What a worker has to know to carry an execution out: the contract, a number that grows with what plans can say.

Workers of two adjacent releases share one database. What the older one would ignore (a condition) or break on (another way of authentication)
makes an execution one of the newer contract, and the older worker leaves it alone; all else both can carry on (docs/decisions/0011).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.contract import ApiKeyAuthentication, BearerAuthentication
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.contract import ActionDefinition, ApiCatalogEntry, ExecutionPlan, PlannedAction

__all__ = ["contract_of"]

FIRST = 1
"""What the first release carries out."""
SECOND = 2
"""Conditions, confirmations, rate limits, schemas, further ways of authentication and recovery, personal fields, executors elsewhere."""
ENVIRONMENT = "env"
FIRST_STRATEGIES = frozenset(
    {
        RecoveryStrategy.REFRESH_THEN_RETRY,
        RecoveryStrategy.WAIT_UNTIL,
        RecoveryStrategy.WAIT_DAILY,
        RecoveryStrategy.RETRY_LARGER_TIMEOUT,
        RecoveryStrategy.BACK_OFF,
        RecoveryStrategy.PROBE,
        RecoveryStrategy.ALTERNATIVE,
        RecoveryStrategy.ASK_PERSON,
        RecoveryStrategy.GIVE_UP,
    }
)
"""Frozen: what the first release knew, not what this one knows."""


def contract_of(
    plan: ExecutionPlan,
    definitions: Mapping[str, ActionDefinition],
    *,
    entries: Mapping[str, ApiCatalogEntry] | None = None,
    external: str | None = None,
    are_functions_told_more: bool = False,
    is_handed_over: bool = False,
) -> int:
    """Return the least contract under which a plan is carried out as it says.

    `external` names its executor outside Holdfast; `are_functions_told_more` says that a Python function of it has schemas or personal fields.
    `is_handed_over`: it is a call that began in process; its arguments and its key are not where the first release looks for them.
    """
    is_new = (
        external is not None
        or is_handed_over
        or are_functions_told_more
        or any(is_new_in_plan(action) for action in plan.actions)
        or any(is_new_in_definition(definition) for definition in definitions.values())
        or any(is_new_in_entry(entry) for entry in (entries or {}).values())
    )
    return SECOND if is_new else FIRST


def is_new_in_plan(action: PlannedAction) -> bool:
    """Whether a planned action says what the first release would not do."""
    confirmation = action.user_confirmation
    return (
        action.condition is not None
        or (confirmation is not None and confirmation.required)
        or action.critical is True
        or not FIRST_STRATEGIES.issuperset((action.recovery or {}).values())
    )


def is_new_in_definition(definition: ActionDefinition) -> bool:
    """Whether a definition says what the first release would not do. Its schemas described only; now they are kept."""
    return bool(
        definition.rate_limit is not None
        or definition.input_schema
        or definition.output_schema
        or definition.to_wire().get("personal")
        or is_new_authentication(definition)
    )


def is_new_authentication(definition: ActionDefinition) -> bool:
    """Whether a request proves who it is in another way than by a secret from the environment."""
    match definition.authentication:
        case None:
            return False
        case BearerAuthentication() as bearer:
            return bearer.token_from != ENVIRONMENT
        case ApiKeyAuthentication() as key:
            return key.value_from != ENVIRONMENT
        case _:
            return True


def is_new_in_entry(entry: ApiCatalogEntry) -> bool:
    """Whether a catalog entry leads to a way of recovery that the first release would decline, or by a condition that it would not read."""
    return any(
        one.strategy not in FIRST_STRATEGIES or one.header is not None or one.body_pattern is not None
        for one in entry.recovery_strategies or ()
    )
