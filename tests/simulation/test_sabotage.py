"""Does the simulation notice? Each rule of the protocol is broken on purpose, and some invariant has to break with it.

A check that no sabotage and no bug has ever failed proves nothing; these are the proofs.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from holdfast.adapters.sql.transaction import SqlSnapshot, SqlTx
from holdfast.decisions.decision import Decision, Move
from holdfast.decisions.facts import Case
from holdfast.drivers.granting import Granting
from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.faults.verdict import Outcome
from holdfast.plans.condition import Judged, Verdict
from holdfast.plans.replacement import compare
from holdfast.policies.pace import Admission
from holdfast.ports.rows import ActionState, Purpose, RunState
from holdfast.recovery import consequences
from holdfast.recovery.absorbing import ended
from holdfast.recovery.external import unanswered_verdict
from holdfast.recovery.settle import apply_answer
from holdfast.recovery.sweep import Swept
from holdfast.recovery.turn import Turn
from tests.simulation.account import play
from tests.simulation.engine import SimulatedStore, Unsealed
from tests.simulation.virtual_time import VirtualClock, suspend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from holdfast.ports.rows import ActionRow


SEEDS_MAX = 150
"""A sabotage has to be noticed within so many seeds, about 350 plans."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What sabotaged code logs is of no interest."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def read_before_the_lock(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Decide about rows that were read before the lock was taken: whoever held it in between is overwritten."""
    before: dict[str, object] = {}
    real_lock, real_actions, real_transact = SqlTx.lock, SqlSnapshot.actions, SimulatedStore.transact

    async def transact(self: SimulatedStore, work: Callable[[object], object]) -> object:
        with self._connection.begin():
            snapshot = SqlSnapshot(self._connection, self._clock)
            rows = {row.id: (row, real_actions(snapshot, row.id)) for row in snapshot.executions(state=None, limit=100)}
        await suspend(0.0)

        def late(tx: object) -> object:
            before.clear()
            before.update(rows)
            try:
                return work(tx)
            finally:
                before.clear()

        return await real_transact(self, late)

    def lock(self: SqlTx, execution_id: str) -> object:
        now = real_lock(self, execution_id)
        return (
            replace(before[execution_id][0], version=now.version) if now is not None and execution_id in before else now
        )

    patch.setattr(SimulatedStore, "transact", transact)
    patch.setattr(SqlTx, "lock", lock)
    patch.setattr(
        SqlTx,
        "actions",
        lambda self, execution_id: (
            before[execution_id][1] if execution_id in before else real_actions(self, execution_id)
        ),
    )


def read_before_the_lock_without_the_index(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """The same, and nothing in the database keeps an execution from ending twice."""
    read_before_the_lock(patch, store)
    with store._connection.begin():
        store._connection.execute(sa.text("DROP INDEX one_terminal_event"))


def settle_again(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Let every answer count, not only the first."""

    def settle(tx: SqlTx, steps: object, *, plans: object, step: object, answer: object, deciding: object) -> None:
        turn = Turn.open(tx, steps, plans=plans, execution_id=step.execution)
        attempt = tx.attempt(step.execution, step.action, purpose=step.purpose, n=step.n)
        apply_answer(turn, replace(attempt, outcome=None), answer=answer, deciding=deciding)
        steps.finish(tx, step.key)
        turn.finish()

    patch.setattr("holdfast.recovery.worker.settle", settle)


def claim_whatever_comes(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Perform a step without asking whether its action waits for it and its execution goes on. (Either question alone covers for the other.)"""
    patch.setattr(Turn, "is_live", property(lambda turn: True))
    patch.setattr("holdfast.recovery.claim.is_expected", lambda row, step: True)


def repeat_whatever_happened(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Repeat without asking whether it may have happened."""
    patch.setattr(Case, "may_repeat", property(lambda case: True))


def come_back_at_once(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Repeat without waiting as long as the server said."""
    real = Turn.schedule
    patch.setattr(
        Turn,
        "schedule",
        lambda self, row, *, purpose, n, wait_s=0.0, due_at=None: real(self, row, purpose=purpose, n=n, due_at=due_at),
    )
    # The last gate would put it off for ever, being delivered at once each time.
    patch.setattr("holdfast.recovery.claim.is_too_early", lambda *_, **__: False)


def start_while_closing(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Go on with the plan although it has failed."""
    from holdfast.plans.advance import advance

    patch.setattr("holdfast.recovery.turn.advance", lambda rows, needs, *, closing: advance(rows, needs, closing=None))


def end_without_draining(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """End as soon as the end is known, attempts in flight or not."""
    real = Turn._advance

    def advance(self: Turn) -> None:
        real(self)
        if self.execution.closing is not None and self.execution.state is RunState.RUNNING:
            self._end(self.execution.closing)

    patch.setattr(Turn, "_advance", advance)


def refresh_without_lease(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Refresh without looking whether somebody does so already."""
    real = SqlTx.lock_credential
    patch.setattr(SqlTx, "lock_credential", lambda self, name: replace(real(self, name), refreshing_until=None))


def new_key_each_time(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Give every attempt a key of its own."""
    numbers = itertools.count()
    for name in ("idempotency_key", "key_in_epoch"):
        patch.setattr(f"holdfast.recovery.assigning.{name}", lambda *_: f"key-{next(numbers)}")


def never_sweep(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Trust the engine never to lose a step."""

    async def sweep(store: object, steps: object, *, plans: object) -> Swept:
        return Swept(looked_at=0, repaired=0, advanced=0, stuck=())

    patch.setattr("tests.simulation.fleet.sweep", sweep)


def forget_the_dead_letter(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Give up without setting the work aside."""
    patch.setattr(SqlTx, "insert_dead_letter", lambda self, row: None)


def forget_to_ask(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Wait for a person without asking."""
    patch.setattr(SqlTx, "insert_question", lambda self, row: None)


def write_tokens_in_clear(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Keep a refreshed token as it is."""
    patch.setattr(Unsealed, "seal", lambda self, secret: secret.encode())
    patch.setattr(Unsealed, "open", lambda self, sealed: sealed.decode())


def skip_what_is_unknown(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Skip an action without finding out whether it took effect."""
    blindly = Decision(move=Move.CONTINUE, strategy=RecoveryStrategy.SKIP, rule="skip", reason="why not")
    patch.setattr("holdfast.decisions.strategies.skip.clear_up", lambda case: blindly)


def go_on_after_a_rollback(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Let the plan go on although it is being undone."""
    real = consequences.give_up

    def give_up(turn: Turn, row: ActionRow, *, decision: Decision, **more: object) -> None:
        if decision.move is Move.ROLL_BACK:
            turn.emit("rollback.requested", actionId=row.action)
            turn.put(ended(turn, row, absorbed="continue"))
        else:
            real(turn, row, decision=decision, **more)

    patch.setattr(consequences, "give_up", give_up)


def retry_beyond_the_bound(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Look at the bounds only after 25 recoveries. (Never looking makes plans of ten thousand attempts, which prove the same more slowly.)"""
    from holdfast.decisions.strategies.limits import out_of_room

    patch.setattr(
        "holdfast.decisions.strategies.limits.out_of_room",
        lambda case, way: out_of_room(case, way) if case.ledger.recoveries >= 25 else None,
    )


def perform_without_asking(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Perform what needs a yes without asking for it."""
    patch.setattr(
        "holdfast.recovery.entering.ask_first",
        lambda turn, row: turn.schedule(
            replace(row, state=ActionState.SCHEDULED, n=1), purpose=Purpose.PERFORM, n=1, due_at=None
        ),
    )


def take_every_condition_for_true(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Perform whatever has a condition."""
    patch.setattr(
        "holdfast.recovery.entering.judge", lambda condition, parts: Judged(verdict=Verdict.EXECUTE, reason="")
    )


def hear_a_yes_after_its_time(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Take a yes as long as no worker has noticed that its time is over."""
    patch.setattr("holdfast.recovery.answering.has_lapsed", lambda turn, question: False)


def leave_questions_open(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """End an execution without telling those who are asked."""
    patch.setattr("holdfast.recovery.turn.close_questions", lambda turn: None)


def send_refresh_tokens_again_and_again(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Send a refresh token as often as workers die over it."""
    patch.setattr("holdfast.recovery.credentials.USES_MAX", 1_000)


def forget_rotated_tokens(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Renew always with the refresh token that the environment names, whatever was handed out since."""
    patch.setattr(
        Granting,
        "_refresh_token",
        lambda self, grant, tokens, assignment: (
            self._secret(grant.refresh_token, assignment) if grant.refresh_token else None
        ),
    )


def begin_whenever_asked(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Make every call at once, whatever its limit."""
    patch.setattr(
        "holdfast.recovery.pacing.admit", lambda pace, **facts: Admission(due_at=None, next_at=facts["next_at"])
    )


def change_what_has_begun(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Put another plan in the place of one without looking at what has begun."""
    patch.setattr(
        "holdfast.recovery.replacing.compare",
        lambda old, new, *, rows: replace(compare(old, new, rows=rows), reasons=()),
    )


def take_silence_for_a_no(patch: pytest.MonkeyPatch, store: SimulatedStore) -> None:
    """Take it that an executor who has not answered has done nothing."""
    patch.setattr(
        "holdfast.recovery.external.unanswered_verdict",
        lambda executor, *, timeout_s: replace(
            unanswered_verdict(executor, timeout_s=timeout_s), outcome=Outcome.NOT_EXECUTED
        ),
    )


SABOTAGES = [
    pytest.param(read_before_the_lock, None, id="reads-before-the-lock"),
    pytest.param(
        read_before_the_lock_without_the_index, "one_terminal_event", id="reads-before-the-lock-and-no-terminal-index"
    ),
    pytest.param(settle_again, None, id="settles-twice"),
    pytest.param(claim_whatever_comes, None, id="claims-whatever-comes"),
    pytest.param(repeat_whatever_happened, "no_blind_repeat", id="repeats-whatever-happened"),
    pytest.param(repeat_whatever_happened, "effects_are_single", id="repeats-whatever-happened-and-does-it-twice"),
    pytest.param(come_back_at_once, "never_before_the_stated_time", id="comes-back-too-early"),
    pytest.param(start_while_closing, None, id="starts-while-closing"),
    pytest.param(end_without_draining, "one_terminal_event", id="ends-without-draining"),
    pytest.param(refresh_without_lease, "one_refresh_at_a_time", id="refreshes-without-lease"),
    pytest.param(new_key_each_time, "one_key_per_epoch", id="new-key-each-time"),
    pytest.param(new_key_each_time, "effects_are_single", id="new-key-each-time-and-does-it-twice"),
    pytest.param(never_sweep, "unended_waits_for_a_person", id="never-sweeps"),
    pytest.param(forget_the_dead_letter, "given_up_means_set_aside", id="forgets-the-dead-letter"),
    pytest.param(forget_to_ask, "unended_waits_for_a_person", id="forgets-to-ask"),
    pytest.param(write_tokens_in_clear, "no_secret_at_rest", id="writes-tokens-in-clear"),
    pytest.param(skip_what_is_unknown, "no_skip_while_unknown", id="skips-what-is-unknown"),
    pytest.param(go_on_after_a_rollback, "a_rollback_fails_the_plan", id="goes-on-after-a-rollback"),
    pytest.param(retry_beyond_the_bound, "attempts_are_bounded", id="retries-beyond-the-bound"),
    pytest.param(
        send_refresh_tokens_again_and_again, "no_token_is_used_up_twice", id="sends-refresh-tokens-again-and-again"
    ),
    pytest.param(forget_rotated_tokens, "no_token_is_used_up_twice", id="forgets-rotated-tokens"),
    pytest.param(begin_whenever_asked, "limits_are_kept", id="begins-whenever-asked"),
    pytest.param(change_what_has_begun, "replaced_plans_keep_what_began", id="changes-what-has-begun"),
    pytest.param(take_silence_for_a_no, "effects_are_single", id="takes-silence-for-a-no"),
    pytest.param(perform_without_asking, "nothing_without_a_yes", id="performs-without-asking"),
    pytest.param(take_every_condition_for_true, "conditions_are_kept", id="takes-every-condition-for-true"),
    pytest.param(hear_a_yes_after_its_time, "questions_are_closed_once", id="hears-a-yes-after-its-time"),
    pytest.param(leave_questions_open, "questions_are_closed_once", id="leaves-questions-open"),
]


BEGIN_AT = {go_on_after_a_rollback: 120, send_refresh_tokens_again_and_again: 35}
"""Where looking begins, for what few seeds notice; only to save time."""


@pytest.mark.parametrize(("sabotage", "check"), SABOTAGES)
def test_the_simulation_notices_when_a_rule_is_broken(
    sabotage: Callable[[pytest.MonkeyPatch, SimulatedStore], None], check: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule of the protocol is needed: without it, some promise to the user breaks, and the simulation says which."""
    store = SimulatedStore(VirtualClock().now)
    # Some sabotages go round for ever; a tenth of the usual patience is enough to see what else they break.
    monkeypatch.setattr("tests.simulation.fleet.TURNS_MAX", 3_000)
    sabotage(monkeypatch, store)
    begin_at = BEGIN_AT.get(sabotage, 0)

    is_noticed = any(
        any(check is None or problem.startswith(f"{check}:") for problem in play(seed, store=store)[1])
        for seed in (*range(begin_at, SEEDS_MAX), *range(begin_at))
    )

    assert is_noticed
