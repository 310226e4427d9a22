"""Routes that somebody prescribes, and what ends a recovery: from the deployment, the API and the action to the rows and events."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import pytest

from holdfast.decisions.facts import Bounds
from holdfast.ports.rows import ActionState, Purpose, RunState
from tests.recovery.bench import (
    BROKEN,
    EXECUTION,
    INVALID,
    TIMEOUT,
    Bench,
    action,
    definition,
    fault,
    frozen,
    wants_new_token,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.contract import ActionDefinition
    from holdfast.ports.store import Tx

KEYED = definition("pay", keyed=True)
LOOK = definition("look", "GET")
PROBED = definition("pay", probe="look")
RENEW = definition("renew", refreshes="TOKEN")
ABSENT: dict[str, object] = {"found": False}
THROTTLED = fault("rate_limit_burst", status=429, retry_after_s=100.0)


@dataclass
class Checkpoints:
    """Stands for whoever keeps checkpoints; remembers what it was asked."""

    has_any: bool = True
    requests: list[tuple[str, str, str]] = field(default_factory=list)

    def can_roll_back(self, tx: Tx, execution: str, *, action: str) -> bool:
        """Whether there is a checkpoint."""
        return self.has_any and tx.action(execution, action) is not None

    def request(self, tx: Tx, execution: str, *, action: str, reason: str) -> str:
        """Note the request."""
        assert tx.execution(execution) is not None
        self.requests.append((execution, action, reason))
        return "checkpoint 1"


def began(bench: Bench, actions: Sequence[dict[str, object]], definitions: Sequence[ActionDefinition] = ()) -> Bench:
    """Start a plan and run it as far as it goes by itself."""
    bench.start(frozen(actions, definitions))
    bench.run()
    return bench


# --- who decides ---


def test_a_deployment_changes_a_route() -> None:
    """What the deployment prescribes for a category is done instead of what the table says, and the event tells whose idea it was."""
    bench = began(Bench({"pay": [BROKEN]}, routes={"api_unexpected_status": "give-up"}), [action("pay")])

    decided = bench.events("recovery.decided")[0].data
    assert RunState.FAILED is bench.ended()
    assert "prescribed by deployment" in str(decided["rejected"])


def test_the_action_beats_the_deployment() -> None:
    """An action that prescribes its own route is not led by the deployment."""
    bench = Bench({"pay": [BROKEN]}, routes={"api_unexpected_status": "give-up"})

    began(bench, [action("pay", recovery={"api_unexpected_status": "back-off"})])

    assert RunState.COMPLETED is bench.ended()
    assert "action.back-off" == bench.events("recovery.decided")[0].data["rule"]


# --- quotas ---


def test_a_quota_is_waited_out_until_after_midnight() -> None:
    """A daily limit without a stated time is tried again minutes after the next midnight UTC, as often as the bound on its category allows."""
    used_up = fault("rate_limit_daily", status=429)

    bench = began(Bench({"pay": [used_up] * 9}), [action("pay")])

    moments = [at.astimezone(UTC) for _, _, at in bench.performer.calls]
    assert 6 == len(moments)
    assert {(0, 2, 30)} == {(at.hour, at.minute, at.second) for at in moments[1:]}
    assert [1] * 4 == [(later - at).days for at, later in itertools.pairwise(moments[1:])]
    assert RunState.FAILED is bench.ended()


# --- skipping ---


def test_a_prescribed_skip_goes_on_without_the_action() -> None:
    """The plan completes without the action; what depends on it runs."""
    bench = began(Bench({"a": [INVALID]}), [action("a", recovery={"validation_failed": "skip"}), action("b", "a")])

    assert RunState.COMPLETED is bench.ended()
    assert {"a": ActionState.FAILED, "b": ActionState.COMPLETED} == bench.states()
    assert "skip" == bench.events("recovery.decided")[0].data["strategy"]


def test_a_critical_action_is_not_skipped() -> None:
    """`critical: true` beats a prescribed skip and `continueOnFailure`."""
    critical = {**action("a", recovery={"validation_failed": "skip"}, goes_on=True), "critical": True}

    bench = began(Bench({"a": [INVALID]}), [critical])

    assert RunState.FAILED is bench.ended()
    assert "critical" in str(bench.events("recovery.decided")[0].data["rejected"])


def test_a_skip_waits_until_it_is_known_what_happened() -> None:
    """A timeout is cleared up by the probe first; having heard that nothing happened, the action is skipped and not performed again."""
    plan = [action("pay", recovery={"network_timeout": "skip"})]

    bench = began(Bench({"pay": [TIMEOUT], "probe:pay": [ABSENT]}), plan, [PROBED, LOOK])

    assert [1, 1] == [len(bench.attempts()), len(bench.attempts(purpose=Purpose.PROBE))]
    assert RunState.COMPLETED is bench.ended()
    assert "action.skip" == bench.events("recovery.decided")[-1].data["rule"]


def test_what_probes_clear_up_uses_up_the_retry_policy() -> None:
    """A policy of two attempts repeats once, however often a probe finds out in between that nothing happened; then the prescribed route is taken."""
    paying = definition("pay", probe="look", attempts=2, retries=["network_timeout"])
    plan = [action("pay", recovery={"network_timeout": "skip"})]

    bench = began(Bench({"pay": [TIMEOUT] * 9, "probe:pay": [ABSENT] * 9}), plan, [paying, LOOK])

    assert (2, ActionState.FAILED) == (len(bench.calls("pay")), bench.row("pay").state)
    assert 1 == len(bench.events("retry.scheduled"))
    assert "action.skip" == bench.events("recovery.decided")[-1].data["rule"]


def test_an_idempotent_action_with_an_open_outcome_is_not_just_skipped() -> None:
    """Even where a repeat would be safe, a plan does not go on as if nothing had happened: a person is asked."""
    bench = began(Bench({"pay": [TIMEOUT]}), [action("pay", recovery={"network_timeout": "skip"})], [KEYED])

    assert ActionState.ASKING is bench.row().state


def test_a_prescribed_fallback_comes_before_any_repeat() -> None:
    """The fallback value stands in at the first failure when the action says so."""
    plan = [action("pay", fallback={"id": "0"}, recovery={"api_unexpected_status": "fallback"})]

    bench = began(Bench({"pay": [BROKEN]}), plan)

    assert [1, '{"id": "0"}'] == [len(bench.attempts()), bench.row().output]
    assert RunState.COMPLETED is bench.ended()


# --- rolling back ---


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_rollback_is_requested_and_the_plan_fails(goes_on: bool) -> None:
    """The request, its event, the failed action and the failed plan are one transaction; nothing makes up for what is undone."""
    checkpoints = Checkpoints()
    bench = Bench({"b": [INVALID]}, rollback=checkpoints)

    began(bench, [action("a"), action("b", "a", recovery={"validation_failed": "roll-back"}, goes_on=goes_on)])

    asked = bench.events("rollback.requested")
    assert [(EXECUTION, "b")] == [one[:2] for one in checkpoints.requests]
    assert ["checkpoint 1"] == [one.data["to"] for one in asked]
    assert RunState.FAILED is bench.ended()
    assert "action.roll-back" == bench.events("plan.execute.failed")[0].data["error"]["context"]["lastRule"]


def test_a_rollback_of_a_stand_in_is_not_made_up_for() -> None:
    """An alternative that is rolled back fails the plan, although the action it stands in for has a fallback value."""
    bench = Bench({"a": [INVALID], "b": [INVALID]}, rollback=Checkpoints())
    plan = [
        action("a", alternative="b", fallback={"id": "0"}),
        action("b", recovery={"validation_failed": "roll-back"}),
    ]

    began(bench, plan)

    assert RunState.FAILED is bench.ended()
    assert bench.row("a").output is None


@pytest.mark.parametrize(
    ("checkpoints", "words"),
    [
        pytest.param(None, "this deployment has no checkpoints", id="nobody keeps any"),
        pytest.param(Checkpoints(has_any=False), "no checkpoint to go back to", id="none here"),
    ],
)
def test_without_a_checkpoint_the_failure_goes_on(checkpoints: Checkpoints | None, words: str) -> None:
    """Where there is nothing to roll back to, that is said, and what the plan provides follows."""
    bench = Bench({"b": [INVALID]}, rollback=checkpoints)

    began(bench, [action("b", recovery={"validation_failed": "roll-back"}, goes_on=True)])

    assert RunState.COMPLETED is bench.ended()
    assert words in str(bench.events("recovery.decided")[0].data["rejected"])


def test_nothing_is_rolled_back_while_the_outcome_is_open() -> None:
    """What nobody knows to have happened cannot be undone: the probe comes first, then the rollback."""
    checkpoints = Checkpoints()
    bench = Bench({"pay": [TIMEOUT], "probe:pay": [ABSENT]}, rollback=checkpoints)

    began(bench, [action("pay", recovery={"network_timeout": "roll-back"})], [PROBED, LOOK])

    assert [1, 1] == [len(bench.attempts(purpose=Purpose.PROBE)), len(checkpoints.requests)]
    assert RunState.FAILED is bench.ended()


# --- people, times and bounds ---


def test_a_person_who_says_again_waits_for_the_server() -> None:
    """A stated Retry-After holds for people too: the repeat starts when the server allows it, not when the answer comes."""
    plan = [action("pay", recovery={"rate_limit_burst": "ask-person"})]
    bench = began(Bench({"pay": [THROTTLED]}), plan)

    bench.clock.advance(30.0)
    bench.answer("again")
    bench.run()

    assert [0.0, 100.0] == bench.times("pay")
    assert RunState.COMPLETED is bench.ended()


def test_a_person_decides_about_a_wait_that_nobody_believes() -> None:
    """A server that asks for a hundred years is not obeyed once a person has said "again"."""
    absurd = fault("rate_limit_burst", status=429, retry_after_s=3e9)
    bench = began(Bench({"pay": [absurd]}), [action("pay", recovery={"rate_limit_burst": "ask-person"})])

    bench.answer("again")
    bench.run()

    assert [0.0, 0.0] == bench.times("pay")


def test_a_late_refusal_moves_a_repeat_that_was_scheduled_already() -> None:
    """A losing duplicate that was told to wait makes the winner's repeat wait, counted from when that was heard."""
    bench = Bench({})
    bench.start(frozen([action("pay")], [KEYED]))
    step = bench.begin_attempt()
    bench.settle(step, TIMEOUT)

    bench.clock.advance(0.1)
    bench.settle(step, THROTTLED)
    told_at = bench.clock.now()
    bench.run()

    assert [told_at + timedelta(seconds=100.0)] == [at for _, _, at in bench.performer.calls]
    assert RunState.COMPLETED is bench.ended()


def test_a_late_refusal_that_ends_a_probe_is_obeyed() -> None:
    """A late answer that says when to come back replaces the probe, and the repeat keeps to that time."""
    bench = Bench({})
    bench.start(frozen([action("pay")], [PROBED, LOOK]))
    step = bench.begin_attempt()
    bench.settle(step, TIMEOUT)
    bench.clock.advance(10.0)
    bench.settle(step, THROTTLED)
    told_at = bench.clock.now()

    bench.run()

    assert ["pay"] == [name for name, _, _ in bench.performer.calls]
    assert bench.performer.calls[0][2] >= told_at + timedelta(seconds=100.0)


def test_a_renewed_credential_does_not_undercut_the_server() -> None:
    """A refusal that names a time is obeyed although the new token is there at once."""
    refused = fault("auth_expired", status=401, retry_after_s=50.0)
    pay = definition("pay", credential="TOKEN")

    bench = began(Bench({"pay": [refused]}), [action("pay")], [pay, RENEW])

    assert [0.0, 50.0] == bench.times("pay")


def test_a_credential_without_a_stated_time_is_used_at_once() -> None:
    """Without a stated time the repeat follows the refresh."""
    pay = definition("pay", credential="TOKEN")

    bench = began(Bench({"pay": [wants_new_token]}), [action("pay")], [pay, RENEW])

    assert [0.0, 0.0] == bench.times("pay")


def test_waiting_for_a_person_is_not_held_against_the_action() -> None:
    """Time in which a question was open does not count toward the bound on elapsed time."""
    bench = began(Bench({"pay": [TIMEOUT, BROKEN]}, bounds=Bounds(elapsed_max_s=60.0)), [action("pay")])

    bench.clock.advance(86_400.0)
    bench.answer("again")
    bench.run()

    assert RunState.COMPLETED is bench.ended()
    assert 3 == len(bench.attempts())


def test_questions_end() -> None:
    """An action that times out whatever people answer fails after so many questions, and its outcome stays open in the dead letter."""
    bench = began(Bench({"pay": [TIMEOUT] * 9}, bounds=Bounds(questions_max=2)), [action("pay", goes_on=True)])
    for _ in range(2):
        bench.answer("again")
        bench.run()

    assert RunState.FAILED is bench.ended()
    assert 3 == len(bench.attempts())
    error = bench.events("plan.execute.failed")[0].data["error"]
    assert "unknown" == error["outcome"]
    assert "2 questions were asked" in error["context"]["because"]


def test_the_end_tells_everything_known() -> None:
    """The error of a failed plan and its dead letter say what was tried, how often, for how long, and by which rule it ended."""
    pay = definition("pay", attempts=2, retries=["api_unexpected_status"])
    bench = began(Bench({"pay": [BROKEN] * 9}, bounds=Bounds(attempts_per_action_max=3)), [action("pay")], [pay])

    told = bench.events("plan.execute.failed")[0].data["error"]["context"]
    letter = bench.read(lambda snapshot: snapshot.dead_letters(execution_id=EXECUTION, limit=1))[0]
    assert ["5", "3", "retry-policy 1, back-off 3", "give-up"] == [
        told[name] for name in ("attempts", "recoveries", "strategies", "lastRule")
    ]
    assert float(told["elapsedS"]) == bench.times("pay")[-1] > 0
    assert "the bound is 3" in told["because"]
    assert told == json.loads(letter.detail)["error"]["context"]


def test_an_alternative_that_comes_to_nothing_leaves_the_whole_story() -> None:
    """What was tried before the alternative took over is not lost when that fails as well."""
    bench = began(Bench({"pay": [BROKEN] * 9, "b": [INVALID]}), [action("pay", alternative="b"), action("b")])

    assert RunState.FAILED is bench.ended()
    assert "back-off 5, alternative 1" == json.loads(bench.row().error or "")["context"]["strategies"]
