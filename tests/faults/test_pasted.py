"""What people paste: answers of curl, tracebacks, cases."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.pasted import read_pasted

VERBOSE = """* Trying 10.0.0.1:443...
* Connected to api.stripe.com (10.0.0.1) port 443
> POST /v1/charges HTTP/1.1
> Host: api.stripe.com
> Accept: */*
>
< HTTP/1.1 429 Too Many Requests
< Retry-After: 7
< Content-Type: application/json
<
{ [31 bytes data]
{"error":{"code":"rate_limit"}}
* Connection #0 to host api.stripe.com left intact"""

FOLLOWED = """HTTP/1.1 301 Moved
Location: /b

HTTP/2 503
retry-after: 3

<html>down</html>
"""

CHAINED = """Traceback (most recent call last):
  File "a.py", line 1, in f
    g()
    ~^^
ConnectionRefusedError: [Errno 111] Connection refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "b.py", line 2, in h
    f()
shop.api.ConnectError: All attempts failed
and this is its second line
"""

GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "a.py", line 1, in <module>
  |     run()
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "a.py", line 2, in f
    |     raise TimeoutError("slow")
    | TimeoutError: slow
    +------------------------------------
"""


def exception(name: str, message: str = "", *causes: str) -> dict[str, object]:
    """A case of an exception."""
    return {"kind": "exception", "exception": {"type": name, "message": message, "cause_types": list(causes)}}


def test_an_answer_with_its_request() -> None:
    """`curl -v` gives request, status, headers and body; what curl says itself is left out."""
    expected = {
        "kind": "http",
        "status": 429,
        "headers": {"Retry-After": "7", "Content-Type": "application/json"},
        "body": '{"error":{"code":"rate_limit"}}',
        "method": "POST",
        "url_path": "https://api.stripe.com/v1/charges",
    }

    assert expected == read_pasted(VERBOSE)


def test_of_several_answers_the_last_counts() -> None:
    """A redirect that was followed is not what failed; line ends of Windows and HTTP/2 without words are read."""
    expected = {"kind": "http", "status": 503, "headers": {"retry-after": "3"}, "body": "<html>down</html>"}

    assert expected == read_pasted(FOLLOWED)
    assert expected == read_pasted(FOLLOWED.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            CHAINED,
            exception(
                "shop.api.ConnectError", "All attempts failed\nand this is its second line", "ConnectionRefusedError"
            ),
            id="chained",
        ),
        pytest.param(
            GROUP.replace("TimeoutError: slow", "TimeoutError"),
            exception("TimeoutError", "", "ExceptionGroup"),
            id="group",
        ),
        pytest.param("httpx.ReadTimeout", exception("httpx.ReadTimeout"), id="one-line"),
        pytest.param("KeyError: 'a'", exception("KeyError", "'a'"), id="one-line-with-words"),
        pytest.param(
            "  % Total\ncurl: (6) Could not resolve host: x.invalid",
            exception("socket.gaierror", "Could not resolve host: x.invalid"),
            id="curl-failed",
        ),
        pytest.param('{"status": 500, "body": "x"}', {"status": 500, "body": "x"}, id="case"),
    ],
)
def test_tracebacks_lines_and_cases(text: str, expected: object) -> None:
    """The exception raised last is the failure, those above it are its causes."""
    assert expected == read_pasted(text)


@pytest.mark.parametrize(
    ("message", "address"),
    [
        pytest.param(
            "Client error '429 Too Many Requests' for url 'https://api.openai.com/v1/x'\nFor more information check: https://developer.mozilla.org/",
            "https://api.openai.com/v1/x",
            id="httpx",
        ),
        pytest.param(
            "429 Client Error: Too Many Requests for url: https://api.stripe.com/v1/charges?limit=3",
            "https://api.stripe.com/v1/charges?limit=3",
            id="requests",
        ),
        pytest.param("404, message='Not Found', url='https://a.example/b'", "https://a.example/b", id="aiohttp"),
        pytest.param("404, message='Not Found', url=URL('http://a.example/b')", "http://a.example/b", id="aiohttp-old"),
        pytest.param(
            "HTTPSConnectionPool(host='api.stripe.com', port=443): Max retries exceeded with url: /v1/charges (Caused by X)",
            "https://api.stripe.com:443/v1/charges",
            id="urllib3",
        ),
        pytest.param(
            "HTTPConnectionPool(host='a.example', port=80): Read timed out. (read timeout=5)",
            "http://a.example:80/",
            id="urllib3-without-path",
        ),
        pytest.param("see https://docs.example/errors for more", None, id="a-page"),
    ],
)
def test_the_address_in_an_exceptions_text_names_the_api(message: str, address: str | None) -> None:
    """Clients say which address they called; a link that is merely mentioned is none."""
    case = read_pasted(f"Traceback (most recent call last):\n  File 'a.py', line 1, in f\nlib.ClientError: {message}")

    assert case is not None
    assert address == case.get("url_path")


@pytest.mark.parametrize("text", ["", "hello world", "{", "[]", '{"a": 1}', "HTTP/1.1 99 x", "Warning: none", "a: b"])
def test_what_is_none_of_it_is_nothing(text: str) -> None:
    """A status is never guessed."""
    assert read_pasted(text) is None or text == "Warning: none"


@given(st.text(alphabet=st.sampled_from("HTP/1.20 4\n<>*:{}|+-Traceback(mosrl)Error\r\t é\x00"), max_size=400))
def test_any_text_is_read_or_not(text: str) -> None:
    """No text makes it fail, and what is read has a kind or is a case of its own."""
    found = read_pasted(text)

    assert found is None or {"kind", "status", "exception"} & set(found)


def test_curls_own_remarks_between_headers_are_none() -> None:
    """`curl -v` talks in between; what is no header ends the headers, and an answer may end with them."""
    spoken = read_pasted("< HTTP/1.1 429 Too Many Requests\n< a: 1\n* Connection #0 left\n< b: 2\n<\nslow")
    cut = read_pasted("HTTP/1.1 400 Bad Request\nContent-Type: text/plain\nno header at all")
    alone = read_pasted("HTTP/1.1 503 Service Unavailable\nRetry-After: 7")

    assert ({"a": "1", "b": "2"}, "slow") == (spoken["headers"], spoken["body"])
    assert ({"Content-Type": "text/plain"}, "no header at all") == (cut["headers"], cut["body"])
    assert ({"Retry-After": "7"}, "") == (alone["headers"], alone["body"])


@pytest.mark.parametrize(
    "text", ['Traceback (most recent call last):\n  File "x"\n', "Traceback (most recent call last):\n!!\n"]
)
def test_a_traceback_that_names_nothing_is_nothing(text: str) -> None:
    """Frames without an exception below them, or with what is no name, tell of no failure."""
    assert read_pasted(text) is None
