"""What an API announces about its own end is told once."""

from __future__ import annotations

from datetime import UTC, datetime

import holdfast
from holdfast.faults.rules import ApiRules
from holdfast.guards.announcements import TOLD_MAX, Announcements
from tests.guards.test_integration import answer, make

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUNSET = ("Sunset", "Wed, 01 Apr 2026 00:00:00 GMT")


def remembering() -> tuple[Announcements, list[dict[str, object]]]:
    """A memory, and what it has told."""
    told: list[dict[str, object]] = []
    return Announcements(lambda name, **facts: told.append({"name": name, **facts})), told


def test_an_announcement_is_told_once() -> None:
    """The same news in every answer are news once; another date is news again."""
    announcements, told = remembering()

    for headers in ([SUNSET], [SUNSET], [("Sunset", "Fri, 01 May 2026 00:00:00 GMT")], []):
        announcements.hear(headers, None, place="api.example", now=NOW)

    assert ["2026-04-01T00:00:00+00:00", "2026-05-01T00:00:00+00:00"] == [one["sunset_at"] for one in told]
    assert ("api.deprecated", "api.example", "sunset", None) == tuple(
        told[0][fact] for fact in ("name", "api", "header", "link")
    )


def test_an_api_that_is_known_is_named() -> None:
    """The entry's id stands for the API, whichever of its hosts answered."""
    announcements, told = remembering()

    for host in ("a.example", "b.example"):
        announcements.hear([("Deprecation", "true")], ApiRules(api_id="shop"), place=host, now=NOW)

    assert [("shop", None)] == [(one["api"], one["sunset_at"]) for one in told]


def test_the_memory_is_bounded() -> None:
    """The oldest announcement is forgotten when there are too many."""
    announcements, told = remembering()

    for number in (*range(TOLD_MAX + 1), TOLD_MAX, 0):
        announcements.hear([SUNSET], None, place=f"host-{number}", now=NOW)

    assert [f"host-{TOLD_MAX}", "host-0"] == [one["api"] for one in told[-2:]]
    assert len(told) == TOLD_MAX + 2


def test_an_integration_tells_what_its_answers_announce() -> None:
    """A success that carries the announcement is told to those who listen to the policy, once."""
    integration, _ = make(answer(Sunset=SUNSET[1]))
    heard: list[holdfast.Event] = []
    integration.policy.on("api.deprecated", heard.append)

    for _ in range(2):
        integration.request("GET", "/books")

    assert [("api.deprecated", "shop")] == [(event.name, event.facts["api"]) for event in heard]
