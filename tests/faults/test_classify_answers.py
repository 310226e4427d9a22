"""What HTTP answers mean when nobody knows the API."""

from __future__ import annotations

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from holdfast.faults.verdict import Family, Health
from tests.faults.samples import answer

NOT, UNKNOWN, EXECUTED = "not_executed", "unknown", "executed"


@pytest.mark.parametrize(
    ("status", "category", "retryable", "outcome"),
    [
        pytest.param(301, "api_unexpected_status", False, NOT, id="moved"),
        pytest.param(303, "api_unexpected_status", False, UNKNOWN, id="see-other"),
        pytest.param(304, "state_inconsistent", False, NOT, id="not-modified"),
        pytest.param(400, "validation_failed", False, NOT, id="bad-request"),
        pytest.param(401, "auth_invalid", False, NOT, id="unauthorized"),
        pytest.param(402, "validation_failed", False, NOT, id="payment"),
        pytest.param(403, "auth_invalid", False, NOT, id="forbidden"),
        pytest.param(404, "state_inconsistent", False, NOT, id="not-found"),
        pytest.param(405, "api_endpoint_removed", False, NOT, id="method"),
        pytest.param(407, "network_connection_refused", False, NOT, id="proxy-login"),
        pytest.param(408, "network_timeout", True, UNKNOWN, id="request-timeout"),
        pytest.param(409, "state_inconsistent", False, NOT, id="conflict"),
        pytest.param(410, "api_endpoint_removed", False, NOT, id="gone"),
        pytest.param(412, "state_inconsistent", False, NOT, id="precondition"),
        pytest.param(413, "validation_failed", False, NOT, id="too-large"),
        pytest.param(418, "validation_failed", False, NOT, id="teapot"),
        pytest.param(422, "validation_failed", False, NOT, id="unprocessable"),
        pytest.param(423, "state_inconsistent", True, NOT, id="locked"),
        pytest.param(424, "api_unexpected_status", True, UNKNOWN, id="failed-dependency"),
        pytest.param(425, "state_inconsistent", True, NOT, id="too-early"),
        pytest.param(429, "rate_limit_burst", True, NOT, id="too-many"),
        pytest.param(499, "user_cancelled", False, UNKNOWN, id="client-closed"),
        pytest.param(500, "api_unexpected_status", True, UNKNOWN, id="server-error"),
        pytest.param(501, "api_endpoint_removed", False, NOT, id="not-implemented"),
        pytest.param(502, "api_unexpected_status", True, UNKNOWN, id="bad-gateway"),
        pytest.param(503, "api_unexpected_status", True, UNKNOWN, id="unavailable"),
        pytest.param(504, "api_unexpected_status", True, UNKNOWN, id="gateway-timeout"),
        pytest.param(507, "api_unexpected_status", False, NOT, id="storage-full"),
        pytest.param(521, "api_unexpected_status", True, NOT, id="origin-down"),
        pytest.param(526, "api_unexpected_status", False, NOT, id="origin-certificate"),
        pytest.param(529, "api_unexpected_status", True, NOT, id="overloaded"),
    ],
)
def test_reads_a_bare_status(status: int, category: str, retryable: bool, outcome: str) -> None:
    """A status without a body has a category, says whether to try again, and whether the work was done."""
    fault = answer(status)

    verdict = classify(fault)

    assert (category, retryable, outcome) == (verdict.category, verdict.retryable, verdict.outcome)


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        pytest.param(answer(401, WWW_Authenticate='Bearer error="invalid_token"'), "auth_expired", id="challenge"),
        pytest.param(
            answer(401, WWW_Authenticate='Bearer error="invalid_token", error_description="bad signature"'),
            "auth_invalid",
            id="broken",
        ),
        pytest.param(answer(401, {"error": {"message": "The access token expired"}}), "auth_expired", id="words"),
        pytest.param(answer(401, {"message": "Your card expired"}), "auth_invalid", id="a-card-is-no-credential"),
        pytest.param(
            answer(401, {"message": "token expired"}, WWW_Authenticate='Bearer error="insufficient_scope"'),
            "auth_invalid",
            id="scope",
        ),
        pytest.param(answer(400, {"error": {"code": "ExpiredToken"}}), "auth_expired", id="code"),
        pytest.param(
            answer(401, {"error": "invalid_token", "error_description": "expired or revoked"}),
            "auth_expired",
            id="both",
        ),
        pytest.param(
            answer(401, {"error": "invalid_token", "error_description": "revoked"}), "auth_invalid", id="revoked"
        ),
        pytest.param(
            answer(401, {"errors": [{"extensions": {"code": "TOKEN_EXPIRED"}}]}), "auth_expired", id="graphql-code"
        ),
        pytest.param(answer(401, [5, {"code": "expired_token"}]), "auth_expired", id="list"),
        pytest.param(answer(401, [5]), "auth_invalid", id="list-of-numbers"),
        pytest.param(
            answer(401, {"type": "https://x.example/errors#expired_token"}), "auth_expired", id="problem-type"
        ),
        pytest.param(answer(400, {"error": "invalid_grant"}), "auth_invalid", id="dead-refresh-token"),
        pytest.param(
            answer(403, "<Error><Code>ExpiredToken</Code><Message>x</Message></Error>"), "auth_expired", id="xml"
        ),
    ],
)
def test_tells_an_expired_credential_from_a_wrong_one(fault: Fault, category: str) -> None:
    """Only a credential that a machine can renew counts as expired."""
    assert category == classify(fault).category


@pytest.mark.parametrize(
    ("fault", "category", "outcome"),
    [
        pytest.param(answer(403, Retry_After="60"), "rate_limit_burst", NOT, id="forbidden-until"),
        pytest.param(
            answer(403, {"message": "API rate limit exceeded for user"}), "rate_limit_burst", NOT, id="forbidden-words"
        ),
        pytest.param(answer(400, {"code": "ThrottlingException"}), "rate_limit_burst", NOT, id="throttling-code"),
        pytest.param(
            answer(400, {"message": "Parameter rate_limit must be an integer"}),
            "validation_failed",
            NOT,
            id="user-data",
        ),
        pytest.param(answer(429, {"message": "daily messages limit"}), "rate_limit_daily", NOT, id="day-words"),
        pytest.param(answer(429, Retry_After="3600"), "rate_limit_burst", NOT, id="an-hour"),
        pytest.param(answer(429, Retry_After="3601"), "rate_limit_daily", NOT, id="more-than-an-hour"),
        pytest.param(answer(404, "<html><body>x</body></html>"), "api_endpoint_removed", NOT, id="router-page"),
        pytest.param(
            answer(404, "404 page not found", content_type="text/plain"), "api_endpoint_removed", NOT, id="router-line"
        ),
        pytest.param(answer(404, {"message": "Cannot POST /v1/x"}), "api_endpoint_removed", NOT, id="router-json"),
        pytest.param(answer(404, {"message": "No such customer"}), "state_inconsistent", NOT, id="record"),
        pytest.param(answer(422, {"errors": [{"code": "already_exists"}]}), "state_inconsistent", NOT, id="duplicate"),
        pytest.param(answer(409, {"message": "locked by another request"}), "state_inconsistent", NOT, id="lock"),
        pytest.param(
            answer(409, {"message": "idempotency key in progress"}), "state_inconsistent", UNKNOWN, id="own-key"
        ),
        pytest.param(
            answer(400, {"code": "TransactionInProgress"}), "state_inconsistent", UNKNOWN, id="in-progress-code"
        ),
        pytest.param(answer(503, {"message": "down for maintenance"}), "api_unexpected_status", NOT, id="maintenance"),
        pytest.param(
            answer(503, "<html><center>nginx/1.2</center></html>"), "api_unexpected_status", NOT, id="nginx-limit"
        ),
        pytest.param(answer(500, {"message": "overloaded"}), "api_unexpected_status", UNKNOWN, id="500-stays-unknown"),
        pytest.param(answer(200, '{"order": {"id": 1'), "api_response_malformed", EXECUTED, id="cut-json"),
        pytest.param(answer(200, "<html>x</html>"), "api_response_malformed", UNKNOWN, id="page-for-data"),
        pytest.param(answer(200, {"ok": False, "error": "invalid_auth"}), "auth_invalid", NOT, id="200-auth"),
        pytest.param(
            answer(200, {"errors": [{"message": "Too many requests"}]}), "rate_limit_burst", NOT, id="200-throttled"
        ),
        pytest.param(answer(200, {"error": "copy_failed"}), "api_unexpected_status", UNKNOWN, id="200-error"),
        pytest.param(answer(200, '{"a": 1', complete=False), "api_response_malformed", UNKNOWN, id="lost-on-the-way"),
        pytest.param(answer(400, '{"a": 1', complete=False), "validation_failed", NOT, id="a-cut-refusal-is-a-refusal"),
    ],
)
def test_reads_what_the_answer_says(fault: Fault, category: str, outcome: str) -> None:
    """Codes count before statuses, words only where the status leaves room, and a user's own data is no evidence."""
    verdict = classify(fault)

    assert (category, outcome) == (verdict.category, verdict.outcome)


@pytest.mark.parametrize(
    ("status", "family", "health", "labels"),
    [
        pytest.param(429, Family.TRANSIENT, Health.NEUTRAL, ("transient", "rate_limit"), id="throttled"),
        pytest.param(500, Family.EXTERNAL, Health.FAILURE, ("server_error",), id="broken"),
        pytest.param(422, Family.VALIDATION, Health.SUCCESS, ("client_error",), id="refused"),
        pytest.param(401, Family.SECURITY, Health.NEUTRAL, ("authentication",), id="login"),
        pytest.param(409, Family.LOGIC, Health.SUCCESS, ("client_error",), id="conflict"),
    ],
)
def test_follows_the_taxonomy(status: int, family: Family, health: Health, labels: tuple[str, ...]) -> None:
    """The category brings family, labels and what it says about the dependency."""
    verdict = classify(answer(status))

    assert (family, health, labels) == (verdict.family, verdict.health, verdict.labels)


def test_says_what_happened_in_one_short_line() -> None:
    """The message carries status, code and the error's own words, bounded and without secrets."""
    fault = answer(
        400, {"error": {"code": "bad_name", "message": "bad name for hunter2 " + "x" * 500, "data": {"ssn": "1"}}}
    )

    verdict = classify(fault, secrets=("hunter2",))

    assert verdict.message.startswith("HTTP 400 bad_name: bad name for [redacted] xxx")
    assert len("HTTP 400 bad_name: ") + 160 == len(verdict.message)


def test_keeps_the_rules_that_lost() -> None:
    """The verdict names the rule that decided; without other rules there is no runner-up."""
    verdict = classify(answer(500))

    assert ("generic:500", ()) == (verdict.rule, verdict.runners_up)


def test_reads_a_wait_from_the_body() -> None:
    """A `retry_after` in the error object is a stated wait, in seconds."""
    verdict = classify(answer(429, {"parameters": {"retry_after": 5}}))

    assert verdict.retry_after_s == 5.0


def test_takes_no_wait_from_deep_inside_a_body() -> None:
    """A `retry_after` among a user's data is not the server's word."""
    verdict = classify(answer(429, {"data": {"job": {"retry_after": 5}}}))

    assert verdict.retry_after_s is None


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        pytest.param(17, "HTTP 400 17: x", id="number"),
        pytest.param(True, "HTTP 400: x", id="boolean"),
        pytest.param(None, "HTTP 400: x", id="null"),
    ],
)
def test_shows_the_code_of_the_api(code: object, shown: str) -> None:
    """A code may be a word or a number; nothing else is one."""
    assert shown == classify(answer(400, {"code": code, "message": "x"})).message


def test_an_error_body_beyond_the_bound_is_judged_by_its_status() -> None:
    """A body that is valid JSON but too large to keep loses its words, not its verdict."""
    assert classify(answer(400, {"pad": "x" * 1_100_000, "code": "expired_token"})).category == "validation_failed"


@pytest.mark.parametrize(
    ("status", "body", "category", "outcome"),
    [
        (429, {"error": {"code": "overloaded"}}, "rate_limit_burst", "not_executed"),
        (503, {"error": {"code": "overloaded"}}, "api_unexpected_status", "not_executed"),
        (500, {"error": {"code": "overloaded"}}, "api_unexpected_status", "unknown"),
        (400, {"error": {"code": "storage_full"}}, "validation_failed", "not_executed"),
        (507, {"error": {"code": "storage_full"}}, "api_unexpected_status", "not_executed"),
        (500, {"error": {"code": "record_not_found"}}, "api_unexpected_status", "unknown"),
        (404, {"error": {"code": "record_not_found"}}, "state_inconsistent", "not_executed"),
        (400, {"error": {"code": "record_not_found"}}, "validation_failed", "not_executed"),
        (424, {}, "api_unexpected_status", "unknown"),
        (499, {}, "user_cancelled", "unknown"),
        (505, {}, "api_unexpected_status", "not_executed"),
        (508, {}, "api_unexpected_status", "unknown"),
    ],
)
def test_the_status_has_a_say_in_what_a_code_means(status: int, body: object, category: str, outcome: str) -> None:
    """An overload behind 500 may have come in the middle; a record is named in the address or in the body."""
    verdict = classify(answer(status, body))

    assert (category, outcome) == (verdict.category, verdict.outcome), verdict.rule


@pytest.mark.parametrize(
    ("status", "location", "category", "outcome"),
    [
        (302, "https://docs.example.com/api", "api_endpoint_removed", "not_executed"),
        (302, "/v1/documentation/x", "api_endpoint_removed", "not_executed"),
        (302, "https://a.example/login?next=x", "auth_invalid", "not_executed"),
        (303, "/jobs/7", "api_unexpected_status", "unknown"),
        (302, "/jobs/7", "api_unexpected_status", "unknown"),
        (308, "/v2/x", "api_unexpected_status", "not_executed"),
    ],
)
def test_where_a_redirect_leads_says_what_it_means(status: int, location: str, category: str, outcome: str) -> None:
    """To the documentation: the route is gone; to a login: nobody is logged in; elsewhere: it may have been done."""
    verdict = classify(answer(status, b"", Location=location))

    assert (category, outcome) == (verdict.category, verdict.outcome), verdict.rule


def test_one_of_several_errors_about_fields_is_found_in_a_jsend_body() -> None:
    """JSend says `fail` and, by field, what is wrong."""
    verdict = classify(answer(200, {"status": "fail", "data": {"title": "A title is required"}}))

    assert ("validation_failed", "not_executed") == (verdict.category, verdict.outcome)
