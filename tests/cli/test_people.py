"""`executions confirm`, `reject` and `questions`, and what the other commands say while somebody is asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import holdfast
from holdfast.cli.standing import Stands, standing_of
from holdfast.ports.rows import ActionRow, ActionState, QuestionRow
from tests.cli.conftest import Call, OpenShop
from tests.cli.shop import UNANSWERED, Files
from tests.conformance.store.rows import an_execution

ID = "7d1f6a2c-0000-4000-8000-000000000001"


def asking(files: Files, **confirmation: object) -> Files:
    """The same plan, with a question before its action."""
    plan = json.loads(files.plan.read_text())
    plan["actions"][0]["userConfirmation"] = {
        "required": True,
        "title": "Order three",
        "message": "Is that right?",
        **confirmation,
    }
    files.plan.write_text(json.dumps(plan))
    return files


def paused(call: Call, open_shop: OpenShop, **confirmation: object) -> None:
    """Run until somebody is asked."""
    assert 3 == call("run", *asking(open_shop(), **confirmation).arguments, "--id", ID).code


def test_a_run_that_needs_a_yes_ends_with_3_and_says_what_to_type(call: Call, open_shop: OpenShop) -> None:
    """The question, its time and both commands stand at the end of the run, and so they do in `show` and `why`."""
    files = asking(open_shop(), timeout=3_600_000)

    ended = call("run", *files.arguments, "--id", ID)

    assert 3 == ended.code
    for told in (ended, call("executions", "show", ID), call("why", ID)):
        assert "? Order three: Is that right? (until " in told.out
        assert f"executions confirm {ID} order" in told.out
        assert f"executions reject {ID} order" in told.out


def test_confirm_with_resume_goes_on_here(call: Call, open_shop: OpenShop) -> None:
    """A yes with --resume carries the execution on to its end and exits as `run` does; a second yes is told who was first."""
    paused(call, open_shop)

    confirmed = call("executions", "confirm", ID[:8], "--by", "ada", "--reason", "right", "--resume")
    again = call("executions", "reject", ID)

    assert (0, True) == (confirmed.code, f"execution {ID} completed" in confirmed.out)
    assert 1 == again.code
    assert "'confirm', given by ada" in again.err


def test_confirm_alone_leaves_the_rest_to_a_worker(call: Call, open_shop: OpenShop) -> None:
    """Without --resume the answer is recorded, and the command that goes on is named."""
    paused(call, open_shop)

    confirmed = call("executions", "confirm", ID, "order", "--json")
    resumed = call("resume", ID)

    assert (0, {"executionId": ID, "actionId": "order", "answer": "confirm"}) == (confirmed.code, confirmed.json)
    assert 0 == resumed.code


def test_reject_fails_the_plan(call: Call, open_shop: OpenShop) -> None:
    """A no with --resume exits with 1, as a failed run does, and the state on standard output says why."""
    paused(call, open_shop)

    rejected = call("executions", "reject", ID, "order", "--by", "bob", "--resume", "--json")

    error = rejected.fields["error"]
    assert (1, "failed", "user_cancelled") == (rejected.code, rejected.fields["status"], error["category"])  # type: ignore[index]  # an object
    assert "bob" in call("why", ID).out


@pytest.mark.parametrize("words", [("order",), ()], ids=["named", "unnamed"])
def test_confirming_what_is_no_confirmation_is_bad_input(
    call: Call, open_shop: OpenShop, words: tuple[str, ...]
) -> None:
    """A question about an attempt is not answered with yes: the possible answers are told."""
    files = open_shop(UNANSWERED, is_keyed=False, timeout_ms=300)
    assert 3 == call("run", *files.arguments, "--id", ID).code

    ended = call("executions", "confirm", ID, *words)

    assert 2 == ended.code
    assert "the answers are: happened, again, give-up" in ended.err


def test_everything_that_waits_for_a_person_can_be_listed(call: Call, open_shop: OpenShop) -> None:
    """Questions of all executions, oldest first, each with the commands that answer it; as text or as JSON."""
    holdfast.open(worker=False).close()
    assert "Nobody is asked anything" in call("executions", "questions").out
    paused(call, open_shop, timeout=60_000)

    listed, raw = call("executions", "questions"), call("executions", "questions", ID[:6], "--json")

    assert (0, 0) == (listed.code, raw.code)
    assert f"executions confirm {ID} order" in listed.out
    (question,) = json.loads(raw.out)
    assert {
        "executionId": ID,
        "actionId": "order",
        "kind": "confirmation",
        "options": ["confirm", "reject"],
        "defaultAnswer": "reject",
    }.items() <= question.items()
    assert 2 == len(question["commands"])


def test_a_question_whose_time_is_over_is_closed_by_resume(call: Call, open_shop: OpenShop) -> None:
    """`resume` after the time applies the no before it looks whether anybody is asked."""
    call("run", *asking(open_shop(), timeout=1).arguments, "--id", ID)

    ended = call("resume", ID)

    assert 1 == ended.code
    assert f"execution {ID} failed" in ended.out


@pytest.mark.parametrize(("left_s", "stands"), [(1, Stands.ASKING), (0, Stands.MOVING)], ids=["in time", "over"])
def test_a_question_whose_time_is_over_is_not_waited_for(left_s: int, stands: Stands) -> None:
    """Nobody is told to answer what can no longer be answered: the worker is about to close it."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    question = QuestionRow(
        execution=ID,
        action="order",
        n=0,
        kind="confirmation",
        text="?",
        options=("confirm", "reject"),
        asked_at=now,
        deadline=now + timedelta(seconds=left_s),
        default_answer="reject",
    )
    waiting = ActionRow(execution=ID, action="order", position=0, state=ActionState.CONFIRMING)
    execution = an_execution(ID)

    found = standing_of(execution, [waiting], questions=[question], now=now, wait_max_s=60)

    assert stands is found.stands
