"""Requests to an integration: they go nowhere else, say the same each time, and carry rights to nobody they were not given for."""

from __future__ import annotations

import math
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadInput
from holdfast.guards.integration_requests import Sendable, elsewhere, make_request
from tests.planted import ACCESS_TOKEN, API_KEY, COOKIE, MARK

SHOP = Sendable(
    integration="shop",
    base_url="https://shop.example.com:8443/v1/",
    headers=(("Accept", "application/json"), ("Authorization", f"Bearer {ACCESS_TOKEN}"), ("X-Api-Key", API_KEY)),
    timeout_s=5,
    response_size_max_bytes=1024,
)


def test_joins_the_path_to_the_address() -> None:
    """A request has the integration's address, headers and bounds, and its own path, query and body."""
    request = make_request(SHOP, "post", "/users?page=2", params={"size": 10}, json={"name": "Ána"})

    assert ("POST", "https://shop.example.com:8443/v1/users?page=2&size=10") == (request.method, request.url)
    assert b'{"name":"\xc3\x81na"}' == request.body
    assert (("Content-Type", "application/json")) == request.headers[-1]
    assert (*SHOP.headers, 5, 1024) == (*request.headers[:-1], request.timeout_s, request.response_size_max_bytes)


@given(path=st.text(max_size=40))
def test_no_path_leads_elsewhere(path: str) -> None:
    """Whatever a path holds, the request goes below the integration's own address or is refused."""
    try:
        url = make_request(SHOP, "GET", path).url
    except BadInput:
        return

    parts = urlsplit(url)
    assert ("https", "shop.example.com", 8443, "") == (parts.scheme, parts.hostname, parts.port, parts.fragment)
    assert parts.path.startswith("/v1/")
    assert not {".", "..", "%2e", "%2E", ".%2e", "%2e."} & set(parts.path.split("/"))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "users",
        "//evil.example.com/x",
        "https://evil.example.com",
        "/..",
        "/a/../b",
        "/%2e%2E/b",
        "/.%2e",
        "/./a",
        "/a b",
        "/a\\b",
        "/a#b",
        "/a\r\nX: y",
        "/a\x00",
        "@evil.example.com",
        ".evil.example.com",
    ],
)
def test_refuses_a_path_that_could_lead_elsewhere(path: str) -> None:
    """Other hosts, dots, spaces, line ends and fragments are refused, and nothing is sent."""
    with pytest.raises(BadInput) as caught:
        make_request(SHOP, "GET", path)

    assert ["path"] == [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    "path", ["/", "/a//b", "/a/...", "/a?x=../..", "/caf%C3%A9", "/ünï", "/a:b@c", "/a?b=https://x"]
)
def test_accepts_paths_that_stay(path: str) -> None:
    """Queries, colons, dots in names and letters of all languages are fine."""
    assert f"https://shop.example.com:8443/v1{path}" == make_request(SHOP, "GET", path).url


@given(
    params=st.dictionaries(
        st.text(min_size=1, max_size=8).filter(lambda name: name.isprintable()),
        st.one_of(st.text(max_size=8), st.integers(), st.lists(st.text(max_size=4), max_size=3)),
        max_size=4,
    )
)
def test_parameters_arrive_as_they_were_given(params: dict[str, str | int | list[str]]) -> None:
    """Whatever is in a parameter, it stays one parameter."""
    url = make_request(SHOP, "GET", "/a", params=params).url

    expected = [
        (name, str(one)) for name, value in params.items() for one in (value if isinstance(value, list) else [value])
    ]
    assert expected == parse_qsl(urlsplit(url).query, keep_blank_values=True)


def test_says_truth_and_nothing_as_urls_do() -> None:
    """True and false are written small, None is an empty value."""
    assert make_request(SHOP, "GET", "/a", params={"x": [True, False], "y": None}).url.endswith("?x=true&x=false&y=")


@pytest.mark.parametrize(
    ("content", "body"), [("grüße", "grüße".encode()), (b"\x00", b"\x00"), (None, None)], ids=["text", "bytes", "none"]
)
def test_sends_content_as_it_is(content: str | bytes | None, body: bytes | None) -> None:
    """Text goes out as UTF-8, bytes as they are, and nothing has no body."""
    assert body == make_request(SHOP, "POST", "/a", content=content).body


def test_a_header_of_the_request_beats_the_integrations() -> None:
    """Names are told apart without regard to their spelling, and a content type of one's own is kept."""
    request = make_request(
        SHOP, "POST", "/a", json=[], headers={"ACCEPT": "text/plain", "content-type": "application/vnd.shop+json"}
    )

    assert {"ACCEPT": "text/plain", "content-type": "application/vnd.shop+json"}.items() <= dict(
        request.headers
    ).items()
    assert ["accept", "authorization", "content-type", "x-api-key"] == sorted(
        name.lower() for name, _ in request.headers
    )


def test_tells_everything_that_is_wrong_at_once() -> None:
    """A request that cannot be sent is refused once, with all its problems and none of its secrets."""
    with pytest.raises(BadInput) as caught:
        make_request(
            SHOP,
            "GET\r\n",
            "users",
            json={"x": math.nan},
            headers={"a b": "x", "X": f"{MARK}\r\nY: z", "Z": 3},  # type: ignore[dict-item]  # on purpose
        )

    expected = ["method", "path", "json", "headers.'a b'", "headers.'X'", "headers.'Z'"]
    assert expected == [problem.path for problem in caught.value.problems]
    assert MARK not in str(caught.value)


def test_refuses_two_bodies() -> None:
    """JSON and content are two ways of saying one thing."""
    with pytest.raises(BadInput, match="Give one of the two"):
        make_request(SHOP, "POST", "/a", json={}, content="x")


@pytest.mark.parametrize(
    "other", ["https://other.example.com/v2", "http://shop.example.com:8443", "https://shop.example.com"]
)
def test_rights_do_not_follow_to_another_origin(other: str) -> None:
    """Another host, scheme or port is somebody else: tokens, keys and cookies stay at home."""
    request = make_request(SHOP, "GET", "/users?x=1", headers={"Cookie": COOKIE, "X-Trace": "7"})

    moved = elsewhere(request, base_url=SHOP.base_url, other_url=other)

    assert f"{other}/users?x=1" == moved.url
    assert (("Accept", "application/json"), ("X-Trace", "7")) == moved.headers


def test_rights_stay_within_the_origin() -> None:
    """Another path of the same origin gets the same headers."""
    request = make_request(SHOP, "GET", "/users")

    moved = elsewhere(request, base_url=SHOP.base_url, other_url="https://shop.example.com:8443/v0")

    assert ("https://shop.example.com:8443/v0/users", request.headers) == (moved.url, moved.headers)


@pytest.mark.parametrize("other", ["https://other.example.com", "https://shop.example.com:8443/v0"])
def test_a_fallback_has_a_credential_of_its_own(other: str) -> None:
    """Where one was given for the other address, it is sent instead."""
    moved = elsewhere(make_request(SHOP, "GET", "/a"), base_url=SHOP.base_url, other_url=other, credential="their-own")

    assert ["Bearer their-own"] == [value for name, value in moved.headers if name == "Authorization"]
