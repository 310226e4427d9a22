"""`holdfast faults`: what people see of everything that failed, on a real database with failed executions."""

from __future__ import annotations

import json
from typing import cast

import pytest

from tests.cli.conftest import Call, OpenShop
from tests.cli.shop import Fault
from tests.hold.flow_plans import opened, plan, planned

BUSY: Fault = {"kind": "status", "calls": [1, 2], "status": 400, "body": {"error": "no such size: 44 \u001b[31mred"}}


@pytest.fixture
def failed(call: Call, open_shop: OpenShop) -> list[str]:
    """Two executions that have failed in the same way; their ids."""
    files = open_shop(BUSY)
    ids = []
    for _ in range(2):
        ended = call("run", *files.arguments, "--json")
        assert ended.code == 1
        ids.append(str(ended.fields["id"]))
    return ids


def test_failures_are_shown_in_groups(call: Call, failed: list[str]) -> None:
    """A line for each group, the largest first, with its count, category, executions and an example; nothing in it steers the terminal."""
    ended = call("faults")

    assert (0, "") == (ended.code, ended.err)
    first, head, line, further = ended.out.splitlines()
    assert first == "2 failed attempts in the last 24h, 1 of 1 groups:"
    assert head.split()[:3] == ["fingerprint", "count", "category"]
    assert "validation_failed" in line
    assert "no such size" in line
    assert "\x1b" not in ended.out
    assert "faults show 2:" in further


def test_json_has_everything(call: Call, failed: list[str]) -> None:
    """With --json, standard output is one object with the totals, the incidents and the groups."""
    ended = call("faults", "--json", "--since", "90m", "--limit", "5")

    (group,) = cast("list[dict[str, object]]", ended.fields["groups"])
    assert (ended.code, ended.fields["total"], ended.fields["incidents"]) == (0, 2, [])
    assert ended.fields["byCategory"] == {"validation_failed": 2}
    assert (group["count"], group["countErrorMax"], group["status"]) == (2, 0, 400)
    assert sorted(cast("list[str]", group["executions"])) == sorted(failed)


def test_one_group_is_shown_with_what_was_decided(call: Call, failed: list[str]) -> None:
    """`show` takes the beginning of a fingerprint and tells each of the latest attempts with the decision about it."""
    (group,) = cast("list[dict[str, object]]", call("faults", "--json").fields["groups"])
    whole = str(group["fingerprint"])

    for name in (whole, whole[:8], whole[2:], whole[2:10]):
        ended = call("faults", "show", name)
        assert (0, "") == (ended.code, ended.err)
        assert all(execution in ended.out for execution in failed)
    told = call("faults", "show", whole, "--json").fields
    decided = cast("list[dict[str, object]]", told["decided"])
    assert [one["executionId"] for one in decided] == failed[::-1]
    assert all(one["decision"] and one["reason"] and one["attemptNumber"] == 1 for one in decided)


def test_an_open_incident_ends_with_1(call: Call, tmp_path: object) -> None:
    """While an incident goes on, the command ends with 1, and says what it is."""
    url = f"sqlite:///{tmp_path}/h.db"
    with opened(url) as hold:

        @hold.action("shop.order", attempts_max=1, repeatable=True)
        def order() -> None:
            raise ValueError("no such size")

        for execution in [hold.start(plan(planned("order", "shop.order"))) for _ in range(20)]:
            execution.wait(30)

    ended, raw = call("faults", "--db", url), call("faults", "--db", url, "--json")

    assert (1, 1) == (ended.code, raw.code)
    assert "order fails more than usual: 20 times in 60 s, usually 0" in ended.out
    (incident,) = cast("list[dict[str, object]]", raw.fields["incidents"])
    assert (incident["kind"], incident["count"], incident["resolvedAt"]) == ("dependency", 20, None)


def test_nothing_failed(call: Call, open_shop: OpenShop) -> None:
    """Without failures, it says so and ends with 0."""
    files = open_shop()
    assert call("run", *files.arguments).code == 0

    ended, raw = call("faults", "--since", "7d"), call("faults", "--json")

    assert (0, 0) == (ended.code, raw.code)
    assert "Nothing has failed in the last 7d" in ended.out
    assert json.loads(raw.out)["groups"] == []


def test_a_group_that_is_not_there_ends_with_1(call: Call, failed: list[str]) -> None:
    """An unknown fingerprint is told on standard error."""
    ended = call("faults", "show", "2:0000")

    assert (1, "") == (ended.code, ended.out)
    assert "No group of faults with '2:0000'" in ended.err


def test_a_beginning_that_fits_several_is_refused(call: Call, tmp_path: object) -> None:
    """An abbreviation that stands for several groups ends with 2 and lists them."""
    url = f"sqlite:///{tmp_path}/h.db"
    with opened(url) as hold:

        @hold.action("shop.order", attempts_max=1, repeatable=True)
        def order(word: str) -> None:
            raise ValueError(word)

        for word in ("small", "large"):
            hold.start(plan(planned("order", "shop.order", word=word))).wait(30)

    ended = call("faults", "show", "2:", "--db", url)

    assert 2 == ended.code
    assert "small" in ended.err
    assert "large" in ended.err


@pytest.mark.parametrize("since", ["", "5", "0s", "-1h", "32d", "1w", "x", "99999999999s"])
def test_a_span_that_is_none_ends_with_2(call: Call, since: str) -> None:
    """A span is a number with a unit, up to 31 days; no database is made for a wrong one."""
    ended = call("faults", "--since", since)

    assert (2, "") == (ended.code, ended.out)
    assert "such as 90m or 24h" in ended.err
