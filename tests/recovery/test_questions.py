"""Questions after an attempt: what may be answered depends on what is known, and a deadline answers for whoever does not."""

from __future__ import annotations

import pytest

from holdfast.errors import QuestionClosed
from holdfast.ports.rows import ActionState, RunState
from tests.recovery.bench import BROKEN, INVALID, TIMEOUT, Bench, action, definition, frozen

ASK = {"validation_failed": "ask-person"}
DAY_S = 86_400.0


def asking(script: dict[str, list[object]], *, within_s: float = 0.0, **handling: object) -> Bench:
    """A plan whose payment has led to a question."""
    bench = Bench(script, answer_within_s=within_s)
    bench.start(frozen([action("pay", **handling), *([action("other")] if "alternative" in handling else [])]))
    bench.run_now()
    assert ActionState.ASKING is bench.row().state
    return bench


@pytest.mark.parametrize(
    ("failure", "handling", "kind", "options"),
    [
        pytest.param(TIMEOUT, {}, "outcome", ("happened", "again", "give-up"), id="unknown"),
        pytest.param(INVALID, {"recovery": ASK}, "next", ("again", "skip", "give-up"), id="not-executed"),
        pytest.param(
            INVALID,
            {"recovery": ASK, "fallback": {"id": "x"}},
            "next",
            ("again", "skip", "fallback", "give-up"),
            id="not-executed-with-fallback",
        ),
    ],
)
def test_the_options_depend_on_what_is_known(
    failure: object, handling: dict[str, object], kind: str, options: tuple[str, ...]
) -> None:
    """Nobody is asked whether something happened that surely did not, and nobody may skip what may have happened."""
    bench = asking({"pay": [failure]}, **handling)

    (question,) = bench.questions()
    assert (kind, options) == (question.kind, question.options)


@pytest.mark.parametrize(
    ("choice", "handling", "absorbed", "end"),
    [
        pytest.param("skip", {}, "continue", RunState.COMPLETED, id="skip"),
        pytest.param("skip", {"fallback": {"id": "x"}}, "continue", RunState.COMPLETED, id="skip-without-fallback"),
        pytest.param("fallback", {"fallback": {"id": "x"}}, "fallback", RunState.COMPLETED, id="fallback"),
        pytest.param(
            "fallback",
            {"fallback": {"id": "x"}, "alternative": "other"},
            "fallback",
            RunState.COMPLETED,
            id="fallback-not-alternative",
        ),
        pytest.param("give-up", {"alternative": "other"}, "alternative", RunState.COMPLETED, id="give-up-alternative"),
        pytest.param("give-up", {"goes_on": True}, "continue", RunState.COMPLETED, id="give-up-continue"),
        pytest.param("give-up", {}, None, RunState.FAILED, id="give-up"),
    ],
)
def test_an_answer_about_what_did_not_happen(
    choice: str, handling: dict[str, object], absorbed: str | None, end: RunState
) -> None:
    """`skip` goes on without it, `fallback` takes the plan's value, `give-up` leads where the plan says."""
    bench = asking({"pay": [INVALID]}, recovery=ASK, **handling)

    bench.answer(choice)
    bench.run()

    assert (absorbed, end) == (bench.row().absorbed, bench.ended())


def test_the_alternative_never_takes_over_from_what_may_have_happened() -> None:
    """Giving up an attempt of unknown outcome fails the plan, although there is an alternative: it could do the work twice."""
    bench = asking({"pay": [TIMEOUT]}, alternative="other")

    bench.answer("give-up")

    assert ([], RunState.FAILED) == (bench.calls("other"), bench.ended())


def test_a_question_that_nobody_answers_ends_at_its_deadline() -> None:
    """After the time of the setting the attempt counts as given up, and the record says that nobody answered."""
    bench = asking({"pay": [TIMEOUT]}, within_s=7 * DAY_S, fallback={"id": "x"})

    bench.run()

    (question,) = bench.questions()
    assert ("give-up", "deadline", 7 * DAY_S) == (
        question.answer,
        question.answered_by,
        (question.answered_at - question.asked_at).total_seconds(),
    )
    assert ("fallback", RunState.COMPLETED) == (bench.row().absorbed, bench.ended())


def test_without_a_time_there_is_no_deadline() -> None:
    """With the setting at 0 a question stays open, and nothing is enqueued for it."""
    bench = asking({"pay": [TIMEOUT]})

    assert (None, {}) == (bench.questions()[0].deadline, bench.steps.held)


def test_what_really_happened_is_worth_hearing_late() -> None:
    """An answer about an attempt counts as long as no worker has applied the deadline: the truth does not run out."""
    bench = asking({"pay": [TIMEOUT]}, within_s=DAY_S)
    bench.clock.advance(2 * DAY_S)

    bench.answer("happened")
    bench.run()

    assert RunState.COMPLETED is bench.ended()


def test_again_asks_again_with_a_time_of_its_own() -> None:
    """The old deadline says nothing about the new question."""
    bench = asking({"pay": [TIMEOUT, TIMEOUT]}, within_s=DAY_S)
    (old,) = bench.steps.held.values()
    bench.clock.advance(0.9 * DAY_S)
    bench.answer("again")
    bench.run_now()
    bench.clock.advance(0.2 * DAY_S)

    (new,) = bench.steps.held
    bench.perform(old)

    assert (ActionState.ASKING, {new}) == (bench.row().state, set(bench.steps.held))
    assert [1, 2] == [question.about for question in bench.questions()]


def test_the_same_attempt_can_lead_to_two_questions() -> None:
    """A late refusal withdraws the question whether it happened, and asks how to go on; both are kept."""
    pay = definition("pay")
    bench = Bench()
    bench.start(frozen([action("pay", recovery={"api_unexpected_status": "ask-person"})], [pay]))
    step = bench.begin_attempt("slow")
    bench.steps.release("slow")
    bench.run()

    bench.settle(step, BROKEN)

    first, second = sorted(bench.questions(), key=lambda question: question.n)
    assert ("outcome", "not_executed", "late-answer") == (first.kind, first.answer, first.answered_by)
    assert ("next", None, 1) == (second.kind, second.answer, second.about)
    bench.answer("again")
    bench.run()
    assert RunState.COMPLETED is bench.ended()


def test_a_later_attempt_asks_under_a_free_number() -> None:
    """A number that a second question about attempt 1 has taken is not used again for attempt 2."""
    bench = Bench({"pay": [TIMEOUT]})
    bench.start(frozen([action("pay", recovery={"api_unexpected_status": "ask-person"})]))
    step = bench.begin_attempt("slow")
    bench.steps.release("slow")
    bench.run()
    bench.settle(step, BROKEN)
    bench.answer("again")

    bench.run()

    assert [(1, 1), (2, 1), (3, 2)] == sorted((question.n, question.about) for question in bench.questions())


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(TIMEOUT, "outcome-unknown"), (INVALID, "validation_failed")],
    ids=["unknown", "not-executed"],
)
def test_cancelling_says_whether_anything_is_in_doubt(failure: object, reason: str) -> None:
    """What may have happened is set aside as such; what surely did not is not."""
    bench = asking({"pay": [failure]}, recovery=ASK)

    bench.cancel()

    assert ({"pay": reason}, "closing") == (bench.letters(), bench.questions()[0].answered_by)
    assert RunState.CANCELLED is bench.ended()
    with pytest.raises(QuestionClosed) as refused:
        bench.answer("again")
    assert "closing" == refused.value.by
