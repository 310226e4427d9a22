"""What a recovery engine is checked for when it is made, and what it refuses to do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping

from holdfast.errors import BadInput, Problem
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.policies.budget import Budget
from holdfast.policies.checks import choice_problem
from holdfast.policies.remedies import Remedy

__all__ = ["budget_problem", "is_async_function", "parts_problems", "refused", "remedies_problem"]

REMEDIES_MAX = 200


def budget_problem(budget: object) -> str | None:
    """What is wrong with a budget; None when nothing is."""
    return None if budget is None else choice_problem(budget, Budget)


def is_async_function(function: object) -> bool:
    """Whether calling it gives something to await, as far as its type tells; looked at through partials and `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - the function behind an object


def refused(call: RecoveryCall, why: str) -> BadInput:
    """A use that cannot work, and what to do instead."""
    return BadInput([Problem(source="recovery engine", path=call.name, message=why)])


def remedies_problem(remedies: object) -> str | None:
    """What is wrong with a list of remedies; None when nothing is."""
    if not isinstance(remedies, list | tuple) or not all(isinstance(item, Remedy) for item in remedies):
        return f"must be a list of Remedy, not {remedies!r}"
    if len(remedies) > REMEDIES_MAX:
        return f"has {len(remedies)} remedies; at most {REMEDIES_MAX}"
    names = [remedy.name for remedy in remedies]
    twice = sorted({name for name in names if names.count(name) > 1})
    return f"has two remedies of one name: {', '.join(twice)}" if twice else None


def parts_problems(
    alternatives: Mapping[str, object] | None,
    reduced: Mapping[str, object] | None,
    circuits: Mapping[str, object] | None,
) -> Iterator[tuple[str, str | None]]:
    """What is wrong with alternatives, reduced versions and circuits, each with its name."""
    for name, found in (alternatives or {}).items():
        fine = callable(found) or (isinstance(found, str) and "://" in found)
        yield f"alternatives.{name}", None if fine else "must be a function, or an address such as https://api.example"
    for name, found in (reduced or {}).items():
        yield f"reduced.{name}", None if callable(found) else "must be a function"
    for name, found in (circuits or {}).items():
        fine = (
            callable(getattr(found, "trip", None))
            and getattr(getattr(found, "composition", found), "breaker", found) is not None
        )
        yield f"circuits.{name}", None if fine else "must be a policy with a breaker"
