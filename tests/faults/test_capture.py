"""From exceptions and answers to plain data."""

from __future__ import annotations

import ssl
from datetime import datetime

import httpx2
import pytest

from holdfast.faults import capture
from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.classify import classify
from holdfast.faults.fault import BODY_MAX_BYTES, BodyKind, Fault, Phase
from tests.faults.samples import NOON, answer


def captured(exc: BaseException) -> Fault:
    """The exception, captured."""
    return capture_exception(exc, operation="f", observed_at=NOON)


def thrown(exc: BaseException, cause: BaseException | None = None) -> BaseException:
    """The exception after it was raised from its cause."""
    try:
        raise exc from cause  # noqa: TRY301 - the traceback and the cause are what is wanted
    except BaseException as err:  # noqa: BLE001 - that is what is tested
        return err


@pytest.mark.parametrize(
    ("exc", "category", "outcome"),
    [
        pytest.param(httpx2.ConnectTimeout("x"), "network_timeout", "not_executed", id="ConnectTimeout"),
        pytest.param(httpx2.ConnectError("x"), "network_connection_refused", "not_executed", id="ConnectError"),
        pytest.param(httpx2.ReadTimeout("x"), "network_timeout", "unknown", id="ReadTimeout"),
        pytest.param(httpx2.WriteTimeout("x"), "network_timeout", "unknown", id="WriteTimeout"),
        pytest.param(httpx2.PoolTimeout("x"), "network_timeout", "not_executed", id="PoolTimeout"),
        pytest.param(httpx2.ReadError("x"), "network_connection_refused", "unknown", id="ReadError"),
        pytest.param(httpx2.WriteError("x"), "network_connection_refused", "unknown", id="WriteError"),
        pytest.param(httpx2.RemoteProtocolError("x"), "api_response_malformed", "unknown", id="RemoteProtocolError"),
        pytest.param(httpx2.LocalProtocolError("x"), "validation_failed", "not_executed", id="LocalProtocolError"),
        pytest.param(httpx2.InvalidURL("x"), "validation_failed", "not_executed", id="InvalidURL"),
        pytest.param(httpx2.UnsupportedProtocol("x"), "validation_failed", "not_executed", id="UnsupportedProtocol"),
        pytest.param(httpx2.DecodingError("x"), "api_response_malformed", "unknown", id="DecodingError"),
        pytest.param(httpx2.TooManyRedirects("x"), "api_unexpected_status", "unknown", id="TooManyRedirects"),
        pytest.param(
            thrown(httpx2.ConnectError("x"), ssl.SSLCertVerificationError("x")),
            "network_connection_refused",
            "not_executed",
            id="tls",
        ),
    ],
)
def test_knows_the_real_exceptions_of_the_http_client(exc: BaseException, category: str, outcome: str) -> None:
    """The names in the table are the names that the client uses today."""
    verdict = classify(captured(exc))

    assert (category, outcome) == (verdict.category, verdict.outcome)
    assert not verdict.rule.endswith("unknown")


def test_knows_the_children_of_a_known_exception() -> None:
    """A user's own subclass means what its ancestor means."""

    class SlowShop(httpx2.ReadTimeout):
        pass

    fault = captured(SlowShop("x"))

    assert (Phase.READ, "SlowShop") == (fault.phase, (fault.exception_type or "").rpartition(".")[2])


def test_follows_causes_and_contexts() -> None:
    """What an exception came from decides when it says little itself; a known ancestor of a strange cause is found."""

    class Refused(ConnectionRefusedError):
        pass

    fault = captured(thrown(RuntimeError("x"), thrown(LookupError("y"), Refused())))

    assert ["LookupError", "Refused", "ConnectionRefusedError"] == [
        name.rpartition(".")[2] for name in fault.exception_chain
    ]


def test_follows_the_context_only_when_it_is_shown() -> None:
    """`raise … from None` hides the context from us as it does from people."""
    shown, hidden = RuntimeError("x"), RuntimeError("x")
    shown.__context__ = hidden.__context__ = ConnectionRefusedError()
    hidden.__suppress_context__ = True

    assert [("ConnectionRefusedError",), ()] == [captured(exc).exception_chain for exc in (shown, hidden)]


def test_looks_into_exception_groups() -> None:
    """Of several members, the one that may have done something decides."""
    group = ExceptionGroup("both", [ConnectionRefusedError(), ConnectionResetError()])

    assert classify(captured(group)).outcome == "unknown"


@pytest.mark.parametrize(
    ("members", "outcome"),
    [
        ([httpx2.ConnectError("a"), httpx2.ConnectTimeout("b")], "not_executed"),
        ([httpx2.ConnectError("a"), ExceptionGroup("y", [httpx2.ConnectError("b")])], "not_executed"),
        ([httpx2.ConnectError("a"), TimeoutError("b")], "unknown"),
        ([httpx2.ConnectError("a"), ConnectionError("b")], "unknown"),
        ([httpx2.ConnectError("a"), LookupError("b")], "unknown"),
        ([httpx2.ConnectError("a"), ExceptionGroup("y", [Exception("b")])], "unknown"),
        ([httpx2.ConnectError("a")] * 33, "unknown"),
    ],
)
def test_what_one_of_a_group_rules_out_another_may_have_done(members: list[Exception], outcome: str) -> None:
    """Nothing was done by a group of tasks only when each of its failures says so by itself."""
    verdict = classify(captured(ExceptionGroup("x", members)))

    assert (outcome, "network_connection_refused") == (verdict.outcome, verdict.category)


def test_survives_a_circle_of_causes() -> None:
    """Exceptions that caused each other are walked once, and a long chain only so far."""
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    many = ExceptionGroup("many", [RuntimeError(str(n)) for n in range(1_000)])

    assert (("RuntimeError",), 32) == (captured(first).exception_chain, len(captured(many).exception_chain))


def test_reads_the_answer_an_exception_was_raised_for() -> None:
    """Status and headers come with the exception, so a stated wait is kept."""
    request = httpx2.Request("GET", "http://x.example/")
    response = httpx2.Response(429, headers={"Retry-After": "9"}, request=request)

    verdict = classify(captured(httpx2.HTTPStatusError("x", request=request, response=response)))

    assert ("rate_limit_burst", 9.0, 429) == (verdict.category, verdict.retry_after_s, verdict.status)


def test_reads_the_plain_attributes_of_other_clients() -> None:
    """A client error with `status` and `headers` of its own is read as well; other rubbish under `response` is not."""
    good, bad = type("HTTPError", (Exception,), {})("x"), RuntimeError("x")
    good.status, good.headers, bad.response = 503, None, object()

    assert [503, None] == [captured(exc).status for exc in (good, bad)]


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        pytest.param(b" \n", "application/json", BodyKind.EMPTY, id="blank"),
        pytest.param(b"{}", None, BodyKind.JSON, id="json-unannounced"),
        pytest.param(b"\xef\xbb\xbf[1]", "application/problem+json", BodyKind.JSON, id="bom"),
        pytest.param(b"[" * 100_000, "application/json", BodyKind.BROKEN_JSON, id="too-deep"),
        pytest.param(b"{x", "application/json", BodyKind.BROKEN_JSON, id="broken"),
        pytest.param(b"{x", "text/plain", BodyKind.TEXT, id="braces-in-text"),
        pytest.param(b"\xff{", "application/json", BodyKind.BROKEN_JSON, id="no-utf-8"),
        pytest.param(b"caf\xe9", "text/plain; charset=latin-1", BodyKind.TEXT, id="latin-1"),
        pytest.param(b"\x89PNG\xff", "image/png", BodyKind.BINARY, id="image"),
        pytest.param(b"a\x00b", None, BodyKind.BINARY, id="nul"),
        pytest.param(b"<!DOCTYPE html><p>", "application/json", BodyKind.HTML, id="page-in-disguise"),
        pytest.param(b"slow down", None, BodyKind.TEXT, id="line"),
    ],
)
def test_judges_a_body_by_its_bytes(body: bytes, content_type: str | None, kind: BodyKind) -> None:
    """What a body is depends on what it holds; the content type decides only where that leaves a choice."""
    headers = [] if content_type is None else [("content-type", content_type)]

    fault = capture_answer(200, headers, body=body, operation="f", observed_at=NOON)

    assert kind == fault.body_kind


@pytest.mark.parametrize(
    ("parts", "content_type", "kind"),
    [
        ((b'{"a":[', b"[],", b"[]]}"), None, BodyKind.JSON),
        ((b'{"a":[', b"[],", b"[],"), None, BodyKind.TEXT),
        ((b'{"a":[', b"[],", b"[],"), "application/json", BodyKind.BROKEN_JSON),
        ((b"[", "\u20ac".encode(), b"]\n"), "application/json", BodyKind.JSON),
        ((b"[", "\u20ac".encode(), b"}"), "application/json", BodyKind.BROKEN_JSON),
        ((b"<html>", b"x", b""), "application/json", BodyKind.HTML),
        ((b"", b"\xff", b""), None, BodyKind.BINARY),
        ((b"", b" \n", b""), "application/json", BodyKind.EMPTY),
        ((b"", b"slow down ", b""), None, BodyKind.TEXT),
    ],
)
def test_a_huge_body_is_not_parsed(
    parts: tuple[bytes, bytes, bytes], content_type: str | None, kind: BodyKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body beyond eight MiB is judged by how it begins and ends: parsing it could take all the memory there is."""
    first, fill, last = parts
    monkeypatch.setattr(capture, "_is_json", lambda _: pytest.fail("parsed"))

    assert kind == capture.body_kind(first + fill * (8_388_608 // len(fill) + 1) + last, content_type)


def test_a_flood_of_headers_is_cut() -> None:
    """Of headers without end, a bounded number of bounded ones is kept, and no more are asked for."""
    asked = iter(range(10**9))
    flood = ((f"x-{number}" * 500, "v" * 100_000) for number in asked)

    fault = capture.capture_answer(400, flood, body=b"", operation="call", observed_at=NOON)

    assert next(asked) <= 201
    assert sum(len(name) + len(value) for name, value in fault.headers) < 2_000_000
    assert 200 == len(fault.headers)


def test_keeps_a_bounded_part_of_a_body_judged_whole() -> None:
    """A large valid body stays valid, although only its beginning is kept."""
    fault = answer(200, ["x" * 99] * 20_000)

    assert (BODY_MAX_BYTES, BodyKind.JSON) == (len(fault.body), fault.body_kind)
    assert fault.body_size_bytes > BODY_MAX_BYTES


def test_takes_secrets_out_of_the_address() -> None:
    """A captured address holds neither user information nor secret query values."""
    fault = capture_answer(
        200, [], body=b"", operation="f", observed_at=NOON, url="https://me:pw@x.example/a?api_key=1&page=2"
    )

    assert fault.url == "https://[redacted]@x.example/a?api_key=[redacted]&page=2"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"observed_at": datetime(2026, 1, 1)}, id="no-zone"),  # noqa: DTZ001 - that is what is tested
        pytest.param({"observed_at": NOON, "body": b"x" * (BODY_MAX_BYTES + 1)}, id="too-long"),
    ],
)
def test_refuses_impossible_faults(wrong: dict[str, object]) -> None:
    """A time without a zone and an unbounded body are mistakes of the capturing code."""
    with pytest.raises(ValueError, match=r"time zone|at most"):
        Fault(operation="f", phase=Phase.ANSWER, **wrong)


def test_a_status_that_a_library_made_up_is_no_answer() -> None:
    """aiohttp raises its error for answers, with 400, for bytes that are no HTTP at all; its cause gives that away."""

    class ClientResponseError(Exception):
        def __init__(self) -> None:
            super().__init__("400, message='Bad status line'")
            self.status = 400
            self.headers: dict[str, str] = {}

    ClientResponseError.__module__ = "aiohttp.client_exceptions"
    error = ClientResponseError()
    answered = capture_exception(error, operation="get", observed_at=NOON)
    error.__cause__ = ValueError("Bad status line")
    made_up = capture_exception(error, operation="get", observed_at=NOON)

    assert (400, None) == (answered.status, made_up.status)
