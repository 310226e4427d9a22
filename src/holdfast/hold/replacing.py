"""Going on with another plan: what an `AsyncHold` can do about an execution that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.hold.accepting import accept
from holdfast.hold.parts import HasParts
from holdfast.recovery.replacing import Proposal, replace_plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from holdfast.hold.sources import ActionSource, PlanSource
    from holdfast.plans.replacement import Replacement

__all__ = ["Replacing"]


class Replacing(HasParts):
    """Another plan in the place of the one that runs."""

    async def replace_plan(
        self, execution_id: str, plan: PlanSource, actions: Iterable[ActionSource] = ()
    ) -> Replacement:
        """Let an execution go on with another plan of the same id; returns what that adds, removes and changes.

        Actions that have begun must be in the new plan as they were, with the same definitions; all others may change, come and go, and so may
        what is expected of the whole. The same plan again changes nothing. Nothing else ever changes a plan that runs.

        Raises:
            BadInput: the plan has problems, changes what has begun, or the execution does not run any more; every reason is listed, nothing is kept.
            UnknownExecution: no such execution.
            SecretKeyMissing: the plan can refresh a credential and there is no key to seal it with.
            StoreError: the database cannot be used.
        """
        parts = self._parts
        running = await parts.store.read(lambda snapshot: snapshot.execution(execution_id))
        await parts.apis.look()
        accepted = accept(parts, plan, actions, is_external=running is not None and running.external is not None)
        proposal = Proposal(
            plan=accepted.plan,
            definitions=accepted.definitions,
            functions=dict(parts.registry.rules),
            entries=accepted.entries,
            source=accepted.source,
            secrets=accepted.sealed,
        )
        return await parts.store.transact(
            lambda tx: replace_plan(tx, parts.steps, plans=parts.plans, execution_id=execution_id, proposal=proposal)
        )
