"""When remedies apply, and what may be in them."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadInput, BadSettings
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import LABEL_PRIORITIES
from holdfast.faults.verdict import Family, Health, Outcome, Verdict
from holdfast.policies.remedies import (
    SPEC_001,
    CallFacts,
    Condition,
    Degrade,
    KeepForLater,
    RaiseAlert,
    Remedy,
    Repeat,
    Severity,
    TripCircuit,
    UseAlternative,
    UseCache,
    UseDefault,
    applicable,
    applies,
)
from holdfast.policies.retry import Jitter

FACTS = CallFacts(operation="crm.read", dependency="crm", message="ECONNRESET: reset by peer")
UNKNOWN = Condition(labels=frozenset({"unknown"}))


def verdict(
    *labels: str, status: int | None = None, category: ErrorCategory = ErrorCategory.API_UNEXPECTED_STATUS
) -> Verdict:
    """A verdict of which only the words for conditions matter."""
    return Verdict(
        category=category, family=Family.EXTERNAL, labels=labels, retryable=True, health=Health.FAILURE, outcome=Outcome.UNKNOWN, message="m",
        fingerprint="1:x", rule="r", status=status,
    )  # fmt: skip


def remedy(name: str, *conditions: Condition, priority: int = 1) -> Remedy:
    """A remedy of which only the conditions matter."""
    return Remedy(name=name, priority=priority, conditions=conditions, measures=(UseDefault(value=1),))


def labels(*words: str) -> frozenset[str]:
    """A set of labels."""
    return frozenset(words)


def test_the_strategies_of_spec_001_are_its_numbers() -> None:
    """All five strategies of document 001 are there, field by field, with milliseconds as seconds."""
    told = [
        (
            found.name,
            found.title,
            found.priority,
            found.description,
            found.attempts_max,
            found.timeout_s,
            tuple((tuple(one.labels), tuple(sorted(one.status_codes))) for one in found.conditions),
        )
        for found in SPEC_001
    ]

    assert [
        (
            "network-retry", "Network Error Retry", 1, "Retry network-related failures with exponential backoff", 3, 30.0,
            ((("network",), ()),),
        ),
        (
            "rate-limit-backoff", "Rate Limit Backoff", 2, "Handle rate limiting with extended backoff and cache fallback", 5, 60.0,
            ((("rate_limit",), (429,)),),
        ),
        (
            "server-error-circuit", "Server Error Circuit Breaker", 3, "Trip circuit breaker for server errors and use fallback API", 3, 30.0,
            ((("server_error",), (500, 502, 503, 504)),),
        ),
        (
            "auth-token-refresh", "Authentication Token Refresh", 4, "Refresh authentication tokens and retry", 2, 10.0,
            ((("authentication",), (401,)),),
        ),
        (
            "dead-letter-queue", "Dead Letter Queue", 10, "Queue unrecoverable errors for manual review", 1, 5.0,
            ((("unknown",), ()),),
        ),
    ] == told  # fmt: skip


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param(0, [("retry", {"attempts_max": 3, "multiplier": 2.0, "initial_delay_s": 1.0, "max_delay_s": 30.0,
                                    "jitter": Jitter.PLUS_30, "refresh_credential": False, "timeout_s": None, "delay_s": 0.0})], id="network"),
        pytest.param(1, [("retry", {"attempts_max": 5, "multiplier": 3.0, "initial_delay_s": 1.0, "max_delay_s": 30.0,
                                    "jitter": Jitter.PLUS_30, "refresh_credential": False, "timeout_s": None, "delay_s": 5.0}),
                         ("fallback", {"timeout_s": None, "delay_s": 0.0})], id="rate-limit"),
        pytest.param(2, [("circuit_break", {"threshold": 5, "open_s": 60.0, "window_s": 60.0, "circuit": None, "delay_s": 0.0}),
                         ("fallback", {"name": "secondary", "harmless": False, "timeout_s": None, "delay_s": 0.0})], id="server-error"),
        pytest.param(3, [("retry", {"attempts_max": 2, "multiplier": 2.0, "initial_delay_s": 1.0, "max_delay_s": 30.0,
                                    "jitter": Jitter.PLUS_30, "refresh_credential": True, "timeout_s": None, "delay_s": 0.0}),
                         ("alert", {"message": "Authentication failure", "severity": Severity.ERROR, "delay_s": 0.0})], id="auth"),
        pytest.param(4, [("queue", {"queue": "dead-letter", "after_s": 300.0, "delay_s": 0.0})], id="dead-letter"),
    ],
)  # fmt: skip
def test_the_actions_of_spec_001_are_its_numbers(place: int, expected: list[tuple[str, dict[str, object]]]) -> None:
    """Each measure of the five is of its kind and has its numbers."""
    measures = SPEC_001[place].measures

    assert expected == [(measure.word, dataclasses.asdict(measure)) for measure in measures]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(verdict("transient", "network"), ["network-retry"], id="network"),
        pytest.param(verdict("transient", "rate_limit", status=429), ["rate-limit-backoff"], id="429"),
        pytest.param(verdict("rate_limit"), ["rate-limit-backoff"], id="a function's own rate limit"),
        pytest.param(verdict("rate_limit", status=503), [], id="a rate limit by another status"),
        pytest.param(verdict("server_error", status=500), ["server-error-circuit"], id="500"),
        pytest.param(verdict("server_error", status=501), [], id="501"),
        pytest.param(verdict("server_error"), [], id="nobody knows that a server failed"),
        pytest.param(verdict("authentication", status=401), ["auth-token-refresh"], id="401"),
        pytest.param(verdict("authentication"), ["auth-token-refresh"], id="a function's own refusal"),
        pytest.param(verdict("authentication", status=403), [], id="403"),
        pytest.param(verdict("unknown"), ["dead-letter-queue"], id="unknown"),
        pytest.param(verdict("client_error", status=400), [], id="400"),
        pytest.param(verdict("unknown", category=ErrorCategory.USER_CANCELLED), [], id="cancelled by a person"),
    ],
)
def test_the_strategies_of_spec_001_apply_to_their_faults(found: Verdict, expected: list[str]) -> None:
    """Labels and statuses lead to the strategy that is meant for them; what a person cancelled leads nowhere."""
    assert expected == [one.name for one in applicable(SPEC_001, found, facts=FACTS)]


def test_all_parts_of_a_condition_have_to_hold() -> None:
    """One part that does not hold is enough for a condition not to be met."""
    whole = {
        "labels": labels("network"),
        "status_codes": frozenset({502}),
        "message_patterns": ("ECONN",),
        "predicate": lambda facts: facts.dependency == "crm",
    }
    broken = (
        {"labels": labels("unknown")},
        {"status_codes": frozenset({503})},
        {"message_patterns": ("TIMEDOUT",)},
        {"predicate": lambda facts: facts.dependency == "erp"},
    )
    found = verdict("network", status=502)

    assert applies(remedy("whole", Condition(**whole)), found, facts=FACTS)  # type: ignore[arg-type]  # parts by name
    for change in broken:
        assert not applies(remedy("part", Condition(**{**whole, **change})), found, facts=FACTS)  # type: ignore[arg-type]  # as above


def test_any_of_several_conditions_is_enough() -> None:
    """A remedy applies as soon as one of its conditions is met."""
    both = remedy("both", UNKNOWN, Condition(labels=labels("network")))

    assert applies(both, verdict("network"), facts=FACTS)
    assert applies(both, verdict("unknown"), facts=FACTS)
    assert not applies(both, verdict("client_error"), facts=FACTS)


def test_one_of_several_labels_and_patterns_is_enough() -> None:
    """Within a part, any of its values will do."""
    any_label = Condition(labels=labels("network", "unknown"), message_patterns=("never", "(?i)econn"))

    assert applies(remedy("any", any_label), verdict("unknown", "client_error"), facts=FACTS)


def test_a_predicate_sees_the_facts_of_the_call() -> None:
    """A predicate may ask for whatever is known of the call."""
    seen: list[CallFacts] = []

    def look(facts: CallFacts) -> bool:
        seen.append(facts)
        return False

    assert not applies(remedy("look", Condition(predicate=look)), verdict("unknown"), facts=FACTS)
    assert [FACTS] == seen


@given(
    priorities=st.lists(st.integers(-5, 5), min_size=1, max_size=8),
    words=st.lists(st.sampled_from(sorted(LABEL_PRIORITIES)), min_size=1, max_size=8),
)
def test_the_lowest_priority_number_goes_first(priorities: list[int], words: list[str]) -> None:
    """What applies is ordered by priority, and by the order of the list among equals; nothing else gets in, nothing is left out."""
    remedies = [
        remedy(f"{place}", Condition(labels=labels(words[place % len(words)])), priority=priority)
        for place, priority in enumerate(priorities)
    ]
    found = verdict(words[0])

    chosen = applicable(remedies, found, facts=FACTS)

    expected = [one for one in remedies if words[0] in one.conditions[0].labels]
    assert sorted(expected, key=lambda one: (one.priority, int(one.name))) == list(chosen)


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        pytest.param(Condition, {""}, id="a condition without parts"),
        pytest.param(lambda: Condition(labels=labels("networq")), {"labels"}, id="an unknown label"),
        pytest.param(lambda: Condition(labels={"network"}), {"labels"}, id="a set that can be changed"),
        pytest.param(lambda: Condition(status_codes=frozenset({99, 600, True})), {"status_codes"}, id="no statuses"),
        pytest.param(lambda: Condition(status_codes=frozenset({100, 599}), without_status=1), {"without_status"}, id="no flag"),
        pytest.param(lambda: Condition(message_patterns="abc"), {"message_patterns"}, id="a text instead of patterns"),
        pytest.param(lambda: Condition(message_patterns=("a",) * 21), {"message_patterns"}, id="too many patterns"),
        pytest.param(lambda: Condition(predicate=3), {"predicate"}, id="no predicate"),
        pytest.param(lambda: Repeat(attempts_max=0, initial_delay_s=-1, multiplier=0.5, max_delay_s=float("nan")),
                     {"attempts_max", "initial_delay_s", "multiplier", "max_delay_s"}, id="repeat"),
        pytest.param(lambda: Repeat(jitter="fully", refresh_credential=None, timeout_s=0, delay_s=-1),
                     {"jitter", "refresh_credential", "timeout_s", "delay_s"}, id="repeat, the rest"),
        pytest.param(lambda: UseCache(timeout_s=0, delay_s=True), {"timeout_s", "delay_s"}, id="cache"),
        pytest.param(lambda: UseAlternative(name=" ", harmless=0, timeout_s=1e9, delay_s=-1),
                     {"name", "harmless", "timeout_s", "delay_s"}, id="alternative"),
        pytest.param(lambda: UseDefault(delay_s=1e9), {"delay_s"}, id="default"),
        pytest.param(lambda: TripCircuit(threshold=0, open_s=0, window_s=0, circuit="", delay_s=-1),
                     {"threshold", "open_s", "window_s", "circuit", "delay_s"}, id="circuit"),
        pytest.param(lambda: Degrade(value=1, reduced="x" * 101, harmless=0, timeout_s=0, delay_s=-1),
                     {"value", "reduced", "harmless", "timeout_s", "delay_s"}, id="degrade"),
        pytest.param(lambda: KeepForLater(queue="", after_s=-1, delay_s=-1), {"queue", "after_s", "delay_s"}, id="queue"),
        pytest.param(lambda: RaiseAlert(message="", severity="bad", delay_s=-1), {"message", "severity", "delay_s"}, id="alert"),
        pytest.param(lambda: Remedy(name="", priority=1.5, conditions=(), measures=(), attempts_max=0, timeout_s=0),
                     {"name", "priority", "conditions", "measures", "attempts_max", "timeout_s"}, id="remedy"),
        pytest.param(lambda: Remedy(name="x", priority=1, conditions=[UNKNOWN], measures=(3,)), {"conditions", "measures"}, id="strange parts"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_all_at_once(make: object, paths: set[str]) -> None:
    """Whatever is out of range is listed, with its place."""
    with pytest.raises(BadSettings) as caught:
        make()  # type: ignore[operator]  # wrong on purpose

    assert paths == {problem.path for problem in caught.value.problems}


def test_bad_patterns_are_all_listed() -> None:
    """Patterns that are not valid are refused when they are written, each with its place."""
    with pytest.raises(BadInput) as caught:
        Condition(message_patterns=("fine", "(", "(?=look)"))

    assert ["message_patterns[1]", "message_patterns[2]"] == [problem.path for problem in caught.value.problems]


def test_the_ends_of_the_ranges_are_allowed() -> None:
    """The smallest and largest values of each range are accepted, and no value is taken for unset."""
    assert 1 == Repeat(attempts_max=1, initial_delay_s=0, multiplier=1, max_delay_s=0, timeout_s=0.001).attempts_max
    assert 0.0 == KeepForLater(after_s=0).after_s
    assert 86_400 == dataclasses.replace(remedy("x" * 100, UNKNOWN, priority=-1_000_000), timeout_s=86_400).timeout_s
    assert UseDefault().value is None


def test_a_repeat_waits_by_the_arithmetic_of_retries() -> None:
    """The settings of a repeat reach the formula of waits unchanged."""
    waits = Repeat(attempts_max=7, initial_delay_s=2, multiplier=3, max_delay_s=9, jitter=Jitter.NONE).waits()

    assert (7, 2, 3, 9, Jitter.NONE) == (
        waits.attempts_max, waits.initial_delay_s, waits.multiplier, waits.max_delay_s, waits.jitter,
    )  # fmt: skip
