"""Which lesser answers may stand in for a failed call: by rule and priority, and never so that the work is done twice."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import LABEL_PRIORITIES, traits_of
from holdfast.faults.verdict import Outcome
from holdfast.policies.degradation import (
    DEPENDENCY_CATEGORIES,
    Degradation,
    Failed,
    Rule,
    When,
    bar,
    choose,
    with_outcome,
)
from holdfast.policies.lesser_answers import Alternative, Cached, Default, QueueForLater, Reduced, Strategy, word_of

TIMEOUT = When(categories=frozenset({ErrorCategory.NETWORK_TIMEOUT}))
NOTHING = Default(value=None)


def other(*_args: object) -> str:
    """Another way to an answer."""
    return "other"


def failed(category: ErrorCategory | None = ErrorCategory.NETWORK_TIMEOUT, **changes: object) -> Failed:
    """A failure that nobody minds repeating, unless told otherwise."""
    labels = () if category is None else traits_of(category).labels
    facts: dict[str, object] = {"category": category, "labels": labels, "repeatable": True, **changes}
    return Failed(**facts)


RULES = st.builds(
    Rule,
    strategy=st.sampled_from(
        [
            NOTHING,
            Cached(),
            Alternative(call=other),
            Alternative(call=other, repeatable=True),
            Reduced(features=("x",)),
            Reduced(call=other),
            QueueForLater(),
            QueueForLater(repeatable=False),
        ]
    ),
    when=st.sampled_from(
        [
            When.dependency_fails(),
            TIMEOUT,
            When(labels=frozenset({"network"})),
            When(exceptions=(OSError,)),
            When(rejected=frozenset({"circuit-open"})),
        ]
    ),
    priority=st.integers(0, 3),
)
FAILURES = st.builds(
    failed,
    category=st.one_of(st.none(), st.sampled_from(ErrorCategory)),
    outcome=st.sampled_from(Outcome),
    exceptions=st.sampled_from([(), (ConnectionError,), (ValueError,)]),
    refusal=st.sampled_from([None, "circuit-open", "bulkhead-full"]),
    repeatable=st.booleans(),
)


@given(rules=st.lists(RULES, min_size=1, max_size=12), failure=FAILURES)
def test_strategies_are_tried_lowest_priority_first(rules: list[Rule], failure: Failed) -> None:
    """What is tried comes in the order of the priorities; equal ones keep the order of the settings."""
    settings = Degradation(rules=tuple(rules))

    tried = choose(settings, failure).tries

    remaining = iter([rule.strategy for rule in sorted(rules, key=lambda rule: rule.priority)])
    assert all(any(strategy is found for found in remaining) for strategy in tried)


@given(rules=st.lists(RULES, min_size=1, max_size=12), failure=FAILURES)
def test_nothing_that_calls_again_is_tried_when_it_could_do_the_work_twice(rules: list[Rule], failure: Failed) -> None:
    """After an effect that happened nothing is called again, and after one that may have happened only what is declared harmless."""
    for strategy in choose(Degradation(rules=tuple(rules)), failure).tries:
        calls = isinstance(strategy, Alternative | QueueForLater) or (
            isinstance(strategy, Reduced) and strategy.call is not None
        )
        if not calls or failure.outcome is Outcome.NOT_EXECUTED:
            continue
        assert failure.outcome is Outcome.UNKNOWN
        assert strategy.repeatable is True or (strategy.repeatable is None and failure.repeatable)


@given(rules=st.lists(RULES, min_size=1, max_size=12), failure=FAILURES)
def test_every_rule_that_is_meant_is_tried_or_barred_with_a_reason(rules: list[Rule], failure: Failed) -> None:
    """No rule is passed over silently: whether a rule is meant does not depend on the others."""
    choice = choose(Degradation(rules=tuple(rules)), failure)

    meant = [rule for rule in rules if choose(Degradation(rules=(rule,)), failure).is_meant]
    assert len(meant) == len(choice.tries) + len(choice.barred)
    assert all(why for _, why in choice.barred)


@pytest.mark.parametrize("category", [pytest.param(category, id=str(category)) for category in ErrorCategory])
def test_by_default_only_failures_of_the_dependency_are_degraded(category: ErrorCategory) -> None:
    """A wrong request, a wrong credential or a cancelled call gets no lesser answer, because that would hide a mistake."""
    choice = choose(Degradation.of(NOTHING), failed(category))

    assert (category in DEPENDENCY_CATEGORIES) == choice.is_meant


@pytest.mark.parametrize(
    ("when", "meant"),
    [
        pytest.param(When(rejected=True), True, id="all refusals"),
        pytest.param(When(rejected=frozenset({"circuit-open"})), True, id="this refusal"),
        pytest.param(When(rejected=frozenset({"bulkhead-full"})), False, id="another refusal"),
        pytest.param(TIMEOUT, False, id="a category"),
        pytest.param(When(exceptions=(OSError,)), True, id="its exception"),
        pytest.param(When(exceptions=(ValueError,)), False, id="another exception"),
    ],
)
def test_a_call_that_was_turned_away_is_matched_by_its_refusal(when: When, meant: bool) -> None:
    """A refusal has no category; rules meet it by its slug or by its class."""
    settings = Degradation(rules=(Rule(strategy=NOTHING, when=when),))

    choice = choose(settings, failed(None, refusal="circuit-open", exceptions=(ConnectionError,)))

    assert meant == choice.is_meant


def test_a_rule_can_go_by_label() -> None:
    """Any of a rule's labels is enough."""
    settings = Degradation(rules=(Rule(strategy=NOTHING, when=When(labels=frozenset({"network", "server_error"}))),))

    assert choose(settings, failed(ErrorCategory.NETWORK_TIMEOUT)).is_meant
    assert choose(settings, failed(ErrorCategory.API_UNEXPECTED_STATUS)).is_meant
    assert not choose(settings, failed(ErrorCategory.AUTH_INVALID)).is_meant


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        pytest.param(Outcome.UNKNOWN, "may have happened", id="unknown"),
        pytest.param(Outcome.EXECUTED, "would do it twice", id="executed"),
    ],
)
def test_a_barred_strategy_says_why(outcome: Outcome, reason: str) -> None:
    """Whoever wonders why the alternative was not taken is told the outcome that forbade it."""
    choice = choose(Degradation.of(Alternative(call=other), NOTHING), failed(outcome=outcome, repeatable=False))

    assert (NOTHING,) == choice.tries
    assert reason in choice.barred[0][1]


@pytest.mark.parametrize(
    "strategy",
    [
        pytest.param(Alternative(call=other), id="alternative"),
        pytest.param(Alternative(endpoint="backup.example.com"), id="endpoint"),
        pytest.param(Reduced(call=other), id="reduced"),
        pytest.param(QueueForLater(), id="queue"),
    ],
)
def test_whatever_makes_a_call_can_be_barred(strategy: Strategy) -> None:
    """Each strategy that calls is barred after an effect, and after a doubtful one unless the policy says that it does no harm."""
    settings = Degradation.of(strategy)

    assert () == choose(settings, failed(outcome=Outcome.EXECUTED)).tries
    assert () == choose(settings, failed(outcome=Outcome.UNKNOWN, repeatable=False)).tries
    assert (strategy,) == choose(settings, failed(outcome=Outcome.UNKNOWN)).tries
    assert (strategy,) == choose(settings, failed(repeatable=False)).tries


def test_switching_features_off_is_never_barred() -> None:
    """A reduction without a call of its own does nothing in the world."""
    reduced = Reduced(features=("recommendations",))

    assert (reduced,) == choose(Degradation.of(reduced), failed(outcome=Outcome.EXECUTED)).tries


def test_spec_003_strategies_by_error_type() -> None:
    """The preset is the map of spec 003, in our words for its types of error, and a type without a strategy is told."""
    preset = Degradation.spec_003()

    def tried(category: ErrorCategory) -> tuple[object, ...]:
        return choose(preset, failed(category)).tries

    assert (Cached(ttl_s=300.0),) == tried(ErrorCategory.NETWORK_CONNECTION_REFUSED)
    assert (Alternative(endpoint="backup.example.com"),) == tried(ErrorCategory.NETWORK_TIMEOUT)
    assert (QueueForLater(queue="retry_queue"),) == tried(ErrorCategory.API_UNEXPECTED_STATUS)
    assert preset.strict
    assert {3} == {len(preset.rules)}


def test_spec_001_fallbacks_in_order_of_priority() -> None:
    """The preset tries the other API, then the cache, then null, which is a real answer."""
    preset = Degradation.spec_001(endpoint="https://api.secondary.com")

    assert [(1, "alternative"), (2, "cached"), (3, "default")] == [
        (rule.priority, word_of(rule.strategy)) for rule in preset.ordered
    ]
    assert Alternative(endpoint="https://api.secondary.com") == preset.ordered[0].strategy
    assert Default(value=None) == preset.ordered[2].strategy


def test_spec_001_without_another_endpoint_begins_with_the_cache() -> None:
    """Without SECONDARY_API_URL there is no other API to ask."""
    assert ["cached", "default"] == [word_of(rule.strategy) for rule in Degradation.spec_001().ordered]


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        pytest.param(Degradation, {"rules"}, id="no rules"),
        pytest.param(lambda: Degradation(rules=[Rule(strategy=NOTHING)], strict=1), {"rules", "strict"}, id="a list"),
        pytest.param(lambda: Degradation(rules=(NOTHING,)), {"rules"}, id="a bare strategy"),
        pytest.param(lambda: Degradation(rules=(Rule(strategy=NOTHING),) * 101), {"rules"}, id="too many"),
        pytest.param(
            lambda: Degradation(rules=(Rule(strategy=NOTHING),), levels=3), {"levels"}, id="a level for levels"
        ),
        pytest.param(Degradation.of, {"rules"}, id="no strategies"),
        pytest.param(lambda: Degradation.of(None, Cached(), 3), {"strategies[0]", "strategies[2]"}, id="no strategy"),
        pytest.param(lambda: Rule(strategy=other, when="timeout", priority=-1), {"strategy", "when", "priority"}, id="rule"),
        pytest.param(lambda: Rule(strategy=NOTHING, priority=True), {"priority"}, id="a truth value for a number"),
        pytest.param(When, {"categories"}, id="meant for nothing"),
        pytest.param(
            lambda: When(
                categories={"network_timeout"}, labels=frozenset({"web"}), exceptions=[OSError], rejected="circuit-open"
            ),
            {"categories", "labels", "exceptions", "rejected"},
            id="wrong kinds",
        ),
        pytest.param(lambda: When(categories=frozenset({"network_timeout"})), {"categories"}, id="texts"),
        pytest.param(lambda: When(labels="network"), {"labels"}, id="one label"),
        pytest.param(lambda: When(exceptions=(KeyboardInterrupt,)), {"exceptions"}, id="what only stops a program"),
        pytest.param(lambda: Degradation.spec_001(endpoint="ftp://x"), {"endpoint"}, id="an endpoint that is none"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_all_at_once(make: object, paths: set[str]) -> None:
    """Each problem is listed with its place."""
    with pytest.raises(BadSettings) as caught:
        make()

    assert paths == {problem.path for problem in caught.value.problems}


def test_every_label_can_be_named() -> None:
    """The labels that rules may name are those that verdicts have."""
    assert When(labels=frozenset(LABEL_PRIORITIES)).labels == frozenset(LABEL_PRIORITIES)


@given(rules=st.lists(RULES, min_size=1, max_size=12), failure=FAILURES, outcomes=st.lists(st.sampled_from(Outcome)))
def test_what_was_tried_counts_like_the_call_itself(
    rules: list[Rule], failure: Failed, outcomes: list[Outcome]
) -> None:
    """After further ways have failed, what may follow is what might have followed a call with the worst of all outcomes; never more."""
    settings, after = Degradation(rules=tuple(rules)), failure
    for outcome in outcomes:
        after = with_outcome(after, outcome)
    worst = max([failure.outcome, *outcomes], key=[Outcome.NOT_EXECUTED, Outcome.UNKNOWN, Outcome.EXECUTED].index)

    allowed = [strategy for strategy in choose(settings, failure).tries if bar(strategy, after) is None]

    assert worst is after.outcome
    assert list(choose(settings, after).tries) == allowed
