"""What every store promises: one suite, run on SQLite, PostgreSQL and the simulator's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.errors import ExecutionNewer
from holdfast.ports.rows import CONTRACT, ActionState, CredentialRow, DeadLetterRow, Purpose, QuestionRow, RunState
from tests.conformance.store.rows import THEN, an_action, an_attempt, an_execution

if TYPE_CHECKING:
    from holdfast.ports.store import Snapshot, Store, Tx

pytestmark = pytest.mark.anyio


async def start(store: Store, name: str = "run") -> None:
    """Insert an execution with one action."""
    assert await store.transact(lambda tx: tx.insert_execution(an_execution(name), [an_action(execution=name)]))


async def test_decisions_about_one_execution_are_one_after_the_other(store: Store) -> None:
    """Four hundred read-modify-writes from eight sides, each under the lock, lose nothing."""
    await start(store)

    def increment(tx: Tx) -> None:
        row = tx.lock("run")
        assert row is not None
        tx.save_execution(replace(row, recoveries=row.recoveries + 1))

    async def increment_often() -> None:
        for _ in range(50):
            await store.transact(increment)

    await asyncio.gather(*(increment_often() for _ in range(8)))

    row = await store.read(lambda s: s.execution("run"))
    assert row is not None
    assert (400, 400) == (row.recoveries, row.version)


async def test_the_lock_returns_the_row_that_it_locked(store: Store) -> None:
    """The lock's row carries the new version; an unknown id has none."""
    await start(store)

    locked = await store.transact(lambda tx: tx.lock("run"))
    unknown = await store.transact(lambda tx: tx.lock("nobody"))

    assert locked == replace(an_execution(), version=1)
    assert unknown is None


async def test_an_id_is_started_once(store: Store) -> None:
    """The second start of an id writes nothing, not even its actions, and says so."""
    await start(store)

    again = await store.transact(
        lambda tx: tx.insert_execution(replace(an_execution(), tenant="other"), [an_action("more")])
    )

    assert again is False
    row, actions = await store.read(lambda s: (s.execution("run"), s.actions("run")))
    assert row == an_execution()
    assert [an_action()] == actions


async def test_rows_come_back_as_they_were_saved(store: Store) -> None:
    """Saving and reading changes no value: times to the microsecond, absent ones absent, text as it was."""
    await start(store)
    execution = replace(
        an_execution(),
        state=RunState.FAILED,
        closing=RunState.FAILED,
        ended_at=THEN,
        error='{"a":"ü☃"}',
        failed_action="act",
    )
    action = replace(
        an_action(), n=3, due_at=THEN, timeout_s=2.5, output="[1]", is_activated=True, waits_for="token", step_key="k"
    )

    def save(tx: Tx) -> None:
        tx.save_execution(execution)
        tx.save_actions([action])

    await store.transact(save)

    assert await store.read(lambda s: s.execution("run")) == execution
    assert await store.read(lambda s: s.action("run", "act")) == action


async def test_the_first_settle_wins(store: Store) -> None:
    """An attempt is settled once; a later answer is kept beside it and changes nothing else."""
    await start(store)
    await store.transact(lambda tx: tx.insert_attempt(an_attempt()))

    first = await store.transact(lambda tx: tx.settle_attempt(an_attempt(outcome="unknown", result="failure")))
    second = await store.transact(lambda tx: tx.settle_attempt(an_attempt(outcome="executed", result="success")))
    await store.transact(lambda tx: tx.keep_late_answer(an_attempt(late_answer="{}")))
    await store.transact(lambda tx: tx.keep_late_answer(an_attempt(late_answer="[]")))

    assert (True, False) == (first, second)
    kept = await store.read(lambda s: s.attempt("run", "act", purpose=Purpose.PERFORM, n=1))
    assert kept == an_attempt(outcome="unknown", result="failure", late_answer="{}")


async def test_claims_are_counted_until_the_attempt_is_settled(store: Store) -> None:
    """A claim of an unsettled attempt counts and names the new worker; of a settled one it does nothing."""
    await start(store)
    await store.transact(lambda tx: tx.insert_attempt(an_attempt()))

    await store.transact(lambda tx: tx.reclaim_attempt(replace(an_attempt(), worker="second")))
    await store.transact(lambda tx: tx.settle_attempt(an_attempt(outcome="executed")))
    await store.transact(lambda tx: tx.reclaim_attempt(replace(an_attempt(), worker="third")))

    [row] = await store.read(lambda s: s.attempts("run"))
    assert (2, "second") == (row.claims, row.worker)


async def test_an_execution_ends_once(store: Store) -> None:
    """A second terminal event is refused by the database itself, with everything in its transaction."""
    await start(store)

    def end(tx: Tx) -> None:
        row = tx.lock("run")
        assert row is not None
        tx.save_execution(replace(row, recoveries=row.recoveries + 1))
        tx.emit("run", "plan.execute.completed", data={"n": row.version}, is_terminal=True)

    await store.transact(end)
    with pytest.raises(sa.exc.IntegrityError):
        await store.transact(end)

    row, events = await store.read(lambda s: (s.execution("run"), s.events("run")))
    assert row is not None
    assert 1 == row.recoveries
    assert [("plan.execute.completed", {"n": 1}, True)] == [
        (event.type, event.data, event.is_terminal) for event in events
    ]


async def test_events_keep_their_order_and_ids(store: Store) -> None:
    """Events of an execution are read in the order in which they happened, from any point on, each with an id of its own."""
    await start(store)
    for name in ("first", "second", "third"):
        await store.transact(
            lambda tx, name=name: (tx.lock("run"), tx.emit("run", name, data={}), tx.emit("run", name + "+", data={}))
        )

    events = await store.read(lambda s: s.events("run"))
    later = await store.read(lambda s: s.events("run", after=events[3].sequence))

    assert ["first", "first+", "second", "second+", "third", "third+"] == [event.type for event in events]
    assert ["third", "third+"] == [event.type for event in later]
    assert 6 == len({event.id for event in events})


async def test_the_first_answer_to_a_question_wins(store: Store) -> None:
    """A question is answered once, and keeps its options in order."""
    question = QuestionRow(
        execution="run", action="act", n=1, kind="confirm", text="Again?", options=("yes", "no"), asked_at=THEN
    )
    await start(store)
    await store.transact(lambda tx: tx.insert_question(question))

    yes = replace(question, answered_at=THEN, answer="yes", answered_by="ann", reason="sure")
    answers = [
        await store.transact(lambda tx, row=row: tx.answer_question(row)) for row in (yes, replace(yes, answer="no"))
    ]

    assert [True, False] == answers
    assert await store.read(lambda s: s.questions("run")) == [yes]


async def test_a_second_dead_letter_replaces_the_first(store: Store) -> None:
    """An action has one dead letter, the newest; letters are listed newest first."""
    letter = DeadLetterRow(execution="run", action="act", reason="attempts-used-up", detail="{}", added_at=THEN)
    other = replace(letter, execution="other", added_at=THEN.replace(year=2027))
    for row in (letter, other, replace(letter, reason="permanent")):
        await store.transact(lambda tx, row=row: tx.insert_dead_letter(row))

    assert await store.read(lambda s: s.dead_letters(execution_id=None, limit=9)) == [
        other,
        replace(letter, reason="permanent"),
    ]
    assert await store.read(lambda s: s.dead_letters(execution_id="other", limit=9)) == [other]
    assert await store.read(lambda s: s.dead_letters(execution_id=None, limit=1)) == [other]


async def test_a_credential_appears_when_it_is_first_locked(store: Store) -> None:
    """Locking an unknown credential creates it with generation 0; what is saved under the lock is what the next one sees."""
    new = CredentialRow(name="token", generation=0, sealed=None, refreshing_until=None, error=None, failed_at=None)
    renewed = replace(new, generation=1, sealed=b"\x00\xff", refreshing_until=THEN)
    assert await store.read(lambda s: s.credential("token")) is None

    first = await store.transact(lambda tx: tx.lock_credential("token"))
    await store.transact(lambda tx: (tx.lock_credential("token"), tx.save_credential(renewed)))

    assert first == new
    assert await store.transact(lambda tx: tx.lock_credential("token")) == renewed
    assert await store.read(lambda s: s.credential("token")) == renewed


async def test_a_function_that_raises_hurts_nobody_else(store: Store) -> None:
    """Of many functions that may share a commit, those that raise keep nothing, and all others keep everything."""

    def insert(number: int) -> bool:
        def work(tx: Tx) -> bool:
            done = tx.insert_execution(an_execution(f"run-{number}"), [])
            match number % 4:
                case 1:
                    raise LookupError("a mistake")
                case 2:
                    tx.connection.execute(sa.text("SELECT nonsense FROM nowhere"))  # type: ignore[attr-defined]  # our SQL transaction
                case 3:
                    tx.insert_attempt(an_attempt(number))
                    tx.insert_attempt(an_attempt(number))
                case _:
                    pass
            return done

        return work  # type: ignore[return-value]  # a function of a transaction

    results = await asyncio.gather(*(store.transact(insert(number)) for number in range(40)), return_exceptions=True)  # type: ignore[arg-type]  # as above

    kept = await store.read(lambda s: {row.id for row in s.executions(state=None, limit=100)})
    assert {f"run-{number}" for number in range(0, 40, 4)} == kept
    assert [True] * 10 == results[::4]
    assert all(isinstance(result, Exception) for number, result in enumerate(results) if number % 4)


async def test_callbacks_run_after_the_commit_only(store: Store) -> None:
    """What is registered for after the commit runs then, sees the rows, and cannot undo them; without a commit it does not run."""
    called: list[str] = []

    def succeed(tx: Tx) -> str:
        tx.after_commit.append(lambda: called.append("committed"))  # type: ignore[attr-defined]  # our SQL transaction
        tx.after_commit.append(lambda: 1 // 0)  # type: ignore[attr-defined]  # our SQL transaction
        tx.insert_execution(an_execution(), [])
        return "done"

    def fail(tx: Tx) -> None:
        tx.after_commit.append(lambda: called.append("never"))  # type: ignore[attr-defined]  # our SQL transaction
        raise LookupError

    result = await store.transact(succeed)
    with pytest.raises(LookupError):
        await store.transact(fail)

    assert ("done", ["committed"]) == (result, called)
    assert await store.read(lambda s: s.execution("run")) == an_execution()


async def test_documents_are_kept_once(store: Store) -> None:
    """The same digest twice is one document; an unknown one is a KeyError."""
    for body in ("one", "two"):
        await store.transact(lambda tx, body=body: tx.insert_document("digest", body))

    assert await store.read(lambda s: s.document("digest")) == "one"
    with pytest.raises(KeyError):
        await store.read(lambda s: s.document("unknown"))


async def test_closing_twice_is_fine(store: Store) -> None:
    """A store may be closed again."""
    await store.close()
    await store.close()


async def test_what_waits_for_people_is_listed_over_all_live_executions(store: Store) -> None:
    """Open questions of executions that go on are listed, the oldest first, and as many as wanted."""
    for name in ("run", "late", "over"):
        await start(store, name)
    asked = {
        (name, n): QuestionRow(
            execution=name,
            action="act",
            n=n,
            kind="outcome",
            text="?",
            options=("a",),
            asked_at=THEN + timedelta(seconds=n),
            deadline=THEN + timedelta(hours=1),
            default_answer="a",
            attempt=n,
        )
        for name, n in (("run", 2), ("late", 1), ("over", 3), ("run", 4))
    }
    for question in asked.values():
        await store.transact(lambda tx, row=question: tx.insert_question(row))
    answered = replace(asked["run", 4], answered_at=THEN, answer="a")
    await store.transact(lambda tx: tx.answer_question(answered))
    row = await store.transact(lambda tx: tx.lock("over"))
    await store.transact(lambda tx: (tx.lock("over"), tx.save_execution(replace(row, closing=RunState.CANCELLED))))

    assert [asked["late", 1], asked["run", 2]] == await store.read(lambda s: s.unanswered(limit=9))
    assert [asked["late", 1]] == await store.read(lambda s: s.unanswered(limit=1))


async def test_credentials_are_listed_and_forgotten_by_the_beginning_of_their_names(store: Store) -> None:
    """Forgetting takes what begins so, letter by letter: signs that SQL would take for wildcards are no wildcards."""

    def keep(tx: Tx) -> None:
        for name in ("a_b/1", "a_b/2", "axb/3", "%", "A_B/4"):
            tx.save_credential(
                replace(tx.lock_credential(name), sealed=b"s", uses=1, refreshing_by="x", renewed_at=THEN)
            )

    await store.transact(keep)
    await store.transact(lambda tx: tx.forget_credentials("a_b/"))

    rows = await store.read(lambda s: s.credentials(limit=10))
    assert {"axb/3", "%", "A_B/4"} == {row.name for row in rows}
    assert {(1, "x", THEN)} == {(row.uses, row.refreshing_by, row.renewed_at) for row in rows}
    assert 2 == len(await store.read(lambda s: s.credentials(limit=2)))


async def test_an_execution_knows_which_credentials_it_is_asked_for(store: Store) -> None:
    """Only credentials with an open question that a scheduled action of this very execution awaits."""
    await start(store, "mine")
    await start(store, "other")

    def wait(tx: Tx) -> None:
        for name, question in (("asked", "which?"), ("quiet", None), ("elsewhere", "which?")):
            tx.save_credential(replace(tx.lock_credential(name), question=question, asked_at=THEN))
        for execution, name in (("mine", "asked"), ("other", "quiet")):
            row = replace(an_action(execution=execution), state=ActionState.SCHEDULED, waits_for=name)
            tx.lock(execution)
            tx.save_actions([row])

    await store.transact(wait)

    found = [await store.read(lambda s, one=one: s.asked_for(one)) for one in ("mine", "other")]  # type: ignore[misc]  # a default argument
    assert [["asked"], []] == [[row.name for row in rows] for rows in found]


async def test_facts_are_kept_by_name(store: Store) -> None:
    """A fact is what was noted last under its name, until it is dropped."""
    await store.transact(lambda tx: tx.put_fact("era", "1"))
    await store.transact(lambda tx: (tx.put_fact("era", "2"), tx.put_fact("other", "x"), tx.drop_fact("other")))

    assert await store.read(lambda s: (s.fact("era"), s.fact("other"))) == ("2", None)


async def test_counts_what_lives_and_what_has_ended(store: Store) -> None:
    """Live executions are counted and listed in order, ended ones since a moment; no further than was asked."""
    for name in ("c", "a", "b"):
        await start(store, name)

    def end(tx: Tx) -> None:
        row = tx.lock("b")
        assert row is not None
        tx.save_execution(replace(row, state=RunState.COMPLETED, ended_at=THEN))

    await store.transact(end)
    second = timedelta(seconds=1)

    assert await store.read(lambda s: (s.count_live(most=9), s.count_live(most=1))) == (2, 1)
    assert await store.read(lambda s: [s.count_ended(since=THEN + d * second, most=9) for d in (-1, 0)]) == [1, 0]
    assert await store.read(
        lambda s: (s.live(after="", limit=9), s.live(after="a", limit=9), s.live(after="", limit=1))
    ) == (
        ["a", "c"],
        ["c"],
        ["a"],
    )


async def test_a_restored_database_forgets_who_worked_on_it(store: Store) -> None:
    """Leases are freed, workers forgotten, and every event counts as committed before any to come."""
    await start(store)

    def leave_traces(tx: Tx) -> None:
        tx.lock("run")
        tx.emit("run", "plan.execute.started", data={})
        connection = tx.connection  # type: ignore[attr-defined]  # the SQL adapter's
        worker = {"id": "w", "host": "h", "process": 1, "started_at": tx.now, "beat_at": tx.now}
        connection.execute(sa.insert(schema.workers), worker)
        step = {"key": "k", "purpose": Purpose.PERFORM, "execution": "run", "action": "act", "n": 1, "tenant": ""}
        held = {"priority": 0, "state": "leased", "at": tx.now, "owner": "w", "claims": 1}
        connection.execute(sa.insert(schema.steps), {**step, **held})

    await store.transact(leave_traces)
    before = await store.read(lambda s: (list(s.beating(within_s=60)), s.newest_event()))
    await store.transact(lambda tx: tx.forget_the_past())

    def look(snapshot: Snapshot) -> tuple[object, ...]:
        connection = snapshot.connection  # type: ignore[attr-defined]  # the SQL adapter's
        held = connection.execute(sa.select(schema.steps.c.state, schema.steps.c.owner)).one()
        return tuple(held), connection.scalar(sa.select(schema.events.c.xid)), list(snapshot.beating(within_s=60))

    assert before[0] == ["w"]
    assert before[1] is not None
    assert await store.read(look) == (("ready", None), 0, [])


async def test_an_execution_for_newer_releases_cannot_be_locked(store: Store) -> None:
    """An execution of a contract beyond ours is refused at the lock, and nothing of it is changed."""
    await store.transact(lambda tx: tx.insert_execution(replace(an_execution(), contract=CONTRACT + 1), []))

    with pytest.raises(ExecutionNewer):
        await store.transact(lambda tx: tx.lock("run"))

    row = await store.read(lambda s: s.execution("run"))
    assert row is not None
    assert row.version == 0
