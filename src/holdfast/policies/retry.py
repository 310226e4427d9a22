"""Retry: whether a failed attempt is repeated, and how long to wait before that.

Third in the story (`fault → verdict → decision`). Pure arithmetic: the dice arrive as `draw`, the facts as a verdict;
the loop that sleeps and calls again is a driver's. It does not know what the operation is, only whether its caller
says that it may be repeated.

Attempts count from 1 and include the first: with `attempts_max=3` there are at most two repeats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum, unique

from holdfast.errors import BadSettings, Problem
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Backoff, BackoffKind, Outcome, Verdict

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how patiently a failed attempt is repeated.

    Defaults: 3 attempts (1 to 1000, the first included), waits from 1 s doubling up to 30 s (0 s to 7 days; a
    multiplier of 1 to 100), full jitter, and the categories whose cause passes by itself. `max_delay_s` below
    `initial_delay_s` is allowed and caps the first wait as well.

    Raises:
        BadSettings: one or more values are out of range; all of them are listed.
    """

    attempts_max: int = 3
    initial_delay_s: float = 1.0
    max_delay_s: float = 30.0
    multiplier: float = 2.0
    categories: frozenset[ErrorCategory] = frozenset(
        {
            ErrorCategory.NETWORK_TIMEOUT,
            ErrorCategory.NETWORK_CONNECTION_REFUSED,
            ErrorCategory.RATE_LIMIT_BURST,
            ErrorCategory.API_UNEXPECTED_STATUS,
            ErrorCategory.API_RESPONSE_MALFORMED,
        }
    )
    jitter: Jitter = Jitter.FULL
    retry_after_max_s: float = RETRY_AFTER_MAX_S

    def __post_init__(self) -> None:
        problems = [Problem(source="retry", path=name, message=message) for name, message in _faults_of(self)]
        if problems:
            raise BadSettings(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """Whether to repeat, after how long, and why.

    `wait_s` is 0 when `retry` is false. `rule` is one of `retry`, `attempts-exhausted`, `category-not-listed`,
    `not-retryable`, `executed`, `outcome-unknown` and `retry-after-too-long`; it never changes meaning.
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

    Base wait, with `n` failed attempts: exponential `initial * multiplier^(n-1)`; linear `initial * n`;
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
    jitter = settings.jitter
    if backoff is not None:
        initial = initial if backoff.initial_delay_s is None else backoff.initial_delay_s
        cap = max(cap, initial) if backoff.max_delay_s is None else backoff.max_delay_s
        jitter = Jitter.NONE if jitter is Jitter.NONE else Jitter.PLUS_30
    if jitter is Jitter.DECORRELATED:
        previous = initial if previous_s is None else previous_s
        spread = initial + draw * max(0.0, 3.0 * previous - initial)
    else:
        kind = BackoffKind.EXPONENTIAL if backoff is None else backoff.kind
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
    """
    refusal = _refusal(settings, verdict, attempt=attempt, repeatable=repeatable)
    if refusal is not None:
        rule, reason = refusal
        return RetryDecision(retry=False, wait_s=0.0, rule=rule, reason=reason)
    backoff_s = wait_s(settings, attempt, draw=draw, previous_s=previous_s, backoff=verdict.backoff)
    stated_s = verdict.retry_after_s
    said = f"attempt {attempt} of {settings.attempts_max} failed with {verdict.category}"
    if stated_s is not None and stated_s >= backoff_s:
        return RetryDecision(
            retry=True, wait_s=stated_s, rule="retry", reason=f"{said}; the server asked to wait {stated_s:g} s"
        )
    return RetryDecision(retry=True, wait_s=backoff_s, rule="retry", reason=f"{said}; backing off {backoff_s:.3g} s")


def _refusal(settings: Retry, verdict: Verdict, *, attempt: int, repeatable: bool) -> tuple[str, str] | None:
    if verdict.outcome is Outcome.EXECUTED:
        return "executed", "the side effect happened: a repeat would do it twice"
    if attempt >= settings.attempts_max:
        return "attempts-exhausted", f"attempt {attempt} of {settings.attempts_max} was the last"
    if verdict.category not in settings.categories:
        return "category-not-listed", f"{verdict.category} is not among the errors this policy retries"
    if not verdict.retryable:
        return "not-retryable", f"the same request would fail again ({verdict.rule})"
    if verdict.outcome is Outcome.UNKNOWN and not repeatable:
        return "outcome-unknown", "the side effect may have happened, and the operation is neither idempotent nor keyed"
    if verdict.retry_after_s is not None and verdict.retry_after_s > settings.retry_after_max_s:
        return (
            "retry-after-too-long",
            f"the server asked to wait {verdict.retry_after_s:g} s; the limit is {settings.retry_after_max_s:g} s",
        )
    return None


def _base_s(kind: BackoffKind, initial: float, *, cap: float, multiplier: float, attempt: int) -> float:
    match kind:
        case BackoffKind.LINEAR:
            return min(cap, initial * attempt)
        case BackoffKind.RESPECT_RESET:
            return min(cap, initial)
        case _:
            try:
                return min(cap, initial * multiplier ** (attempt - 1))
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


def _faults_of(settings: Retry) -> list[tuple[str, str]]:
    """What is wrong with the settings; values are looked at as plain objects, because callers without a type checker send anything."""
    found: list[tuple[str, str]] = []
    for name, low, high in (
        ("attempts_max", 1.0, float(ATTEMPTS_BOUND)),
        ("initial_delay_s", 0.0, DELAY_BOUND_S),
        ("max_delay_s", 0.0, DELAY_BOUND_S),
        ("multiplier", 1.0, MULTIPLIER_BOUND),
        ("retry_after_max_s", 0.0, math.inf),
    ):
        value: object = getattr(settings, name)
        kinds, word = (int, "whole number") if name == "attempts_max" else (int | float, "number")
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            found.append((name, f"must be a {word} from {low:g} to {high:g}, not {value!r}"))
    jitter: object = settings.jitter
    if not isinstance(jitter, Jitter):
        found.append(("jitter", f"must be a Jitter, not {jitter!r}"))
    categories: object = settings.categories
    if not isinstance(categories, frozenset):
        found.append(("categories", f"must be a frozenset of ErrorCategory, not {type(categories).__name__}"))
    elif unknown := sorted(str(item) for item in categories if not isinstance(item, ErrorCategory)):
        found.append(("categories", f"must hold ErrorCategory values, not {', '.join(unknown)}"))
    return found
