"""The HTTP request that an attempt makes."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import assume, given as for_all, strategies as st

from holdfast.plans.request import Extras, UnusableRequest, build_request
from holdfast.ports.http import HttpRequest
from tests.plans.samples import definition

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


def request_of(
    inputs: dict[str, object], *, secret: str | None = None, header: str | None = None, **changes: object
) -> HttpRequest:
    """The request that a definition with these changes makes of these inputs."""
    extras = Extras(secret=secret, key="key-1", idempotency_header=header, timeout_s=2.5, response_size_max_bytes=99)
    return build_request(definition(**changes), inputs, extras=extras)


@for_all(TEXTS)
def test_a_parameter_is_one_segment_and_comes_back_decoded(value: str) -> None:
    """Whatever text fills a path parameter, the server decodes exactly that, in its own segment of the same host."""
    assume(value not in ("", ".", ".."))

    parts = urlsplit(request_of({"id": value}, endpoint__url="https://shop.example/a/{id}/b?c=d").url)

    assert ("shop.example", "c=d", "") == (parts.netloc, parts.query, parts.fragment)
    assert ["", "a", value, "b"] == [unquote(segment, errors="strict") for segment in parts.path.split("/")]


@for_all(st.dictionaries(TEXTS.filter(bool), TEXTS | st.integers() | st.booleans(), max_size=4))
def test_remaining_inputs_of_a_get_are_its_query(inputs: dict[str, object]) -> None:
    """The query of a GET decodes to the inputs, as texts, in order; there is no body."""
    request = request_of(inputs)

    shown = [
        (name, {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value))
        for name, value in inputs.items()
    ]
    assert shown == parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=bool(inputs))
    assert request.body is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_remaining_inputs_of_a_post_are_its_body(method: str) -> None:
    """POST, PUT and PATCH carry the inputs that the URL did not take as JSON, typed."""
    request = request_of(
        {"id": 7, "amount": 1.5, "tags": ["a"], "half": "\ud800"},
        endpoint__method=method,
        endpoint__url="https://shop.example/{id}",
    )

    assert "https://shop.example/7" == request.url
    assert {"amount": 1.5, "tags": ["a"], "half": "\ud800"} == json.loads(request.body or b"")
    assert "application/json" == dict(request.headers)["Content-Type"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://shop.example/a", "https://shop.example/a?x=1", id="none"),
        pytest.param("https://shop.example/a?", "https://shop.example/a?x=1", id="open"),
        pytest.param("https://shop.example/a?y=2", "https://shop.example/a?y=2&x=1", id="more"),
    ],
)
def test_the_query_is_appended_to_what_is_there(url: str, expected: str) -> None:
    """A definition's own query stays in front of the inputs."""
    assert expected == request_of({"x": 1}, endpoint__url=url, endpoint__method="DELETE").url


@pytest.mark.parametrize(
    ("url", "inputs"),
    [
        pytest.param("https://shop.example/a/{id}", {}, id="no-input"),
        pytest.param("https://shop.example/a/{id}", {"id": ""}, id="empty"),
        pytest.param("https://shop.example/a/{id}", {"id": ".."}, id="dots"),
        pytest.param("https://shop.example/a/{id}{id}", {"id": "."}, id="dots-made-of-two"),
        pytest.param("https://shop.example/a/.{id}/b", {"id": "."}, id="dots-made-with-the-template"),
        pytest.param("https://shop.example/a/{id}", {"id": {"x": 1}}, id="object"),
        pytest.param("https://shop.example/a/{id}", {"id": None}, id="null"),
    ],
)
def test_refuses_a_parameter_that_would_address_something_else(url: str, inputs: dict[str, object]) -> None:
    """An input may not lead out of its place in the address."""
    with pytest.raises(UnusableRequest, match="id"):
        request_of(inputs, endpoint__url=url)


def test_dots_and_nothing_are_fine_in_a_query() -> None:
    """In a query a dot is a dot and nothing is nothing."""
    assert (
        "https://shop.example/a?p=..&q="
        == request_of({"p": "..", "q": ""}, endpoint__url="https://shop.example/a?p={p}&q={q}").url
    )


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x7fb", "€"])
def test_refuses_header_values_that_break_out(value: str) -> None:
    """An input, a secret or a key cannot add a header or a request of its own, and the message does not repeat it."""
    with pytest.raises(UnusableRequest) as from_input:
        request_of({"v": value}, endpoint__headers={"X-A": "{v}"})
    with pytest.raises(UnusableRequest) as from_secret:
        request_of({}, secret=value, authentication={"type": "bearer", "token": "T", "tokenFrom": "env"})

    assert value not in from_input.value.reason + from_secret.value.reason


def test_white_space_around_header_values_is_dropped() -> None:
    """A token with a space at its end, as files and shells leave it, is sent without."""
    request = request_of({}, secret="s3cret ", authentication={"type": "bearer", "token": "T", "tokenFrom": "env"})

    assert "Bearer s3cret" == dict(request.headers)["Authorization"]


def test_the_key_and_the_secret_replace_what_the_definition_says() -> None:
    """Idempotency key and credential stand once, however the definition spells its own headers."""
    request = request_of(
        {},
        secret="s",
        header="Idempotency-Key",
        endpoint__method="POST",
        endpoint__headers={"idempotency-key": "static", "x-key": "static", "accept": "text/csv"},
        authentication={"type": "api_key", "header": "X-Key", "value": "V", "valueFrom": "env"},
    )

    headers = {name.lower(): value for name, value in request.headers}
    assert len(headers) == len(request.headers)
    assert ("key-1", "s", "text/csv") == (headers["idempotency-key"], headers["x-key"], headers["accept"])
    assert (2.5, 99, ("s",)) == (request.timeout_s, request.response_size_max_bytes, request.secrets)


def test_a_number_that_json_cannot_carry_is_no_request() -> None:
    """An infinite number, which only an answer could bring in, is a fault of the data and not a crash."""
    with pytest.raises(UnusableRequest, match="JSON cannot carry"):
        request_of({"x": float("inf")}, endpoint__method="POST")
