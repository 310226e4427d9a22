"""The one table of the taxonomy, and the documents' own examples."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.rules import ApiRules, ErrorMapping
from holdfast.faults.taxonomy import SEVERITY_ALIASES, ErrorCategory as C, Family, Severity
from holdfast.faults.traits import (
    LABEL_PRIORITIES,
    TRAITS,
    categories_of_label,
    category_of_code,
    family_of,
    priority_of,
    severity_of,
    traits_of,
)
from tests.faults.samples import answer, raised


def test_every_category_has_a_row() -> None:
    """The table is whole, and its labels and families are those of the documents."""
    assert set(C) == set(TRAITS)
    assert {label for traits in TRAITS.values() for label in traits.labels} <= set(LABEL_PRIORITIES)
    assert set(Family) - {Family.CRITICAL} == {traits.family for traits in TRAITS.values()}


@pytest.mark.parametrize("category", list(C))
def test_where_we_differ_from_a_document_stands_why(category: C) -> None:
    """A row gives a reason exactly where a document answers otherwise whether to repeat."""
    traits = traits_of(category)
    theirs = {traits.retryable_001, traits.retryable_002, traits.retryable_003, traits.retryable_004}

    assert (theirs != {traits.retryable}) == (traits.differs is not None)


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("RATE_LIMIT", C.RATE_LIMIT_BURST),
        ("TIMEOUT", C.NETWORK_TIMEOUT),
        ("NETWORK_ERROR", C.NETWORK_CONNECTION_REFUSED),
        ("SERVICE_UNAVAILABLE", C.API_UNEXPECTED_STATUS),
        ("Network", C.NETWORK_CONNECTION_REFUSED),
        ("Timeout", C.NETWORK_TIMEOUT),
        ("ServiceUnavailable", C.API_UNEXPECTED_STATUS),
        ("TEAPOT", None),
    ],
)
def test_codes_of_003_and_004_map_to_categories(code: str, category: C | None) -> None:
    """Each of their words has one category, and each is one that 004 repeats."""
    found = category_of_code(code)

    assert category == found
    assert found is None or traits_of(found).retryable_004


@pytest.mark.parametrize(
    ("labels", "priority"),
    [
        pytest.param(("client_error", "transient"), 1, id="the-lowest"),
        pytest.param(("unknown",), 7, id="unknown"),
        pytest.param(("novel",), 10, id="a-label-that-001-does-not-know"),
        pytest.param((), 10, id="none"),
    ],
)
def test_getRecoveryPriority_of_001(labels: tuple[str, ...], priority: int) -> None:  # noqa: N802 - its name in the document
    """Of several labels the lowest number counts; the document's default is 10."""
    assert priority == priority_of(labels)


def test_labels_lead_back_to_categories() -> None:
    """A label stands for every category that carries it."""
    assert categories_of_label("rate_limit") == (C.RATE_LIMIT_DAILY, C.RATE_LIMIT_BURST)
    assert categories_of_label("novel") == ()


def test_should_classify_network_errors_correctly() -> None:
    """Document 001: a connection that was reset is a network error and may be repeated."""
    verdict = classify(raised("ConnectionResetError", "ECONNRESET: Connection reset by peer"))

    assert "network" in verdict.labels
    assert traits_of(verdict.category).retryable_001
    assert verdict.retryable


def test_should_classify_rate_limit_errors() -> None:
    """Document 001: 429 with "Too many requests" carries the label of rate limits."""
    verdict = classify(answer(429, {"message": "Too many requests"}))

    assert "rate_limit" in verdict.labels


def test_should_not_retry_client_errors() -> None:
    """Document 001: 400 "Bad Request" is not repeated."""
    verdict = classify(answer(400, {"message": "Bad Request"}))

    assert ("client_error",) == verdict.labels
    assert not verdict.retryable


@pytest.mark.parametrize(
    ("fault", "family"),
    [
        pytest.param(raised("builtins.TimeoutError"), Family.TRANSIENT, id="timeout"),
        pytest.param(answer(400, {"message": "bad"}), Family.VALIDATION, id="validation"),
        pytest.param(answer(429, {"message": "daily quota"}), Family.RESOURCE, id="quota"),
        pytest.param(answer(409, {"message": "stale"}), Family.LOGIC, id="conflict"),
        pytest.param(answer(503, {"message": "down"}), Family.EXTERNAL, id="outage"),
        pytest.param(answer(403, {"message": "no"}), Family.SECURITY, id="forbidden"),
    ],
)
def test_families_of_002(fault, family: Family) -> None:
    """Document 002's families, each by a failure that belongs to it; CRITICAL comes by declaration only."""
    assert family == classify(fault).family


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("medium", Severity.WARNING),
        ("high", Severity.ERROR),
        ("ERROR", Severity.ERROR),
        ("low", Severity.INFO),
        ("Critical", Severity.CRITICAL),
    ],
)
def test_severities_have_the_documents_words(word: str, severity: Severity) -> None:
    """001 says `medium` and `high`, others write in capitals: all mean one of four."""
    assert severity == Severity(word)
    assert set(SEVERITY_ALIASES.values()) <= {one.value for one in Severity}


@pytest.mark.parametrize("word", ["disastrous", "", 5])
def test_other_words_are_no_severity(word: object) -> None:
    """What nobody has defined is refused."""
    with pytest.raises(ValueError, match="not a valid Severity"):
        Severity(word)


def test_a_critical_rule_makes_a_critical_verdict() -> None:
    """CRITICAL is said by a rule; the category alone never says it."""
    mapping = ErrorMapping(category=C.VALIDATION_FAILED, retryable=False, statuses=frozenset({400}))
    fault = answer(400, {"message": "bad"})

    told = [
        classify(fault, api=ApiRules(api_id="crm", mappings=(one,))).severity
        for one in (mapping, replace(mapping, critical=True))
    ]

    assert [Severity.ERROR, Severity.CRITICAL] == told


def test_a_credential_that_a_person_renews_is_more_serious() -> None:
    """An expired token that a machine renews is a warning; one that needs a person is an error."""
    told = [
        severity_of(C.AUTH_EXPIRED, family=family_of(C.AUTH_EXPIRED, retryable=retryable))
        for retryable in (True, False)
    ]

    assert [Severity.WARNING, Severity.ERROR] == told
