"""What a meaning says together with the status it came with."""

from __future__ import annotations

import pytest

from holdfast.faults import meanings as m
from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from tests.faults.samples import answer

NOT, UNKNOWN, EXECUTED = "not_executed", "unknown", "executed"


@pytest.mark.parametrize(
    ("meaning", "status", "category", "outcome"),
    [
        pytest.param(m.TIMEOUT, 400, "network_timeout", UNKNOWN, id="timeout"),
        pytest.param(m.TIMEOUT, 504, "api_unexpected_status", UNKNOWN, id="a-gateways-timeout"),
        pytest.param(m.TIMEOUT_ANYWHERE, 500, "network_timeout", UNKNOWN, id="a-stores-timeout"),
        pytest.param(m.OVERLOADED, 429, "rate_limit_burst", NOT, id="overload-429"),
        pytest.param(m.OVERLOADED, 503, "api_unexpected_status", NOT, id="overload-503"),
        pytest.param(m.OVERLOADED, 500, "api_unexpected_status", UNKNOWN, id="overload-500"),
        pytest.param(m.FULL, 500, "api_unexpected_status", NOT, id="full-500"),
        pytest.param(m.FULL, 403, "validation_failed", NOT, id="full-403"),
        pytest.param(m.IN_PROGRESS, 409, "state_inconsistent", UNKNOWN, id="in-progress"),
        pytest.param(m.IN_PROGRESS, 423, "state_inconsistent", NOT, id="in-progress-423"),
        pytest.param(m.MISSING, 404, "state_inconsistent", NOT, id="record-in-the-address"),
        pytest.param(m.MISSING, 400, "validation_failed", NOT, id="record-in-the-body"),
        pytest.param(m.PATH, 404, "api_endpoint_removed", NOT, id="path-404"),
        pytest.param(m.PATH, 400, "validation_failed", NOT, id="path-400"),
        pytest.param(m.LIMIT, 429, "rate_limit_burst", NOT, id="limit-429"),
        pytest.param(m.LIMIT, 400, "validation_failed", NOT, id="limit-400"),
        pytest.param(m.BROKEN, 200, "api_unexpected_status", UNKNOWN, id="broken-200"),
        pytest.param(m.BROKEN, 400, "api_unexpected_status", UNKNOWN, id="broken-400"),
        pytest.param(m.UNAVAILABLE, 400, "api_unexpected_status", NOT, id="unavailable-400"),
        pytest.param(m.DONE_HERE, 409, "state_inconsistent", EXECUTED, id="done"),
        pytest.param(m.INVALID, 500, "auth_invalid", NOT, id="a-login-refused-with-500"),
        pytest.param(m.CONFLICT, 409, "state_inconsistent", NOT, id="conflict"),
    ],
)
def test_a_meaning_depends_on_its_status(meaning: m.Meaning, status: int, category: str, outcome: str) -> None:
    """Where a record was named, whether a gateway or a client waited, and whether work began, the status tells."""
    reading = m.read_meaning(meaning, status, rule="r")

    assert reading is not None
    assert (category, outcome) == (reading.category, reading.outcome)


@pytest.mark.parametrize(
    ("meaning", "status"),
    [
        pytest.param(m.MISSING, 500, id="record-500"),
        pytest.param(m.BROKEN, 404, id="broken-404"),
        pytest.param(m.REQUEST, 500, id="request-500"),
        pytest.param(m.DENIED, 409, id="denied-409"),
    ],
)
def test_a_vague_meaning_gives_way_to_a_status_of_another_kind(meaning: m.Meaning, status: int) -> None:
    """What only repeats a class of statuses says nothing beside a status of another class."""
    assert m.read_meaning(meaning, status, rule="r") is None


@pytest.mark.parametrize(
    ("fault", "category", "retryable"),
    [
        pytest.param(answer(403, {"code": "quota_exceeded"}), "rate_limit_daily", True, id="quota"),
        pytest.param(
            answer(403, {"code": "quota_exceeded", "message": "100 per minute"}),
            "rate_limit_burst",
            True,
            id="by-the-words",
        ),
        pytest.param(
            answer(403, {"code": "quota_exceeded"}, Retry_After="30"), "rate_limit_burst", True, id="by-the-wait"
        ),
        pytest.param(
            answer(403, {"code": "quota_exceeded", "message": "per day"}, Retry_After="30"),
            "rate_limit_daily",
            True,
            id="words-before-wait",
        ),
        pytest.param(answer(429, {"code": "insufficient_credits"}), "rate_limit_daily", False, id="money"),
        pytest.param(
            answer(429, {"code": "insufficient_credits", "message": "your monthly credits are used"}),
            "rate_limit_daily",
            True,
            id="refilled-by-the-calendar",
        ),
        pytest.param(
            answer(429, {"message": "x"}, Stripe_Should_Retry="false"), "rate_limit_burst", False, id="forbidden"
        ),
        pytest.param(answer(429, {"message": "x"}, X_Should_Retry="true"), "rate_limit_burst", True, id="allowed"),
        pytest.param(
            answer(400, {"message": "x"}, X_Should_Retry="true"), "validation_failed", False, id="allowed-in-vain"
        ),
        pytest.param(answer(400, {"status": 429, "message": "x"}), "rate_limit_burst", True, id="the-body-states-429"),
    ],
)
def test_tells_how_long_an_allowance_is_and_whether_waiting_helps(fault: Fault, category: str, retryable: bool) -> None:
    """Words and waits tell a long window from a short one; money does not come back by waiting."""
    verdict = classify(fault)

    assert (category, retryable) == (verdict.category, verdict.retryable)


@pytest.mark.parametrize(
    ("status", "target", "category", "outcome"),
    [
        pytest.param(302, "https://docs.example.com/x", "api_endpoint_removed", NOT, id="documentation"),
        pytest.param(302, "https://example.com/login?next=x", "auth_invalid", NOT, id="login"),
        pytest.param(303, "/v1/jobs/1", "api_unexpected_status", UNKNOWN, id="see-other"),
        pytest.param(308, "https://eu.example.com/x", "api_unexpected_status", NOT, id="moved"),
    ],
)
def test_reads_where_a_redirect_leads(status: int, target: str, category: str, outcome: str) -> None:
    """A redirect to documentation is a route that is gone, one to a login wants a person."""
    verdict = classify(answer(status, Location=target))

    assert (category, outcome, False) == (verdict.category, verdict.outcome, verdict.retryable)
