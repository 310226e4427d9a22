"""Remedies: what the recovery engine may do about a failed call, as data — when each applies, and its measures in order.

A remedy is what document 001 calls a `RecoveryStrategy`; here that word belongs to the routes of plans. All parts of one condition have to hold, and
any of several conditions. The lowest priority number goes first. `SPEC_001` are the five strategies of that document with its numbers, in seconds.

Pure. How the measures follow one another is `holdfast.policies.recovery_course`; the engine that performs them is `holdfast.guards.engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from holdfast.errors import BadInput, Problem
from holdfast.faults.patterns import Pattern, compile_pattern
from holdfast.faults.taxonomy import ErrorCategory, Severity
from holdfast.faults.traits import LABEL_PRIORITIES
from holdfast.faults.verdict import Verdict
from holdfast.policies.checks import choice_problem, function_problem, number_problem, refuse, take_words
from holdfast.policies.retry import ATTEMPTS_BOUND, DELAY_BOUND_S, MULTIPLIER_BOUND, Jitter, JitterWord, Retry

__all__ = [
    "SPEC_001",
    "CallFacts",
    "Condition",
    "Degrade",
    "KeepForLater",
    "Measure",
    "RaiseAlert",
    "Remedy",
    "Repeat",
    "Severity",
    "TripCircuit",
    "UseAlternative",
    "UseCache",
    "UseDefault",
    "applicable",
    "applies",
]

TIMEOUT_MIN_S = 0.001
TIMEOUT_MAX_S = 86_400.0
"""A call that somebody waits for is recovered within a day or not in process at all."""

PARTS_MAX = 20
NAME_MAX_CHARS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What is known of a call that failed, apart from the verdict.

    `dependency` is what it depends on, such as `crm`; `endpoint` and `method` say what was asked of it. `attempt` is how many attempts have been
    made, from 1. `repeatable`: doing it twice does no harm. `read_only`: it changes nothing in the world. `replayable`: there is something to call
    again. `message` are the error's own words, for patterns; they are bounded but not redacted. `error_type` is the class of the error.
    """

    operation: str
    dependency: str
    endpoint: str = ""
    method: str | None = None
    attempt: int = 1
    repeatable: bool = False
    read_only: bool = False
    replayable: bool = True
    credential: str | None = None
    message: str = ""
    error_type: str = ""


Predicate = Callable[[CallFacts], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """When a remedy applies: every part that is given has to hold.

    `labels`: the fault has one of them (the words of document 001: transient, network, rate_limit, server_error, authentication, client_error,
    unknown). `status_codes`: the answer had one of these (100 to 599). A fault without a status, such as an exception of your own function, does not
    meet that part unless `without_status` is true. `message_patterns`: one of these RE2 expressions is found in the error's words. `predicate`:
    your own question about the call; one that raises makes the remedy be passed over.

    Raises:
        BadSettings: no part is given, or a part is out of range; everything is listed.
        BadInput: a pattern is not valid.
        MissingExtra: patterns need RE2, which is not installed.
    """

    labels: frozenset[str] = frozenset()
    status_codes: frozenset[int] = frozenset()
    without_status: bool = False
    message_patterns: tuple[str, ...] = ()
    predicate: Predicate | None = None
    compiled: tuple[Pattern, ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        refuse("condition", self._problems())
        object.__setattr__(self, "compiled", _compiled(self.message_patterns))

    def _problems(self) -> Iterator[tuple[str, str | None]]:
        if not (self.labels or self.status_codes or self.message_patterns or self.predicate):
            yield "", "has no part; name labels, status_codes, message_patterns or a predicate"
        known = ", ".join(LABEL_PRIORITIES)
        yield from _members("labels", self.labels, lambda item: item in LABEL_PRIORITIES, f"of: {known}")
        yield from _members("status_codes", self.status_codes, _is_status, "whole numbers from 100 to 599")
        yield "without_status", _flag_problem(self.without_status)
        patterns: object = self.message_patterns
        if not isinstance(patterns, tuple) or not all(isinstance(item, str) for item in patterns):
            yield "message_patterns", "must be a tuple of expressions"
        elif len(patterns) > PARTS_MAX:
            yield "message_patterns", f"has {len(patterns)} expressions; at most {PARTS_MAX}"
        yield "predicate", function_problem(self.predicate, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """Make the call again: `retry` of document 001.

    `attempts_max` counts every attempt of the call, the failed ones before the recovery included (1 to 1000). The first repeat waits
    `initial_delay_s`, each further one `multiplier` times as long (1 to 100), at most `max_delay_s`; a wait that the server stated is never
    undercut. With `refresh_credential`, the credential is renewed first, and the first repeat follows at once. `timeout_s` bounds the whole
    measure (None: only the remedy's time does). `delay_s` is the pause before the next measure.
    """

    word: ClassVar[str] = "retry"

    attempts_max: int = 3
    initial_delay_s: float = 1.0
    multiplier: float = 2.0
    max_delay_s: float = 30.0
    jitter: Jitter | JitterWord = Jitter.PLUS_30
    refresh_credential: bool = False
    timeout_s: float | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        take_words(self, jitter=Jitter)
        refuse(
            self.word,
            [
                ("attempts_max", number_problem(self.attempts_max, 1, ATTEMPTS_BOUND, whole=True)),
                ("initial_delay_s", number_problem(self.initial_delay_s, 0, DELAY_BOUND_S)),
                ("multiplier", number_problem(self.multiplier, 1, MULTIPLIER_BOUND)),
                ("max_delay_s", number_problem(self.max_delay_s, 0, DELAY_BOUND_S)),
                ("jitter", choice_problem(self.jitter, Jitter)),
                ("refresh_credential", _flag_problem(self.refresh_credential)),
                ("timeout_s", _timeout_problem(self.timeout_s)),
                ("delay_s", _delay_problem(self.delay_s)),
            ],
        )

    def waits(self) -> Retry:
        """The same settings as the arithmetic of waits reads them."""
        return Retry(
            attempts_max=self.attempts_max,
            initial_delay_s=self.initial_delay_s,
            multiplier=self.multiplier,
            max_delay_s=self.max_delay_s,
            jitter=self.jitter,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCache:
    """Answer with the last known good value for the same call: `fallback` to `cache`. `timeout_s` bounds the look into the cache (async only)."""

    word: ClassVar[str] = "fallback"

    timeout_s: float | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        refuse("fallback", [("timeout_s", _timeout_problem(self.timeout_s)), ("delay_s", _delay_problem(self.delay_s))])


@dataclass(frozen=True, slots=True, kw_only=True)
class UseAlternative:
    """Ask somebody else: `fallback` to `api`. `name` is one of the engine's alternatives.

    An alternative does the same work elsewhere, where an idempotency key of ours means nothing: unless the first call did nothing for certain, only
    calls that change nothing go there. `harmless` says that this alternative itself changes nothing, so that it may always be asked.
    """

    word: ClassVar[str] = "fallback"

    name: str
    harmless: bool = False
    timeout_s: float | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        refuse(
            "fallback",
            [
                ("name", _name_problem(self.name)),
                ("harmless", _flag_problem(self.harmless)),
                ("timeout_s", _timeout_problem(self.timeout_s)),
                ("delay_s", _delay_problem(self.delay_s)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class UseDefault:
    """Answer with a fixed value, which may be None: `fallback` to `default`."""

    word: ClassVar[str] = "fallback"

    value: object = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        refuse("fallback", [("delay_s", _delay_problem(self.delay_s))])


@dataclass(frozen=True, slots=True, kw_only=True)
class TripCircuit:
    """Open the circuit of the dependency for `open_s`, once `threshold` calls have come here within `window_s`: `circuit_break`.

    `circuit` names another circuit than the dependency's own. Never ends a remedy.
    """

    word: ClassVar[str] = "circuit_break"

    threshold: int = 5
    open_s: float = 60.0
    window_s: float = 60.0
    circuit: str | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        refuse(
            self.word,
            [
                ("threshold", number_problem(self.threshold, 1, 1_000, whole=True)),
                ("open_s", number_problem(self.open_s, TIMEOUT_MIN_S, DELAY_BOUND_S)),
                ("window_s", number_problem(self.window_s, TIMEOUT_MIN_S, DELAY_BOUND_S)),
                ("circuit", None if self.circuit is None else _name_problem(self.circuit)),
                ("delay_s", _delay_problem(self.delay_s)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Degrade:
    """Answer with less: with `value` (document 001's `degradedValue`), or by `reduced`, the name of a reduced version of the call.

    A reduced version is a function like an alternative, and the same is asked of it unless it is `harmless`.
    """

    word: ClassVar[str] = "degrade"

    value: object = None
    reduced: str | None = None
    harmless: bool = False
    timeout_s: float | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        both = self.reduced is not None and self.value is not None
        refuse(
            self.word,
            [
                ("value", "is given together with reduced; one of them answers" if both else None),
                ("reduced", None if self.reduced is None else _name_problem(self.reduced)),
                ("harmless", _flag_problem(self.harmless)),
                ("timeout_s", _timeout_problem(self.timeout_s)),
                ("delay_s", _delay_problem(self.delay_s)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepForLater:
    """Keep the call, to be made again after `after_s` or looked at by a person: `queue`. Never ends a remedy; no call is kept twice."""

    word: ClassVar[str] = "queue"

    queue: str = "dead-letter"
    after_s: float = 300.0
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        refuse(
            self.word,
            [
                ("queue", _name_problem(self.queue)),
                ("after_s", number_problem(self.after_s, 0, DELAY_BOUND_S)),
                ("delay_s", _delay_problem(self.delay_s)),
            ],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseAlert:
    """Tell somebody: `alert`. Never ends a remedy, and the same alert is not told again and again."""

    word: ClassVar[str] = "alert"

    message: str = "A call could not be recovered"
    severity: Severity | Literal["info", "warning", "error", "critical"] = Severity.WARNING
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        take_words(self, severity=Severity)
        refuse(
            self.word,
            [
                ("message", _name_problem(self.message)),
                ("severity", choice_problem(self.severity, Severity)),
                ("delay_s", _delay_problem(self.delay_s)),
            ],
        )


Measure = Repeat | UseCache | UseAlternative | UseDefault | TripCircuit | Degrade | KeepForLater | RaiseAlert
"""One thing that a remedy does; `delay_s` of each is the pause before the next one, and `word` is document 001's name for its kind."""

_MEASURES = (Repeat, UseCache, UseAlternative, UseDefault, TripCircuit, Degrade, KeepForLater, RaiseAlert)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """When something applies, and what it does.

    `priority`: the lowest number goes first, the order of the list decides among equals. `measures` are carried out in order until one gives an
    answer. `attempts_max` (1 to 1000) bounds how many attempts of the call there may be in all, those before the recovery included; `timeout_s`
    (1 ms to a day) bounds pauses and calls: what takes no time, such as keeping the call or raising an alert, is still done when it is over.

    Raises:
        BadSettings: something is missing or out of range; everything is listed.
    """

    name: str
    priority: int
    conditions: tuple[Condition, ...]
    measures: tuple[Measure, ...]
    title: str = ""
    description: str = ""
    attempts_max: int = 3
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        refuse(
            "remedy",
            [
                ("name", _name_problem(self.name)),
                ("priority", number_problem(self.priority, -1_000_000, 1_000_000, whole=True)),
                ("conditions", _parts_problem(self.conditions, (Condition,), "conditions")),
                ("measures", _parts_problem(self.measures, _MEASURES, "measures")),
                ("attempts_max", number_problem(self.attempts_max, 1, ATTEMPTS_BOUND, whole=True)),
                ("timeout_s", _timeout_problem(self.timeout_s, optional=False)),
            ],
        )


def applicable(remedies: Iterable[Remedy], verdict: Verdict, *, facts: CallFacts) -> tuple[Remedy, ...]:
    """The remedies that apply to a failed call, in the order in which they are tried.

    What a person cancelled needs no remedy. An exception of a predicate is not caught here.
    """
    return tuple(remedy for remedy in sorted(remedies, key=_priority) if applies(remedy, verdict, facts=facts))


def applies(remedy: Remedy, verdict: Verdict, *, facts: CallFacts) -> bool:
    """Whether one of its conditions is met."""
    if verdict.category is ErrorCategory.USER_CANCELLED:
        return False
    return any(_is_met(condition, verdict, facts) for condition in remedy.conditions)


def _is_met(condition: Condition, verdict: Verdict, facts: CallFacts) -> bool:
    if condition.labels and condition.labels.isdisjoint(verdict.labels):
        return False
    if condition.status_codes and not (
        condition.without_status if verdict.status is None else verdict.status in condition.status_codes
    ):
        return False
    if condition.compiled and not any(pattern.is_in(facts.message) for pattern in condition.compiled):
        return False
    return condition.predicate is None or bool(condition.predicate(facts))


def _priority(remedy: Remedy) -> int:
    return remedy.priority


def _compiled(expressions: tuple[str, ...]) -> tuple[Pattern, ...]:
    compiled: list[Pattern] = []
    problems: list[Problem] = []
    for index, expression in enumerate(expressions):
        try:
            compiled.append(compile_pattern(expression, source="condition", path=f"message_patterns[{index}]"))
        except BadInput as error:
            problems.extend(error.problems)
    if problems:
        raise BadInput(problems)
    return tuple(compiled)


def _members(
    name: str, value: object, is_fine: Callable[[object], bool], meaning: str
) -> Iterator[tuple[str, str | None]]:
    if not isinstance(value, frozenset):
        yield name, f"must be a frozenset {meaning}, not {value!r}"
        return
    wrong = sorted(repr(item) for item in value if not is_fine(item))
    if wrong:
        yield name, f"must be a frozenset {meaning}, not with {', '.join(wrong)}"


def _is_status(item: object) -> bool:
    return isinstance(item, int) and not isinstance(item, bool) and 100 <= item <= 599


def _name_problem(value: object) -> str | None:
    fine = isinstance(value, str) and len(value.strip()) > 0 and len(value) <= NAME_MAX_CHARS
    return None if fine else f"must be a text of 1 to {NAME_MAX_CHARS} characters, not {value!r}"


def _flag_problem(value: object) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {value!r}"


def _delay_problem(value: object) -> str | None:
    return number_problem(value, 0, TIMEOUT_MAX_S)


def _timeout_problem(value: object, *, optional: bool = True) -> str | None:
    return number_problem(value, TIMEOUT_MIN_S, TIMEOUT_MAX_S, optional=optional)


def _parts_problem(value: object, kinds: tuple[type, ...], word: str) -> str | None:
    if not isinstance(value, tuple) or not 1 <= len(value) <= PARTS_MAX:
        return f"must be a tuple of 1 to {PARTS_MAX} {word}, not {value!r}"
    wrong = next((item for item in value if not isinstance(item, kinds)), None)
    return None if wrong is None else f"must be a tuple of {word}, not with {wrong!r}"


SPEC_001: tuple[Remedy, ...] = (
    Remedy(
        name="network-retry",
        title="Network Error Retry",
        description="Retry network-related failures with exponential backoff",
        priority=1,
        conditions=(Condition(labels=frozenset({"network"})),),
        measures=(Repeat(attempts_max=3, multiplier=2.0),),
        attempts_max=3,
        timeout_s=30.0,
    ),
    Remedy(
        name="rate-limit-backoff",
        title="Rate Limit Backoff",
        description="Handle rate limiting with extended backoff and cache fallback",
        priority=2,
        conditions=(Condition(labels=frozenset({"rate_limit"}), status_codes=frozenset({429}), without_status=True),),
        measures=(Repeat(attempts_max=5, multiplier=3.0, delay_s=5.0), UseCache()),
        attempts_max=5,
        timeout_s=60.0,
    ),
    Remedy(
        name="server-error-circuit",
        title="Server Error Circuit Breaker",
        description="Trip circuit breaker for server errors and use fallback API",
        priority=3,
        # Without a status nobody knows that a server failed: an unreadable value in a function of one's own has this label too.
        conditions=(Condition(labels=frozenset({"server_error"}), status_codes=frozenset({500, 502, 503, 504})),),
        measures=(TripCircuit(threshold=5, open_s=60.0), UseAlternative(name="secondary")),
        attempts_max=3,
        timeout_s=30.0,
    ),
    Remedy(
        name="auth-token-refresh",
        title="Authentication Token Refresh",
        description="Refresh authentication tokens and retry",
        priority=4,
        conditions=(
            Condition(labels=frozenset({"authentication"}), status_codes=frozenset({401}), without_status=True),
        ),
        measures=(
            Repeat(attempts_max=2, refresh_credential=True),
            RaiseAlert(severity=Severity.ERROR, message="Authentication failure"),
        ),
        attempts_max=2,
        timeout_s=10.0,
    ),
    Remedy(
        name="dead-letter-queue",
        title="Dead Letter Queue",
        description="Queue unrecoverable errors for manual review",
        priority=10,
        conditions=(Condition(labels=frozenset({"unknown"})),),
        measures=(KeepForLater(queue="dead-letter", after_s=300.0),),
        attempts_max=1,
        timeout_s=5.0,
    ),
)
"""The five strategies of document 001, its milliseconds in seconds. Its names are the titles here, its keys the names.

The first waits of `retry` (1 s, at most 30 s, up to 30 % more by chance) are those of its engine's own retry. Its conditions on a status let a fault
without one pass; here those on 429 and 401 do, since the label alone says as much, and the one on 500, 502, 503 and 504 does not.
"""
