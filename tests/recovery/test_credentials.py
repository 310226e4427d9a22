"""The life of credentials: fetched, renewed ahead of time, in single flight, and asked of a person when no machine can provide them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from holdfast.contract import ActionDefinition, ExecutionStatus
from holdfast.decisions.facts import Bounds
from holdfast.errors import CredentialMoved
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.plans.state import execution_state
from holdfast.ports.rows import ActionState, CredentialRow, Purpose, RunState
from holdfast.recovery.answer import Answer
from holdfast.recovery.begin import begin
from holdfast.recovery.detail import refusal_verdict
from holdfast.recovery.providing import Provided, give_up, provide
from holdfast.recovery.settle import settle
from tests.recovery.bench import DIE, EXECUTION, EXPIRED, OTHER, TIMEOUT, Bench, action, definition, fault, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

REFRESH = "refresh:crm"
INVALID_GRANT = replace(
    refusal_verdict("refused", rule="test", category=ErrorCategory.AUTH_INVALID), code="invalid_grant"
)
BROKEN = fault("api_unexpected_status", status=503)


def using(authentication: Mapping[str, object], name: str = "pay") -> ActionDefinition:
    """A definition with an authentication."""
    return ActionDefinition.from_wire({**definition(name).to_wire(), "authentication": dict(authentication)})


def oauth(name: str = "pay", *, refresh_token: str | None = "env:REFRESH") -> ActionDefinition:
    """A definition whose token is fetched."""
    authentication = {
        "type": "oauth2",
        "clientId": "me",
        "clientSecret": "env:SECRET",
        "tokenUrl": "https://auth.example/token",
        "scope": [],
        "credential": "crm",
    }
    return using(authentication | ({"refreshToken": refresh_token} if refresh_token else {}), name)


def own(name: str = "pay") -> ActionDefinition:
    """A definition that asks its user for a key."""
    return using({"type": "api_key", "header": "X-Key", "value": "KEY", "valueFrom": "user_input"}, name)


FLOW = using({"type": "bearer", "token": "crm", "tokenFrom": "oauth_flow"})


def opened(*definitions: ActionDefinition, script: dict[str, list[object]] | None = None, also: bool = False) -> Bench:
    """A bench in which one execution of an action per definition has begun, or two executions of it."""
    bench = Bench(script)
    plan = frozen([action(one.id) for one in definitions], list(definitions))
    bench.start(plan)
    if also:
        bench.start(plan, OTHER)
    return bench


def credential(bench: Bench, name: str = "crm") -> CredentialRow:
    """The credential's row."""
    row = bench.read(lambda snapshot: snapshot.credential(name))
    assert row is not None
    return row


def status(bench: Bench, execution: str = EXECUTION) -> ExecutionStatus:
    """The execution's status on the wire."""
    return bench.read(
        lambda snapshot: execution_state(
            snapshot.execution(execution),
            snapshot.actions(execution),
            attempts=snapshot.attempts(execution),
            questions=snapshot.questions(execution),
            database="",
            credentials=snapshot.asked_for(execution),
        )
    ).status


def set_it(bench: Bench, name: str = "crm", *, generation: int | None = None, **told: object) -> CredentialRow:
    """Provide the credential as a person."""
    provided = Provided(sealed=b"sealed by ada", **told)  # type: ignore[arg-type]  # the record's own fields
    return bench.transact(lambda tx: provide(tx, bench.steps, row=name, provided=provided, generation=generation))


def give_it_up(bench: Bench, name: str = "crm") -> None:
    """Give the credential up as a person."""
    bench.transact(lambda tx: give_up(tx, bench.steps, row=name, generation=None))


def run_a_day(bench: Bench) -> None:
    """Let a day pass: nothing that waits for a person ends by then."""
    bench.run(until=bench.clock.now() + timedelta(days=1))


# --- the first token ---


def test_an_action_without_a_token_waits_for_the_first_one() -> None:
    """The token is fetched once, before anything is sent without it, however many actions of however many executions want it."""
    bench = opened(oauth(), oauth("refund"), also=True)

    bench.run()

    assert 1 == len(bench.calls(REFRESH))
    assert [b"sealed token"] * 2 == [one.sealed for one in bench.calls("pay")]
    assert {1} == {bench.row(name, one).n for name in ("pay", "refund") for one in (EXECUTION, OTHER)}
    assert (RunState.COMPLETED, RunState.COMPLETED) == (bench.ended(), bench.ended(OTHER))


def test_a_token_that_cannot_be_fetched_fails_the_action_with_nothing_sent() -> None:
    """A client that the provider refuses fails those who wait, each with a reason on the ledger, and nobody asks the provider again."""
    refused = replace(INVALID_GRANT, code="invalid_client")
    bench = opened(oauth(), also=True, script={REFRESH: [refused]})

    bench.run()

    assert (1, 0) == (len(bench.calls(REFRESH)), len(bench.calls("pay")))
    assert (RunState.FAILED, RunState.FAILED) == (bench.ended(), bench.ended(OTHER))
    assert ["auth_invalid", "not_executed"] == [bench.attempts()[0].category, bench.attempts()[0].outcome]


def test_a_first_fetch_that_failed_leaves_room_for_the_alternative() -> None:
    """Failing for want of a token is a failure like any other: the alternative takes over."""
    bench = Bench({REFRESH: [replace(INVALID_GRANT, code="invalid_client")]})
    bench.start(frozen([action("pay", alternative="other"), action("other")], [oauth()]))

    bench.run()

    assert RunState.COMPLETED is bench.ended()
    assert ActionState.COMPLETED is bench.states()["other"]


# --- one question to a person ---


def test_a_refused_refresh_token_is_one_question_to_one_person() -> None:
    """When the provider refuses the refresh token, nobody fails: one person is asked, and both executions are paused."""
    bench = opened(oauth(), also=True, script={REFRESH: [INVALID_GRANT]})

    run_a_day(bench)

    assert 1 == len(bench.calls(REFRESH))
    assert 1 == sum(len(bench.events("credential.asked", one)) for one in (EXECUTION, OTHER))
    assert {ExecutionStatus.PAUSED_FOR_CONFIRMATION} == {status(bench), status(bench, OTHER)}
    assert [1, 1] == [len(bench.events("credential.awaited", one)) for one in (EXECUTION, OTHER)]


def test_the_answer_lets_everybody_go_on() -> None:
    """The person's token is used by all who waited, and nobody asks the provider again."""
    bench = opened(oauth(), also=True, script={REFRESH: [INVALID_GRANT]})
    run_a_day(bench)
    began_at = bench.clock.now()

    set_it(bench)
    bench.run_now()

    assert began_at == bench.clock.now()
    assert [b"sealed by ada"] * 2 == [one.sealed for one in bench.calls("pay")]
    assert (RunState.COMPLETED, RunState.COMPLETED) == (bench.ended(), bench.ended(OTHER))
    assert 1 == len(bench.calls(REFRESH))


def test_a_refresh_token_that_is_refused_after_a_401_asks_as_well() -> None:
    """An expired access token with a refresh token that is dead becomes the question, and then the repeat."""
    bench = opened(oauth(), script={"pay": [EXPIRED], REFRESH: ["first", INVALID_GRANT]})
    run_a_day(bench)
    waiting = status(bench)

    set_it(bench)
    bench.run()

    assert ExecutionStatus.PAUSED_FOR_CONFIRMATION is waiting
    assert [b"sealed first", b"sealed by ada"] == [one.sealed for one in bench.calls("pay")]
    assert RunState.COMPLETED is bench.ended()


@pytest.mark.parametrize(
    "is_given_up", [pytest.param(True, id="given up"), pytest.param(False, id="no answer in time")]
)
def test_a_question_that_is_not_answered_ends_everybodys_wait(*, is_given_up: bool) -> None:
    """A person who gives up, or says nothing until the deadline, fails all who wait; the provider is not asked again."""
    bench = opened(oauth(), also=True, script={REFRESH: [INVALID_GRANT]})
    run_a_day(bench)

    if is_given_up:
        give_it_up(bench)
        bench.clock.advance(600)
    bench.run()

    assert (RunState.FAILED, RunState.FAILED) == (bench.ended(), bench.ended(OTHER))
    assert (1, 0) == (len(bench.calls(REFRESH)), len(bench.calls("pay")))
    assert credential(bench).question is None


def test_after_a_401_giving_up_is_told_about_the_attempt_that_was_refused() -> None:
    """Whoever was refused for an expired token fails with that refusal and the reason why nothing came of the renewal."""
    bench = opened(oauth(), script={"pay": [EXPIRED], REFRESH: ["first", INVALID_GRANT]})
    run_a_day(bench)

    give_it_up(bench)
    bench.run()

    assert RunState.FAILED is bench.ended()
    assert "auth_expired" == bench.letters()["pay"]
    assert "could not be renewed" in bench.events("recovery.decided")[-1].data["reason"]


def test_the_first_answer_wins() -> None:
    """A second answer to the same question changes nothing and says so."""
    bench = opened(oauth(), script={REFRESH: [INVALID_GRANT]})
    run_a_day(bench)
    asked = credential(bench).generation
    set_it(bench, generation=asked)

    with pytest.raises(CredentialMoved):
        set_it(bench, generation=asked)
    with pytest.raises(CredentialMoved):
        give_it_up(bench)


def test_a_refresh_that_was_quicker_than_the_person_wins() -> None:
    """A person's token that comes after a refresh has succeeded replaces nothing."""
    bench = opened(oauth(), script={REFRESH: ["machine"]})
    seen = 0
    bench.run()

    with pytest.raises(CredentialMoved):
        set_it(bench, generation=seen)

    assert b"sealed machine" == credential(bench).sealed


def test_a_person_who_was_quicker_than_the_refresh_wins() -> None:
    """The answer of a refresh that was in flight when a person set the credential is dropped: everybody uses the person's."""
    bench = opened(oauth())
    bench.run_once()
    refreshing = bench.begin_attempt()

    set_it(bench, generation=0)
    bench.settle(refreshing, "late")
    bench.run()

    assert (b"sealed by ada", 1) == (credential(bench).sealed, credential(bench).generation)
    assert [b"sealed by ada"] == [one.sealed for one in bench.calls("pay")]


def test_a_refresh_token_alone_is_traded_before_anything_is_sent() -> None:
    """A person who has only a refresh token gives that: an access token is fetched with it first."""
    bench = opened(oauth(), script={REFRESH: [INVALID_GRANT, "fetched"]})
    run_a_day(bench)

    set_it(bench, is_access_missing=True)
    bench.run()

    assert [b"sealed fetched"] == [one.sealed for one in bench.calls("pay")]
    assert RunState.COMPLETED is bench.ended()


# --- crashes ---


def test_a_refresh_in_flight_when_its_worker_died_is_sent_once_more_and_then_a_person_is_asked() -> None:
    """The old refresh token is tried once more after a crash; a second crash is the question, and never a third try."""
    bench = opened(oauth(), also=True, script={REFRESH: [DIE, DIE]})

    run_a_day(bench)

    assert 2 == len(bench.calls(REFRESH))
    assert {ExecutionStatus.PAUSED_FOR_CONFIRMATION} == {status(bench), status(bench, OTHER)}
    set_it(bench)
    bench.run()
    assert (RunState.COMPLETED, RunState.COMPLETED) == (bench.ended(), bench.ended(OTHER))


def test_a_crash_after_the_provider_rotated_is_one_question() -> None:
    """The provider has rotated and the answer died with the worker: the one more try is refused, one person is asked, everything goes on."""
    bench = opened(oauth(), also=True, script={REFRESH: [DIE, INVALID_GRANT]})

    run_a_day(bench)
    asked = [len(bench.events("credential.asked", one)) for one in (EXECUTION, OTHER)]
    set_it(bench)
    bench.run()

    assert 2 == len(bench.calls(REFRESH))
    assert 1 == sum(asked)
    assert (RunState.COMPLETED, RunState.COMPLETED) == (bench.ended(), bench.ended(OTHER))


def test_an_answer_that_was_lost_counts_as_a_use_of_the_refresh_token() -> None:
    """A timeout may have rotated the token: it is sent once more, never a third time, whatever the retry policy allows."""
    bench = opened(oauth(), script={REFRESH: [TIMEOUT, TIMEOUT]})

    run_a_day(bench)

    assert 2 == len(bench.calls(REFRESH))
    assert ExecutionStatus.PAUSED_FOR_CONFIRMATION is status(bench)


def test_a_definite_no_does_not_use_the_refresh_token_up() -> None:
    """A token endpoint in passing trouble that did nothing is asked as often as its policy says."""
    bench = opened(oauth(), script={REFRESH: [BROKEN, BROKEN]})

    bench.run()

    assert 3 == len(bench.calls(REFRESH))
    assert RunState.COMPLETED is bench.ended()


def test_a_refresh_action_that_kills_its_workers_is_a_question_and_fails_nobody() -> None:
    """Three deaths while renewing end in one question to a person, not in the failure of all who wait."""
    renew = definition("renew", refreshes="TOKEN")
    pay = definition("pay", credential="TOKEN")
    bench = Bench({"pay": [EXPIRED], "refresh:renew": [DIE, DIE, DIE]})
    bench.start(frozen([action("pay")], [pay, renew]))
    run_a_day(bench)
    paused = status(bench)

    set_it(bench, "TOKEN")
    bench.run()

    assert ExecutionStatus.PAUSED_FOR_CONFIRMATION is paused
    assert RunState.COMPLETED is bench.ended()


def test_a_refresh_delayed_past_its_lease_does_not_run_beside_another() -> None:
    """A refresh step that is taken up only after somebody else has begun the refresh is dropped."""
    bench = opened(oauth())
    bench.run_once()
    delayed = bench.take("slow")
    bench.clock.advance(61)
    plan = frozen([action("pay")], [oauth()])
    bench.start(plan, OTHER)
    bench.perform(next(step for step in iter(bench.take, None) if step.execution == OTHER))
    begun = bench.begin_attempt("quick")

    dropped = bench.claim(delayed, "slow")

    assert (Purpose.REFRESH, Purpose.REFRESH, None) == (delayed.purpose, begun.purpose, dropped)


def test_a_refresh_taken_over_after_its_lease_counts_both_uses() -> None:
    """A refresh whose worker is silent is made once by another; the first one, when it is delivered again, asks instead of sending a third time."""
    bench = opened(oauth(), script={REFRESH: [TIMEOUT]})
    bench.run_once()
    bench.begin_attempt("silent")
    bench.clock.advance(61)
    bench.run_now()
    bench.clock.advance(61)
    run_a_day(bench)

    bench.steps.release("silent")
    run_a_day(bench)

    assert 1 == len(bench.calls(REFRESH))
    assert ExecutionStatus.PAUSED_FOR_CONFIRMATION is status(bench)


def test_a_late_answer_of_a_refresh_that_was_given_up_is_the_newest_token() -> None:
    """The tokens that a slow worker brings are true: they end the question."""
    bench = opened(oauth())
    bench.run_once()
    slow = bench.begin_attempt("slow")
    bench.clock.advance(61)
    for worker in ("second", "third"):
        bench.steps.release("slow" if worker == "second" else "second")
        step = next(s for s in iter(lambda w=worker: bench.steps.take(w), None) if s.purpose is Purpose.REFRESH)
        bench.claim(step, worker)
    asked = credential(bench).question

    bench.settle(slow, "late but true")
    bench.run()

    assert asked is not None
    assert b"sealed late but true" == credential(bench).sealed
    assert RunState.COMPLETED is bench.ended()


# --- ahead of time ---


def expiring(bench: Bench, *, in_s: float) -> None:
    """Give the credential a value that runs out."""
    set_it(bench, expires_s=3600.0)
    bench.clock.advance(3600.0 - in_s)


def test_a_token_that_is_about_to_end_is_renewed_first() -> None:
    """Less than the margin before its end, the token is refreshed, and only then is it used."""
    bench = Bench({REFRESH: ["fresh"]})
    expiring(bench, in_s=30)
    bench.start(frozen([action("pay")], [oauth()]))

    bench.run()

    assert [REFRESH, "pay"] == [name for name, _, _ in bench.performer.calls]
    assert [b"sealed fresh"] == [one.sealed for one in bench.calls("pay")]


def test_a_token_that_lasts_is_not_renewed() -> None:
    """Farther from its end than the margin, the token is used as it is."""
    bench = Bench()
    expiring(bench, in_s=120)
    bench.start(frozen([action("pay")], [oauth()]))

    bench.run()

    assert ["pay"] == [name for name, _, _ in bench.performer.calls]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([BROKEN] * 3, id="the endpoint fails"),
        pytest.param([INVALID_GRANT], id="the refresh token is refused"),
    ],
)
def test_a_renewal_ahead_of_time_that_fails_costs_nothing_while_the_token_is_good(answer: list[object]) -> None:
    """As long as the old token is good, a renewal that fails does not keep the action from being made with it."""
    bench = Bench({REFRESH: answer})
    expiring(bench, in_s=55)
    bench.start(frozen([action("pay")], [oauth()]))

    bench.run()

    assert [b"sealed by ada"] == [one.sealed for one in bench.calls("pay")]
    assert RunState.COMPLETED is bench.ended()


def test_a_token_that_has_ended_and_cannot_be_renewed_is_not_sent() -> None:
    """After its end, a token whose renewal has failed is not tried."""
    bench = Bench({REFRESH: [BROKEN] * 3})
    expiring(bench, in_s=-1)
    bench.start(frozen([action("pay")], [oauth()]))

    bench.run()

    assert [] == bench.calls("pay")
    assert RunState.FAILED is bench.ended()


@pytest.mark.parametrize("seconds", [0.001, 30.0, 100.0])
def test_a_token_that_lives_for_less_than_the_margin_is_not_renewed_for_ever(seconds: float) -> None:
    """A token with a short life is used once it is there, and a fresh one serves more than one action."""
    bench = Bench({REFRESH: [lambda _: seconds] * 4})
    bench.start(frozen([action("pay")], [oauth()]))
    bench.run_now()
    first = len(bench.calls(REFRESH))
    bench.start(frozen([action("pay")], [oauth()]), OTHER)
    bench.run_now()

    assert (RunState.COMPLETED, RunState.COMPLETED) == (bench.ended(), bench.ended(OTHER))
    assert (1, 1) == (first, len(bench.calls(REFRESH)))


def test_the_lifetime_of_a_refreshed_token_is_remembered() -> None:
    """What the answer says about the token's lifetime is when the next renewal comes."""
    bench = opened(oauth())
    bench.run_once()
    step = bench.begin_attempt()
    answer = Answer(output="{}", sealed_token=b"sealed x", token_expires_s=90.0, observed_at=bench.clock.now())

    bench.transact(
        lambda tx: settle(tx, bench.steps, plans=bench.plans, step=step, answer=answer, deciding=bench.deciding)
    )

    assert 90.0 == (credential(bench).expires_at - bench.clock.now()).total_seconds()  # type: ignore[operator]  # it is set


# --- a person's own ---


def test_a_token_of_an_authorisation_flow_is_asked_for_once() -> None:
    """No machine can run the flow: all executions wait for one person, whose token all of them use."""
    bench = opened(FLOW, also=True)
    run_a_day(bench)
    paused = (status(bench), status(bench, OTHER))

    set_it(bench)
    bench.run()

    assert (ExecutionStatus.PAUSED_FOR_CONFIRMATION,) * 2 == paused
    assert [b"sealed by ada"] * 2 == [one.sealed for one in bench.calls("pay")]


def test_an_authorised_token_that_has_expired_is_asked_for_again() -> None:
    """An expired token of a flow is no failure of the plan but another question."""
    bench = opened(FLOW, script={"pay": [EXPIRED]})
    run_a_day(bench)
    set_it(bench)
    run_a_day(bench)
    paused = status(bench)

    set_it(bench)
    bench.run()

    assert ExecutionStatus.PAUSED_FOR_CONFIRMATION is paused
    assert (RunState.COMPLETED, 2) == (bench.ended(), credential(bench).generation)


def test_a_key_given_for_one_execution_never_serves_another() -> None:
    """What one user gave at the start is used by that execution alone; the other one asks its own user."""
    bench = Bench()
    plan = frozen([action("pay")], [own()])
    mine = {f"~own/{EXECUTION}/KEY": b"sealed mine"}
    bench.transact(
        lambda tx: begin(tx, bench.steps, plans=bench.plans, execution_id=EXECUTION, frozen=plan, secrets=mine)
    )
    bench.start(plan, OTHER)

    run_a_day(bench)

    assert [b"sealed mine"] == [one.sealed for one in bench.calls("pay")]
    assert (RunState.COMPLETED, ExecutionStatus.PAUSED_FOR_CONFIRMATION) == (bench.ended(), status(bench, OTHER))


def test_a_key_of_one_execution_is_forgotten_at_its_end() -> None:
    """Nothing of a user's secret stays behind when the execution has ended; that of a running one stays."""
    bench = Bench()
    plan = frozen([action("pay")], [own()])
    bench.start(plan)
    bench.start(plan, OTHER)
    run_a_day(bench)

    set_it(bench, f"~own/{EXECUTION}/KEY")
    run_a_day(bench)

    assert RunState.COMPLETED is bench.ended()
    assert [f"~own/{OTHER}/KEY"] == [one.name for one in bench.read(lambda s: s.credentials(limit=10))]


def test_a_cancelled_execution_waits_for_nobody() -> None:
    """Cancelling ends the wait for a person at once, and leaves the others waiting."""
    bench = opened(FLOW, also=True)
    run_a_day(bench)

    bench.cancel()
    run_a_day(bench)

    assert RunState.CANCELLED is bench.ended()
    assert ExecutionStatus.PAUSED_FOR_CONFIRMATION is status(bench, OTHER)


def test_an_execution_that_ends_before_its_refresh_began_keeps_nobody_waiting() -> None:
    """Who was to renew a token and is cancelled first lets go of it: the others renew it at once, and do not wait until a lease runs out."""
    bench = opened(oauth(), also=True)
    bench.run_once()
    assert (credential(bench).refreshing_by or "").startswith(EXECUTION)

    bench.cancel()
    bench.run_now()

    assert ExecutionStatus.COMPLETED is status(bench, OTHER)


def test_no_plan_can_name_the_row_of_another_execution() -> None:
    """A row of one execution is out of reach of any definition, also of one that was frozen by other means."""
    stolen = using({"type": "bearer", "token": f"~own/{OTHER}/KEY", "tokenFrom": "oauth_flow"})
    bench = opened(stolen)

    with pytest.raises(AssertionError, match="refused before"):
        bench.run()


def test_waiting_for_days_leaves_one_step_per_action() -> None:
    """However long a person takes and whoever is woken meanwhile, one step waits for each action."""
    bench = opened(FLOW, also=True)

    for _ in range(3):
        run_a_day(bench)

    assert 2 == len(bench.steps.held)


@pytest.mark.parametrize(("answered_after_s", "attempts"), [(10.0, 3), (86_400.0, 3)], ids=["soon", "late"])
def test_waiting_for_a_person_does_not_use_up_the_time_for_recovery(answered_after_s: float, attempts: int) -> None:
    """However long somebody takes to provide a credential, the attempts after it have the time that they had."""
    bench = Bench({"pay": [EXPIRED, BROKEN]}, bounds=Bounds(elapsed_max_s=600.0))
    bench.start(frozen([action("pay")], [FLOW]))
    bench.run_now()
    set_it(bench)
    bench.run_now()
    bench.run(until=bench.clock.now() + timedelta(seconds=answered_after_s))

    set_it(bench)
    bench.run()

    assert RunState.COMPLETED is bench.ended()
    assert attempts == len(bench.attempts(purpose=Purpose.PERFORM))
