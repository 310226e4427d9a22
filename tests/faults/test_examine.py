"""Which answers are failures."""

from __future__ import annotations

import pytest

from holdfast.faults.classify import examine
from holdfast.faults.patterns import compile_pattern
from holdfast.faults.rules import ApiRules, ErrorMapping, Quirks
from holdfast.faults.taxonomy import ErrorCategory as C
from tests.faults.samples import answer, raised

OK = {"id": 1}


@pytest.mark.parametrize(
    ("fault", "quirks", "category"),
    [
        pytest.param(answer(200, OK), Quirks(), None, id="fine"),
        pytest.param(answer(201), Quirks(), None, id="empty"),
        pytest.param(answer(200, "plain", content_type="text/plain"), Quirks(), None, id="text"),
        pytest.param(answer(200, '{"id"'), Quirks(), C.API_RESPONSE_MALFORMED, id="cut"),
        pytest.param(answer(200, OK, complete=False), Quirks(), C.API_RESPONSE_MALFORMED, id="lost"),
        pytest.param(answer(200, '{"id"', method="HEAD"), Quirks(), None, id="head-has-no-body"),
        pytest.param(answer(404), Quirks(), C.STATE_INCONSISTENT, id="status"),
        pytest.param(raised("ReadTimeout"), Quirks(), C.NETWORK_TIMEOUT, id="exception"),
        pytest.param(answer(204), Quirks(), None, id="204"),
        pytest.param(
            answer(204), Quirks(empty_response_on_204=False), C.API_RESPONSE_MALFORMED, id="204-promises-a-body"
        ),
        pytest.param(answer(200, OK), Quirks(response_size_max_bytes=3), C.API_RESPONSE_MALFORMED, id="too-large"),
        pytest.param(answer(200, OK), Quirks(response_size_max_bytes=9), None, id="just-fits"),
        pytest.param(answer(200, "{", content_type="text/json"), Quirks(), None, id="text-json-is-text"),
        pytest.param(
            answer(200, "{", content_type="text/json; charset=utf-8"),
            Quirks(json_content_type="text/json"),
            C.API_RESPONSE_MALFORMED,
            id="its-own-json",
        ),
        pytest.param(
            answer(200, OK, content_type="text/json"),
            Quirks(json_content_type="text/json"),
            None,
            id="its-own-json-is-read",
        ),
        pytest.param(
            answer(200, "x", content_type="text/x-error"),
            Quirks(error_content_type="text/x-error"),
            C.API_UNEXPECTED_STATUS,
            id="error-type",
        ),
        pytest.param(
            answer(200, OK), Quirks(error_content_type="application/json"), None, id="error-type-of-successes-too"
        ),
        pytest.param(answer(200, {"error": "x"}), Quirks(), None, id="error-key-of-a-usual-api"),
        pytest.param(
            answer(200, {"error": "x"}),
            Quirks(success_with_error_body=True),
            C.API_UNEXPECTED_STATUS,
            id="error-in-body",
        ),
        pytest.param(
            answer(200, {"ok": False}), Quirks(success_with_error_body=True), C.API_UNEXPECTED_STATUS, id="not-ok"
        ),
        pytest.param(answer(200, {"errors": []}), Quirks(success_with_error_body=True), None, id="no-errors"),
        pytest.param(answer(200, {"errors": 0}), Quirks(success_with_error_body=True), None, id="zero-errors"),
        pytest.param(
            answer(200, {"errors": True}),
            Quirks(success_with_error_body=True),
            C.API_UNEXPECTED_STATUS,
            id="errors-true",
        ),
        pytest.param(answer(200, OK), Quirks(success_with_error_body=True), None, id="fine-though-known"),
    ],
)
def test_tells_a_failure_from_a_success(fault, quirks: Quirks, category: C | None) -> None:
    """A success gives no verdict; every quirk of an API moves the line."""
    verdict = examine(fault, api=ApiRules(api_id="crm", quirks=quirks))

    assert category == (verdict and verdict.category)


@pytest.mark.parametrize(
    ("fault", "fails"),
    [
        pytest.param(answer(200, OK, content_type="text/plain"), False, id="json-under-another-name"),
        pytest.param(answer(200, "plain", content_type="text/plain"), True, id="text"),
        pytest.param(answer(200), True, id="empty"),
    ],
)
def test_a_caller_that_needs_json_gets_json_or_a_verdict(fault, fails: bool) -> None:
    """With `expects_json` every other body is a failure."""
    assert fails == (examine(fault, expects_json=True) is not None)


def test_a_mapping_may_name_a_success() -> None:
    """An API known to hide errors in successes is searched by the mappings that name the status."""
    mapping = ErrorMapping(
        category=C.RATE_LIMIT_BURST,
        retryable=True,
        statuses=frozenset({200}),
        pattern=compile_pattern('"status": "1"', source="test", path=""),
    )
    rules = ApiRules(api_id="sms", mappings=(mapping,), quirks=Quirks(success_with_error_body=True))

    found = [examine(answer(200, {"messages": [{"status": status}]}), api=rules) for status in ("0", "1")]

    assert [None, C.RATE_LIMIT_BURST] == [verdict and verdict.category for verdict in found]
