"""What exceptions mean: how far the attempt got, and whether the work can have been done."""

from __future__ import annotations

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.fault import Phase
from holdfast.faults.verdict import Health
from tests.faults.samples import answer, raised

NOT, UNKNOWN = "not_executed", "unknown"


@pytest.mark.parametrize(
    ("name", "message", "causes", "category", "outcome", "phase"),
    [
        pytest.param("httpx2.ConnectTimeout", "", (), "network_timeout", NOT, "connect", id="connect-timeout"),
        pytest.param("httpx2.PoolTimeout", "", (), "network_timeout", NOT, "connect", id="pool-timeout"),
        pytest.param(
            "httpx2.ReadTimeout", "", ("TimeoutError",), "network_timeout", UNKNOWN, "read", id="read-timeout"
        ),
        pytest.param("httpx2.WriteTimeout", "", (), "network_timeout", UNKNOWN, "write", id="write-timeout"),
        pytest.param("httpx2.ConnectError", "refused", (), "network_connection_refused", NOT, "connect", id="refused"),
        pytest.param("httpx2.ConnectError", "", ("ssl.SSLError",), "network_connection_refused", NOT, "tls", id="tls"),
        pytest.param("httpx2.ReadError", "", (), "network_connection_refused", UNKNOWN, "read", id="reset"),
        pytest.param("httpx2.WriteError", "", (), "network_connection_refused", UNKNOWN, "write", id="write-error"),
        pytest.param("httpx2.CloseError", "", (), "network_connection_refused", UNKNOWN, "read", id="close"),
        pytest.param("httpx2.ProxyError", "", (), "network_connection_refused", NOT, "connect", id="proxy"),
        pytest.param(
            "httpx2.RemoteProtocolError",
            "Server disconnected without sending a response.",
            (),
            "network_connection_refused",
            UNKNOWN,
            "read",
            id="no-answer",
        ),
        pytest.param(
            "httpx2.RemoteProtocolError",
            "peer closed connection without sending complete message body",
            (),
            "api_response_malformed",
            UNKNOWN,
            "body",
            id="cut-body",
        ),
        pytest.param(
            "httpx2.RemoteProtocolError",
            "illegal status line",
            (),
            "api_response_malformed",
            UNKNOWN,
            "read",
            id="no-http",
        ),
        pytest.param("httpx2.DecodingError", "", (), "api_response_malformed", UNKNOWN, "body", id="decoding"),
        pytest.param("httpx2.TooManyRedirects", "", (), "api_unexpected_status", UNKNOWN, "answer", id="redirects"),
        pytest.param("httpx2.InvalidURL", "", (), "validation_failed", NOT, "local", id="bad-url"),
        pytest.param("httpx2.UnsupportedProtocol", "", (), "validation_failed", NOT, "local", id="scheme"),
        pytest.param(
            "OSError", "[Errno 113] No route to host", (), "network_connection_refused", NOT, "connect", id="no-route"
        ),
        pytest.param("ConnectionError", "aborted", (), "network_connection_refused", UNKNOWN, "read", id="vague"),
        pytest.param(
            "requests.exceptions.ConnectionError",
            "",
            ("urllib3.MaxRetryError", "socket.gaierror"),
            "network_connection_refused",
            NOT,
            "connect",
            id="cause-is-more-exact",
        ),
        pytest.param(
            "shop.Lost",
            "",
            ("ConnectionRefusedError", "ConnectionResetError"),
            "network_connection_refused",
            UNKNOWN,
            "read",
            id="cautious",
        ),
        pytest.param(
            "ssl.SSLError", "bad record mac", (), "network_connection_refused", UNKNOWN, "read", id="tls-in-the-middle"
        ),
        pytest.param(
            "ssl.SSLError", "WRONG_VERSION_NUMBER", (), "network_connection_refused", NOT, "tls", id="handshake"
        ),
        pytest.param(
            "ConnectionRefusedError", "", (), "network_connection_refused", NOT, "connect", id="builtin-refused"
        ),
        pytest.param("ConnectionResetError", "", (), "network_connection_refused", UNKNOWN, "read", id="builtin-reset"),
        pytest.param(
            "TimeoutError",
            "",
            ("asyncio.CancelledError",),
            "network_timeout",
            UNKNOWN,
            "read",
            id="timeout-by-cancelling",
        ),
        pytest.param("asyncio.CancelledError", "", (), "user_cancelled", UNKNOWN, "function", id="cancelled"),
        pytest.param("KeyboardInterrupt", "", (), "user_cancelled", UNKNOWN, "function", id="ctrl-c"),
        pytest.param("ValueError", "x", (), "validation_failed", UNKNOWN, "function", id="program"),
        pytest.param("json.decoder.JSONDecodeError", "x", (), "api_response_malformed", UNKNOWN, "body", id="no-json"),
        pytest.param("shop.Oops", "x", (), "api_unexpected_status", UNKNOWN, "function", id="stranger"),
    ],
)
def test_reads_an_exception(
    *, name: str, message: str, causes: tuple[str, ...], category: str, outcome: str, phase: str
) -> None:
    """A timeout before sending did nothing; after sending, nobody knows."""
    fault = raised(name, message, causes=causes)

    verdict = classify(fault)

    assert (category, outcome, Phase(phase)) == (verdict.category, verdict.outcome, fault.phase)


@pytest.mark.parametrize(
    ("name", "message", "causes"),
    [
        pytest.param("ssl.SSLCertVerificationError", "", (), id="builtin"),
        pytest.param("httpx2.ConnectError", "certificate verify failed", (), id="words"),
        pytest.param("httpx2.ConnectError", "", ("ssl.SSLCertVerificationError",), id="cause"),
    ],
)
def test_does_not_repeat_a_certificate_failure(name: str, message: str, causes: tuple[str, ...]) -> None:
    """A bad certificate is no better the next time."""
    verdict = classify(raised(name, message, causes=causes))

    assert ("exception:certificate", False) == (verdict.rule, verdict.retryable)


def test_a_full_connection_pool_is_our_own_matter() -> None:
    """Waiting too long for a connection of our own says nothing about the other side."""
    assert Health.NEUTRAL == classify(raised("PoolTimeout")).health


@pytest.mark.parametrize(
    ("name", "message", "status"),
    [
        pytest.param("httpx.HTTPStatusError", "Client error '401 Unauthorized' for url 'http://x'", 401, id="httpx"),
        pytest.param("requests.HTTPError", "429 Client Error: Too Many Requests for url: http://x", 429, id="requests"),
        pytest.param("aiohttp.ClientResponseError", "404, message='Not Found', url='http://x'", 404, id="aiohttp"),
        pytest.param("urllib.error.HTTPError", "HTTP Error 503: Service Unavailable", 503, id="urllib"),
    ],
)
def test_an_error_for_an_answer_follows_its_status(name: str, message: str, status: int) -> None:
    """An error status inside a client's exception is judged like the answer."""
    verdict = classify(raised(name, message))

    assert (status, classify(answer(status)).category) == (verdict.status, verdict.category)


def test_a_number_of_the_library_is_no_status() -> None:
    """With a cause, the number in the message is the parser's own and no answer's status."""
    fault = raised("aiohttp.ClientResponseError", "400, message='Bad status line'", causes=("aiohttp.BadStatusLine",))

    assert (None, "api_response_malformed") == (fault.status, classify(fault).category)


def test_an_address_in_an_exception_proves_nothing() -> None:
    """The word maintenance in a URL does not make a 503 safe to repeat."""
    fault = raised("httpx.HTTPStatusError", "Server error '503 Service Unavailable' for url 'http://x/maintenance'")

    assert UNKNOWN == classify(fault).outcome


def test_names_the_exception_and_hides_its_secrets() -> None:
    """The message is the class and its words, with credentials in addresses taken out."""
    verdict = classify(raised("httpx2.ConnectError", "no way to https://me:pw@host/x?token=abc"))

    assert verdict.message == "ConnectError: no way to https://[redacted]@host/x?token=[redacted]"
