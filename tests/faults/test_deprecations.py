"""Announcements that an API will go away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.classify import classify
from holdfast.faults.deprecations import deprecation_of
from holdfast.faults.rules import ApiRules, Deprecation
from holdfast.faults.taxonomy import ErrorCategory as C
from tests.faults.samples import NOON, answer

SOON, OVER = "Wed, 01 Apr 2026 00:00:00 GMT", "Sun, 01 Mar 2026 00:00:00 GMT"
OWN = ApiRules(api_id="shop", deprecation=Deprecation(headers=("X-Old-Version",), link="https://shop.example/changes"))


def notice(*headers: tuple[str, str], rules: ApiRules | None = None):
    """What the headers announce."""
    return deprecation_of(headers, rules, observed_at=NOON)


def test_reads_deprecation_and_sunset() -> None:
    """RFC 9745's date, RFC 8594's date and the page that explains them."""
    found = notice(
        ("Deprecation", "@1767225600"),
        ("Sunset", SOON),
        ("Link", '<https://api.example/old>; rel="deprecation"; type="text/html"'),
    )

    assert found is not None
    assert datetime(2026, 1, 1, tzinfo=UTC) == found.deprecated_at
    assert datetime(2026, 4, 1, tzinfo=UTC) == found.sunset_at
    assert ("deprecation", "https://api.example/old", False) == (found.header, found.link, found.passed)


@pytest.mark.parametrize(
    ("header", "deprecated_at"),
    [
        pytest.param(("Deprecation", "true"), None, id="earlier-drafts-said-true"),
        pytest.param(("Deprecation", OVER), datetime(2026, 3, 1, tzinfo=UTC), id="or-a-date"),
        pytest.param(("Deprecation", "@" + "9" * 300), None, id="beyond-all-calendars"),
    ],
)
def test_reads_the_forms_of_earlier_drafts(header: tuple[str, str], deprecated_at: datetime | None) -> None:
    """What is no date is an announcement without one."""
    found = notice(header)

    assert found is not None
    assert deprecated_at == found.deprecated_at


@pytest.mark.parametrize(
    "headers", [(), (("Deprecation", "false"),), (("Deprecation", ""),), (("X-Old-Version", "1"),)]
)
def test_most_answers_announce_nothing(headers: tuple[tuple[str, str], ...]) -> None:
    """No header, an empty one, one that says no, and one that only some API sends."""
    assert notice(*headers) is None


def test_an_entry_names_headers_of_its_own() -> None:
    """Their presence is the announcement, and the entry's page explains it."""
    found = notice(("x-old-version", "2024-01"), rules=OWN)

    assert found is not None
    assert ("x-old-version", "https://shop.example/changes") == (found.header, found.link)


def test_a_sunset_that_is_over_has_passed() -> None:
    """Whether the end lies behind is told by when the answer came."""
    found = [notice(("Sunset", day)) for day in (OVER, "Mon, 02 Mar 2026 12:00:00 GMT", SOON)]

    assert [True, True, False] == [one is not None and one.passed for one in found]


@pytest.mark.parametrize(
    ("status", "sunset", "category"),
    [
        pytest.param(404, OVER, C.API_ENDPOINT_REMOVED, id="404-after"),
        pytest.param(400, OVER, C.API_ENDPOINT_REMOVED, id="400-after"),
        pytest.param(410, OVER, C.API_ENDPOINT_REMOVED, id="410-after"),
        pytest.param(404, SOON, C.STATE_INCONSISTENT, id="404-before"),
        pytest.param(404, "soon", C.STATE_INCONSISTENT, id="unreadable"),
        pytest.param(429, OVER, C.RATE_LIMIT_BURST, id="other-failures-are-what-they-are"),
    ],
)
def test_after_the_sunset_what_is_not_found_is_gone(status: int, sunset: str, category: C) -> None:
    """A refusal of what was to go away by now says that it has gone."""
    assert category == classify(answer(status, {"message": "No such thing"}, Sunset=sunset)).category


@given(st.lists(st.tuples(st.sampled_from(["Deprecation", "Sunset", "Link"]), st.text(max_size=50)), max_size=5))
def test_any_header_is_survived(headers: list[tuple[str, str]]) -> None:
    """No value makes reading fail."""
    notice(*headers, rules=OWN)


@pytest.mark.parametrize(
    ("value", "link"),
    [
        pytest.param('<https://a.example/x>; title="x"; rel="sunset"', "https://a.example/x", id="later-parameter"),
        pytest.param(
            '<https://a.example/x>; rel="next", <https://a.example/y>; rel=deprecation',
            "https://a.example/y",
            id="second",
        ),
        pytest.param('<https://a.example/x>; rel="sunsets"', None, id="another-word"),
        pytest.param('<https://a.example/x>; title="' + "t" * 300 + '"; rel="sunset"', None, id="too-far"),
        pytest.param('<https://a.example/x>, rel="sunset"', None, id="no-parameter"),
    ],
)
def test_finds_the_page_that_explains_the_end(value: str, link: str | None) -> None:
    """The link counts whose own relation is `deprecation` or `sunset`."""
    found = notice(("Sunset", SOON), ("Link", value))

    assert found is not None
    assert link == found.link
