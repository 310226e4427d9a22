"""Lesser answers: the five strategies that may answer in the place of a call that failed, as settings (spec 003 §4.1, and spec 001's fallbacks).

When each is tried is decided in `holdfast.policies.degradation`, how it is done in `holdfast.guards.degrading`. A strategy is data: it may hold a
function or a store that somebody else will use, and uses neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from holdfast.policies.checks import number_problem, refuse
from holdfast.policies.endpoints import endpoint_problem, with_scheme
from holdfast.ports.cache import CacheStore
from holdfast.ports.later import Later

__all__ = [
    "AGE_BOUND_S",
    "MISSING",
    "OFF_BOUND_S",
    "Alternative",
    "Cached",
    "Default",
    "QueueForLater",
    "Reduced",
    "Strategy",
    "key_problem",
    "name_problem",
    "truth_problem",
    "word_of",
]

AGE_BOUND_S = 365 * 24 * 3600.0
QUEUE_BOUND = 1_000_000
OFF_BOUND_S = 24 * 3600.0

Anything = Callable[..., object]


class _Missing:
    """No value was given; None is a value like any other."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cached:
    """Answer with the last known good value of the same call.

    A value is good for `ttl_s` (0 to a year; default 300 s, spec 003's figure). After that it is still answered for
    `stale_while_revalidate_s` more (default 0), and the call is made again in the background, once at a time, so that there is a fresh one
    next time (the word and the sum are RFC 5861's). `key` names the parameters that tell one call from another (default: all of them); name too
    few, and one user gets another's answer. `cache` keeps the values (default: this process's memory, the policy's own).
    """

    ttl_s: float = 300.0
    stale_while_revalidate_s: float = 0.0
    key: tuple[str, ...] | Callable[..., object] | None = None
    cache: CacheStore | None = None

    def __post_init__(self) -> None:
        refuse(
            "degradation.cached",
            [
                ("ttl_s", number_problem(self.ttl_s, 0, AGE_BOUND_S)),
                ("stale_while_revalidate_s", number_problem(self.stale_while_revalidate_s, 0, AGE_BOUND_S)),
                ("key", key_problem(self.key)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Answer by another way: `call`, a function that takes the same arguments, or `endpoint`, another base address for an HTTP client.

    One of the two. `repeatable` says whether it may be done although the first call may have taken effect: None, the default, as the policy
    says of the call itself. A `call` for an async function may be sync or async; for a sync function it has to be sync.
    `sends_credentials` says whether an endpoint of another origin gets cookies, tokens and the idempotency key as well; by default it does not.
    """

    call: Anything | None = None
    endpoint: str | None = None
    repeatable: bool | None = None
    sends_credentials: bool = False

    def __post_init__(self) -> None:
        one = (self.call is None) != (self.endpoint is None)
        refuse(
            "degradation.alternative",
            [
                ("call", None if one else "give either call or endpoint, and not both"),
                ("call", callable_problem(self.call)),
                ("endpoint", None if self.endpoint is None else endpoint_problem(self.endpoint)),
                ("repeatable", truth_problem(self.repeatable)),
                ("sends_credentials", truth_problem(self.sends_credentials, optional=False)),
            ],
        )

    @property
    def base_url(self) -> str | None:
        """The endpoint as an address; one without a scheme is meant to be https."""
        return None if self.endpoint is None else with_scheme(self.endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """Switch named features off, and answer by a reduced version of the call.

    `features` are off for `off_s` seconds (0 to a day; default 30) after each failure that leads here, for everybody who asks
    `features.is_on(name)`, and in any case while `call` runs. Without `call` the features are switched off and the failure is told as
    `FunctionalityReduced`. `repeatable` as for `Alternative`.
    """

    features: tuple[str, ...] = ()
    call: Anything | None = None
    off_s: float = 30.0
    repeatable: bool | None = None

    def __post_init__(self) -> None:
        refuse(
            "degradation.reduced",
            [
                ("features", names_problem(self.features)),
                ("call", callable_problem(self.call)),
                ("off_s", number_problem(self.off_s, 0, OFF_BOUND_S)),
                ("repeatable", truth_problem(self.repeatable)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """Answer with a value that was chosen beforehand: `value`, or what `factory` makes, called without arguments.

    One of the two. None is a value: `Default(value=None)` answers None. A list or dictionary is copied for each answer. What depends on the
    arguments is an `Alternative`.
    """

    value: object = MISSING
    factory: Anything | None = None

    def __post_init__(self) -> None:
        one = (self.value is MISSING) != (self.factory is None)
        refuse(
            "degradation.default",
            [
                ("value", None if one else "give either value or factory, and not both"),
                ("factory", callable_problem(self.factory)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueForLater:
    """Keep the call for later and answer with a receipt.

    `queue` is the queue's name. Without a `sink` it is in memory: at most `size_max` calls (1 to 1 000 000; default 1000), run when the program
    says so, and lost with the process, which the receipt says. A `sink` may be durable.
    """

    queue: str = "later"
    size_max: int = 1000
    sink: Later | None = None
    repeatable: bool | None = None

    def __post_init__(self) -> None:
        refuse(
            "degradation.queue",
            [
                ("queue", name_problem(self.queue)),
                ("size_max", number_problem(self.size_max, 1, QUEUE_BOUND, whole=True)),
                ("repeatable", truth_problem(self.repeatable)),
            ],
        )


Strategy = Cached | Alternative | Reduced | Default | QueueForLater


def word_of(strategy: Strategy) -> str:
    """The strategy's word in answers, events and errors."""
    match strategy:
        case Cached():
            return "cached"
        case Alternative():
            return "alternative"
        case Reduced():
            return "reduced"
        case Default():
            return "default"
        case QueueForLater():
            return "queued"
        case _:
            assert_never(strategy)


# --- what is wrong with settings ---


def callable_problem(value: object) -> str | None:
    """What is wrong with an optional function."""
    return None if value is None or callable(value) else f"must be a function, not {value!r}"


def truth_problem(value: object, *, optional: bool = True) -> str | None:
    """What is wrong with a truth value."""
    if isinstance(value, bool) or (optional and value is None):
        return None
    return f"must be True{', False or None' if optional else ' or False'}, not {value!r}"


def name_problem(value: object) -> str | None:
    """What is wrong with a name: it is a text of 1 to 200 printable characters."""
    if isinstance(value, str) and 1 <= len(value) <= 200 and value.isprintable():
        return None
    return f"must be a name of 1 to 200 printable characters, not {value!r}"


def names_problem(value: object) -> str | None:
    """What is wrong with a tuple of names; a single text is not one, although it could be taken for one."""
    if not isinstance(value, tuple):
        return f"must be a tuple of names, not {value!r}"
    return next((problem for item in value if (problem := name_problem(item)) is not None), None)


def key_problem(value: object) -> str | None:
    """What is wrong with the declaration of a key: names of parameters, a function, or None for all of them."""
    if value is None or callable(value):
        return None
    if value == ():
        return "names no parameter, so that all calls would share one answer; leave it out, or give a function"
    return names_problem(value)
