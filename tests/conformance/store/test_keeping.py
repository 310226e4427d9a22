"""What every store promises of keeping and erasing: run on SQLite, PostgreSQL and the simulator's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.ports.rows import DeadLetterRow, QuestionRow, RunState
from tests.conformance.store.rows import THEN, an_action, an_attempt, an_execution

if TYPE_CHECKING:
    from holdfast.ports.store import Snapshot, Store, Tx

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)


async def ended(store: Store, name: str, *, after_s: float = 0, document: str = "digest", letter: bool = False) -> None:
    """Insert an execution that has ended, with something in every table."""
    row = replace(an_execution(name), state=RunState.COMPLETED, ended_at=THEN + SECOND * after_s, document=document)
    action = replace(an_action(execution=name), location=f'{{"path":"{name}"}}', reason="for Ada")

    def insert(tx: Tx) -> None:
        tx.insert_document(document, f"the text of {document}")
        tx.insert_execution(row, [action])
        tx.save_execution(row)
        tx.insert_attempt(replace(an_attempt(outcome="executed", result="success"), execution=name, trace="Ada"))
        tx.emit(name, "plan.execute.started", data={"for": "Ada"})
        tx.insert_question(
            QuestionRow(execution=name, action="act", n=1, kind="k", text="Ada?", options=("a",), asked_at=THEN)
        )
        if letter:
            tx.insert_dead_letter(DeadLetterRow(execution=name, action="act", reason="r", detail="{}", added_at=THEN))

    await store.transact(insert)


async def counts(store: Store) -> dict[str, int]:
    """How many rows each table has, those with none left out."""

    def count(snapshot: object) -> dict[str, int]:
        connection: sa.Connection = snapshot.connection  # type: ignore[attr-defined]  # all stores under test are SQL
        tables = schema.metadata.sorted_tables
        found = {one.name: connection.scalar(sa.select(sa.func.count()).select_from(one)) or 0 for one in tables}
        return {name: number for name, number in found.items() if number and name != "facts"}  # of the database itself

    return await store.read(count)


async def test_what_ended_first_expires_first_and_letters_wait(store: Store) -> None:
    """Old ends come oldest first and up to the limit; live executions never come, and those with a letter only when they are old enough for that."""
    await store.transact(lambda tx: tx.insert_execution(an_execution("live"), []))
    for name, after_s, letter in (("c", 3, False), ("a", 1, False), ("b", 2, True), ("d", 9, False)):
        await ended(store, name, after_s=after_s, letter=letter)

    before = THEN + 5 * SECOND
    without, with_letters, first, none_old_enough = [
        await store.read(lambda s, kept=kept, limit=limit: s.expired(before=before, letters_before=kept, limit=limit))
        for kept, limit in ((None, 9), (before, 9), (before, 2), (THEN + 2 * SECOND, 9))
    ]

    assert (["a", "c"], ["a", "b", "c"], ["a", "b"], ["a", "c"]) == (without, with_letters, first, none_old_enough)


async def test_erasing_leaves_nothing_of_one_and_all_of_the_other(store: Store) -> None:
    """Every row of the execution goes, and says where its file was; its document stays as long as another execution runs it."""
    await ended(store, "one", letter=True)
    await ended(store, "two", letter=True)
    whole = await counts(store)

    first = await store.transact(lambda tx: tx.erase("one"))
    half = await counts(store)
    second = await store.transact(lambda tx: tx.erase("two"))
    third = await store.transact(lambda tx: tx.erase("two"))

    assert ('{"path":"one"}',) == first.locations
    assert THEN == first.ended_at
    assert {name: number // 2 for name, number in whole.items() if name != "documents"} | {"documents": 1} == half
    assert {"documents": 1, **first.rows} == second.rows
    assert ({}, (), None) == (third.rows, third.locations, third.ended_at)
    assert {} == await counts(store)


async def test_places_of_files_come_in_pages(store: Store) -> None:
    """Every action with a file comes once, in order."""
    for name in ("b", "a", "c"):
        await ended(store, name)

    found, after = [], ("", "")
    while page := await store.read(lambda s, after=after: s.locations(after=after, limit=2)):
        found += page
        after = page[-1][0]

    assert [((name, "act"), f'{{"path":"{name}"}}') for name in "abc"] == found


async def test_texts_of_one_execution_are_rewritten(store: Store) -> None:
    """Every text that tells of the execution is changed, its output and the texts of others are not."""
    await ended(store, "one")
    await ended(store, "two")

    changed = await store.transact(lambda tx: tx.rewrite("one", lambda text: text.replace("Ada", "-")))

    def texts(snapshot: Snapshot, name: str) -> list[object]:
        action = snapshot.action(name, "act")
        assert action is not None
        question, attempt = snapshot.questions(name)[0], snapshot.attempts(name)[0]
        return [snapshot.events(name)[0].data["for"], action.reason, question.text, attempt.trace]

    one, two = [await store.read(lambda s, name=name: texts(s, name)) for name in ("one", "two")]
    assert 4 == changed
    assert (["-", "for -", "-?", "-"], ["Ada", "for Ada", "Ada?", "Ada"]) == (one, two)


async def test_a_document_is_not_deleted_from_under_an_execution_that_starts(store: Store) -> None:
    """Erasing the last execution of a plan while others start it, again and again, never leaves one without its document."""

    async def start(n: int) -> None:
        def insert(tx: Tx) -> None:
            tx.insert_document("shared", "text")
            tx.insert_execution(replace(an_execution(f"new-{n}"), document="shared"), [])

        await store.transact(insert)

    async def erase(n: int) -> None:
        await store.transact(lambda tx: tx.erase(f"new-{n}"))

    await start(0)
    for n in range(25):
        await asyncio.gather(erase(n), start(n + 1))
        assert "text" == await store.read(lambda s: s.document("shared"))


async def test_a_secret_goes_when_no_document_names_it(store: Store) -> None:
    """A credential of a certain kind whose name stands in a document is neither found nor forgotten; another kind is not looked at."""

    def put(tx: Tx) -> None:
        for name in ("~x/named", "~x/not", "y"):
            tx.lock_credential(name)
        tx.insert_document("d", '{"secret":"~x/named"}')

    await store.transact(put)
    found = await store.read(lambda s: s.unnamed(prefix="~x/", limit=9))
    gone = [await store.transact(lambda tx, name=name: tx.forget_unnamed(name)) for name in ("~x/named", "~x/not")]

    assert (["~x/not"], [False, True]) == (found, gone)
    assert ["y", "~x/named"] == sorted(row.name for row in await store.read(lambda s: s.credentials(limit=9)))


async def test_limits_are_listed_with_their_last_use(store: Store) -> None:
    """The newest call of the ring, or when the next is told to come, whichever is later; a limit goes with its ring and no other."""

    def put(tx: Tx) -> None:
        for name, slots in (("a", (1, 5)), ("b", (2,)), ("c", ())):
            bucket = tx.lock_bucket(name)
            for slot, second in enumerate(slots):
                tx.keep_start(name, slot=slot, at=THEN + SECOND * second)
            tx.save_bucket(replace(bucket, next_at=THEN + SECOND * 3 if name != "c" else None))

    await store.transact(put)
    page = await store.read(lambda s: s.limits(after="", limit=2))
    rest = await store.read(lambda s: s.limits(after=page[-1][0], limit=2))
    await store.transact(lambda tx: tx.forget_limit("a"))
    left = await store.read(lambda s: s.limits(after="", limit=9))

    assert [("a", THEN + SECOND * 5), ("b", THEN + SECOND * 3)] == page
    assert [("c", None)] == rest
    assert ["b", "c"] == [name for name, _ in left]
    assert [None, THEN + SECOND * 2] == [await store.transact(lambda tx, n=n: tx.rate_start(n, 0)) for n in ("a", "b")]
