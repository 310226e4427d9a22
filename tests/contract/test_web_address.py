"""What counts as a URL; the long comparison with a JavaScript runtime is in test_zod_parity.py."""

from __future__ import annotations

import pytest

from holdfast.contract.web_address import is_url


@pytest.mark.parametrize(
    "text",
    [
        "https://{tenant}.example.com/v1/{id}?q={q}",
        "mailto:x@example.com",
        "http:example.com",
        "http:\\\\host\\path",
        " https://example.com\n",
        "https://bücher.example/",
        "http://[::ffff:1.2.3.4]:65535/",
        "http://[1:2:3:4::5:6:7]/",
        "http://0x7f.1/",
        "foo://",
    ],
)
def test_takes_what_javascript_takes(text: str) -> None:
    """Everything `new URL(text)` takes is a URL, placeholders and oddities included."""
    assert is_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "//example.com",
        "http://",
        "http://a b/",
        "http://a%2Fb/",
        "http://host:65536/",
        "http://256.1.1.1/",
        "http://[1:2]/",
        "http://[1:2:3:4::5:6:7:8]/",
        "http://user@/",
        "foo://:80",
        "http://a\u200db.example/",
        "1http://x",
    ],
)
def test_refuses_what_javascript_refuses(text: str) -> None:
    """Everything `new URL(text)` throws at is no URL."""
    assert not is_url(text)


@pytest.mark.parametrize(
    "text", ["http://" + "1" * 100_000, "http://[" + ":" * 100_000 + "]", "http://h:" + "0" * 100_000, "a" * 100_000]
)
def test_judges_endless_strings(text: str) -> None:
    """A string of any length is judged, without a limit of Python's getting in the way."""
    assert isinstance(is_url(text), bool)
