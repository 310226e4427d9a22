"""Answers of vendors nobody listed: the kinds of texts and shapes that many of them share."""

from __future__ import annotations

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.evidence import read_evidence
from holdfast.faults.fault import Fault
from holdfast.faults.patterns import compile_pattern
from holdfast.faults.rules import ApiRules, ErrorMapping, Quirks
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Outcome
from tests.faults.samples import answer


@pytest.mark.parametrize(
    ("body", "category", "outcome"),
    [
        pytest.param(
            {"success": False, "message": "Amount is below the minimum of this plan"},
            C.VALIDATION_FAILED,
            Outcome.UNKNOWN,
            id="complaint",
        ),
        pytest.param(
            {"success": False, "message": "Something broke on our end"},
            C.API_UNEXPECTED_STATUS,
            Outcome.UNKNOWN,
            id="server-words",
        ),
        pytest.param(
            {"status": "REJECTED", "errorCode": "payee.unavailable"},
            C.VALIDATION_FAILED,
            Outcome.NOT_EXECUTED,
            id="rejected",
        ),
        pytest.param(
            {"status": "DECLINED", "code": 7}, C.VALIDATION_FAILED, Outcome.NOT_EXECUTED, id="declined-with-a-number"
        ),
        pytest.param(
            {"items": [], "status": "UNKNOWN_ERROR"}, C.API_UNEXPECTED_STATUS, Outcome.UNKNOWN, id="status-is-the-code"
        ),
        pytest.param(
            {"status": "0", "message": "NOTOK", "result": "Rate limit of 3/sec reached"},
            C.RATE_LIMIT_BURST,
            Outcome.NOT_EXECUTED,
            id="notok",
        ),
        pytest.param(
            {"status": 14, "status_message": "tooManyRequests"},
            C.RATE_LIMIT_BURST,
            Outcome.NOT_EXECUTED,
            id="code-in-words",
        ),
        pytest.param(
            {"errors": [["RATELIMIT", "That was a lot."]]}, C.RATE_LIMIT_BURST, Outcome.NOT_EXECUTED, id="row"
        ),
        pytest.param(
            {"json": {"errors": [["NO_TEXT", "A text is required", 3]]}},
            C.VALIDATION_FAILED,
            Outcome.NOT_EXECUTED,
            id="boxed-row",
        ),
        pytest.param(
            {"header": {"result": "error"}, "message": "Wrong e-mail given here"},
            C.VALIDATION_FAILED,
            Outcome.UNKNOWN,
            id="envelope",
        ),
        pytest.param({"error": {"code": "editconflict"}}, C.STATE_INCONSISTENT, Outcome.NOT_EXECUTED, id="conflict"),
        pytest.param(
            {"error": {"code": "maintenance", "message": "Back soon"}},
            C.API_UNEXPECTED_STATUS,
            Outcome.NOT_EXECUTED,
            id="maintenance",
        ),
        pytest.param(
            {
                "jsonrpc": "2.0",
                "id": 1,
                "error": {"code": 1, "message": "Server error", "data": {"name": "shop.ValidationError"}},
            },
            C.VALIDATION_FAILED,
            Outcome.NOT_EXECUTED,
            id="class-of-validation",
        ),
        pytest.param(
            {"error": {"message": "Order refused: insufficient EUR balance"}},
            C.VALIDATION_FAILED,
            Outcome.NOT_EXECUTED,
            id="no-funds",
        ),
    ],
)
def test_reads_errors_inside_successes(body: object, category: C, outcome: Outcome) -> None:
    """An error inside a 200 is read by its shape; what nobody recognises leaves the outcome unknown."""
    verdict = classify(answer(200, body))

    assert (verdict.category, verdict.outcome) == (category, outcome), verdict.rule


@pytest.mark.parametrize(
    "body",
    [{"status": "PENDING_REVIEW"}, {"status": "REJECTED"}, {"status": 3, "status_message": "ok"}, {"rows": [[1]]}],
)
def test_takes_no_success_for_an_error(body: object) -> None:
    """A word for a record's own state declares no error."""
    assert not read_evidence(answer(200, body), quirks=Quirks()).says_error


def test_reads_exception_reports_of_map_services() -> None:
    """An OGC exception report in a 200 is read by its code."""
    report = (
        '<?xml version="1.0"?><ows:ExceptionReport><ows:Exception exceptionCode="InvalidParameterValue">'
        "<ows:ExceptionText>x</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
    )
    verdict = classify(answer(200, report, content_type="text/xml"))

    assert (verdict.category, verdict.code) == (C.VALIDATION_FAILED, "InvalidParameterValue")


@pytest.mark.parametrize(
    ("fault", "category", "retryable", "outcome"),
    [
        pytest.param(
            answer(408, {"message": "The statement was cancelled"}),
            C.NETWORK_TIMEOUT,
            True,
            Outcome.NOT_EXECUTED,
            id="stopped",
        ),
        pytest.param(
            answer(408, {"message": "timed out while reading your request"}),
            C.NETWORK_TIMEOUT,
            True,
            Outcome.NOT_EXECUTED,
            id="not-read",
        ),
        pytest.param(
            answer(408, {"message": "It took too long"}), C.NETWORK_TIMEOUT, True, Outcome.UNKNOWN, id="bare-408"
        ),
        pytest.param(
            answer(400, {"code": "QUERY_TIMEOUT", "message": "query timed out"}),
            C.NETWORK_TIMEOUT,
            True,
            Outcome.NOT_EXECUTED,
            id="query",
        ),
        pytest.param(
            answer(503, {"code": "QUERY_TIMEOUT", "message": "query timed out"}),
            C.API_UNEXPECTED_STATUS,
            True,
            Outcome.UNKNOWN,
            id="5xx",
        ),
        pytest.param(
            answer(400, {"message": "This does not mean that the order failed"}),
            C.NETWORK_TIMEOUT,
            True,
            Outcome.UNKNOWN,
            id="nobody-knows",
        ),
        pytest.param(
            answer(400, {"code": "CALL_TIME_EXCEEDED"}), C.NETWORK_TIMEOUT, True, Outcome.UNKNOWN, id="time-exceeded"
        ),
        pytest.param(
            answer(400, {"code": "DIGEST_INVALID"}), C.VALIDATION_FAILED, False, Outcome.NOT_EXECUTED, id="digest"
        ),
        pytest.param(
            answer(404, {"code": "shop_rest_page_invalid_id"}),
            C.STATE_INCONSISTENT,
            False,
            Outcome.NOT_EXECUTED,
            id="invalid-id",
        ),
        pytest.param(
            answer(401, {"error": "not_found", "message": "bad key"}),
            C.AUTH_INVALID,
            False,
            Outcome.NOT_EXECUTED,
            id="code-against-status",
        ),
        pytest.param(
            answer(413, {"code": "rate_limit", "message": "Request too large"}),
            C.VALIDATION_FAILED,
            False,
            Outcome.NOT_EXECUTED,
            id="size",
        ),
        pytest.param(
            answer(422, {"message": "The disk has a pending resize"}),
            C.STATE_INCONSISTENT,
            True,
            Outcome.NOT_EXECUTED,
            id="pending",
        ),
        pytest.param(
            answer(409, {"message": "In use by a mail client"}),
            C.STATE_INCONSISTENT,
            True,
            Outcome.NOT_EXECUTED,
            id="in-use",
        ),
        pytest.param(
            answer(409, {"message": "In use by another account"}),
            C.STATE_INCONSISTENT,
            False,
            Outcome.NOT_EXECUTED,
            id="taken",
        ),
        pytest.param(answer(419, {"message": "Page over"}), C.AUTH_EXPIRED, True, Outcome.NOT_EXECUTED, id="419"),
        pytest.param(
            answer(403, {"message": "CSRF token missing"}), C.AUTH_EXPIRED, True, Outcome.NOT_EXECUTED, id="csrf"
        ),
        pytest.param(
            answer(403, "<html><title>No valid crumb given</title></html>", content_type="text/html"),
            C.AUTH_EXPIRED,
            True,
            Outcome.NOT_EXECUTED,
            id="csrf-page",
        ),
        pytest.param(
            answer(422, {"message": "Busy. Please try again in a moment."}),
            C.VALIDATION_FAILED,
            True,
            Outcome.NOT_EXECUTED,
            id="again",
        ),
        pytest.param(
            answer(412, {"code": "resource_unavailable"}),
            C.STATE_INCONSISTENT,
            True,
            Outcome.NOT_EXECUTED,
            id="no-room",
        ),
        pytest.param(
            answer(500, {"message": "Out of host capacity"}),
            C.API_UNEXPECTED_STATUS,
            True,
            Outcome.NOT_EXECUTED,
            id="capacity",
        ),
        pytest.param(
            answer(410, {"message": "This endpoint was deleted"}),
            C.API_ENDPOINT_REMOVED,
            False,
            Outcome.NOT_EXECUTED,
            id="route-gone",
        ),
        pytest.param(
            answer(400, {"message": "Your country is not supported"}),
            C.AUTH_INVALID,
            False,
            Outcome.NOT_EXECUTED,
            id="country",
        ),
        pytest.param(
            answer(404, {"message": "The model x was removed on May 1"}),
            C.API_ENDPOINT_REMOVED,
            False,
            Outcome.NOT_EXECUTED,
            id="model",
        ),
        pytest.param(
            answer(
                503,
                "upstream connect error or disconnect/reset before headers. reset reason: connection failure",
                content_type="text/plain",
            ),
            C.API_UNEXPECTED_STATUS,
            True,
            Outcome.UNKNOWN,
            id="connect-or-disconnect",
        ),
    ],
)
def test_reads_what_many_vendors_say(fault: Fault, category: C, *, retryable: bool, outcome: Outcome) -> None:
    """The words and codes that vendors share decide, and the careful outcome where they leave room."""
    verdict = classify(fault)

    assert (verdict.category, verdict.retryable, verdict.outcome) == (category, retryable, outcome), verdict.rule


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [
        pytest.param(answer(429, {"message": "You were timed out for 45 seconds."}), 45, id="timed-out-for"),
        pytest.param(answer(429, {"message": "Take a break for 9 minutes."}), 540, id="break"),
        pytest.param(
            answer(429, {"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1772452830000"}}}}),
            30,
            id="headers-in-a-body",
        ),
        pytest.param(answer(503, {"status": "maintenance", "until": "2026-03-02T12:10:00Z"}), 600, id="maintenance"),
        pytest.param(answer(503, {"status": "down", "until": "2026-03-02T12:10:00Z"}), None, id="other-moment"),
        pytest.param(answer(400, {"message": "The card is suspended for 3 days"}), None, id="no-throttle"),
    ],
)
def test_reads_the_waits_they_state(fault: Fault, wait_s: float | None) -> None:
    """A wait in words or in a body's own fields counts, and only about throttling or maintenance."""
    assert classify(fault).retry_after_s == wait_s


@pytest.mark.parametrize(
    ("value", "category"),
    [("0;w=86400", C.RATE_LIMIT_DAILY), ("0;w=60", C.RATE_LIMIT_BURST), ("7;w=86400", C.RATE_LIMIT_BURST)],
)
def test_reads_the_window_a_used_up_limit_names(value: str, category: C) -> None:
    """A used-up limit whose header names a window longer than an hour is a daily one."""
    assert classify(answer(429, {"message": "Too many"}, RateLimit_Remaining=value)).category is category


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("x-amzn-ErrorType", "ItemGone:http://example.com/", "itemgone"),
        ("x-ms-error-code", "ItemGone", "itemgone"),
        ("X-Shop-Error-Code", "E-17", "e-17"),
        ("grpc-status", "9", "failed_precondition"),
    ],
)
def test_shows_codes_in_headers_to_an_entry(name: str, value: str, code: str) -> None:
    """A rule with codes holds for a code that stands in a header made for it."""
    mapping = ErrorMapping(category=C.STATE_INCONSISTENT, retryable=False, codes=frozenset({code}))

    assert classify(answer(400, {}, **{name: value}), api=ApiRules(api_id="shop", mappings=(mapping,))).rule.startswith(
        "catalog:shop"
    )


@pytest.mark.parametrize(("wait", "category"), [("3601", C.RATE_LIMIT_DAILY), ("3600", C.RATE_LIMIT_BURST)])
def test_calls_a_long_wait_daily_whatever_the_entry_says(wait: str, category: C) -> None:
    """A burst by an entry's rule whose stated wait is longer than an hour is a daily limit; its words do not count."""
    mapping = ErrorMapping(
        category=C.RATE_LIMIT_BURST, retryable=True, pattern=compile_pattern("slow", source="t", path="p")
    )
    api = ApiRules(api_id="shop", mappings=(mapping,))

    assert classify(answer(429, {"message": "slow, daily"}, Retry_After=wait), api=api).category is category
