"""Clearing up: find out whether an attempt took effect, before anything is done instead of it, without it, or again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.decisions.decision import Decision
from holdfast.decisions.strategies import ask_person, probe

if TYPE_CHECKING:
    from holdfast.decisions.decision import Declined
    from holdfast.decisions.facts import Case

__all__ = ["clear_up"]


def clear_up(case: Case) -> Decision | Declined:
    """Ask the API where it can tell, else a person; declines when both were asked often enough."""
    answer = probe.consider(case)
    return answer if isinstance(answer, Decision) else ask_person.consider(case)
