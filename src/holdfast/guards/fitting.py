"""How the parts of a policy are fitted to what its composition asks for: small answers that need no policy to be given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from holdfast.errors import BadInput, BadSettings, Problem
from holdfast.guards.sharing import QUORUM_BOUND
from holdfast.policies.checks import function_problem, number_problem, refuse
from holdfast.policies.hedge import misuse
from holdfast.policies.timeout import allowed_s

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from holdfast.guards.answering import Answering
    from holdfast.guards.judging import Judge, ResultJudge
    from holdfast.guards.listening import Listening
    from holdfast.policies.composition import Composition
    from holdfast.policies.retry import Retry

__all__ = [
    "Disturbance",
    "answering_for",
    "looks_at_results",
    "own_word",
    "refuse_arguments",
    "refuse_copy",
    "refuse_hedge",
    "shape_of_fuse",
    "update_answering",
]

KEYS_BOUND = 1_000_000


class Disturbance(Protocol):
    """Something between a policy and the calls it guards, for tests."""

    def around_sync(self, function: Callable[..., object]) -> Callable[..., object]:
        """The disturbed form of a plain function."""

    def around_async(self, function: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        """The disturbed form of a coroutine function."""


def refuse_hedge(composition: Composition, what: str, *, repeatable: bool, asynchronous: bool) -> None:
    """Refuse what cannot be hedged, where a hedge is asked for.

    Raises:
        BadInput: with the reason and the way out.
    """
    if composition.hedge is None:
        return
    message = misuse(repeatable=repeatable, asynchronous=asynchronous)
    if message is not None:
        raise BadInput([Problem(source=f"policy {composition.name!r}", path=what, message=f"hedge {message}")])


def shape_of_fuse(composition: Composition) -> tuple[bool, float | None]:
    """What a fused closure is made for: whether it reads the clock, and the time that its first attempt has."""
    breaker, timeout = composition.breaker, composition.timeout
    watches_slow = breaker is not None and breaker.slow_s is not None
    counts_time = breaker is not None and breaker.window_calls is None and breaker.failure_ratio is not None
    return watches_slow or counts_time, allowed_s(timeout, remaining_s=timeout.deadline_s if timeout else None)


def looks_at_results(retry: Retry | None, result: ResultJudge | None) -> ResultJudge | None:
    """The policy's own look at results first, then the retry's."""
    if retry is None or retry.on_result is None:
        return result
    on_result = retry.on_result
    if result is None:
        return on_result
    own = result

    def both(value: object) -> object:
        return own(value) or on_result(value)

    return cast("ResultJudge", both)


def answering_for(
    composition: Composition, judge: Judge, listening: Listening, *, part_of: Callable[..., object] | None
) -> Answering | None:
    """What stands outside the attempts; None, the usual case, loads nothing of it."""
    if composition.degradation is None and composition.cache is None:
        return None
    from holdfast.guards.answering import Answering  # noqa: PLC0415 - caches and keys are for those who use them

    return Answering(
        composition.name,
        degradation=composition.degradation,
        cache=composition.cache,
        judge=judge,
        listening=listening,
        returns_last=composition.returns_last,
        hides_attempts=_hides_attempts(composition),
        part_of=part_of,
    )


def _hides_attempts(composition: Composition) -> bool:
    """Whether what is raised may be the exception of the last attempt, which says nothing of those before it."""
    return composition.retry is not None and composition.retry.reraise


def update_answering(answering: Answering | None, after: Composition) -> None:
    """Change what stands outside the attempts.

    Raises:
        BadSettings: it is not there to be changed.
    """
    if answering is not None:
        answering.update(
            degradation=after.degradation,
            cache=after.cache,
            returns_last=after.returns_last,
            hides_attempts=_hides_attempts(after),
        )
        return
    begun = [name for name in ("degradation", "cache") if getattr(after, name) is not None]
    if begun:
        message = "can be changed, but not begun: give it when the policy is made"
        raise BadSettings([Problem(source="policy", path=name, message=message) for name in begun])


def refuse_arguments(*, key: object, keys_max: object, quorum: object, result: object) -> None:
    """Refuse what is no strategy and still wrong, all at once.

    Raises:
        BadSettings: with the ranges.
    """
    found = [
        ("key", function_problem(key, optional=True)),
        ("keys_max", number_problem(keys_max, 1, KEYS_BOUND, whole=True)),
        ("quorum", number_problem(quorum, 1, QUORUM_BOUND, whole=True)),
        ("result", function_problem(result, optional=True)),
    ]
    refuse("policy", found)


def own_word(composition: Composition, *, repeatable: object) -> bool:
    """Whether a function or a block is repeatable: its own word, else the policy's. A text such as "no" would be true, and is refused.

    Raises:
        BadSettings: it is neither True, False nor None.
    """
    if repeatable is not None and not isinstance(repeatable, bool):
        message = f"must be True, False or None, not {repeatable!r}"
        raise BadSettings([Problem(source=f"policy {composition.name!r}", path="repeatable", message=message)])
    return composition.repeatable if repeatable is None else repeatable


def refuse_copy(policy: object) -> str:
    """Stands for the `__reduce__` of a policy: a copy would have a state of its own, without anybody having said so.

    Raises:
        TypeError: always, with the way out.
    """
    raise TypeError(
        f"{policy!r} cannot be copied or pickled: what it knows is shared by all who use it, in one process."
        " Make it in a module, and have each process import it from there"
    )
