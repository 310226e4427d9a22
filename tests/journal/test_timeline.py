"""The story of an execution in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast
from holdfast.journal.events import EVENT_TYPES
from holdfast.journal.timeline import Told, explain, failed, line_of, refused
from tests.recovery.bench import EXECUTION, EXPIRED, TIMEOUT, Bench, action, definition, frozen

SCRIPT: dict[str, list[object]] = {"pay": [EXPIRED, TIMEOUT, TIMEOUT]}


def story() -> Bench:
    """An execution with a refresh, a question and its answer."""
    bench = Bench({name: list(lines) for name, lines in SCRIPT.items()})
    bench.start(
        frozen(
            [action("pay"), action("ship", "pay")],
            [definition("pay", credential="TOKEN"), definition("renew", refreshes="TOKEN")],
        )
    )
    bench.run()
    bench.answer("again")
    bench.run()
    bench.answer("give-up")
    return bench


def test_every_event_is_in_the_table_with_its_fields() -> None:
    """Nothing is recorded that is not documented."""
    for event in story().events():
        known = EVENT_TYPES[event.type]
        assert set(event.data) <= set(known.fields) | {"purpose"}, event.type
        assert known.is_terminal is event.is_terminal


def asked() -> Bench:
    """An execution in which people are asked first: one yes, one no, one whose time runs out, and one that the end closes."""
    bench = Bench({"look": [{"ok": False}]})
    plan = [
        action("look"),
        action("none", "look", when="${look.output.ok}", otherwise="fail", goes_on=True),
        action("yes", confirm={}),
        action("late", confirm={"timeout": 1000}, fallback={"id": "x"}),
        action("left", confirm={}),
        action("no", confirm={}),
    ]
    bench.start(frozen(plan))
    bench.run()
    bench.answer("confirm", action_id="yes")
    bench.answer("reject", action_id="no")
    return bench


def test_questions_and_refusals_are_in_the_table_with_their_fields() -> None:
    """What is recorded about people and conditions is documented like the rest."""
    for event in asked().events():
        assert set(event.data) <= set(EVENT_TYPES[event.type].fields), event.type


def test_the_story_tells_who_was_asked_and_how_it_ended() -> None:
    """A reader sees each question with its time, who answered, and what followed from a condition or a no."""
    lines = "\n".join(explain(asked().events()))

    for words in (
        "a person is needed: Really?: Please look. (until ",
        "Z, then: reject)",
        "answered by ada: confirm: looked",
        "nobody answered in time: reject",
        "'late' was not performed: it was not confirmed. · outcome not_executed; the fallback value stands in",
        "its condition ${look.output.ok} is false. · outcome not_executed; the plan goes on without it",
        "nobody needs to answer any more: the execution is ending",
    ):
        assert words in lines, lines


def test_every_recorded_type_is_known() -> None:
    """Each name that recovery emits has a row in the table."""
    texts = [path.read_text() for path in (Path(holdfast.__file__).parent / "recovery").glob("*.py")]
    emitted = {name for text in texts for name in re.findall(r"\.emit\(\s*\"([a-z_.]+)\"", text)}

    assert emitted <= set(EVENT_TYPES)
    assert len(emitted) > 10


def test_the_story_tells_what_failed_what_was_decided_and_why() -> None:
    """A reader sees the fault, the decision, its rule, and the ways that were turned down, in order."""
    lines = "\n".join(explain(story().events()))

    words = [
        "plan started",
        "auth_expired",
        "refresh-then-retry",
        "was refreshed",
        "network_timeout",
        "a person is needed",
        "answered by ada: again",
        "plan failed",
    ]
    places = [lines.index(word) for word in words]
    assert places == sorted(places)
    assert "not retry-policy:" in lines


def test_the_story_of_one_action_leaves_the_others_out() -> None:
    """Only that action's lines, and those of the whole plan."""
    lines = explain(story().events(), action="ship")

    assert not any("attempt 1 of pay" in line for line in lines)
    assert any("skipped" in line for line in lines)


def test_nothing_recorded_is_no_story() -> None:
    """No events, no lines; an event only machines need has none either."""
    events = story().events("error.occurred")

    assert ([], [None] * len(events)) == (explain([]), [line_of(one) for one in events])
    assert EXECUTION == events[0].execution


@pytest.mark.parametrize("tell", [failed, refused])
def test_the_story_tells_what_is_worth_knowing_about_a_verdict(tell: Callable[..., Told]) -> None:
    """An absurd wait, a clock that is off or old knowledge stands below the failure; where there is nothing to note, nothing stands."""
    error = {"category": "rate_limit_daily", "message": "m", "context": {"notes": "absurd; the clock is off"}}

    noted = tell({"rule": "r", "error": error})[2]
    plain = tell({"rule": "r", "error": {**error, "context": {}}})[2]

    assert noted[-2:] == ["note: absurd", "note: the clock is off"]
    assert not any("note" in line for line in plain)


@pytest.mark.parametrize("tell", [failed, refused])
def test_the_story_tells_by_which_id_to_ask(tell: Callable[..., Told]) -> None:
    """Who writes to a vendor's support finds their name for the call below the failure."""
    context = {"requestId": "req_1", "traceId": "t1"}

    told = tell({"rule": "r", "error": {"category": "unknown", "message": "m", "context": context}})[2]

    assert told[-2:] == ["their request id: req_1 (give it to their support)", "trace id: t1"]


def test_the_story_tells_which_rule_judged_a_failure() -> None:
    """The rule and those that matched as well stand below the failure; a verdict kept without them says nothing of them."""
    context = {"rule": "catalog:shop/error-mappings[0]", "runnersUp": "generic:429; generic:words/throttled"}

    told = [
        failed({"error": {"category": "c", "context": one}})[2] for one in (context, {"rule": "generic:429"}, {}, None)
    ]

    assert told == [
        ["judged by catalog:shop/error-mappings[0]", "also matched generic:429, generic:words/throttled"],
        ["judged by generic:429"],
        [],
        [],
    ]
