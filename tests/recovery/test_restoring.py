"""A database that was restored from a copy: what may have happened since is found out or asked about, never simply done again."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.errors import BadInput
from holdfast.ports.rows import ActionState, RunState
from holdfast.recovery.restoring import BEFORE, Restored, Restoring, foresee, restore
from tests.recovery.bench import EXECUTION, OTHER, Bench, action, definition, drive, frozen

KEYED = definition("pay", keyed=True)
LOOK = definition("look", "GET")
PROBED = definition("pay", probe="look", probe_inputs={"key": "${self.key}"})
UNSAFE = definition("pay")
READ = definition("pay", "GET")
LIFETIME_MS = 60_000


def restored(bench: Bench) -> Restored:
    """Tell the bench that its database is a copy."""
    work = restore(bench.store, bench.steps, plans=bench.plans, deciding=lambda: bench.deciding, takeover_after_s=30.0)
    return drive(work)


def foreseen(bench: Bench) -> Restored:
    """Ask what that would do."""
    return drive(foresee(bench.store, plans=bench.plans))


def copy_of(one: object, *others: object, begun: bool = False, catalog: dict[str, object] | None = None) -> Bench:
    """A copy taken while `pay` was scheduled, or in flight if it had `begun`."""
    bench = Bench()
    bench.start(frozen([action("pay"), action("ship", "pay")], [one, *others], catalog=catalog))  # type: ignore[list-item]  # definitions
    if begun:
        bench.begin_attempt()
        bench.steps.release("w")
    return bench


def test_an_unsafe_attempt_in_flight_becomes_a_question() -> None:
    """Nobody knows what became of it: a person is asked, and nothing is called."""
    bench = copy_of(UNSAFE, begun=True)

    result = restored(bench)
    bench.run()

    assert (result.era, result.executions, result.settled, result.doubted) == (1, 1, 1, 0)
    assert bench.states() == {"pay": ActionState.ASKING, "ship": ActionState.PENDING}
    assert bench.performer.calls == []


def test_a_keyed_attempt_in_flight_is_repeated_under_its_key() -> None:
    """The API itself tells whether it was done: the same key again."""
    bench = copy_of(KEYED, begun=True)
    key = bench.attempts()[0].key

    restored(bench)
    bench.run()

    assert [key] == [call.attempt.key for call in bench.calls("pay")]
    assert bench.ended() is RunState.COMPLETED


@pytest.mark.parametrize(
    ("one", "others", "state"),
    [
        pytest.param(UNSAFE, [], ActionState.ASKING, id="unsafe-is-asked-about"),
        pytest.param(PROBED, [LOOK], ActionState.PROBING, id="probed-is-probed"),
        pytest.param(KEYED, [], ActionState.SCHEDULED, id="keyed-is-done"),
        pytest.param(READ, [], ActionState.SCHEDULED, id="reading-is-done"),
    ],
)
def test_what_was_scheduled_may_have_been_done(one: object, others: list[object], state: ActionState) -> None:
    """A scheduled action that is neither idempotent nor keyed may have run after the copy was taken; the others may simply run."""
    bench = copy_of(one, *others)

    result = restored(bench)

    assert state is bench.row().state
    assert result.doubted == (state is not ActionState.SCHEDULED)


def test_a_person_who_knows_settles_it() -> None:
    """Answered that it happened, the plan goes on after it and never calls it."""
    bench = copy_of(UNSAFE)
    restored(bench)

    bench.answer("happened")
    bench.run()

    assert [bench.calls("pay"), len(bench.calls("ship"))] == [[], 1]
    assert [BEFORE] == [one.worker for one in bench.attempts()]
    assert bench.ended() is RunState.COMPLETED


@pytest.mark.parametrize(
    ("age_s", "state"),
    [pytest.param(59, ActionState.SCHEDULED, id="remembered"), pytest.param(60, ActionState.ASKING, id="forgotten")],
)
def test_a_key_that_the_api_has_forgotten_protects_nobody(age_s: int, state: ActionState) -> None:
    """A copy older than the API's memory of keys makes a keyed action as unsafe as any."""
    catalog = {"idempotency": {"header": "Idempotency-Key", "keyLifetime": LIFETIME_MS}}
    bench = copy_of(UNSAFE, catalog=catalog)

    bench.clock.advance(timedelta(seconds=age_s).total_seconds())
    restored(bench)

    assert state is bench.row().state


def test_looking_first_changes_nothing() -> None:
    """A dry run tells the same numbers, names what lies further ahead, and leaves every row as it was."""
    bench = copy_of(UNSAFE)
    before = (bench.execution(), bench.states(), bench.events())

    told = foreseen(bench)

    assert before == (bench.execution(), bench.states(), bench.events())
    assert told == restored(bench)
    assert told.ahead == (f"{EXECUTION}/ship",)


def test_done_twice_it_is_done_once() -> None:
    """As long as nothing has happened since, telling it again does nothing; after that it is a restore of its own."""
    bench = copy_of(UNSAFE)
    restored(bench)

    again = restored(bench)
    bench.answer("again")
    third = restored(bench)

    assert (again.era, again.is_done_before, again.executions) == (1, True, 0)
    assert (third.era, third.is_done_before, third.executions) == (2, False, 1)


def test_interrupted_it_goes_on_where_it_stopped() -> None:
    """Killed between two executions, the next run takes up the rest, in the same era, and leaves alone what is done."""
    bench = Bench()
    for execution in (EXECUTION, OTHER):
        bench.start(frozen([action("pay")], [UNSAFE]), execution)
    restoring = Restoring(era=1, copied_at=bench.clock.now(), after=EXECUTION)
    bench.transact(lambda tx: (tx.put_fact("era", "1"), tx.put_fact("restoring", restoring.text())))

    result = restored(bench)

    assert (result.era, result.executions, result.doubted) == (1, 1, 1)
    assert [ActionState.SCHEDULED, ActionState.ASKING] == [bench.row(execution=one).state for one in (EXECUTION, OTHER)]


def test_refuses_while_a_worker_lives() -> None:
    """A worker that works meanwhile would perform what is about to be doubted: it is named, and nothing is done."""
    bench = copy_of(UNSAFE)
    alive = {"id": "busy", "host": "h", "process": 1, "started_at": bench.clock.now(), "beat_at": bench.clock.now()}
    bench.transact(lambda tx: tx.connection.execute(sa.insert(schema.workers), alive))

    with pytest.raises(BadInput, match="busy"):
        restored(bench)

    assert bench.row().state is ActionState.SCHEDULED
    bench.clock.advance(31)
    assert restored(bench).doubted == 1
