"""Starts the plan and waits for its end."""

from __future__ import annotations

from shop import hold

with hold:
    execution = hold.start("plan.yaml")
    state = execution.wait()
    print(state.status.value, state.metrics.completed_actions, "of", state.metrics.total_actions)
