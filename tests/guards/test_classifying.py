"""Asking what went wrong, by hand."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import httpx
import httpx2
import pytest
import requests

import holdfast
from holdfast.errors import BadInput, TimedOut

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)


def of_requests(status: int, body: bytes, **headers: str) -> requests.Response:
    """An answer of requests whose body has been read."""
    response = requests.Response()
    response.status_code, response._content, response.url = status, body, "http://x.example/v1"
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    response.request = requests.Request("POST", "http://x.example/v1").prepare()
    return response


def of_botocore(status: int, **error: str) -> dict[str, object]:
    """What botocore returns."""
    found: dict[str, object] = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": "7"}}}
    return {**found, "Error": error} if error else found


class Aiohttp:
    """An answer in aiohttp's form."""

    def __init__(self, status: int) -> None:
        self.status, self.headers, self._body, self.method, self.url = status, {"Retry-After": "7"}, b"{}", "GET", "x"


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param(httpx.Response(429, headers={"Retry-After": "7"}), id="httpx"),
        pytest.param(httpx2.Response(429, headers={"Retry-After": "7"}, json={}), id="httpx2"),
        pytest.param(of_requests(429, b"{}", Retry_After="7"), id="requests"),
        pytest.param(Aiohttp(429), id="aiohttp"),
        pytest.param(of_botocore(400, Code="ThrottlingException", Message="Rate exceeded"), id="botocore"),
        pytest.param(
            requests.HTTPError("429 Client Error", response=of_requests(429, b"", Retry_After="7")), id="raised"
        ),
    ],
)
def test_reads_answers_of_all_clients_alike(failed: object) -> None:
    """The same answer gets the same verdict, whichever client brought it."""
    verdict = holdfast.classify(failed, observed_at=NOON)

    assert verdict is not None
    assert ("rate_limit_burst", 7.0, "not_executed") == (verdict.category, verdict.retry_after_s, verdict.outcome)


@pytest.mark.parametrize(
    "fine",
    [
        pytest.param(httpx2.Response(200, json={"id": 1}), id="success"),
        pytest.param(httpx2.Response(204), id="no-content"),
        pytest.param(httpx2.Response(304), id="not-modified"),
        pytest.param(Aiohttp(101), id="switching"),
        pytest.param(of_botocore(200), id="botocore"),
    ],
)
def test_a_success_has_no_verdict(fine: object) -> None:
    """Nothing went wrong, so there is nothing to say; a redirect is the client's business."""
    assert holdfast.classify(fine) is None


def test_judges_the_body_that_was_read() -> None:
    """A success that promised JSON and is none is a failure."""
    verdict = holdfast.classify(httpx2.Response(200, content=b"{", headers={"Content-Type": "application/json"}))

    assert verdict is not None
    assert verdict.category == "api_response_malformed"


def test_an_unread_body_is_not_waited_for() -> None:
    """A stream stays where it is."""
    response = httpx2.Response(500, stream=httpx2.ByteStream(b"x"))

    assert holdfast.classify(response) is not None
    assert not response.is_stream_consumed


@pytest.mark.parametrize(
    ("exc", "category", "outcome"),
    [
        pytest.param(httpx2.ReadTimeout("x"), "network_timeout", "unknown", id="client"),
        pytest.param(
            httpx2.ConnectError("x", request=httpx2.Request("GET", "http://x.example")),
            "network_connection_refused",
            "not_executed",
            id="with-request",
        ),
        pytest.param(TimeoutError(), "network_timeout", "unknown", id="builtin"),
        pytest.param(KeyError("x"), "validation_failed", "unknown", id="program"),
    ],
)
def test_reads_exceptions(exc: BaseException, category: str, outcome: str) -> None:
    """What a client raised is read without importing the client."""
    verdict = holdfast.classify(exc)

    assert verdict is not None
    assert (category, outcome) == (verdict.category, verdict.outcome)


def test_an_error_of_ours_says_what_it_is() -> None:
    """A time limit that ran out before the call began did nothing."""
    verdict = holdfast.classify(TimedOut("shop", kind="call", limit_s=1.0, begun=False))

    assert verdict is not None
    assert ("policy:timed-out", "not_executed") == (verdict.rule, verdict.outcome)


@pytest.mark.parametrize(
    "thing",
    [
        pytest.param(
            httpx2.Response(402, json={}, request=httpx2.Request("GET", "https://api.stripe.com/v1/x")), id="answer"
        ),
        pytest.param(
            httpx2.ReadTimeout("x", request=httpx2.Request("GET", "https://api.stripe.com/v1/x")), id="raised"
        ),
    ],
)
def test_finds_the_entry_of_the_catalog_by_the_address(thing: object) -> None:
    """Who calls a known API need not name it; who names it is believed."""
    found, named = holdfast.classify(thing), holdfast.classify(thing, api="stripe", url="http://elsewhere.example")

    assert found is not None
    assert named is not None
    assert ("stripe", "stripe") == (found.api_id, named.api_id)


def test_should_classify_network_errors_correctly() -> None:
    """Spec 001's own test: a message in the words of another runtime is a network error, and worth another try."""
    verdict = holdfast.classify(Exception("ECONNRESET: Connection reset by peer"))

    assert verdict is not None
    assert ("network" in verdict.labels, verdict.retryable, verdict.outcome) == (True, True, "unknown")


def test_should_classify_rate_limit_errors() -> None:
    """Spec 001's own test: the answer hangs on the error, and its status decides."""

    class Answer:
        status = 429

    error = Exception("Too many requests")
    error.response = Answer()

    verdict = holdfast.classify(error)

    assert verdict is not None
    assert ("rate_limit" in verdict.labels, verdict.retryable) == (True, True)


def test_keeps_secrets_out_of_the_words() -> None:
    """A value that the caller knows to be secret is not repeated."""
    verdict = holdfast.classify(RuntimeError("sesame opens"), secrets=["sesame"])

    assert verdict is not None
    assert "sesame" not in verdict.message


@pytest.mark.parametrize(
    ("thing", "api", "words"),
    [
        pytest.param("a word", None, "must be an exception or an answer", id="no-answer"),
        pytest.param({"a": 1}, None, "must be an exception or an answer", id="dictionary"),
        pytest.param(OSError(), "Strype", "'Strype'. Did you mean 'stripe'?", id="typo"),
        pytest.param(OSError(), "no-such-api", "no entry of the catalog is called 'no-such-api'", id="no-api"),
    ],
)
def test_refuses_what_it_cannot_judge(thing: object, api: str | None, words: str) -> None:
    """Neither a guess nor a silent None: what is wrong is said."""
    with pytest.raises(BadInput, match=words):
        holdfast.classify(thing, api=api)


def test_asking_imports_no_client() -> None:
    """Names are enough, so a program pays for no library that it does not use."""
    program = (
        "import sys, holdfast; print(holdfast.classify(ConnectionRefusedError()).outcome.value,"
        " sorted({'httpx', 'httpx2', 'requests', 'aiohttp', 'botocore', 'grpc', 'psycopg', 'pydantic', 'yaml'} & set(sys.modules)))"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "not_executed []\n" == ran.stdout
