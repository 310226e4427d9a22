"""`holdfast purge`: what it erases, what it refuses, and that it asks."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Call, OpenShop
from tests.cli.shop import GONE_WRONG

ID = "33333333-3333-4333-8333-333333333333"


def test_it_erases_once_and_says_what(call: Call, open_shop: OpenShop) -> None:
    """An ended execution goes with its rows, by the first letters of its id; the second time it is unknown."""
    call("run", *open_shop(GONE_WRONG).arguments, "--id", ID)

    first, second = call("purge", ID[:4], "--yes", "--json"), call("purge", ID, "--yes")
    listed = call("executions", "list", "--json")

    (purged,) = json.loads(first.out)
    assert (0, ID, True, []) == (first.code, purged["executionId"], purged["scrubbed"], purged["filesLeft"])
    assert {"executions": 1, "actions": 1, "documents": 1, "dead_letters": 1} == {
        name: purged["rows"].get(name) for name in ("executions", "actions", "documents", "dead_letters")
    }
    assert (2, "[]\n") == (second.code, listed.out)


def test_it_says_in_words_what_went(call: Call, open_shop: OpenShop) -> None:
    """For people there is a line per execution."""
    call("run", *open_shop().arguments, "--id", ID)

    ended = call("purge", ID, "--yes")

    assert 0 == ended.code
    assert f"{ID} is erased: actions 1, attempts 1," in ended.out


@pytest.mark.parametrize("arguments", [[], ["--personal"]], ids=["all", "personal"])
def test_it_refuses_what_is_live(call: Call, open_shop: OpenShop, arguments: list[str]) -> None:
    """A live execution is refused with exit code 1 and a way out; it can go on afterwards."""
    files = open_shop({"kind": "hang_after_effect", "calls": [1], "seconds": 5}, is_keyed=False, timeout_ms=300)
    call("run", *files.arguments, "--id", ID)

    ended = call("purge", ID, "--yes", *arguments)

    assert (1, "") == (ended.code, ended.out)
    assert f"holdfast executions cancel {ID}" in ended.err
    assert 0 == call("executions", "show", ID).code


def test_it_does_not_erase_unasked(call: Call, open_shop: OpenShop) -> None:
    """Where nobody can be asked, --yes has to be there."""
    call("run", *open_shop().arguments, "--id", ID)

    ended = call("purge", ID)

    assert (2, "") == (ended.code, ended.out)
    assert "--yes" in ended.err
    assert 0 == call("executions", "show", ID).code


def test_personal_values_are_hidden_until_asked_for_and_can_be_erased(call: Call, open_shop: OpenShop) -> None:
    """`show` and `why` tell no personal value, unless `show` is asked to; after `purge --personal` there is none to tell."""
    files = open_shop()
    (definition,) = json.loads(files.actions.read_text())
    files.actions.write_text(json.dumps({**definition, "personal": ["id"]}))
    call("run", *files.arguments, "--id", ID)
    shown, asked = call("executions", "show", ID, "--json"), call("executions", "show", ID, "--json", "--with-personal")
    why = call("why", ID, "--json")

    purged = call("purge", ID, "--yes", "--personal")
    after = call("executions", "show", ID, "--json", "--with-personal")

    assert [False, True, False, False] == ["ord_" in one.out for one in (shown, asked, why, after)]
    assert (0, "completed") == (purged.code, after.fields["status"])
    assert "without what was personal" in purged.out


def test_dead_letters_tell_their_kind(call: Call, open_shop: OpenShop) -> None:
    """What was set aside says whether it is an action or an event from outside."""
    call("run", *open_shop(GONE_WRONG).arguments)

    listed, told = call("dead-letters", "list", "--json"), call("dead-letters", "list")

    assert ["action"] == [letter["kind"] for letter in json.loads(listed.out)]
    assert "kind" in told.out
