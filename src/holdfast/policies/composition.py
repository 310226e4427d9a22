"""Composition: which strategies stand around a call, in which order, and what that means in words.

Pure. The order is fixed, outermost first: degradation, deadline, retry with its budget, throttle, breaker, rate limit, adaptive limit, bulkhead,
attempt timeout, the call. Every attempt passes the breaker (retry outside), so that a circuit sees each failure and a repeat is not sent into an open
one; no place in a bulkhead is held while a repeat waits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from holdfast.errors import BadSettings, Problem
from holdfast.policies.adaptive import AdaptiveLimit
from holdfast.policies.breaker import Breaker
from holdfast.policies.bulkhead import Bulkhead
from holdfast.policies.hedge import Hedge
from holdfast.policies.rate_limit import RateKind, RateLimit
from holdfast.policies.retry import Growth, Retry
from holdfast.policies.throttle import Throttle
from holdfast.policies.timeout import Timeout

if TYPE_CHECKING:
    from holdfast.policies.cache import Cache
    from holdfast.policies.degradation import Degradation

__all__ = ["Composition", "explain"]

NAME_MAX_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """The strategies of one policy; None leaves one out. `repeatable` is the caller's word that doing a call twice does no harm.

    Raises:
        BadSettings: a strategy is of the wrong kind; all of it is listed.
    """

    name: str
    retry: Retry | None = None
    timeout: Timeout | None = None
    breaker: Breaker | None = None
    degradation: Degradation | None = None
    cache: Cache | None = None
    hedge: Hedge | None = None
    throttle: Throttle | None = None
    rate_limit: RateLimit | None = None
    adaptive: AdaptiveLimit | None = None
    bulkhead: Bulkhead | None = None
    repeatable: bool = False
    returns_last: bool = False

    def __post_init__(self) -> None:
        found: list[Problem] = []
        name: object = self.name
        if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX_CHARS:
            found.append(_problem("name", f"must be a text of 1 to {NAME_MAX_CHARS} characters, not {name!r}"))
        for field, known in KINDS.items():
            value: object = getattr(self, field)
            if value is not None and not isinstance(value, kind := known or _kind_of(field)):
                found.append(_problem(field, f"must be a {kind.__name__} or None, not {value!r}"))
        for field in ("repeatable", "returns_last"):
            flag: object = getattr(self, field)
            if not isinstance(flag, bool):
                found.append(_problem(field, f"must be True or False, not {flag!r}"))
        if found:
            raise BadSettings(found)


# None: a kind of its own room, which is loaded only where somebody uses it.
KINDS: dict[str, type | None] = {
    "degradation": None,
    "cache": None,
    "timeout": Timeout,
    "retry": Retry,
    "hedge": Hedge,
    "throttle": Throttle,
    "breaker": Breaker,
    "rate_limit": RateLimit,
    "adaptive": AdaptiveLimit,
    "bulkhead": Bulkhead,
}


def _kind_of(field: str) -> type:
    from holdfast.policies.cache import Cache  # noqa: PLC0415 - see KINDS
    from holdfast.policies.degradation import Degradation  # noqa: PLC0415 - as above

    return {"degradation": Degradation, "cache": Cache}[field]


def explain(composition: Composition) -> str:
    """The policy in words, one line for each strategy in the order in which a call meets them, and what is left out."""
    lines = [f"Policy {composition.name!r}, outermost first:"]
    timeout, retry, breaker = composition.timeout, composition.retry, composition.breaker
    lines += _answer_lines(composition)
    if timeout is not None and timeout.deadline_s is not None:
        lines.append(
            f"  deadline  the whole call has {timeout.deadline_s:g} s; no wait is begun that would not end before"
        )
    if retry is not None:
        lines += _retry_lines(retry, repeatable=composition.repeatable)
    if composition.hedge is not None:
        lines.append(f"  hedge     {_hedge_words(composition.hedge)}")
    if composition.throttle is not None:
        lines.append(f"  throttle  {_throttle_words(composition.throttle)}")
    if breaker is not None:
        lines.append(f"  breaker   {_breaker_words(breaker)}")
    lines += _limit_lines(composition)
    if timeout is not None and timeout.attempt_s is not None:
        lines.append(
            f"  timeout   one attempt has {timeout.attempt_s:g} s: async calls are interrupted, sync ones are told (holdfast.remaining_s)"
        )
    missing = [
        field.name for field in fields(composition) if field.name in KINDS and getattr(composition, field.name) is None
    ]
    lines.append(f"  left out: {', '.join(missing)}" if missing else "  nothing is left out")
    return "\n".join(lines)


def _problem(path: str, message: str) -> Problem:
    return Problem(source="policy", path=path, message=message)


def _answer_lines(composition: Composition) -> list[str]:
    """What stands outside all attempts: lesser answers, and answers from the cache."""
    lines = []
    degradation, cache = composition.degradation, composition.cache
    if degradation is not None:
        from holdfast.policies.lesser_answers import word_of  # noqa: PLC0415 - see KINDS

        order = ", then ".join(word_of(rule.strategy) for rule in degradation.ordered)
        lines.append(
            f"  degrades  a failed call is answered {order}; never by another call that could do the work twice"
        )
    if cache is not None:
        stale = f", then stale for {cache.stale_while_revalidate_s:g} s while one call refreshes it"
        lines.append(
            f"  cache     an answer is good for {cache.ttl_s:g} s{stale if cache.stale_while_revalidate_s else ''}"
        )
    return lines


def _retry_lines(retry: Retry, *, repeatable: bool) -> list[str]:
    growth = {
        Growth.FIXED: f"{retry.initial_delay_s:g} s each",
        Growth.LINEAR: f"{retry.initial_delay_s:g} s more each time, at most {retry.max_delay_s:g} s",
        Growth.EXPONENTIAL: f"{retry.initial_delay_s:g} s, times {retry.multiplier:g}, at most {retry.max_delay_s:g} s",
    }[Growth(retry.growth)]
    lines = [
        f"  retry     {retry.attempts_max} attempts in all; waits {growth}, jitter {retry.jitter}; Retry-After is never undercut"
    ]
    lines.append(f"            repeats {', '.join(sorted(retry.categories))}")
    if repeatable:
        lines.append("            you say that doing it twice does no harm (repeatable=True)")
    else:
        lines.append("            a call whose outcome is unknown is not repeated (repeatable=False)")
    budget = retry.budget
    if budget is None:
        lines.append("            without a budget: in an outage every call makes all its attempts")
    else:
        lines.append(
            f"            budget: {budget.ratio:.0%} of the calls of {budget.window_s:g} s, and {budget.floor_per_s:g} a second"
        )
    return lines


def _breaker_words(breaker: Breaker) -> str:
    whens = []
    window = f"{breaker.window_calls} calls" if breaker.window_calls is not None else f"{breaker.window_s:g} s"
    if breaker.failure_ratio is not None:
        whens.append(f"{breaker.failure_ratio:.0%} of at least {breaker.calls_min} calls in {window} failed")
    if breaker.slow_ratio is not None:
        whens.append(f"{breaker.slow_ratio:.0%} of them took {breaker.slow_s:g} s or longer")
    if breaker.failures_consecutive is not None:
        whens.append(f"{breaker.failures_consecutive} failed in a row")
    whens += [f"{limit} in a row were {category}" for category, limit in breaker.categories.items()]
    return (
        f"opens when {' or '.join(whens)}; open {breaker.open_s:g} s, growing to {breaker.open_max_s:g} s;"
        f" {breaker.probes_max} probe at a time, {breaker.successes_to_close} successes close"
    )


def _hedge_words(hedge: Hedge) -> str:
    late = f"{100 * hedge.quantile:.3g} % of the latest calls" if hedge.delay_s is None else f"{hedge.delay_s:g} s"
    return (
        f"an async call that takes longer than {late} is sent again, {hedge.extra_max} more at most; the first answer counts;"
        " each is paid out of the retry budget"
    )


def _throttle_words(throttle: Throttle) -> str:
    much = f"less than 1 in {throttle.k:g} of the last {throttle.window_s:g} s was taken"
    return f"turns calls away when {much}, at most {throttle.reject_max:.0%} of them"


def _limit_lines(composition: Composition) -> list[str]:
    lines = []
    rate, adaptive, bulkhead = composition.rate_limit, composition.adaptive, composition.bulkhead
    if rate is not None:
        burst = f", {rate.burst_calls} at once" if rate.kind == RateKind.TOKEN_BUCKET else " in any window"
        wait = f"others wait up to {rate.wait_max_s:g} s" if rate.wait_max_s else "nobody waits"
        lines.append(f"  rate      {rate.calls} calls begin per {rate.per_s:g} s{burst}; {wait}")
    if adaptive is not None:
        lines.append(
            f"  adaptive  {adaptive.low} to {adaptive.high} calls at once, by how much slower than at rest; begins with {adaptive.begins_with}"
        )
    if bulkhead is not None:
        queue = (
            f"{bulkhead.queue_max} more wait up to {bulkhead.wait_max_s:g} s" if bulkhead.queue_max else "nobody waits"
        )
        lines.append(f"  bulkhead  {bulkhead.calls_max} calls at once; {queue}")
    return lines
