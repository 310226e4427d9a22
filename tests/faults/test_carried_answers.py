"""Answers that exceptions carry, as objects or in words."""

from __future__ import annotations

import email.message
import io
import json
import urllib.error

import httpx2
import pytest
import requests

from holdfast.faults.capture import capture_exception, capture_names
from holdfast.faults.classify import classify
from holdfast.faults.fault import BODY_MAX_BYTES, Fault
from holdfast.faults.said_answers import SaidAnswer, as_json, generally_said_answer, said_answer
from tests.faults.samples import NOON


def captured(exc: BaseException) -> Fault:
    """The exception, captured."""
    return capture_exception(exc, operation="f", observed_at=NOON)


def made(name: str, message: str = "x", **own: object) -> Exception:
    """An exception of a library that is not installed, with what the library hangs on it."""
    module, _, kind = name.rpartition(".")
    error = type(kind, (Exception,), {"__module__": module or "builtins"})(message)
    vars(error).update(own)
    return error


def answer(status: int, **own: object) -> object:
    """An answer of a library that is not installed."""
    found = type("Response", (), {})()
    vars(found).update(own, status=status)
    return found


def requests_error() -> Exception:
    """What `raise_for_status` of requests raises."""
    response = requests.Response()
    response.status_code, response._content = 409, b'{"code": "already_exists"}'
    response.headers["Content-Type"] = "application/json"
    return requests.HTTPError("409 Client Error", response=response)


def httpx2_error() -> Exception:
    """What `raise_for_status` of httpx2 raises."""
    response = httpx2.Response(409, json={"code": "already_exists"}, request=httpx2.Request("GET", "http://x.example"))
    return httpx2.HTTPStatusError("409", request=response.request, response=response)


def urllib_error() -> Exception:
    """What urllib raises; its body has not been read."""
    headers = email.message.Message()
    headers["Retry-After"] = "4"
    return urllib.error.HTTPError("http://x.example", 409, "Conflict", headers, io.BytesIO(b"unread"))


AWS = {
    "Error": {"Code": "SlowDown", "Message": "Reduce your rate"},
    "ResponseMetadata": {"HTTPStatusCode": 503, "HTTPHeaders": {"retry-after": "3"}, "RequestId": "R1"},
}


@pytest.mark.parametrize(
    ("exc", "status", "part"),
    [
        pytest.param(requests_error(), 409, b"already_exists", id="requests"),
        pytest.param(httpx2_error(), 409, b"already_exists", id="httpx2"),
        pytest.param(urllib_error(), 409, b"", id="urllib-unread"),
        pytest.param(made("botocore.exceptions.ClientError", response=AWS), 503, b"SlowDown", id="botocore"),
        pytest.param(
            made(
                "stripe.CardError",
                http_status=402,
                http_body='{"error": {"code": "card_declined"}}',
                headers={"Request-Id": "r"},
            ),
            402,
            b"card_declined",
            id="stripe",
        ),
        pytest.param(
            made(
                "openai.RateLimitError",
                status_code=429,
                response=answer(429, headers=[("a", "b")]),
                body={"code": "insufficient_quota"},
            ),
            429,
            b"insufficient_quota",
            id="openai",
        ),
        pytest.param(
            made(
                "slack_sdk.errors.SlackApiError",
                response=answer(200, data={"ok": False, "error": "ratelimited"}, headers={}),
            ),
            200,
            b"ratelimited",
            id="slack",
        ),
        pytest.param(
            made("twilio.TwilioRestException", status=429, code=20429, msg="Too many requests"),
            429,
            b"20429",
            id="twilio",
        ),
        pytest.param(
            made("googleapiclient.errors.HttpError", resp=answer(403), content=b'{"error": {"code": 403}}'),
            403,
            b"error",
            id="google-rest",
        ),
        pytest.param(
            made("kubernetes.ApiException", status=409, reason="Conflict", body='{"reason": "Conflict"}', headers={}),
            409,
            b"Conflict",
            id="openapi",
        ),
        pytest.param(
            made(
                "github.GithubException", _GithubException__status=404, _GithubException__data={"message": "Not Found"}
            ),
            404,
            b"Not Found",
            id="github",
        ),
        pytest.param(
            made("aiohttp.client_exceptions.ClientResponseError", status=404, headers=None), 404, b"", id="aiohttp"
        ),
        pytest.param(
            made("elasticsearch.ApiError", meta=answer(404, headers={}), body={"error": "x"}),
            404,
            b"error",
            id="elasticsearch",
        ),
    ],
)
def test_takes_the_answer_from_where_a_library_hangs_it(exc: Exception, status: int, part: bytes) -> None:
    """Status and the body that was read are there; nothing is read from a connection."""
    fault = captured(exc)

    assert status == fault.status
    assert part in fault.body
    assert bool(part) == bool(fault.body)


@pytest.mark.parametrize(
    "exc",
    [
        pytest.param(made("E", response=answer(200, headers={})), id="success-without-body"),
        pytest.param(made("E", response=answer(200, _content=b"<html>")), id="success-with-a-page"),
        pytest.param(made("E", status=True), id="no-number"),
        pytest.param(made("E", status_code=7), id="no-status"),
        pytest.param(made("E", code=429), id="a-code-of-its-own"),
        pytest.param(made("E", response={"Error": {"Code": "X"}}), id="dictionary-of-somebody-else"),
        pytest.param(made("E", response={"ResponseMetadata": {"HTTPStatusCode": "x"}}), id="dictionary-without-status"),
        pytest.param(made("E", response={"ResponseMetadata": {"HTTPStatusCode": 200}}), id="dictionary-of-a-success"),
    ],
)
def test_what_is_no_failed_answer_is_not_taken_for_one(exc: Exception) -> None:
    """A status alone does not make an answer; a success that was raised for is about its body."""
    assert captured(exc).status is None


def test_the_code_of_aws_counts_before_its_status() -> None:
    """503 with the code SlowDown is a limit; the wait and the id of the request come from the headers."""
    fault = captured(made("botocore.exceptions.ClientError", response=AWS))
    verdict = classify(fault)

    assert ("rate_limit_burst", 3.0, "R1") == (verdict.category, verdict.retry_after_s, fault.context.request_id)


def test_an_id_in_the_headers_of_aws_is_not_doubled() -> None:
    """The header is the id itself."""
    metadata = {"HTTPStatusCode": 400, "HTTPHeaders": {"x-amzn-requestid": "H"}, "RequestId": "R"}

    assert captured(made("E", response={"ResponseMetadata": metadata})).context.request_id == "H"


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        pytest.param(made("psycopg.OperationalError", sqlstate="40001"), "sqlstate:40001", id="psycopg"),
        pytest.param(made("psycopg2.OperationalError", pgcode="57014"), "sqlstate:57014", id="psycopg2"),
        pytest.param(made("psycopg.OperationalError", sqlstate=None), None, id="psycopg-without"),
        pytest.param(made("pymongo.errors.OperationFailure", code=112), "mongo:112", id="mongo"),
        pytest.param(made("pymongo.errors.OperationFailure", code=None), None, id="mongo-without"),
        pytest.param(made("smtplib.SMTPDataError", smtp_code=421), "smtp:421", id="smtp"),
        pytest.param(made("botocore.exceptions.ClientError", response=AWS), "aws:SlowDown", id="aws"),
        pytest.param(made("botocore.exceptions.ClientError", response={"Error": 7}), None, id="aws-without"),
        pytest.param(
            made("sqlalchemy.exc.DBAPIError", orig=made("asyncpg.X", sqlstate="23505")),
            "sqlstate:23505",
            id="sqlalchemy",
        ),
        pytest.param(
            made("sqlalchemy.exc.DBAPIError", orig=made("sqlalchemy.exc.DBAPIError")), None, id="sqlalchemy-in-a-circle"
        ),
        pytest.param(OSError(113, "x"), "errno:EHOSTUNREACH", id="errno"),
        pytest.param(OSError("x"), None, id="no-errno"),
        pytest.param(ValueError("x"), None, id="no-code"),
    ],
)
def test_takes_the_code_that_an_exception_carries(exc: Exception, code: str | None) -> None:
    """A code beside the text says more than the text."""
    assert code == captured(exc).exception_code


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("sqlstate:40001", "state_inconsistent"),
        ("sqlstate:57014", "network_timeout"),
        ("sqlstate:rubbish", "api_unexpected_status"),
        ("sqlstate:99999", "api_unexpected_status"),
        ("errno:ENETUNREACH", "network_connection_refused"),
        ("grpc:ABORTED", "state_inconsistent"),
        ("grpc:WHAT", "api_unexpected_status"),
        ("aws:Throttling", "rate_limit_burst"),
        ("mysql:1213", "state_inconsistent"),
        ("mongo:11000", "state_inconsistent"),
        ("smtp:535", "auth_invalid"),
        ("smtp:250", "api_unexpected_status"),
        ("smtp:x", "api_unexpected_status"),
        ("morse:sos", "api_unexpected_status"),
    ],
)
def test_reads_a_code(code: str, category: str) -> None:
    """A code is read by its own table; one that nobody knows says nothing."""
    fault = capture_names(
        ["Stranger"],
        [],
        message="due to statement timeout" if "57014" in code else "",
        operation="f",
        observed_at=NOON,
        code=code,
    )

    assert category == classify(fault).category


def test_the_number_of_the_operating_system_does_not_outdo_the_class() -> None:
    """A reset met while connecting is a failure to connect: nothing was sent."""
    fault = capture_names(
        ["aiohttp.ClientConnectorError"], [], message="x", operation="f", observed_at=NOON, code="errno:ECONNRESET"
    )

    assert classify(fault).outcome == "not_executed"


class Status:
    """A status of gRPC as its library has it."""

    name = "UNAVAILABLE"


class RpcError(Exception):
    """An error of gRPC as its library has it."""

    __module__ = "grpc"

    def code(self) -> Status:
        """The status."""
        return Status()

    def details(self) -> str:
        """The words beside it."""
        return "failed to connect to all addresses"

    def trailing_metadata(self) -> object:
        """What came behind it."""
        return (("grpc-retry-pushback-ms", "1500"), ("x-request-id", "r"))


class Unfinished(RpcError):
    """A call of gRPC that is not over."""

    def code(self) -> Status:
        """The status."""
        raise RuntimeError("not yet")

    def details(self) -> str:
        """The words beside it."""
        raise RuntimeError("not yet")

    def trailing_metadata(self) -> object:
        """What came behind it."""
        raise RuntimeError("not yet")


def test_asks_an_error_of_grpc_for_what_it_has() -> None:
    """Code and details come from the call, and so does the wait that the server asks for."""
    fault = captured(RpcError("long text"))
    verdict = classify(fault)

    assert ("grpc:UNAVAILABLE", "failed to connect to all addresses") == (fault.exception_code, fault.message)
    assert ("not_executed", 1.5, "r") == (verdict.outcome, verdict.retry_after_s, fault.context.request_id)


def test_an_error_of_grpc_that_has_nothing_yet_is_read_by_its_text() -> None:
    """What raises while it is asked is not asked further."""
    fault = captured(Unfinished("status = StatusCode.ABORTED"))

    assert (None, "state_inconsistent") == (fault.exception_code, classify(fault).category)


def test_a_wrapper_hands_on_the_answer_it_wraps() -> None:
    """Whoever raises an error of their own from a client's error has not changed the answer."""
    wrapper = RuntimeError("could not create the order")
    wrapper.__cause__ = requests_error()

    assert (409, "could not create the order") == (captured(wrapper).status, captured(wrapper).message)


def test_an_answer_behind_a_telling_exception_is_an_older_story() -> None:
    """A time limit that ran out while an answer was handled decides; what came before it does not."""
    late = httpx2.ReadTimeout("x")
    late.__cause__ = requests_error()
    wrapper = RuntimeError("x")
    wrapper.__cause__ = late

    assert [None, None] == [captured(late).status, captured(wrapper).status]


def test_a_group_of_answers_is_the_one_that_leaves_most_open() -> None:
    """Of several refusals and a server's failure, the failure; of an answer and a silence, the silence."""
    refused, failed = made("E", status_code=404), made("E", status_code=502)

    assert captured(ExceptionGroup("g", [refused, failed])).status == 502
    assert captured(ExceptionGroup("g", [refused])).status == 404
    assert classify(captured(ExceptionGroup("g", [refused, httpx2.ReadTimeout("x")]))).outcome == "unknown"


def test_a_body_that_is_carried_is_bounded() -> None:
    """A client may have read any amount."""
    assert len(captured(made("E", status_code=500, body=b"x" * (BODY_MAX_BYTES + 9))).body) == BODY_MAX_BYTES


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("Request failed with status code 429", SaidAnswer(status=429), id="axios"),
        pytest.param("server returned HTTP/1.1 502", SaidAnswer(status=502), id="http"),
        pytest.param("HTTP error 404", SaidAnswer(status=404), id="http-error"),
        pytest.param("got 503 Service Unavailable from upstream", SaidAnswer(status=503), id="phrase"),
        pytest.param("Too many requests", SaidAnswer(status=429), id="bare-phrase"),
        pytest.param("404 apples", None, id="another-number"),
        pytest.param("room 404 Not in use", None, id="another-phrase"),
        pytest.param("nothing", None, id="nothing"),
        pytest.param(
            "Error code: 429 - slow down",
            SaidAnswer(status=429, body=b'{"message": "slow down"}'),
            id="stainless-words",
        ),
        pytest.param(
            "Error code: 429 - {'error': None}", SaidAnswer(status=429, body=b'{"error": null}'), id="stainless-literal"
        ),
        pytest.param("Error code: 429 - {'error': nonsense}", SaidAnswer(status=429), id="stainless-broken"),
        pytest.param("Error code: 429", SaidAnswer(status=429), id="stainless-bare"),
        pytest.param(
            '404 {"message": "Not Found"}', SaidAnswer(status=404, body=b'{"message": "Not Found"}'), id="github"
        ),
        pytest.param(
            "403 Forbidden (error code: 50013): Missing Permissions",
            SaidAnswer(status=403, body=b'{"code": "50013", "message": "Missing Permissions"}'),
            id="discord",
        ),
        pytest.param(
            '(409)\nReason: Conflict\nHTTP response headers: H\nHTTP response body: {"code": 409}\n',
            SaidAnswer(status=409, body=b'{"code": 409}'),
            id="openapi",
        ),
        pytest.param(
            "(409)\nReason: Conflict\n", SaidAnswer(status=409, body=b'{"message": "Conflict"}'), id="openapi-bare"
        ),
    ],
)
def test_reads_an_answer_that_a_text_tells_of(text: str, told: SaidAnswer | None) -> None:
    """A status stands in a text where a library or a person puts it, and nowhere else."""
    assert told == generally_said_answer(text)


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("HTTPStatusError", "Redirect response '302 Found' for url", SaidAnswer(status=302)),
        ("HTTPError", "504 Server Error: x for url", SaidAnswer(status=504)),
        ("HTTPError", "all went wrong", None),
        (
            "HttpError",
            '<HttpError 403 when requesting https://x returned "Rate Limit Exceeded". D',
            SaidAnswer(status=403, body=b'{"message": "Rate Limit Exceeded"}'),
        ),
        (
            "SlackApiError",
            "The server responded with: {'ok': False, 'error': 'x'}",
            SaidAnswer(status=200, body=b'{"ok": false, "error": "x"}'),
        ),
        ("SlackApiError", "The server responded with: {broken", SaidAnswer(status=200)),
        ("ValueError", "HTTP Error 429", None),
    ],
)
def test_reads_an_answer_in_the_form_of_its_library(kind: str, text: str, told: SaidAnswer | None) -> None:
    """Each library words its answers in one way."""
    assert told == said_answer(kind, text)


def test_a_success_that_a_text_tells_of_needs_a_body() -> None:
    """A plain 200 in a text is no failure to judge."""
    fault = capture_names(
        ["slack_sdk.errors.SlackApiError"],
        [],
        message="The server responded with: {broken",
        operation="f",
        observed_at=NOON,
    )

    assert fault.status is None


def test_what_json_cannot_hold_is_named_by_its_kind() -> None:
    """A client's own objects in a body do not get in the way."""
    circle: dict[str, object] = {}
    circle["me"] = circle

    assert {"at": "<set>"} == json.loads(as_json({"at": {1}}))
    assert [b"", b"", b"x"] == [as_json(circle), as_json(object()), as_json("x")]


class Slotted:
    """An answer without a dictionary of its own."""

    __slots__ = ("headers", "status")

    def __init__(self) -> None:
        self.status, self.headers = 503, [("a", ["1", "2"]), ("b", [])] + [(b"c", b"\xe9")] * 300 + ["odd"]


def test_reads_headers_of_any_form_and_not_without_end() -> None:
    """Lists of values, bytes and floods of headers come out as a bounded list of texts."""
    fault = captured(made("E", response=Slotted()))

    assert (503, b"", 200) == (fault.status, fault.body, len(fault.headers))
    assert (("a", "1"), ("b", ""), ("c", "\xe9")) == fault.headers[:3]


def test_headers_that_are_none_are_left_out() -> None:
    """What has no form of headers is none."""
    assert captured(made("E", status_code=500, headers=7)).headers == ()
