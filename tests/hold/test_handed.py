"""A call that a policy gave up goes on in an open database: from plain and from asynchronous programs, through deaths."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import holdfast
from holdfast.errors import (
    Attempted,
    BadInput,
    Exhausted,
    HandoverUnavailable,
    Overloaded,
    Rejected,
    Rejection,
    StoreError,
)
from holdfast.faults.verdict import Verdict
from holdfast.guards.handover import HANDOVERS, CallFacts, resume_for
from holdfast.guards.world import WORLD
from holdfast.hold import Hold
from holdfast.hold.handed import Door, HandedOver
from holdfast.ports.handover import FailedRequest, Registered
from holdfast.recovery.detail import verdict_of
from holdfast.testing import FaultApi
from holdfast.wiring import open_async
from tests.recovery.bench import BROKEN, INVALID, REFUSED, TIMEOUT, fault

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.hold import Execution
    from holdfast.ports.rows import AttemptRow

SOON = fault("rate_limit_burst", status=429, retry_after_s=0.01)
"""A failure after which the server wants to see the call again at once."""


LOOKS_MAX = 2_000
"""Each look at a SQLite file takes most of a millisecond."""


@dataclass
class World:
    """What the function did, and what it is to do next."""

    calls: list[dict[str, object]] = field(default_factory=list)
    troubles: list[Exception] = field(default_factory=list)


WORK = World()


def create(name: str, *, tags: list[str] | None = None, idempotency_key: str = "") -> dict[str, object]:
    """Create a customer."""
    WORK.calls.append({"name": name, "tags": tags, "key": idempotency_key})
    if WORK.troubles:
        raise WORK.troubles.pop(0)
    return {"id": f"c-{len(WORK.calls)}"}


async def create_later(name: str) -> dict[str, object]:
    """Create a customer, asynchronously."""
    WORK.calls.append({"name": name})
    return {"name": name}


REGISTERED = Registered(name="crm.create", function=create, policy="crm", attempts_max=3)


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has functions and databases of its own, and one registered function."""
    monkeypatch.setattr(HANDOVERS, "_functions", {})
    WORK.calls.clear()
    WORK.troubles.clear()
    HANDOVERS.register(REGISTERED)
    yield
    assert HANDOVERS.door() is None, "a closed database takes nothing any more"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/handed.db"
    return str(request.getfixturevalue("fresh_postgres_url"))


@pytest.fixture
def file(tmp_path: Path) -> str:
    """An empty SQLite file, where the kind of database makes no difference."""
    return f"sqlite:///{tmp_path}/handed.db"


def tried(*verdicts: Verdict) -> tuple[Attempted, ...]:
    """Attempts a tenth of a second apart."""
    return tuple(
        Attempted(number=number + 1, started_s=number * 0.1, took_s=0.05, verdict=verdict, wait_s=0.05)
        for number, verdict in enumerate(verdicts)
    )


def given_up(*verdicts: Verdict, registered: Registered = REGISTERED, **facts: object) -> Exhausted:
    """What a guard raises once it has given up on a call."""
    attempts = tried(*verdicts)
    told: dict[str, object] = {"args": ("Ada",), "kwargs": {"tags": ["a", "b"]}, "registered": registered, **facts}
    call = CallFacts(
        policy="crm", reason="attempts-exhausted", began_s=WORLD.monotonic() - 1.0, attempts=attempts, **told
    )  # type: ignore[arg-type]  # fields by name
    return Exhausted(
        "crm", "attempts-exhausted", attempts=attempts, explanation="three were made", resume=resume_for(call)
    )


def ledger(hold: Hold, execution: Execution) -> list[AttemptRow]:
    """The attempts of an execution."""
    return hold.call(hold.inner.read(lambda snapshot: snapshot.attempts(execution.id)))


def handed(error: Exhausted | Rejected) -> Execution:
    """Hand over in a plain program."""
    execution = error.hand_over().wait()
    assert isinstance(execution, holdfast.hold.Execution)
    return execution


def loops_of_holds() -> int:
    """How many open databases have a thread of their own."""
    return sum(thread.name == "holdfast" for thread in threading.enumerate())


# --- from end to end, on both databases ---


def test_a_plain_program_hands_over_and_the_call_succeeds_later(url: str) -> None:
    """The call completes with its own arguments, and the ledger tells the attempts of the program before those of the worker."""
    with holdfast.open(url) as hold:
        execution = handed(given_up(BROKEN, REFUSED, SOON))

        state = execution.wait(timeout_s=30)
        rows, why = ledger(hold, execution), "\n".join(execution.why())

    assert "completed" == state.status
    assert [("Ada", ["a", "b"])] == [(one["name"], one["tags"]) for one in WORK.calls]
    assert [1, 2, 3, 4] == [row.n for row in rows]
    assert [BROKEN, REFUSED, SOON] == [verdict_of(row.verdict or "") for row in rows[:3]]
    assert "handed over by the policy 'crm' after 3 attempts made in process" in why
    assert "attempt 4 worked" in why


def test_an_asynchronous_program_awaits_the_same_method(url: str) -> None:
    """Handing over on an event loop does not block it, and gives the same execution."""

    async def program(error: Exhausted) -> object:
        return await error.hand_over()

    registered = Registered(name="crm.later", function=create_later, policy="crm")
    HANDOVERS.register(registered)
    with holdfast.open(url) as hold:
        error = given_up(SOON, SOON, SOON, registered=registered, kwargs={})
        execution = asyncio.run(program(error))
        assert isinstance(execution, holdfast.hold.Execution)

        state = execution.wait(timeout_s=30)
        rows = ledger(hold, execution)

    assert ("completed", 4, 1) == (state.status, len(rows), len(WORK.calls))


def test_a_death_between_handover_and_work_loses_nothing(url: str) -> None:
    """What was handed over is done by the next process that opens the database; handing over again changes nothing."""
    error = given_up(SOON, SOON, SOON)
    with holdfast.open(url, worker=False):
        first = handed(error).id

    with holdfast.open(url) as hold:
        again = handed(error)
        state = again.wait(timeout_s=30)
        rows = ledger(hold, again)
        listed = [row.id for row in hold.executions()]

    assert ([first], "completed", 4, 1) == (listed, state.status, len(rows), len(WORK.calls))


def test_many_threads_that_hand_over_one_failure_make_one_execution(url: str) -> None:
    """Whoever is first inserts it; all others get the same."""
    error = given_up(SOON, SOON, SOON)
    found: list[str] = []
    with holdfast.open(url, worker=False) as hold:
        threads = [threading.Thread(target=lambda: found.append(handed(error).id)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        listed = [row.id for row in hold.executions()]
        attempts = hold.call(hold.inner.read(lambda snapshot: snapshot.attempts(listed[0])))

    assert ([found[0]] * 8, [found[0]]) == (found, listed)
    assert 3 == len(attempts)


def test_an_unknown_outcome_becomes_a_question_and_no_call(url: str) -> None:
    """What may have happened is asked about, of a person; the answer ends it without another call."""
    with holdfast.open(url) as hold:
        execution = handed(given_up(BROKEN, TIMEOUT))

        paused = execution.wait(timeout_s=30)
        (question,) = execution.questions
        hold.answer(execution.id, "happened", by="ada", output={"id": "c-9"})
        state = execution.wait(timeout_s=30)

    assert ("paused_for_confirmation", 2) == (paused.status, question.n)
    assert ("completed", []) == (state.status, WORK.calls)


def test_the_key_of_the_call_goes_on(url: str) -> None:
    """The function is given the very key that its attempts in process were made with."""
    with holdfast.open(url):
        execution = handed(given_up(SOON, SOON, SOON, kwargs={"idempotency_key": "key-7"}))

        assert "completed" == execution.wait(timeout_s=30).status

    assert ["key-7"] == [one["key"] for one in WORK.calls]


# --- bounds and times ---


def test_the_next_attempt_is_not_due_before_the_server_said(file: str) -> None:
    """A wait that was stated in process counts from then, in the database's time."""
    wait = fault("rate_limit_burst", status=429, retry_after_s=3600.0)
    with holdfast.open(file, worker=False) as hold:
        execution = handed(given_up(wait))
        (row,) = hold.call(hold.inner.read(lambda snapshot: snapshot.actions(execution.id)))
        (attempt,) = ledger(hold, execution)

    assert row.due_at is not None
    assert attempt.settled_at is not None
    late_s = (row.due_at - attempt.settled_at - timedelta(seconds=3600)).total_seconds()
    assert 0 <= late_s < 5, "a spread of a quarter of a second and the time of a transaction"


def test_a_failure_for_good_is_a_dead_letter_at_once(file: str) -> None:
    """What the server refuses for good is not tried again; it is set aside with all its attempts."""
    with holdfast.open(file) as hold:
        execution = handed(given_up(SOON, INVALID))
        state = execution.wait(timeout_s=30)
        (letter,) = hold.dead_letters(execution_id=execution.id)

    assert ("failed", 2, []) == (state.status, json.loads(letter.detail)["attempts"], WORK.calls)


def test_a_rejected_call_begins_when_it_may(file: str) -> None:
    """A call that an open circuit turned away has no attempts yet; its first one is due when the circuit may close."""
    error = Rejected(Rejection(policy="crm", because="Circuit 'crm' is open"), 60.0)
    facts = CallFacts(
        policy="crm",
        reason="circuit-open",
        began_s=WORLD.monotonic(),
        retry_after_s=60.0,
        registered=REGISTERED,
        args=("Ada",),
    )
    error.resume = resume_for(facts)
    with holdfast.open(file, worker=False) as hold:
        execution = handed(error)
        (row,) = hold.call(hold.inner.read(lambda snapshot: snapshot.actions(execution.id)))
        started_at = hold.call(hold.inner.read(lambda snapshot: snapshot.execution(execution.id))).started_at  # type: ignore[union-attr]  # it is there

    assert row.due_at is not None
    assert 55 < (row.due_at - started_at).total_seconds() <= 60


# --- refusals ---


def test_without_an_open_database_nothing_is_lost() -> None:
    """The error says what to do, and can be handed over once that is done."""
    error = given_up(SOON)

    with pytest.raises(HandoverUnavailable, match=r"no database is open.*holdfast\.open\(\)"):
        error.hand_over()


def test_a_closed_database_takes_nothing(file: str) -> None:
    """What is closed is not handed anything, also when it is named."""
    with holdfast.open(file, worker=False) as hold:
        pass

    with pytest.raises(HandoverUnavailable, match="no database is open"):
        given_up(SOON).hand_over()
    with pytest.raises(HandoverUnavailable, match="that database is not open"):
        given_up(SOON).hand_over(hold=hold)


def test_arguments_that_are_not_json_are_refused_and_nothing_is_kept(file: str) -> None:
    """The error is still there, the database is empty, and the value is not repeated."""
    with holdfast.open(file, worker=False) as hold:
        with pytest.raises(BadInput, match="tags: holds a Python object") as refused:
            given_up(SOON, kwargs={"tags": object()}).hand_over()
        listed = hold.executions()

    assert [] == listed
    assert "crm.create" in str(refused.value)


def test_an_overloaded_database_says_when_to_come_back(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handing over is admission like any other start; the failure can be handed over later."""
    monkeypatch.setenv("HOLDFAST_WORKER_EXECUTIONS_MAX", "1")
    with holdfast.open(file, worker=False) as hold:
        handed(given_up(SOON))
        second = given_up(SOON)

        with pytest.raises(Overloaded):
            second.hand_over()
        hold.cancel(hold.executions()[0].id)
        time.sleep(0)
        hold.inner._parts.admission._load = None  # the count is kept for a second; this test does not wait for it
        assert handed(second)


def test_a_verdict_that_is_none_is_refused(file: str) -> None:
    """Only attempts that were classified as ours are can stand on a ledger."""

    class Foreign:
        category = outcome = message = rule = "x"
        retry_after_s = None

    foreign = (Attempted(number=1, started_s=0, took_s=0, verdict=Foreign()),)
    facts = CallFacts(policy="crm", reason="x", began_s=0, attempts=foreign, registered=REGISTERED, args=("Ada",))
    with holdfast.open(file, worker=False), pytest.raises(BadInput, match="whole verdict"):
        resume_for(facts)(None)


def test_more_attempts_than_a_policy_makes_are_refused(file: str) -> None:
    """One transaction has a bound."""
    with holdfast.open(file, worker=False), pytest.raises(BadInput, match="at most 1000 attempts"):
        given_up(*[SOON] * 1001).hand_over()


# --- registration ---


def test_a_function_of_the_same_name_is_refused_where_it_is_registered(file: str) -> None:
    """A name means one function in a process, whether it came by a policy or by hold.action."""
    with holdfast.open(file, worker=False) as hold:
        hold.action("crm.taken")(create_later)

        with pytest.raises(BadInput, match="taken by another action"):
            HANDOVERS.register(Registered(name="crm.taken", function=create, policy="crm"))
        with pytest.raises(BadInput, match="taken by another function"):
            hold.action("crm.create")(create_later)
    assert "crm.taken" not in HANDOVERS.functions


def test_an_action_keeps_its_own_rules(file: str) -> None:
    """What hold.action says of a function is not changed by a policy around it; both may name it, in either order."""
    with holdfast.open(file, worker=False) as hold:
        hold.action("crm.both", repeatable=True)(create_later)
        HANDOVERS.register(Registered(name="crm.both", function=create_later, policy="crm"))
        hold.action("crm.create", repeatable=True)(create)

        assert [True, True] == [hold.inner.registry.rules[name].repeatable for name in ("crm.both", "crm.create")]


def test_personal_fields_without_a_name_are_refused(file: str) -> None:
    """What is personal has to be named by words that can be found."""
    registered = Registered(name="crm.odd", function=create_later, policy="crm", personal=("a..b",))

    with holdfast.open(file, worker=False), pytest.raises(BadInput, match="personal"):
        HANDOVERS.register(registered)
    loops = loops_of_holds()
    HANDOVERS.register(registered)
    with pytest.raises(BadInput, match=r"handover='crm\.odd': personal"):
        holdfast.open(file, worker=False)
    assert loops == loops_of_holds(), "what could not be opened has left nothing behind"


def test_personal_arguments_are_erased_with_the_others(file: str) -> None:
    """Arguments that were declared personal are in no event, not even quoted by an error, and gone from the plan once they are purged."""
    registered = Registered(name="crm.person", function=create_later, policy="crm", personal=("name",))
    HANDOVERS.register(registered)
    quoting = replace(BROKEN, message="no room for Ada Lovelace", code="Ada Lovelace")
    with holdfast.open(file) as hold:
        execution = handed(given_up(quoting, quoting, SOON, registered=registered, args=("Ada Lovelace",), kwargs={}))
        execution.wait(timeout_s=30)
        events = hold.call(hold.inner.events(execution.id))
        hold.purge(execution.id, only_personal=True)
        document = hold.call(
            hold.inner.read(lambda snapshot: snapshot.document(snapshot.execution(execution.id).document))  # type: ignore[union-attr]  # it is there
        )

    assert [{"name": "Ada Lovelace"}] == WORK.calls
    assert not any("Lovelace" in json.dumps(event.data) for event in events)
    assert "Lovelace" not in document


# --- programs with an event loop of their own, and requests ---


def test_a_database_opened_on_an_event_loop_is_handed_to_from_there(file: str) -> None:
    """A program that keeps its database on its own loop awaits; blocking that loop for itself is refused."""

    async def program() -> tuple[str, int]:
        hold = await open_async(file)
        door = Door(hold, loop=asyncio.get_running_loop(), owner=hold, accepted=found)
        handovers = HANDOVERS
        handovers.opened(door)
        try:
            error = given_up(SOON)
            with pytest.raises(HandoverUnavailable, match="await"):
                error.hand_over().wait()
            execution = await error.hand_over(hold=hold)
            assert isinstance(execution, HandedOver)
            return execution.id, len(await hold.executions())
        finally:
            handovers.closed(door)
            await hold.close()

    async def found(execution_id: str) -> HandedOver:
        return HandedOver(id=execution_id)

    execution_id, number = asyncio.run(program())

    assert (36, 1) == (len(execution_id), number)


def test_a_wait_that_is_cancelled_leaves_the_handover_alone(file: str) -> None:
    """Who gives up waiting for the handover has handed over all the same."""

    async def impatient(error: Exhausted) -> None:
        way = asyncio.ensure_future(awaited(error))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        way.cancel()
        await asyncio.gather(way, return_exceptions=True)

    async def awaited(error: Exhausted) -> object:
        return await error.hand_over()

    with holdfast.open(file, worker=False) as hold:
        error = given_up(SOON)
        asyncio.run(impatient(error))
        for _ in range(LOOKS_MAX):
            listed = [row.id for row in hold.executions()]
            if listed:
                break
        execution = handed(error)

    assert [execution.id] == listed


def test_a_request_goes_on_with_its_body_its_key_and_a_fresh_token(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An HTTP request is made again as it was, recognised by its key, with the token of the worker's environment; the old token rests nowhere."""
    monkeypatch.setenv("CRM_TOKEN", "fresh-token-2")
    scenario = {
        "credentials": {"crm": {"access_token": "fresh-token-2"}},
        "routes": [
            {
                "name": "create",
                "method": "POST",
                "path": "/customers",
                "body": {"tags": "{body.tags}", "notify": "{query.notify}"},
                "idempotency_header": "Idempotency-Key",
                "credential": "crm",
            }
        ],
    }
    with FaultApi(scenario) as api, holdfast.open(file) as hold:
        request = FailedRequest(
            method="POST",
            url=f"{api.url}/customers?notify=true",
            headers=(("Authorization", "Bearer stale-token-1"), ("Idempotency-Key", "k-1"), ("X-Tenant", "north")),
            body=b'{"name": "Ada", "tags": [1, null]}',
            credential="CRM_TOKEN",
            key_header="Idempotency-Key",
        )
        call = CallFacts(
            policy="crm",
            reason="deadline",
            began_s=WORLD.monotonic(),
            attempts=tried(SOON, TIMEOUT, SOON),
            key="k-1",
            request=request,
            action="POST /customers",
        )
        execution = resume_for(call)(None).wait()
        assert isinstance(execution, holdfast.hold.Execution)
        state = execution.wait(timeout_s=30)
        (seen,) = api.ledger().requests
        (row,) = hold.call(hold.inner.read(lambda snapshot: snapshot.actions(execution.id)))
        document = hold.call(hold.inner.read(lambda s: s.document(s.execution(execution.id).document)))  # type: ignore[union-attr]  # it is there

    assert ("completed", 200, "k-1") == (state.status, seen.status, seen.key)
    assert {"tags": [1, None], "notify": "true"} == json.loads(row.output or "{}")
    assert "stale-token-1" not in document


def test_a_request_without_its_variable_is_refused(file: str) -> None:
    """A credential that this process cannot find is told at the handover, not to a worker in the night."""
    request = FailedRequest(method="GET", url="https://api.example/x", credential="CRM_UNSET")
    call = CallFacts(policy="crm", reason="budget", began_s=0.0, attempts=tried(SOON), request=request, action="x")

    with holdfast.open(file, worker=False) as hold:
        with pytest.raises(BadInput, match="CRM_UNSET"):
            resume_for(call)(None)
        listed = hold.executions()

    assert [] == listed


def test_a_request_under_the_name_of_a_function_is_refused(file: str) -> None:
    """A worker that looks up the name must find the request, and not a function of that name."""
    request = FailedRequest(method="GET", url="https://api.example/x")
    call = CallFacts(policy="crm", reason="x", began_s=0.0, attempts=tried(SOON), request=request, action="crm.create")

    with holdfast.open(file, worker=False), pytest.raises(BadInput, match="belongs to a function"):
        resume_for(call)(None)


def test_a_database_that_is_away_loses_nothing(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that fails raises its own error, and the next try is the same execution."""
    error = given_up(SOON)
    with holdfast.open(file, worker=False) as hold:
        store = hold.inner._parts.store
        kept: Callable[..., object] = store.transact

        async def away(work: object) -> object:
            raise StoreError(file, "it is away")

        monkeypatch.setattr(store, "transact", away)
        with pytest.raises(StoreError, match="away"):
            error.hand_over()
        monkeypatch.setattr(store, "transact", kept)

        assert 1 == len({handed(error).id, handed(error).id})
        assert 1 == len(hold.executions())
