"""What every plan goes through before anything is stored: read, checked with its definitions, its written-out secrets sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.hold.secrets import needs_key, protect
from holdfast.hold.sources import as_definitions, as_plan
from holdfast.plans.check import check

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from holdfast.contract import ActionDefinition, ApiCatalogEntry, ExecutionPlan
    from holdfast.hold.parts import Parts
    from holdfast.hold.sources import ActionSource, PlanSource
    from holdfast.plans.check import Checked

__all__ = ["Accepted", "accept", "checked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A plan that can be performed here. `definitions` hold no secret any more; `sealed` are those they held, by the name of their row."""

    plan: ExecutionPlan
    source: str
    definitions: Mapping[str, ActionDefinition]
    entries: Mapping[str, ApiCatalogEntry]
    sealed: Mapping[str, bytes]


def accept(parts: Parts, plan: PlanSource, actions: Iterable[ActionSource], *, is_external: bool = False) -> Accepted:
    """Return a plan with everything it needs. An executor outside (`is_external`) has its own environment and holds credentials itself.

    Raises:
        BadInput: the plan, a definition or the environment has problems; all of them are listed.
        SecretKeyMissing: the plan has secrets to keep and there is no key to seal them with.
    """
    wanted, source, found = checked(parts, plan, actions, is_external=is_external)
    if not is_external and any(needs_key(definition) for definition in found.definitions.values()):
        parts.require_secrets()
    definitions, sealed = protect(found.definitions, sealer=parts.sealer)
    return Accepted(plan=wanted, source=source, definitions=definitions, entries=found.entries, sealed=sealed)


def checked(
    parts: Parts, plan: PlanSource, actions: Iterable[ActionSource], *, is_external: bool = False
) -> tuple[ExecutionPlan, str, Checked]:
    """Return a plan, where it came from, and what a check of it with its definitions found.

    Raises:
        BadInput: as for `accept`.
    """
    wanted, source = as_plan(plan, size_max_bytes=parts.plan_size_max_bytes)
    found = check(
        wanted,
        as_definitions(actions, size_max_bytes=parts.plan_size_max_bytes),
        functions=parts.registry.rules,
        catalog=parts.apis.catalog,
        environ=None if is_external else parts.environ,
        authenticators=None if is_external else parts.registry.authenticators,
        actions_max=parts.actions_max,
        plan_source=source,
    )
    return wanted, source, found
