"""What is kept of the call that failed: ids, proof of what was sent, and nothing that must not be kept."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.classify import classify
from holdfast.faults.context import NO_CONTEXT, FaultContext, RequestIds, context_of, request_ids
from tests.faults.samples import NOON

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("headers", "ids"),
    [
        pytest.param({"X-Request-Id": "r-1"}, RequestIds(request_id="r-1"), id="usual"),
        pytest.param({"x-amzn-RequestId": "a-1"}, RequestIds(request_id="a-1"), id="aws"),
        pytest.param({"x-ms-request-id": "m-1"}, RequestIds(request_id="m-1"), id="microsoft"),
        pytest.param(
            {"CF-RAY": "8f-FRA", "X-Request-Id": "r-1"}, RequestIds(request_id="r-1"), id="the-api-before-its-edge"
        ),
        pytest.param({"CF-RAY": "8f-FRA"}, RequestIds(request_id="8f-FRA"), id="edge"),
        pytest.param({"X-Correlation-Id": "c-1"}, RequestIds(correlation_id="c-1"), id="correlation"),
        pytest.param({"X-Session-Id": "s-1"}, RequestIds(session_id="s-1"), id="session"),
        pytest.param({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, RequestIds(trace_id=TRACE), id="w3c"),
        pytest.param({"traceparent": "rubbish", "X-B3-TraceId": "b3"}, RequestIds(trace_id="b3"), id="broken-w3c"),
        pytest.param({"b3": "80f1-e4-1"}, RequestIds(trace_id="80f1"), id="b3"),
        pytest.param({"X-Amzn-Trace-Id": "Self=1;Root=1-67-12;X=1"}, RequestIds(trace_id="1-67-12"), id="x-ray"),
        pytest.param({"X-Amzn-Trace-Id": "odd"}, RequestIds(trace_id="odd"), id="x-ray-without-root"),
        pytest.param({"X-Cloud-Trace-Context": "105445/1;o=1"}, RequestIds(trace_id="105445"), id="google"),
        pytest.param({"uber-trace-id": "ab:cd:0:1"}, RequestIds(trace_id="ab"), id="jaeger"),
        pytest.param({"X-Request-Id": " \x1b[31m\n "}, RequestIds(request_id="[31m"), id="control-characters"),
        pytest.param({"X-Request-Id": "", "Server": "nginx"}, RequestIds(), id="none"),
    ],
)
def test_reads_ids_from_the_headers_usual_for_them(headers: dict[str, str], ids: RequestIds) -> None:
    """A vendor's support asks for the id of the request; it is in the answer's headers."""
    assert ids == request_ids(headers.items())


def test_a_credential_under_the_name_of_an_id_is_taken_out() -> None:
    """What has the form of a key is no id, whatever the header is called."""
    key = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"

    assert request_ids([("X-Request-Id", key)]).request_id == "[redacted]"


def test_keeps_the_digest_of_a_payload_and_never_the_payload() -> None:
    """What was sent can be compared with what somebody has, and cannot be read."""
    context = context_of(payload=b"card=4242")

    assert context.payload is not None
    assert (hashlib.sha256(b"card=4242").hexdigest(), 9) == (context.payload.sha256, context.payload.size_bytes)
    assert "4242" not in repr(context)


def test_keeps_what_the_caller_says_before_what_headers_say() -> None:
    """An id that is given counts; the others are read from the request's headers, which are kept without credentials."""
    sent = [("Authorization", "Bearer abcdef123456"), ("X-Correlation-Id", "c-1"), ("X-Request-Id", "mine")]

    context = context_of(
        attempt=2, endpoint="/v1/orders/{id}", request_id="given", trace_id="t", session_id="s", request_headers=sent
    )

    assert ("given", "c-1", "t", "s", 2) == (
        context.request_id,
        context.correlation_id,
        context.trace_id,
        context.session_id,
        context.attempt,
    )
    assert ("Authorization", "[redacted]") == context.request_headers[0]
    assert context.endpoint == "/v1/orders/{id}"


def test_refuses_an_attempt_before_the_first() -> None:
    """Attempts count from 1."""
    with pytest.raises(ValueError, match="counts from 1"):
        context_of(attempt=0)


@given(
    st.lists(st.tuples(st.text(max_size=300), st.text(max_size=1_000)), max_size=80),
    st.dictionaries(st.text(max_size=300), st.text(max_size=2_000), max_size=40),
    st.text(max_size=2_000),
)
def test_a_context_is_small_whatever_it_is_made_from(
    headers: list[tuple[str, str]], metadata: dict[str, str], word: str
) -> None:
    """Fifty headers, twenty pairs, five hundred characters: no caller can make it larger."""
    context = context_of(request_headers=headers, metadata=metadata, endpoint=word, request_id=word)

    assert len(context.request_headers) <= 50
    assert len(context.metadata) <= 20
    assert all(len(name) <= 100 and len(value) <= 510 for name, value in context.request_headers)
    assert all(len(name) <= 100 and len(value) <= 500 for name, value in context.metadata)
    assert len(context.request_id or "") <= 200


def test_takes_secrets_out_of_metadata() -> None:
    """Metadata is for people to read, so values under secret names are not in it."""
    assert (("api_key", "[redacted]"), ("shop", "12")) == context_of(metadata={"api_key": "x", "shop": "12"}).metadata


def test_an_answers_ids_complete_the_context_of_its_fault() -> None:
    """The other side's name for the call is known only once it has answered."""
    headers = [("X-Request-Id", "theirs"), ("X-Correlation-Id", "theirs")]

    fault = capture_answer(
        500, headers, body=b"", operation="f", observed_at=NOON, context=FaultContext(correlation_id="ours", attempt=3)
    )

    assert ("theirs", "ours", 3) == (fault.context.request_id, fault.context.correlation_id, fault.context.attempt)


def test_a_fault_without_anything_known_shares_the_empty_context() -> None:
    """An exception that carries no answer has no ids."""
    assert capture_exception(OSError(), operation="f", observed_at=NOON).context is NO_CONTEXT
    assert capture_answer(500, [("Server", "x")], body=b"", operation="f", observed_at=NOON).context is NO_CONTEXT


def test_a_verdict_keeps_the_trail_of_its_call() -> None:
    """The ids by which a call can be followed and the digest of what was sent stay when the fault is gone; nothing else of the context does."""
    context = context_of(
        correlation_id="ours", session_id="s", payload=b"abc", request_headers=[("Accept", "x")], attempt=2
    )
    fault = capture_answer(
        500, [("X-Request-Id", "theirs")], body=b"", operation="f", observed_at=NOON, context=context
    )

    trail = dict(classify(fault).trail)

    assert ["requestId", "correlationId", "sessionId", "payloadSha256", "payloadBytes"] == list(trail)
    assert ("theirs", "ours", "s", hashlib.sha256(b"abc").hexdigest(), "3") == tuple(trail.values())


def test_the_trail_of_an_exception_without_an_answer() -> None:
    """What is remembered of equal exceptions is the verdict, never another call's ids."""
    known = capture_exception(OSError("x"), operation="f", observed_at=NOON, context=FaultContext(correlation_id="a"))
    plain = capture_exception(OSError("x"), operation="f", observed_at=NOON)

    assert ((("correlationId", "a"),), ()) == (classify(known).trail, classify(plain).trail)


def test_a_secret_that_is_echoed_as_an_id_is_taken_out() -> None:
    """Exact secrets are kept out of the trail as out of everything else in a verdict."""
    fault = capture_answer(500, [("X-Request-Id", "hunter2hunter2")], body=b"", operation="f", observed_at=NOON)

    assert "hunter2hunter2" not in str(classify(fault, secrets=["hunter2hunter2"]).trail)
