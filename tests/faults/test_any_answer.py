"""Whatever answers, there is a verdict, and what a user typed does not decide it."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, strategies as st

from holdfast.faults.capture import capture_answer
from holdfast.faults.classify import classify, examine
from holdfast.faults.fault import Fault
from holdfast.faults.patterns import compile_shipped
from holdfast.faults.rules import ApiRules, ErrorMapping, ErrorShape, KnownError, Quirks, RateLimitRules
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from tests.faults.samples import JSON, NOON, answer, raised

STATUSES = st.integers(100, 599)
TYPES = st.sampled_from([None, JSON, "text/html", "text/plain", "application/xml", "application/problem+json"])
TROUBLE = (
    "401 Unauthorized: access token expired",
    "rate limit exceeded",
    "daily quota exceeded",
    "insufficient credits",
    "connection refused, timeout",
    "Cannot GET /v1/x",
    "account suspended",
    "already captured",
    "server overloaded, down for maintenance",
)
HOSTILE = (
    b"[" * 50_000,
    b'{"error":' * 20_000,
    b'{"error":{"errors":[' + b'{"error":{"code":"x"}},' * 5_000 + b'{"code":"y"}]}}',
    b'{"error":{' + b",".join(b'"k%d":{"code":"c"}' % i for i in range(20_000)) + b"}}",
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;&b;">]><a>&d;</a>',
    b"<Error>" * 50_000,
    b"<" * 200_000,
    b"<html><title>" + b"a" * 100_000,
    b"error code: 1" * 10_000,
    b'{"message": "' + b"rate limit " * 20_000 + b'"}',
    b'{"message": "' + b"'" * 100_000 + b'"}',
    b'{"code": ' + b"9" * 4_000 + b"}",
    b'{"code": "' + b"Ab" * 50_000 + b'"}',
    b"\xff\xfe\x00" * 1_000,
    b"error=" + b"a&" * 50_000,
)


def _captured(status: int, body: bytes, content_type: str | None) -> Fault:
    headers = [("Content-Type", content_type)] if content_type else []
    return capture_answer(status, headers, body=body, operation="call", observed_at=NOON, url="https://a.example/v1/x")


@given(STATUSES, st.binary(max_size=400), TYPES)
@example(404, b'{"error": {"code": {"code": []}}}', JSON)
@example(200, b'{"data": {"a": {"errors": [1]}}}', JSON)
def test_any_answer_has_a_verdict(status: int, body: bytes, content_type: str | None) -> None:
    """Every status with every body is judged, and the waits and texts of the verdict are bounded."""
    verdict = classify(_captured(status, body, content_type))

    assert len(verdict.message) < 500
    assert verdict.retry_after_s is None or verdict.retry_after_s >= 0


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["error", "errors", "code", "message", "status", "detail", "data", ".tag", "field", "extensions"]
            )
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(STATUSES, JSON_VALUES)
@example(200, {"data": [{"status": [], "code": "x"}]})
@example(400, {"error": {"status": {}, "code": []}, "status": [], "kind": []})
def test_any_json_has_a_verdict(status: int, body: object) -> None:
    """Keys that usually describe errors may hold anything."""
    classify(_captured(status, json.dumps(body).encode(), JSON))


@pytest.mark.parametrize("body", [pytest.param(body, id=f"{i}") for i, body in enumerate(HOSTILE)])
@pytest.mark.parametrize("status", [200, 400, 503])
def test_hostile_bodies_have_a_verdict(status: int, body: bytes) -> None:
    """Deep, wide, endless and undecodable bodies are read up to a bound and judged all the same."""
    for content_type in (JSON, "application/xml", "text/html"):
        verdict = classify(_captured(status, body, content_type))

        assert len(verdict.message) < 500


@pytest.mark.parametrize("status", [304, 405, 407, 408, 412, 421, 423, 425, 440, 449, 498, 499, 508, 511])
def test_words_do_not_overrule_a_status_that_says_all(status: int) -> None:
    """Some statuses leave nothing open: sentences beside them change neither category nor outcome."""
    plain = classify(answer(status, {"x": 1}))

    for words in TROUBLE:
        verdict = classify(answer(status, {"message": words}))
        assert (plain.category, plain.retryable, plain.outcome) == (
            verdict.category,
            verdict.retryable,
            verdict.outcome,
        ), words


@given(
    st.sampled_from([502, 504, 520, 524]),
    st.sampled_from([*TROUBLE, "invalid password", "not configured", "deadlock", "disk full"]),
)
def test_words_of_a_gateway_do_not_say_what_its_server_did(status: int, words: str) -> None:
    """An answer that a gateway lost or gave up may have been preceded by the work, whatever its sentences say."""
    assert classify(answer(status, {"message": words})).outcome != Outcome.NOT_EXECUTED


@pytest.mark.parametrize("status", [408, 499, 502, 504, 524])
@pytest.mark.parametrize("category", ["rate_limit_burst", "auth_invalid", "validation_failed"])
def test_a_category_declared_for_words_does_not_speak_for_the_server(status: int, category: str) -> None:
    """A declared pattern finds its words in a gateway's answer, too: whether the work was done stays open, unless a rule says so itself."""
    fault = answer(status, {"message": "the limiter timed out"})
    known = KnownError(pattern=ANYTHING, category=ErrorCategory(category))
    said = ErrorMapping(category=known.category, retryable=True, outcome=Outcome.NOT_EXECUTED, pattern=ANYTHING)

    assert (category, "unknown") == ((one := classify(fault, known_errors=[known])).category, one.outcome)
    assert classify(fault, api=ApiRules(api_id="x", mappings=(said,))).outcome == Outcome.NOT_EXECUTED
    assert classify(answer(500, {"message": "x"}), known_errors=[known]).outcome == Outcome.NOT_EXECUTED


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("words", ["Out of memory", "Operation in progress", "The transaction timed out"])
def test_work_that_had_begun_may_have_been_done(status: int, words: str) -> None:
    """A server's failure that tells of work under way leaves open how far it got."""
    assert classify(answer(status, {"message": words})).outcome == Outcome.UNKNOWN


@pytest.mark.parametrize("words", ["Request timed out: exceeds 30 s", "invalid response from upstream", "timeout: x"])
def test_a_timeout_inside_a_success_is_no_bad_input(words: str) -> None:
    """What sounds like a rule about input is none when the sentence is about an answer that did not come."""
    assert classify(answer(200, {"ok": False, "message": words})).outcome == Outcome.UNKNOWN


def test_a_refused_connection_behind_a_gateway_is_no_refusal() -> None:
    """A code may tell of a connection that was refused: not ours, and no matter of permission."""
    verdict = classify(answer(502, {"error": {"code": "connection_refused", "message": "x"}}))

    assert ("api_unexpected_status", "unknown") == (verdict.category, verdict.outcome)
    assert classify(answer(403, {"error": {"code": "access_refused", "message": "x"}})).category == "auth_invalid"


ANYTHING = compile_shipped(".*", source="test", path="")
LOST = (
    "httpx.ReadTimeout",
    "httpx.WriteError",
    "requests.exceptions.ReadTimeout",
    "http.client.RemoteDisconnected",
    "httpx.ReadError",
)


@given(
    st.sampled_from(LOST), st.sampled_from(TROUBLE), st.sampled_from(ErrorCategory), st.sampled_from([None, 200, 201])
)
def test_no_word_undoes_what_was_sent(name: str, words: str, category: ErrorCategory, status: int | None) -> None:
    """Whatever category a rule makes of the words of a call that was lost under way, whether it was done stays open."""
    known = KnownError(pattern=ANYTHING, category=category)
    mapping = ErrorMapping(category=category, retryable=True, outcome=Outcome.NOT_EXECUTED, pattern=ANYTHING)
    api = ApiRules(api_id="x", mappings=(mapping,))
    fault = raised(name, words) if status is None else answer(status, {"message": words}, complete=False)

    for verdict in (classify(fault), classify(fault, known_errors=[known]), classify(fault, api=api)):
        assert verdict.outcome != Outcome.NOT_EXECUTED, verdict.rule


@pytest.mark.parametrize("code", ["\x1b[31m", "a\u202eb", "\x9b2J", "a\x00b", "a\u2028b"])
def test_a_verdict_commands_no_terminal(code: str) -> None:
    """Control characters and marks of direction stay out of a verdict's words, wherever they came from."""
    api = ApiRules(
        api_id="x",
        shape=ErrorShape(codes=(("why",),)),
        rate_limiting=RateLimitRules(status_codes=frozenset({429}), limit_header="X-Max"),
    )
    told = (
        classify(answer(400, {"why": code, "message": f"x{code}y"}), api=api),
        classify(answer(429, {"x": 1}, X_Max=code), api=api),
        classify(raised(f"app.{code}Error", f"x{code}y")),
        classify(raised(f"app.{code}Error", f"x{code}y"), api=api),
    )

    for verdict in told:
        assert verdict.message.isprintable()
        assert (verdict.code or "").isprintable()


def test_two_hundred_headers_change_nothing() -> None:
    """A flood of headers is no evidence."""
    flood = {f"X_Limit_{i}": "rate limit exceeded" for i in range(300)}

    assert (
        classify(answer(400, {"message": "bad"})).category
        == classify(answer(400, {"message": "bad"}, **flood)).category
    )


@given(
    st.sampled_from([400, 404, 409, 422, 500, 503]),
    st.sampled_from(TROUBLE),
    st.sampled_from(["'{}'", '"{}"', "`{}`", "“{}”", "«{}»"]),
)
def test_quoted_words_decide_nothing(status: int, words: str, quotes: str) -> None:
    """What an error quotes is a user's own text: it may say anything."""
    plain = classify(answer(status, {"message": "Value 'x' of the field is bad"}))

    verdict = classify(answer(status, {"message": f"Value {quotes.format(words)} of the field is bad"}))

    assert (plain.category, plain.retryable, plain.outcome) == (verdict.category, verdict.retryable, verdict.outcome)


@given(st.sampled_from([400, 422]), st.sampled_from(TROUBLE), st.sampled_from(["name", "token", "daily_limit"]))
def test_entries_about_fields_are_about_input(status: int, words: str, field: str) -> None:
    """A field may be called anything, and what is wrong with it is bad input."""
    verdict = classify(answer(status, {"message": "Validation failed", "errors": [{"field": field, "message": words}]}))

    assert verdict.category == "validation_failed"


@given(st.sampled_from(TROUBLE))
def test_codes_count_before_words(words: str) -> None:
    """A code that names the cause is believed whatever the sentence beside it says."""
    verdict = classify(answer(400, {"code": "invalid_email_address_format", "errors": [], "message": f"'{words}'"}))
    lock = classify(answer(409, {"code": "resource_locked", "message": words}))

    assert verdict.category == "validation_failed"
    assert ("state_inconsistent", True) == (lock.category, lock.retryable)


FINE = st.sampled_from(["errors", "error", "errorCount", "failures", "warnings"])


@given(FINE, st.sampled_from([None, 0, [], {}, "", False]), JSON_VALUES)
def test_a_success_is_none_the_worse_for_its_data(name: str, nothing: object, data: object) -> None:
    """An empty list of errors is how a success says that there were none, whatever its data."""
    quirks = ApiRules(api_id="crm", quirks=Quirks(success_with_error_body=True))
    body = {name: nothing, "items": [data, {"level": "error", "message": "rate limit exceeded"}], "job": {"error": "x"}}

    assert examine(answer(200, body), api=quirks) is None


@given(STATUSES.filter(lambda status: status >= 300), st.text(max_size=60))
def test_a_refusal_is_never_an_executed_call(status: int, words: str) -> None:
    """Only an answer that says so, or an unreadable success, counts as executed."""
    verdict = classify(answer(status, {"message": words.replace("already", "")}))

    assert verdict.outcome is not Outcome.EXECUTED
