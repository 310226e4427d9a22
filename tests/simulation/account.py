"""Playing a seed and telling about it: the timeline for whoever has to find out, and what a run of seeds has met.

It stands beside the invariants and judges nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.journal.timeline import explain
from tests.simulation.engine import SimulatedStore
from tests.simulation.fleet import Fleet
from tests.simulation.invariants import problems_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Coverage", "play", "story_of"]


def play(seed: int, *, store: SimulatedStore | None = None) -> tuple[Fleet, list[str]]:
    """Play a seed to its end; returns the fleet and what did not hold. A `store` that played before is wiped and used again."""
    fleet = Fleet(seed, store=store)
    fleet.play()
    return fleet, problems_of(fleet)


def story_of(fleet: Fleet, problems: Sequence[str]) -> str:
    """Return everything about a played seed: its plans, what happened in which order, what each execution tells, what broke."""
    lines = [
        f"=== seed {fleet.seed} · {fleet.scenario.chaos} · {fleet.scenario.workers} workers of {fleet.scenario.concurrency}"
    ]
    lines += [f"  {credential}" for credential in fleet.scenario.credentials]
    lines += ["--- timeline (virtual seconds)", *fleet.timeline]
    for script in fleet.scenario.executions:
        lines.append(f"--- execution {script.id}")
        for action in script.actions.values():
            world = fleet.world.effects(script.id, action.id)
            lines.append(
                f"  {action.id}: {action.kind.name} {action.troubles}{' …' if action.is_lasting else ''}, {world} effects"
            )
        lines += explain(fleet.read(lambda snapshot, script=script: snapshot.events(script.id)))
    lines += ["--- broken", *(f"  {problem}" for problem in problems or ["nothing"])]
    lines.append(f"--- again: python -m tests.simulation {fleet.seed}")
    return "\n".join(lines)


class Coverage:
    """Counts what a run of seeds has met, so that a simulation that has become tame is noticed."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, fleet: Fleet) -> None:
        """Count one played seed."""
        self.counts["seeds"] += 1
        self.counts["plans"] += len(fleet.scenario.executions)
        self.counts["turns"] += fleet.turns
        self.counts["calls"] += len(fleet.world.calls)
        self.counts.update({f"chaos {name}": count for name, count in fleet.counts.items()})
        connection = fleet.store._connection
        self._sum(connection, "end", schema.executions.c.state)
        self._sum(connection, "action", schema.actions.c.state)
        self._sum(connection, "absorbed", schema.actions.c.absorbed)
        self._sum(connection, "category", schema.attempts.c.category)
        self._sum(connection, "outcome", schema.attempts.c.outcome)
        self._sum(connection, "dead letter", schema.dead_letters.c.reason)
        self._sum(connection, "attempt", schema.attempts.c.purpose)
        self._sum(connection, "event", schema.events.c.type)
        self._sum(connection, "question", schema.questions.c.kind)
        self._sum(connection, "question closed by", schema.questions.c.answered_by)
        self._sum(connection, "move", sa.func.json_extract(schema.attempts.c.decision, "$.move"))
        self._sum(connection, "strategy", sa.func.json_extract(schema.attempts.c.decision, "$.strategy"))
        connection.rollback()

    def _sum(self, connection: sa.Connection, name: str, column: sa.ColumnElement[object]) -> None:
        for value, count in connection.execute(sa.select(column, sa.func.count()).group_by(column)):
            if value is not None:
                self.counts[f"{name} {value}"] += count

    def report(self) -> str:
        """Return the counts as a table."""
        return "\n".join(f"{count:9d}  {name}" for name, count in sorted(self.counts.items()))
