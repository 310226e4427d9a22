"""Retry: whether a failed attempt is repeated, and how long to wait before that.

Third in the story (`fault → verdict → decision`). Pure arithmetic: the dice arrive as `draw`, the facts as a verdict;
the loop that sleeps and calls again is a driver's. It does not know what the operation is, only whether its caller
says that it may be repeated.

Attempts count from 1 and include the first: with `attempts_max=3` there are at most two repeats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Literal

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Backoff, BackoffKind, Outcome, Verdict
from holdfast.policies.budget import Budget
from holdfast.policies.checks import by_fields, choice_problem, number_problem, refuse, take_words

RETRY_AFTER_MAX_S = 7 * 24 * 3600.0
"""A stated wait beyond this is a matter for a person: it is neither shortened nor slept through."""

ATTEMPTS_BOUND = 1_000
DELAY_BOUND_S = 7 * 24 * 3600.0
MULTIPLIER_BOUND = 100.0


@unique
class Jitter(StrEnum):
    """How chance spreads the waits of many clients that failed at the same moment."""

    NONE = "none"
    FULL = "full"
    EQUAL = "equal"
    DECORRELATED = "decorrelated"
    PLUS_MINUS_10 = "plus_minus_10"
    PLUS_30 = "plus_30"


JitterWord = Literal["none", "full", "equal", "decorrelated", "plus_minus_10", "plus_30"]


@unique
class Growth(StrEnum):
    """How the waits grow from one attempt to the next, before jitter."""

    FIXED = "fixed"
    """`initial_delay_s` every time."""

    LINEAR = "linear"
    """`initial_delay_s` times the number of failed attempts."""

    EXPONENTIAL = "exponential"
    """`initial_delay_s` times `multiplier` for each failed attempt after the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """What differs for one category; None leaves the part to the policy. `attempts_max=1` means: never repeat this.

    Raises:
        BadSettings: one or more values are out of range; all of them are listed.
    """

    attempts_max: int | None = None
    initial_delay_s: float | None = None
    max_delay_s: float | None = None
    multiplier: float | None = None

    def __post_init__(self) -> None:
        refuse("retry rule", _number_faults(self, optional=True))


_PASSING = frozenset(
    {
        ErrorCategory.NETWORK_TIMEOUT,
        ErrorCategory.NETWORK_CONNECTION_REFUSED,
        ErrorCategory.RATE_LIMIT_BURST,
        ErrorCategory.API_UNEXPECTED_STATUS,
        ErrorCategory.API_RESPONSE_MALFORMED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how patiently a failed attempt is repeated.

    Defaults: 3 attempts (1 to 1000, the first included), waits from 1 s doubling up to 30 s (0 s to 7 days; a
    multiplier of 1 to 100), full jitter, and the categories whose cause passes by itself. `max_delay_s` below
    `initial_delay_s` is allowed and caps the first wait as well. `growth` and `jitter` may be given as words.

    - `rules`: what differs by category; a category that is named there is repeated, in `categories` or not.
    - `on`: exceptions that are repeated whatever their category, such as `(MyTimeout,)`; never against the outcome.
    - `on_result`: tells from a result whether the attempt failed all the same; such an attempt's outcome is unknown.
    - `budget`: the share of repeats among the calls of late; None: no such bound.
    - `reraise`: raise the last attempt's own exception at the end instead of `Exhausted`, which then is its note.

    Raises:
        BadSettings: one or more values are out of range; all of them are listed.
    """

    attempts_max: int = 3
    initial_delay_s: float = 1.0
    max_delay_s: float = 30.0
    multiplier: float = 2.0
    growth: Growth | Literal["fixed", "linear", "exponential"] = Growth.EXPONENTIAL
    jitter: Jitter | JitterWord = Jitter.FULL
    categories: frozenset[ErrorCategory] = _PASSING
    rules: Mapping[ErrorCategory, RetryRule] = field(default_factory=dict)
    on: tuple[type[Exception], ...] = ()
    on_result: Callable[[object], bool] | None = None
    retry_after_max_s: float = RETRY_AFTER_MAX_S
    budget: Budget | None = field(default_factory=Budget)
    reraise: bool = False

    def __post_init__(self) -> None:
        take_words(self, growth=Growth, jitter=Jitter)
        refuse("retry", _faults_of(self))
        object.__setattr__(self, "rules", MappingProxyType(dict(self.rules)))

    def __reduce__(self) -> tuple[object, ...]:
        return by_fields(self)

    @classmethod
    def spec_001(cls) -> Retry:
        """Spec 001's: 3 attempts, 1 s doubling up to 30 s, up to 30 % more by chance; labels network, rate_limit, server_error and transient."""
        return cls(jitter=Jitter.PLUS_30)

    @classmethod
    def spec_003(cls, attempts_max: int = 3, base_delay_s: float = 1.0, *, max_delay_s: float = 30.0) -> Retry:
        """Spec 003's: the delays are its constructor's arguments, doubling, ±10 %; whatever failed is repeated that may be."""
        return cls(
            attempts_max=attempts_max,
            initial_delay_s=base_delay_s,
            max_delay_s=max_delay_s,
            jitter=Jitter.PLUS_MINUS_10,
            categories=frozenset(ErrorCategory),
        )

    @classmethod
    def spec_004(cls) -> Retry:
        """Spec 004's: 3 attempts, 1 s doubling up to 30 s, no jitter; RATE_LIMIT, TIMEOUT, NETWORK_ERROR and SERVICE_UNAVAILABLE."""
        return cls(
            jitter=Jitter.NONE,
            categories=frozenset(
                {
                    ErrorCategory.RATE_LIMIT_BURST,
                    ErrorCategory.NETWORK_TIMEOUT,
                    ErrorCategory.NETWORK_CONNECTION_REFUSED,
                    ErrorCategory.API_UNEXPECTED_STATUS,
                }
            ),
        )

    def for_category(self, category: ErrorCategory) -> Retry:
        """The policy as it holds for a category: with its rule's numbers, where it has one."""
        rule = self.rules.get(category)
        if rule is None:
            return self
        given = {name: value for name in _NUMBERS if (value := getattr(rule, name)) is not None}
        return replace(self, **given, categories=self.categories | {category}, rules={})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """Whether to repeat, after how long, and why.

    `wait_s` is 0 when `retry` is false. `rule` is one of `retry`, `attempts-exhausted`, `category-not-listed`,
    `not-retryable`, `executed`, `outcome-unknown`, `retry-after-too-long` and, in process, `deadline` and `budget`; it
    never changes meaning.
    """

    retry: bool
    wait_s: float
    rule: str
    reason: str


def wait_s(
    settings: Retry,
    attempt: int,
    *,
    draw: float,
    previous_s: float | None = None,
    backoff: Backoff | None = None,
) -> float:
    """The wait after attempt number `attempt` failed, in seconds: never negative, never above the cap, jitter included.

    Base wait, with `n` failed attempts: exponential `initial * multiplier^(n-1)`; linear `initial * n`; fixed and
    `respect_reset` `initial`. Then, with the dice `d`:

    - none: `base`
    - full: `d * base`; equal: `base/2 + d * base/2`; decorrelated: `initial + d * (3 * previous - initial)`, where
      the previous wait is `initial` at first (AWS Architecture Blog, "Exponential Backoff And Jitter", M. Brooker,
      2015)
    - plus_minus_10: `base * (0.9 + 0.2 d)` (spec 003); plus_30: `base * (1 + 0.3 d)` (spec 001)

    A prescribed backoff is a floor that the API asked for: full and equal jitter would undercut it, so it is spread
    upwards (`plus_30`) instead.

    Args:
        settings: the policy.
        attempt: how many attempts have failed, from 1.
        draw: uniform in [0, 1).
        previous_s: the wait before the last attempt, for decorrelated jitter.
        backoff: what the API prescribes; its parts come before those of the policy.
    """
    assert attempt >= 1, "attempts count from 1"
    assert 0.0 <= draw < 1.0, "a draw lies in [0, 1)"
    initial, cap = settings.initial_delay_s, settings.max_delay_s
    jitter = Jitter(settings.jitter)
    if backoff is not None:
        initial = initial if backoff.initial_delay_s is None else backoff.initial_delay_s
        cap = max(cap, initial) if backoff.max_delay_s is None else backoff.max_delay_s
        jitter = Jitter.NONE if jitter is Jitter.NONE else Jitter.PLUS_30
    if jitter is Jitter.DECORRELATED:
        previous = initial if previous_s is None else previous_s
        spread = initial + draw * max(0.0, 3.0 * previous - initial)
    else:
        kind = Growth(settings.growth) if backoff is None else _PRESCRIBED[backoff.kind]
        spread = _jittered(
            jitter, _base_s(kind, initial, cap=cap, multiplier=settings.multiplier, attempt=attempt), draw
        )
    return max(0.0, min(cap, spread))


def decide(
    settings: Retry,
    verdict: Verdict,
    *,
    attempt: int,
    repeatable: bool,
    draw: float,
    previous_s: float | None = None,
    named: bool = False,
) -> RetryDecision:
    """Decide about the failed attempt number `attempt`.

    A repeat needs all of: attempts left, a listed category, a verdict that says the same request may succeed, and an
    outcome that makes it safe (`not_executed` always, `unknown` only if the operation is repeatable, `executed`
    never). The server's stated wait is never undercut and is the only thing that may exceed the cap; one longer than
    `retry_after_max_s` is left to somebody else.

    Args:
        settings: the policy.
        verdict: what went wrong.
        attempt: the number of the attempt that failed, from 1.
        repeatable: whether doing it twice does no harm (idempotent or keyed).
        draw: uniform in [0, 1).
        previous_s: the wait before this attempt, if there was one.
        named: the caller has named this very exception (`Retry.on`): its category and what is known of it do not matter,
            its outcome does.
    """
    settings = settings.for_category(verdict.category)
    refusal = _refusal(settings, verdict, attempt=attempt, repeatable=repeatable, named=named)
    if refusal is not None:
        rule, reason = refusal
        return RetryDecision(retry=False, wait_s=0.0, rule=rule, reason=reason)
    backoff_s = wait_s(settings, attempt, draw=draw, previous_s=previous_s, backoff=verdict.backoff)
    stated_s = _asked_s(verdict)
    said = f"attempt {attempt} of {settings.attempts_max} failed with {verdict.category}"
    if stated_s is not None and stated_s >= backoff_s:
        return RetryDecision(
            retry=True, wait_s=stated_s, rule="retry", reason=f"{said}; {_who_asked(verdict)} {stated_s:g} s"
        )
    return RetryDecision(retry=True, wait_s=backoff_s, rule="retry", reason=f"{said}; backing off {backoff_s:.3g} s")


def within(decision: RetryDecision, *, remaining_s: float | None) -> RetryDecision:
    """The decision as a deadline allows it: no wait that ends at it or beyond it is begun, and it is not shortened either.

    Args:
        decision: made without it.
        remaining_s: what is left of the deadline, in seconds; None without one.
    """
    if not decision.retry or remaining_s is None or decision.wait_s < remaining_s:
        return decision
    left = f"{max(0.0, remaining_s):.3g} s of the deadline are left"
    return RetryDecision(retry=False, wait_s=0.0, rule="deadline", reason=f"{decision.reason}, but {left}")


def _refusal(
    settings: Retry, verdict: Verdict, *, attempt: int, repeatable: bool, named: bool
) -> tuple[str, str] | None:
    if verdict.outcome is Outcome.EXECUTED:
        return "executed", "the side effect happened: a repeat would do it twice"
    if not named and verdict.category not in settings.categories:
        return "category-not-listed", f"{verdict.category} is not among the errors this policy retries"
    if attempt >= settings.attempts_max:
        return "attempts-exhausted", f"attempt {attempt} of {settings.attempts_max} was the last"
    if not named and not verdict.retryable:
        return "not-retryable", f"the same request would fail again ({verdict.rule})"
    if verdict.outcome is Outcome.UNKNOWN and not repeatable:
        return "outcome-unknown", "the side effect may have happened, and the operation is neither idempotent nor keyed"
    asked_s = _asked_s(verdict)
    if asked_s is not None and asked_s > settings.retry_after_max_s:
        reason = f"{_who_asked(verdict)} {asked_s:g} s; the limit is {settings.retry_after_max_s:g} s"
        return "retry-after-too-long", reason
    return None


def _asked_s(verdict: Verdict) -> float | None:
    """The wait that nothing may undercut: the stated one, else until the used-up quota opens again by its documentation."""
    return verdict.quota_resets_in_s if verdict.retry_after_s is None else verdict.retry_after_s


def _who_asked(verdict: Verdict) -> str:
    return "its quota opens in" if verdict.retry_after_s is None else "the server asked to wait"


_PRESCRIBED = MappingProxyType(
    {
        BackoffKind.EXPONENTIAL: Growth.EXPONENTIAL,
        BackoffKind.LINEAR: Growth.LINEAR,
        BackoffKind.RESPECT_RESET: Growth.FIXED,
    }
)


def _base_s(kind: Growth, initial: float, *, cap: float, multiplier: float, attempt: int) -> float:
    match kind:
        case Growth.LINEAR:
            return min(cap, initial * attempt)
        case Growth.FIXED:
            return min(cap, initial)
        case _:
            try:
                return min(cap, initial * float(multiplier) ** (attempt - 1))
            except (
                OverflowError
            ):  # 100^155 is beyond a float, and far beyond every cap; nothing times anything is nothing
                return cap if initial > 0 else 0.0


def _jittered(jitter: Jitter, base: float, draw: float) -> float:
    match jitter:
        case Jitter.FULL:
            return draw * base
        case Jitter.EQUAL:
            return base / 2 + draw * base / 2
        case Jitter.PLUS_MINUS_10:
            return base * (0.9 + 0.2 * draw)
        case Jitter.PLUS_30:
            return base * (1.0 + 0.3 * draw)
        case _:
            return base


_NUMBERS = ("attempts_max", "initial_delay_s", "max_delay_s", "multiplier")


def _number_faults(settings: Retry | RetryRule, *, optional: bool = False) -> list[tuple[str, str | None]]:
    ranges = ((1, ATTEMPTS_BOUND), (0, DELAY_BOUND_S), (0, DELAY_BOUND_S), (1, MULTIPLIER_BOUND))
    return [
        (name, number_problem(getattr(settings, name), low, high, whole=name == "attempts_max", optional=optional))
        for name, (low, high) in zip(_NUMBERS, ranges, strict=True)
    ]


def _faults_of(settings: Retry) -> list[tuple[str, str | None]]:
    """What is wrong with the settings; values are looked at as plain objects, because callers without a type checker send anything."""
    rules: object = settings.rules
    on: object = settings.on
    budget: object = settings.budget
    on_result: object = settings.on_result
    return [
        *_number_faults(settings),
        ("retry_after_max_s", number_problem(settings.retry_after_max_s, 0, math.inf)),
        ("growth", choice_problem(settings.growth, Growth)),
        ("jitter", choice_problem(settings.jitter, Jitter)),
        ("categories", _categories_problem(settings.categories)),
        (
            "budget",
            None if budget is None or isinstance(budget, Budget) else f"must be a Budget or None, not {budget!r}",
        ),
        ("on_result", None if on_result is None or callable(on_result) else f"must be a function, not {on_result!r}"),
        ("on", _exceptions_problem(on)),
        ("rules", _rules_problem(rules)),
    ]


def _categories_problem(categories: object) -> str | None:
    if not isinstance(categories, frozenset):
        return f"must be a frozenset of ErrorCategory, not {type(categories).__name__}"
    unknown = sorted(str(item) for item in categories if not isinstance(item, ErrorCategory))
    return f"must hold ErrorCategory values, not {', '.join(unknown)}" if unknown else None


def _exceptions_problem(on: object) -> str | None:
    if isinstance(on, tuple) and all(isinstance(kind, type) and issubclass(kind, Exception) for kind in on):
        return None
    return f"must be a tuple of exception classes below Exception, not {on!r}"


def _rules_problem(rules: object) -> str | None:
    if isinstance(rules, Mapping) and all(
        isinstance(category, ErrorCategory) and isinstance(rule, RetryRule) for category, rule in rules.items()
    ):
        return None
    return f"must map ErrorCategory to RetryRule, not {rules!r}"
