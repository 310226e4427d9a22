"""Answers in the place of others: what is kept comes back as it was, and a request keeps its path at another address."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from holdfast.adapters.clients.substitutes import (
    BODY_KEPT_MAX_BYTES,
    Copy,
    is_same_origin,
    kept_of,
    key_inputs,
    moved,
    restored,
)

NAMES = st.sampled_from(["Content-Type", "ETag", "X-A", "Set-Cookie", "Connection", "Transfer-Encoding", "Age"])


@given(st.binary(), st.lists(st.tuples(NAMES, st.sampled_from(["a", "x-a, close", "7"]))), st.floats(0, 1e6))
def test_a_kept_answer_comes_back_without_what_was_only_for_its_reader(
    body: bytes, headers: list[tuple[str, str]], age_s: float
) -> None:
    """The body whole, no cookies, nothing about the connection, and one age, at least that of the keeping."""
    kept = json.loads(json.dumps(kept_of(200, headers, body)))
    given_back = restored(kept, method="GET", age_s=age_s)

    assert given_back is not None
    names = [name.lower() for name, _ in given_back.headers]
    assert given_back.body == body
    assert {"set-cookie", "connection", "transfer-encoding"}.isdisjoint(names)
    assert names.count("age") == names.count("content-length") == 1
    assert int(dict(given_back.headers)["age"]) >= int(age_s)
    assert any("x-a" in value for name, value in headers if name == "Connection") <= ("x-a" not in names)


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        {},
        {"status": "x", "headers": [], "body": ""},
        {"status": 200, "headers": [1], "body": ""},
        {"status": 200, "headers": [], "body": "?"},
    ],
)
def test_what_was_never_kept_is_no_answer(value: object) -> None:
    """A shared store may hold anything."""
    assert restored(value, method="GET", age_s=1) is None


@pytest.mark.parametrize(
    ("url", "base_url", "there"),
    [
        ("https://a/x/y?q=1#part", "https://b", "https://b/x/y?q=1"),
        ("https://user:secret@a/x", "http://b:8080/v2/", "http://b:8080/v2/x"),
        ("https://a", "https://b/v2", "https://b/v2/"),
        ("https://a//evil.example/x", "https://b", "https://b//evil.example/x"),
    ],
)
def test_a_request_keeps_its_path_and_query_at_another_address(url: str, base_url: str, there: str) -> None:
    """Nothing else of the first address goes along."""
    assert moved(url, base_url) == there


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a/x", "https://A:443/y", True),
        ("https://a", "http://a", False),
        ("https://a", "https://a:8443", False),
        ("https://a", "https://a.b", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, *, same: bool) -> None:
    """As in RFC 6454."""
    assert is_same_origin(one, other) is same


def test_tracing_ids_do_not_tell_requests_apart_and_everything_else_does() -> None:
    """Else nothing would ever be found again, or be found by the wrong one."""
    plain = key_inputs("GET", "https://a/x#here", [("A", "1")])

    assert plain == key_inputs("GET", "https://a/x", [("traceparent", "00"), ("a", "1")])
    assert plain != key_inputs("GET", "https://a/x", [("A", "2")])
    assert plain != key_inputs("HEAD", "https://a/x", [("A", "1")])


def test_a_copy_that_grows_too_long_is_let_go() -> None:
    """Its memory, too."""
    copy = Copy()
    copy.add(b"x" * BODY_KEPT_MAX_BYTES)
    assert copy.is_whole
    copy.add(b"x")
    assert (copy.is_whole, copy.body) == (False, b"")
