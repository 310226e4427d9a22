"""How well failures are recognised, held: what was promised of the development corpus, and what was reached on the others."""

from __future__ import annotations

import pytest

from benchmarks.faults.corpus import CORPORA, Said, Score, add, by_catalog, by_generic, read_corpus, score
from benchmarks.faults.naive import by_status_and_words
from benchmarks.faults.suite import render_vendors

HELD = {
    "dev": {"category": 98, "retryable": 97, "retry_after": 97, "outcome": 96, "safe": 99.5},
    "unseen_http_a": {"category": 95, "retryable": 94, "retry_after": 90, "outcome": 95, "safe": 98},
    "unseen_http_b": {"category": 94, "retryable": 93, "retry_after": 95, "outcome": 94, "safe": 98},
    "unseen_exceptions": {"category": 87, "retryable": 92, "retry_after": 95, "outcome": 88, "safe": 99},
}
"""Percent with the catalog. The first line is a promise; the others keep what was reached from being lost unnoticed."""
GENERIC = {"dev": 88, "unseen_http_a": 90, "unseen_http_b": 90, "unseen_exceptions": 87}


@pytest.mark.parametrize("corpus", CORPORA)
def test_failures_are_recognised_as_promised(corpus: str) -> None:
    """With the catalog, every figure of every corpus stays where it was reached, and hardly any wait is made up."""
    found = score(read_corpus(corpus), by_catalog)

    assert {} == {name: found.percent(name) for name, least in HELD[corpus].items() if found.percent(name) < least}
    assert found.percent("false_claims") <= 1


@pytest.mark.parametrize("corpus", CORPORA)
def test_generic_knowledge_alone_recognises_most(corpus: str) -> None:
    """With the catalog switched off, nearly nine of ten failures still get a category that a careful person could defend."""
    assert score(read_corpus(corpus), by_generic).percent("category") >= GENERIC[corpus]


def test_the_naive_classifier_is_far_behind() -> None:
    """The bar is what most programs do: a table of statuses, and words searched in the text."""
    found = score(read_corpus("dev"), by_status_and_words)

    assert [68.0, 77.3, 82.8, 95.6] == [
        round(found.percent(name), 1) for name in ("category", "retryable", "outcome", "safe")
    ]


def test_an_answer_is_scored_by_the_rules_of_the_labels() -> None:
    """Any accepted category is right, a wait within a second is right, a made-up wait is a false claim, and a wrong "not executed" is unsafe."""
    expect = {
        "category": "auth_expired",
        "accept": ["auth_expired", "auth_invalid"],
        "retryable": True,
        "outcome": "unknown",
    }
    stated, unstated = {"expect": expect | {"retry_after_s": 10}}, {"expect": expect | {"retry_after_s": None}}
    said = Said(category="auth_invalid", retryable=True, outcome="not_executed", retry_after_s=10.9)
    found = Score()

    add(found, stated, said)
    add(found, unstated, said)

    figures = ("category", "retryable", "outcome", "safe", "retry_after", "false_claims")
    assert [100, 100, 0, 0, 100, 100] == [found.percent(name) for name in figures]


def test_every_vendor_has_a_line_on_the_page() -> None:
    """The page tells each vendor of each corpus, with the naive classifier beside ours."""
    page = render_vendors()

    for corpus in CORPORA:
        for vendor in {str(case["vendor"]) for case in read_corpus(corpus)}:
            assert f"| {vendor} |" in page
