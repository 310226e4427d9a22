"""What is kept of health checks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.health_checks import HealthCheck, HealthResult, address_of, judge_answer, judge_exception
from holdfast.faults.rules import ApiRules, ErrorMapping
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.ports.apis import HealthRow
from holdfast.recovery.health import FAILED, RECOVERED, after

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
CHECK = HealthCheck(api_id="crm", url="https://crm.example/health", expected_status=None, timeout_s=5.0)


def result(passed: bool, *, seconds: int = 0) -> HealthResult:
    """A result after so many seconds."""
    return judge_answer(
        CHECK, 200 if passed else 503, [], body=b"", at=AT + timedelta(seconds=seconds), duration_s=0.1, rules=None
    )


@pytest.mark.parametrize(
    ("expected", "status", "passed"),
    [(None, 200, True), (None, 204, True), (None, 302, False), (None, 503, False), (200, 204, False), (401, 401, True), (401, 200, False)],
    ids=["any-2xx", "another-2xx", "a-redirect", "a-failure", "not-the-2xx", "an-answer-to-strangers", "not-that-answer"],
)  # fmt: skip
def test_the_expected_status_is_health(expected: int | None, status: int, passed: bool) -> None:
    """Healthy is what the entry expects, whatever else that status says; anything else is a fault with a verdict."""
    check = HealthCheck(api_id="crm", url="https://crm.example", expected_status=expected, timeout_s=1)

    found = judge_answer(check, status, [], body=b"", at=AT, duration_s=0.1, rules=None)

    assert passed is found.passed
    assert passed is (found.verdict is None)
    assert status == found.status


def test_a_failed_check_is_judged_as_the_api_means_it() -> None:
    """The rules of the API's entry say what its answer means."""
    mapping = ErrorMapping(category=ErrorCategory.RATE_LIMIT_DAILY, retryable=True, statuses=frozenset({503}))
    found = judge_answer(
        CHECK, 503, [], body=b"", at=AT, duration_s=0.1, rules=ApiRules(api_id="crm", mappings=(mapping,))
    )

    assert ErrorCategory.RATE_LIMIT_DAILY == found.verdict.category


def test_no_answer_is_a_fault_too() -> None:
    """A refused connection has a verdict like any other fault."""
    found = judge_exception(CHECK, ConnectionRefusedError(), at=AT, duration_s=0.1, rules=None)

    assert (False, None, ErrorCategory.NETWORK_CONNECTION_REFUSED) == (
        found.passed,
        found.status,
        found.verdict.category,
    )


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("/health", "https://crm.example/v1/health"),
        ("https://status.crm.example/api", "https://status.crm.example/api"),
        ("http://127.0.0.1/x", "http://127.0.0.1/x"),
    ],
    ids=["a-path", "an-address", "a-plain-address"],
)
def test_what_is_asked(endpoint: str, url: str) -> None:
    """A path is below the base address; an address is what it is."""
    assert url == address_of(endpoint, base_url="https://crm.example/v1/")


def test_the_first_failure_and_the_first_success_after_it_are_told() -> None:
    """Nobody is told again and again; `since` is when it began."""
    row: HealthRow | None = None
    told = []
    for seconds, passed in enumerate([True, False, False, True, True, False]):
        noted = after(row, result(passed, seconds=seconds), kept_max=3)
        row = noted.row
        told.append((noted.event, (row.since - AT).seconds))

    assert [(None, 0), (FAILED, 1), (None, 1), (RECOVERED, 3), (None, 3), (FAILED, 5)] == told


def test_a_first_failure_is_told() -> None:
    """An API that is down when it is first asked is worth a word."""
    assert FAILED == after(None, result(False), kept_max=3).event


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 5))
def test_the_last_results_are_kept(passes: list[bool], kept_max: int) -> None:
    """The newest first, no more than asked for; what the row says is what the last one said, and `since` is where its run began."""
    row: HealthRow | None = None
    for seconds, passed in enumerate(passes):
        row = after(row, result(passed, seconds=seconds), kept_max=kept_max).row
    results = json.loads(row.results)
    run = next((n for n, passed in enumerate(reversed(passes)) if passed is not passes[-1]), len(passes))

    assert list(reversed(passes))[:kept_max] == [one["passed"] for one in results]
    assert passes[-1] is row.is_healthy
    assert len(passes) - run == (row.since - AT).seconds
    assert len(passes) - 1 == (row.checked_at - AT).seconds
