"""Degradation: which lesser answers may stand in for a call that failed, and in which order they are tried.

Outermost of all stages: it hears of a failure when retries, breaker and timeouts have done what they could. This module decides only: given a
failure and the rules, the strategies to try, lowest priority first, and those that are barred, with the reason. Performing them is the work of
`holdfast.guards.degrading`.

Safety comes before availability. A strategy that makes another call (an alternative, a reduced version, a queue) could do the work twice, so it
is barred once the effect of the first call happened, or may have happened and nothing says that twice does no harm. The same goes for what other
strategies have tried before it. A kept value and a default do nothing in the world and are never barred.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from holdfast.errors import BadSettings, Problem
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import LABEL_PRIORITIES
from holdfast.faults.verdict import Outcome
from holdfast.policies.checks import choice_problem, number_problem, refuse
from holdfast.policies.lesser_answers import (
    AGE_BOUND_S,
    Alternative,
    Cached,
    Default,
    QueueForLater,
    Reduced,
    Strategy,
    truth_problem,
)
from holdfast.policies.levels import Levels

__all__ = ["DEPENDENCY_CATEGORIES", "Choice", "Degradation", "Failed", "Rule", "When", "bar", "choose", "with_outcome"]

PRIORITY_BOUND = 1_000_000
RULES_BOUND = 100
_BY_GRAVITY = (Outcome.NOT_EXECUTED, Outcome.UNKNOWN, Outcome.EXECUTED)

DEPENDENCY_CATEGORIES = frozenset(
    {
        ErrorCategory.NETWORK_TIMEOUT,
        ErrorCategory.NETWORK_CONNECTION_REFUSED,
        ErrorCategory.RATE_LIMIT_BURST,
        ErrorCategory.RATE_LIMIT_DAILY,
        ErrorCategory.API_RESPONSE_MALFORMED,
        ErrorCategory.API_UNEXPECTED_STATUS,
        ErrorCategory.API_ENDPOINT_REMOVED,
    }
)
"""What is the other side's doing, or the network's. A wrong request, a wrong credential and a cancelled call are not: a lesser answer would
hide a mistake that somebody has to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Which failures a rule is meant for: it holds when any of its parts does.

    `categories` and `labels` are read from the verdict; `exceptions` are classes of the exception itself or of what it was raised from;
    `rejected` says whether it is meant for calls that were turned away unsent, such as by an open circuit: all of them (True), none, or those
    with the slugs named.
    """

    categories: frozenset[ErrorCategory] = frozenset()
    labels: frozenset[str] = frozenset()
    exceptions: tuple[type[Exception], ...] = ()
    rejected: bool | frozenset[str] = False

    def __post_init__(self) -> None:
        refuse(
            "degradation.when",
            [
                ("categories", _members_problem(self.categories, ErrorCategory)),
                ("labels", _labels_problem(self.labels)),
                ("exceptions", _exceptions_problem(self.exceptions)),
                ("rejected", _rejected_problem(self.rejected)),
                ("categories", None if self._says_something() else "a rule that is meant for nothing would never act"),
            ],
        )

    @classmethod
    def dependency_fails(cls) -> When:
        """The other side or the network did not do its part, or the call was turned away because of that."""
        return cls(categories=DEPENDENCY_CATEGORIES, rejected=True)

    def _says_something(self) -> bool:
        return bool(self.categories or self.labels or self.exceptions or self.rejected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One strategy, the failures it is meant for (default: the dependency's), and its place: the lowest `priority` is tried first."""

    strategy: Strategy
    when: When = field(default_factory=When.dependency_fails)
    priority: int = 100

    def __post_init__(self) -> None:
        refuse(
            "degradation.rule",
            [
                ("strategy", _strategy_problem(self.strategy)),
                ("when", choice_problem(self.when, When)),
                ("priority", number_problem(self.priority, 0, PRIORITY_BOUND, whole=True)),
            ],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """What is answered when a call fails: rules, tried by priority until one gives an answer. Rules of equal priority keep their order.

    With `strict`, a failure that no rule is meant for is told as `NoStrategy`; without, the default, it is raised as it is, so that
    `except Declined` goes on working. `levels` say when the policy counts as degraded, and how much.
    """

    rules: tuple[Rule, ...] = ()
    strict: bool = False
    levels: Levels = field(default_factory=Levels)
    _ordered: tuple[Rule, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        refuse(
            "degradation",
            [
                ("rules", _rules_problem(self.rules)),
                ("strict", truth_problem(self.strict, optional=False)),
                ("levels", choice_problem(self.levels, Levels)),
            ],
        )
        object.__setattr__(self, "_ordered", tuple(sorted(self.rules, key=lambda rule: rule.priority)))

    @property
    def ordered(self) -> tuple[Rule, ...]:
        """The rules in the order in which they are tried."""
        return self._ordered

    @classmethod
    def of(cls, *strategies: Strategy, levels: Levels | None = None) -> Degradation:
        """Strategies for any failure of the dependency, in the order given.

        Raises:
            BadSettings: some of them are no strategies, or there is none.
        """
        problems = _problems_of(strategies)
        if problems:
            raise BadSettings(problems)
        rules = tuple(Rule(strategy=strategy, priority=place) for place, strategy in enumerate(strategies, start=1))
        return cls(rules=rules) if levels is None else cls(rules=rules, levels=levels)

    @classmethod
    def spec_003(cls) -> Degradation:
        """The map of spec 003 §4.1, one strategy per type of error: Network → cached 300 s, Timeout → another endpoint, ServiceUnavailable → a queue.

        A type that is not in the map is told as `NoStrategy`, as there.
        """

        def rule(category: ErrorCategory, strategy: Strategy) -> Rule:
            return Rule(strategy=strategy, when=When(categories=frozenset({category})))

        return cls(
            rules=(
                rule(ErrorCategory.NETWORK_CONNECTION_REFUSED, Cached(ttl_s=300.0)),
                rule(ErrorCategory.NETWORK_TIMEOUT, Alternative(endpoint="backup.example.com")),
                rule(ErrorCategory.API_UNEXPECTED_STATUS, QueueForLater(queue="retry_queue")),
            ),
            strict=True,
        )

    @classmethod
    def spec_001(cls, *, endpoint: str | None = None) -> Degradation:
        """The fallbacks of spec 001's integration: another API (priority 1), the cache (2), and null as the default (3).

        `endpoint` is its `SECONDARY_API_URL`, else `FALLBACK_API_URL`; without one, the first is left out. Its cache has no limit of age; ours
        has the highest that there is, a year.

        Raises:
            BadSettings: the endpoint is no address.
        """
        api = () if endpoint is None else (Rule(strategy=Alternative(endpoint=endpoint), priority=1),)
        return cls(
            rules=(
                *api,
                Rule(strategy=Cached(ttl_s=AGE_BOUND_S), priority=2),
                Rule(strategy=Default(value=None), priority=3),
            )
        )


# --- the decision ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A failure as the rules see it.

    `category` and `labels` come from the verdict and are empty for a call that was turned away; `refusal` is then the slug of the refusal.
    `outcome` is the worst that is known of all attempts. `exceptions` are the classes of the exception and of what it was raised from.
    `repeatable` is what the policy says of the call.
    """

    category: ErrorCategory | None = None
    labels: tuple[str, ...] = ()
    outcome: Outcome = Outcome.NOT_EXECUTED
    exceptions: tuple[type[BaseException], ...] = ()
    refusal: str | None = None
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What may be tried, in order, and what is barred and why. Both are empty when no rule is meant for the failure."""

    tries: tuple[Strategy, ...]
    barred: tuple[tuple[Strategy, str], ...]

    @property
    def is_meant(self) -> bool:
        """Whether any rule is meant for the failure."""
        return bool(self.tries or self.barred)


def choose(settings: Degradation, failed: Failed) -> Choice:
    """Choose the strategies for a failure: the rules that are meant for it, by priority, without those that could do the work twice."""
    tries: list[Strategy] = []
    barred: list[tuple[Strategy, str]] = []
    for rule in settings.ordered:
        if not _is_meant(rule.when, failed):
            continue
        why = bar(rule.strategy, failed)
        if why is None:
            tries.append(rule.strategy)
        else:
            barred.append((rule.strategy, why))
    return Choice(tries=tuple(tries), barred=tuple(barred))


def _is_meant(when: When, failed: Failed) -> bool:
    if failed.refusal is not None:
        told = when.rejected if isinstance(when.rejected, bool) else failed.refusal in when.rejected
        if told:
            return True
    if failed.category is not None and failed.category in when.categories:
        return True
    if not when.labels.isdisjoint(failed.labels):
        return True
    return any(issubclass(kind, when.exceptions) for kind in failed.exceptions)


def with_outcome(failed: Failed, outcome: Outcome) -> Failed:
    """The failure after one more way was tried that ended with this outcome: the worst of both counts."""
    return replace(failed, outcome=max(failed.outcome, outcome, key=_BY_GRAVITY.index))


def bar(strategy: Strategy, failed: Failed) -> str | None:
    """Why a strategy must not be tried after a failure, because it could do the work twice; None when it may."""
    if isinstance(strategy, Cached | Default) or failed.outcome is Outcome.NOT_EXECUTED:
        return None
    if isinstance(strategy, Reduced) and strategy.call is None:
        return None  # switching features off calls nobody
    if failed.outcome is Outcome.EXECUTED:
        return "the effect of the call happened, and another call would do it twice"
    repeatable = failed.repeatable if strategy.repeatable is None else strategy.repeatable
    if repeatable:
        return None
    return "the effect of the call may have happened, and nothing says that twice does no harm: repeatable=True would"


# --- what is wrong with settings ---


def _members_problem(value: object, kind: type) -> str | None:
    """What is wrong with a frozenset of members of an enumeration."""
    if not isinstance(value, frozenset):
        return f"must be a frozenset of {kind.__name__}, not {value!r}"
    strangers = sorted(repr(item) for item in value if not isinstance(item, kind))
    return f"must hold {kind.__name__} values, not {', '.join(strangers)}" if strangers else None


def _labels_problem(value: object) -> str | None:
    """What is wrong with a frozenset of labels."""
    if not isinstance(value, frozenset):
        return f"must be a frozenset of labels, not {value!r}"
    strangers = sorted(repr(item) for item in value if item not in LABEL_PRIORITIES)
    return f"must hold labels ({', '.join(LABEL_PRIORITIES)}), not {', '.join(strangers)}" if strangers else None


def _exceptions_problem(value: object) -> str | None:
    """What is wrong with a tuple of classes of exceptions; what only stops a program is not for a rule."""
    if not isinstance(value, tuple):
        return f"must be a tuple of exception classes, not {value!r}"
    strangers = [repr(item) for item in value if not (isinstance(item, type) and issubclass(item, Exception))]
    return f"must hold classes below Exception, not {', '.join(strangers)}" if strangers else None


def _rejected_problem(value: object) -> str | None:
    """What is wrong with the refusals a rule is meant for."""
    if isinstance(value, bool) or (isinstance(value, frozenset) and all(isinstance(item, str) for item in value)):
        return None
    return f"must be True, False or a frozenset of slugs such as 'circuit-open', not {value!r}"


def _rules_problem(value: object) -> str | None:
    """What is wrong with the rules: between 1 and 100 of them."""
    if not isinstance(value, tuple) or any(not isinstance(item, Rule) for item in value):
        return f"must be a tuple of Rule, not {value!r}"
    return None if 1 <= len(value) <= RULES_BOUND else f"must be 1 to {RULES_BOUND} rules, not {len(value)}"


def _problems_of(strategies: Iterable[object]) -> list[Problem]:
    """Problems of things that should be strategies, by their place."""
    return [
        Problem(source="degradation", path=f"strategies[{place}]", message=problem)
        for place, item in enumerate(strategies)
        if (problem := _strategy_problem(item)) is not None
    ]


def _strategy_problem(value: object) -> str | None:
    return None if isinstance(value, Strategy) else f"must be a strategy such as Cached(ttl_s=300), not {value!r}"
