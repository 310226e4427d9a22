"""A person's yes before an action: asked, given, refused, timed out, cancelled; whoever is first decides, and everybody else is told who was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from holdfast.errors import BadInput, QuestionClosed
from holdfast.ports.rows import ActionState, RunState
from tests.recovery.bench import INVALID, REMOVED, TIMEOUT, Bench, action, frozen, run

CONFIRMING, COMPLETED, FAILED, SKIPPED = (
    ActionState.CONFIRMING,
    ActionState.COMPLETED,
    ActionState.FAILED,
    ActionState.SKIPPED,
)
MINUTE_MS = 60_000
ASKED = {"timeout": MINUTE_MS}
PAY = action("pay", confirm=ASKED)


def begun(*plan: dict[str, object], script: dict[str, list[object]] | None = None) -> Bench:
    """A plan that has gone as far as it does without a person, within the minute."""
    bench = Bench(script)
    bench.start(frozen(plan or [PAY]))
    bench.run_now()
    return bench


def test_the_execution_pauses_and_nothing_is_called() -> None:
    """Until somebody says yes, nothing is sent; the platform sees a pause and an action that is pending."""
    bench = begun()

    state = bench.state()
    assert ("paused_for_confirmation", "pending", []) == (
        state.status,
        state.action_states["pay"].status,
        bench.calls("pay"),
    )
    (question,) = bench.questions()
    assert (0, "confirmation", ("confirm", "reject"), "Really?: Please look.") == (
        question.n,
        question.kind,
        question.options,
        question.text,
    )


def test_other_actions_go_on_meanwhile() -> None:
    """Only what depends on the answer waits for it."""
    bench = begun(PAY, action("mail"), action("ship", "pay"))

    assert {"pay": CONFIRMING, "mail": COMPLETED, "ship": ActionState.PENDING} == bench.states()


def test_yes_performs_the_action_once() -> None:
    """A confirmed action is performed like any other, and the record says who confirmed it."""
    bench = begun()

    bench.answer("confirm")
    bench.run()

    assert (1, RunState.COMPLETED) == (len(bench.calls("pay")), bench.ended())
    (told,) = bench.state().confirmations
    assert (True, "ada") == (told.confirmed, told.user_id)


@pytest.mark.parametrize("by", ["person", "deadline"])
def test_no_or_no_answer_in_time_fails_it_without_recovery(by: str) -> None:
    """A rejected action was never performed: the error is `user_cancelled`, nothing is recovered, and the plan fails."""
    bench = begun()

    if by == "person":
        bench.answer("reject")
    bench.run()

    error = bench.state().error
    assert ("user_cancelled", "not_executed") == (error.category, error.outcome)
    assert ([], [], RunState.FAILED) == (bench.calls("pay"), bench.events("recovery.decided"), bench.ended())
    (told,) = bench.state().confirmations
    assert (False, "ada" if by == "person" else "deadline") == (told.confirmed, told.user_id)


def test_without_a_timeout_it_waits_as_long_as_it_takes() -> None:
    """A wait without an end costs no step, and the sweep leaves it alone."""
    bench = begun(action("pay", confirm={}))

    bench.clock.advance(10_000_000)
    swept = bench.sweep()

    assert ({}, 0, (), CONFIRMING) == (bench.steps.held, swept.repaired, swept.stuck, bench.row().state)


@pytest.mark.parametrize(
    ("handling", "absorbed"),
    [
        pytest.param({"alternative": "other", "fallback": {"id": "x"}}, "alternative", id="alternative"),
        pytest.param({"fallback": {"id": "x"}, "goes_on": True}, "fallback", id="fallback"),
        pytest.param({"goes_on": True}, "continue", id="continue"),
    ],
)
def test_what_the_plan_provides_makes_up_for_a_no(handling: dict[str, object], absorbed: str) -> None:
    """A no leads where any other failure leads: the alternative, the fallback value, or on without it."""
    plan = [action("pay", confirm=ASKED, **handling), *([action("other")] if "alternative" in handling else [])]
    bench = begun(*plan)

    bench.answer("reject")
    bench.run()

    assert (absorbed, RunState.COMPLETED) == (bench.row().absorbed, bench.ended())


def test_an_alternative_may_ask_too() -> None:
    """An alternative with a question of its own asks when it is called upon, and not before."""
    bench = begun(action("pay", alternative="other"), action("other", confirm=ASKED), script={"pay": [REMOVED]})
    assert ["other"] == [question.action for question in bench.questions()]

    bench.answer("reject")

    assert (FAILED, RunState.FAILED) == (bench.row().state, bench.ended())


def test_nobody_is_asked_about_what_a_condition_leaves_out() -> None:
    """The condition comes first."""
    plan = [action("look"), action("pay", "look", when="${look.output.ok}", confirm=ASKED)]

    bench = run(plan, [], {"look": [{"ok": False}]})

    assert ([], SKIPPED) == (bench.questions(), bench.row().state)


def test_a_confirmed_action_that_fails_recovers_as_usual() -> None:
    """The yes is for the action, not for one attempt: nobody is asked twice."""
    bench = begun(action("pay", confirm=ASKED, fallback={"id": "x"}), script={"pay": [INVALID]})

    bench.answer("confirm")
    bench.run()

    assert (1, "fallback") == (len(bench.questions()), bench.row().absorbed)


# --- who is first ---


def test_the_first_answer_wins_and_the_second_is_told_who_did() -> None:
    """The error names the answer that counts, and who gave it."""
    bench = begun()
    bench.answer("confirm")

    with pytest.raises(QuestionClosed) as refused:
        bench.answer("reject")

    assert ("pay", "confirm", "ada") == (refused.value.action_id, refused.value.answer, refused.value.by)
    assert "given by ada" in str(refused.value)


def test_a_yes_at_the_very_deadline_is_too_late() -> None:
    """The plan's time is over at its last moment, whether or not a worker has said so already."""
    bench = begun()
    bench.clock.advance(60)

    with pytest.raises(QuestionClosed) as refused:
        bench.answer("confirm")
    bench.run()

    assert ("reject", "deadline") == (refused.value.answer, refused.value.by)
    assert ([], RunState.FAILED) == (bench.calls("pay"), bench.ended())


def test_a_yes_just_before_the_deadline_counts() -> None:
    """A moment earlier it is in time, and the deadline's step finds nothing to do."""
    bench = begun()
    step = next(iter(bench.steps.held.values()))
    bench.clock.advance(59.999)

    bench.answer("confirm")
    bench.run()
    bench.perform(step)

    assert (1, RunState.COMPLETED) == (len(bench.calls("pay")), bench.ended())


def test_an_answer_takes_the_deadline_back() -> None:
    """What was answered leaves no step behind."""
    bench = begun()

    bench.answer("confirm")

    assert [1] == [step.n for step in bench.steps.held.values()]


def test_a_deadline_delivered_twice_is_one_deadline() -> None:
    """A duplicate of the deadline's step, before or after, changes nothing."""
    bench = begun(action("pay", confirm=ASKED, alternative="other"), action("other", confirm=ASKED))
    first = next(iter(bench.steps.held.values()))
    bench.clock.advance(60)

    bench.perform(first)
    bench.perform(first)

    assert {"pay": FAILED, "other": CONFIRMING} == bench.states()


def test_a_deadline_that_comes_early_waits_for_its_time() -> None:
    """An engine that delivers too soon does not shorten what people were promised."""
    bench = begun()
    step = next(iter(bench.steps.held.values()))
    bench.clock.advance(30)

    bench.perform(step)
    assert CONFIRMING is bench.row().state
    bench.run()

    assert 60.0 == (bench.row().ended_at - bench.questions()[0].asked_at).total_seconds()


def test_the_sweep_brings_a_lost_deadline_back_at_its_time() -> None:
    """A deadline that the engine lost is enqueued again, for the same moment."""
    bench = begun()
    (key,) = bench.steps.held
    bench.steps.lose(key)

    swept = bench.sweep()

    (step,) = bench.steps.held.values()
    assert (1, bench.questions()[0].deadline) == (swept.repaired, step.due_at)
    bench.run()
    assert RunState.FAILED is bench.ended()


def test_cancelling_closes_the_question() -> None:
    """A cancelled wait is skipped: nothing is in doubt, nothing is set aside, and nobody is asked any more."""
    bench = begun()

    assert bench.cancel()

    assert (SKIPPED, RunState.CANCELLED, {}) == (bench.row().state, bench.ended(), bench.letters())
    (question,) = bench.questions()
    assert ("withdrawn", "closing") == (question.answer, question.answered_by)
    assert None is bench.state().confirmations[0].confirmed
    assert {} == bench.steps.held
    with pytest.raises(QuestionClosed):
        bench.answer("confirm")


def test_a_plan_that_fails_elsewhere_closes_the_question() -> None:
    """A failure of another action ends the wait as a cancel does."""
    bench = begun(PAY, action("mail"), script={"mail": [INVALID]})

    assert (SKIPPED, "closing") == (bench.row().state, bench.questions()[0].answered_by)
    assert RunState.FAILED is bench.ended()


def test_an_answer_finds_the_question_it_fits() -> None:
    """With a confirmation and a question about an attempt open, the word says which is meant; where it does not, a name is needed."""
    bench = begun(PAY, action("book"), action("ship", confirm={}), script={"book": [TIMEOUT]})

    with pytest.raises(BadInput, match="name one of: pay, ship"):
        bench.answer("confirm")
    with pytest.raises(BadInput, match="the answers are: confirm, reject"):
        bench.answer("again", action_id="pay")
    assert "book" == bench.answer("happened")


# --- the whole state machine ---


class Waiting(RuleBasedStateMachine):
    """A plan of two actions that ask, against a model: answers, deadlines, losses, duplicates, sweeps and a cancel in any order."""

    @initialize()
    def begin(self) -> None:
        """Start it."""
        self.bench = Bench()
        self.bench.start(frozen([PAY, action("mail", confirm={}), action("ship", "pay")]))
        self.deadline = next(one.deadline for one in self.bench.questions() if one.action == "pay")
        self.old = list(self.bench.steps.held.values())
        self.said: dict[str, str] = {}
        self.is_over = False

    def expected(self, name: str) -> bool:
        """Whether the model says that an answer about this action is still possible."""
        lapsed = name == "pay" and self.bench.clock.now() >= self.deadline
        return not self.is_over and name not in self.said and not lapsed

    def say(self, name: str, choice: str) -> None:
        """Answer, and compare with the model."""
        is_possible = self.expected(name)
        try:
            self.bench.answer(choice, action_id=name)
        except QuestionClosed:
            assert not is_possible
            return
        assert is_possible
        self.said[name] = choice
        self.is_over = self.is_over or choice == "reject"

    @rule()
    def confirm_pay(self) -> None:
        """Somebody confirms the payment."""
        self.say("pay", "confirm")

    @rule()
    def reject_pay(self) -> None:
        """Somebody rejects it."""
        self.say("pay", "reject")

    @rule()
    def confirm_mail(self) -> None:
        """Somebody confirms the mail, which has no deadline."""
        self.say("mail", "confirm")

    @rule()
    def cancel(self) -> None:
        """Somebody cancels."""
        self.bench.cancel()
        self.is_over = True

    @rule()
    def work(self) -> None:
        """A worker performs what is due now."""
        self.bench.run_now()
        if "pay" not in self.said and not self.is_over and self.bench.clock.now() >= self.deadline:
            self.said["pay"], self.is_over = "deadline", True

    @rule()
    def time_passes(self) -> None:
        """Twenty seconds pass."""
        self.bench.clock.advance(20)

    @rule()
    def repeat(self) -> None:
        """The engine delivers an old step again, at whatever time."""
        for step in self.old:
            self.bench.perform(step)
        # It may be the step that counts, or a duplicate of one that the sweep has replaced.
        is_open = "pay" not in self.said and not self.is_over
        if is_open and self.bench.row("pay").state is not CONFIRMING:
            assert self.bench.clock.now() >= self.deadline
            self.said["pay"], self.is_over = "deadline", True

    @precondition(lambda self: bool(self.bench.steps.held))
    @rule()
    def lose_everything(self) -> None:
        """The engine loses its steps, and the sweep finds out."""
        for key in list(self.bench.steps.held):
            self.bench.steps.lose(key)
        self.bench.sweep()

    @invariant()
    def only_a_yes_performs(self) -> None:
        """Nothing is called without a yes, and at most once."""
        if not hasattr(self, "bench"):
            return
        for name in ("pay", "mail"):
            calls = len(self.bench.calls(name))
            assert calls <= (self.said.get(name) == "confirm")

    @invariant()
    def an_end_leaves_no_question(self) -> None:
        """Whoever is asked can still answer; what has ended asks nobody."""
        if not hasattr(self, "bench"):
            return
        waiting = {question.action for question in self.bench.questions() if question.answered_at is None}
        assert waiting == {name for name, state in self.bench.states().items() if state is CONFIRMING}
        if self.bench.execution().state is not RunState.RUNNING:
            assert not waiting

    def teardown(self) -> None:
        """In the end everything is answered and done."""
        if hasattr(self, "bench"):
            if self.expected("mail"):
                self.say("mail", "confirm")
            self.bench.run()
            wanted = RunState.COMPLETED if self.said.get("pay") == "confirm" and not self.is_over else None
            assert wanted in (None, self.bench.ended())


TestWaiting = Waiting.TestCase
TestWaiting.__doc__ = (
    "Answers, deadlines, duplicates, losses and cancels in any order: what the model allows is what happens."
)
TestWaiting.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)


# --- restarts ---


def test_a_restart_between_question_and_answer_changes_nothing() -> None:
    """The wait is a row: a new worker on the same rows takes the answer and goes on."""
    bench = begun(PAY, action("ship", "pay"))
    bench.plans._kept.clear()
    bench.clock.advance(30)

    bench.answer("confirm")
    bench.run()

    assert (RunState.COMPLETED, {"pay": COMPLETED, "ship": COMPLETED}) == (bench.ended(), bench.states())


def test_a_deadline_that_passed_while_nobody_worked_is_kept_late() -> None:
    """After a night without a worker, the first that comes rejects what was to be rejected."""
    bench = begun()
    bench.clock.advance(timedelta(hours=9).total_seconds())

    bench.run()

    assert (RunState.FAILED, "deadline") == (bench.ended(), bench.questions()[0].answered_by)
