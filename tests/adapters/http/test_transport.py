"""Where redirects may lead."""

from __future__ import annotations

import pytest

from holdfast.adapters.http.transport import followed
from holdfast.ports.http import HttpRequest

HERE = "http://api.example/a"


@pytest.mark.parametrize(
    ("method", "status", "location", "target"),
    [
        pytest.param("GET", 302, "/b", "http://api.example/b", id="same origin"),
        pytest.param("GET", 301, "http://API.example:80/b", "http://API.example:80/b", id="same origin, written out"),
        pytest.param("GET", 302, "https://api.example/b", None, id="another scheme"),
        pytest.param("GET", 302, "http://api.example:81/b", None, id="another port"),
        pytest.param("GET", 302, "//evil.example/b", None, id="another host"),
        pytest.param("GET", 302, "http://api.example@evil.example/", None, id="dressed up"),
        pytest.param("GET", 302, "http://[", None, id="nonsense"),
        pytest.param("GET", 302, "http://api.example:99999/", None, id="no port"),
        pytest.param("GET", 302, None, None, id="nowhere"),
        pytest.param("GET", 200, "/b", None, id="no redirect"),
        pytest.param("POST", 302, "/b", None, id="would turn into a GET"),
        pytest.param("POST", 307, "/b", "http://api.example/b", id="keeps the method"),
    ],
)
def test_redirects_stay_within_the_origin_and_the_method(
    method: str, status: int, location: str | None, target: str | None
) -> None:
    """Only what the plan's author meant is asked: same origin, same method."""
    request = HttpRequest(method=method, url=HERE, headers=(), body=None, timeout_s=1.0, response_size_max_bytes=10)
    headers = () if location is None else (("Location", location),)

    assert target == followed(request, HERE, (status, headers, b""))
