"""Events through the Python door, on real databases: raced duplicates, an executor in another process, the outbox and its cursor."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from holdfast.adapters.sql import schema
from holdfast.contract import Event
from holdfast.errors import BadInput, StaleCursor
from holdfast.hold import EventResult
from holdfast.settings import load
from holdfast.wiring import open_hold
from tests.outbox import LOOKS_MAX, is_caught_up

if TYPE_CHECKING:
    from holdfast import Hold

ROOT = Path(__file__).resolve().parents[2]
LOCATION = {"provider": "local", "path": "/srv/1", "size": 1, "checksum": "c", "contentType": "a/b", "metadata": {}}
RESULT = {"status": "success", "output": {"id": "1"}, "outputLocation": LOCATION}


def definition(name: str, *, timeout_ms: int = 60_000) -> dict[str, Any]:
    """A definition that nothing makes safe to repeat; its address is never called."""
    return {
        "id": name,
        "name": name,
        "description": "",
        "version": "1.0.0",
        "endpoint": {
            "url": f"https://api.example/{name}",
            "method": "POST",
            "headers": {},
            "timeout": timeout_ms,
        },
        "authentication": {"type": "bearer", "token": "HELD_BY_THE_EXECUTOR", "tokenFrom": "env"},
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": {
            "maxAttempts": 1,
            "initialDelay": 0,
            "maxDelay": 0,
            "backoffMultiplier": 1,
            "retryableErrors": [],
            "jitter": False,
        },
        "knownErrors": [],
        "examples": [],
    }


def planned(name: str, *after: str, **inputs: str) -> dict[str, Any]:
    """An action that must not fail."""
    return {
        "id": name,
        "actionDefinitionId": name,
        "inputs": inputs,
        "dependencies": list(after),
        "errorHandling": {"continueOnFailure": False},
    }


def plan(*actions: dict[str, Any]) -> dict[str, Any]:
    """A plan of some actions."""
    return {
        "id": str(uuid.uuid4()),
        "name": "For an executor",
        "description": "",
        "intent": {"original": "", "interpreted": "", "confidence": 1},
        "actions": list(actions),
        "expectedOutcome": {"description": "", "validations": []},
        "metadata": {"createdAt": "2026-01-01T00:00:00Z", "estimatedDuration": 0, "tags": []},
    }


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/h.db"
    return str(request.getfixturevalue("fresh_postgres_url"))


def opened(url: str, **settings: object) -> Hold:
    """A hold on it that looks for work often."""
    changes = {"worker.poll_interval_s": 0.02, **settings}
    return open_hold(url, settings=load(arguments={"database.url": url, **changes}))


def awaited(hold: Hold, kind: str) -> Event:
    """The first event of a type, once there is one."""
    for _ in range(20_000):
        page = hold.outbox(types=[kind])
        if page.events:
            return page.events[0]
    raise AssertionError(f"no {kind}")


def catch_up(hold: Hold) -> None:
    """Wait until the outbox shows what was committed."""
    for _ in range(LOOKS_MAX):
        if hold.call(hold.inner.read(is_caught_up)):
            return
    raise AssertionError("the outbox is held up")


def test_an_executor_in_another_process_drives_a_plan_to_its_end(url: str) -> None:
    """Failures, duplicates, contradictions and silence of an executor elsewhere end in one completed execution; each attempt is asked for once."""
    later = planned("ship", "pay", order="${pay.output.id}", amount="${pay.output.inputs.amount}")
    with opened(url, **{"external.grace_s": 0.0}) as hold:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.hold.executor_process", url], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        execution = hold.start(
            plan(planned("pay", amount="5"), later),
            [definition("pay"), definition("ship", timeout_ms=300)],
            external="erp",
        )
        said, _ = process.communicate(timeout=60)
        state = execution.wait(timeout_s=30)
        catch_up(hold)
        requested = hold.outbox(types=["action.execute.requested"]).events

    expected = ["pay 1 settled", "pay 2 settled", "pay 2 duplicate", "pay 2 recorded", "ship 1 late"]
    assert expected == said.splitlines()
    assert "completed" == state.status
    assert [("pay", 1), ("pay", 2), ("ship", 1)] == [(one.data["actionId"], one.data["attemptNumber"]) for one in requested]  # fmt: skip
    assert {"order": "pay-2", "amount": "5"} == requested[-1].data["inputs"]


def test_one_event_from_many_threads_is_one_effect(url: str) -> None:
    """Thirty deliveries of one event at the same time settle an attempt once; so do ten different answers."""
    with opened(url) as hold:
        execution = hold.start(plan(planned("pay")), [definition("pay")], external="erp")
        request = awaited(hold, "action.execute.requested")
        data = {"executionId": execution.id, "actionId": "pay", "attemptNumber": 1, "result": RESULT}
        error = {"category": "auth_invalid", "message": "m", "retryable": False, "context": {}}
        once = Event(id=str(uuid.uuid4()), source="/x", type="action.execute.completed", data=data)
        others = [
            Event(id=str(uuid.uuid4()), source="/x", type="error.occurred", data={**data, "error": error})
            for _ in range(10)
        ]
        with ThreadPoolExecutor(8) as pool:
            receipts = list(pool.map(hold.emit, [once] * 15 + others + [once] * 15))
        found = Counter(one.result for one in receipts)
        catch_up(hold)
        events = Counter(event.type for event in hold.outbox(limit=1000).events)

    assert request.data["actionId"] == "pay"
    assert {EventResult.SETTLED: 1, EventResult.RECORDED: 10, EventResult.DUPLICATE: 29} == found
    assert 11 == events["event.received"]
    assert 1 == events["plan.execute.completed"] + events["plan.execute.failed"]


def test_the_outbox_goes_on_from_its_cursor(tmp_path: Path) -> None:
    """Pages with the cursor of the one before make up the whole, without gaps or repeats; the last one says that it is."""
    with opened(f"sqlite:///{tmp_path}/h.db") as hold:
        hold.start(plan(planned("pay")), [definition("pay")], external="erp")
        awaited(hold, "action.execute.requested")
        whole = hold.outbox()
        first = hold.outbox(limit=1)
        second = hold.outbox(first.cursor)
        nothing = hold.outbox(second.cursor)
        filtered = hold.outbox(types=["no.such_type"])

    assert ["plan.execute.started", "action.execute.requested"] == [event.type for event in whole.events]
    assert whole.events == first.events + second.events
    assert (True, False, False) == (first.has_more, second.has_more, nothing.has_more)
    assert ((), second.cursor) == (nothing.events, nothing.cursor)
    assert ((), second.cursor) == (filtered.events, filtered.cursor)


def test_a_cursor_from_before_a_restore_leads_nowhere(tmp_path: Path) -> None:
    """Once the database says that it was restored, a cursor of before is refused and a new one is good."""
    url = f"sqlite:///{tmp_path}/h.db"
    with opened(url) as hold:
        old = hold.outbox().cursor
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.insert(schema.facts), {"name": "era", "value": "1"})
        engine.dispose()

        with pytest.raises(StaleCursor):
            hold.outbox(old)
        new = hold.outbox()

        assert new == hold.outbox(new.cursor)


@pytest.mark.parametrize("limit", [0, 10_001])
def test_a_page_is_bounded(tmp_path: Path, limit: int) -> None:
    """A page of nothing or of everything is refused."""
    with opened(f"sqlite:///{tmp_path}/h.db") as hold, pytest.raises(BadInput, match="limit"):
        hold.outbox(limit=limit)


def test_a_payload_alone_is_the_same_event_twice(tmp_path: Path) -> None:
    """A payload with its type needs no envelope; said again, it is a duplicate."""
    data = {"executionId": str(uuid.uuid4()), "actionId": "a", "attemptNumber": 1, "result": RESULT}
    with opened(f"sqlite:///{tmp_path}/h.db") as hold:
        receipts = [hold.emit(data, type="action.execute.completed") for _ in range(2)]
        (letter,) = hold.dead_letters()

    assert [EventResult.SET_ASIDE, EventResult.DUPLICATE] == [one.result for one in receipts]
    assert ["unknown-execution", "set-aside:unknown-execution"] == [one.reason for one in receipts]
    assert (data["executionId"], "event") == (letter.execution, letter.kind)


@pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb"])
def test_an_executor_has_a_name(tmp_path: Path, name: str) -> None:
    """A name that is empty, endless or cannot be shown is refused."""
    with opened(f"sqlite:///{tmp_path}/h.db") as hold, pytest.raises(BadInput, match="executor"):
        hold.start(plan(planned("pay")), [definition("pay")], external=name)


def test_settings_bound_what_is_taken_in(tmp_path: Path) -> None:
    """The size of an event is bounded by its setting."""
    settings = {"events.size_max_bytes": 2048}
    with opened(f"sqlite:///{tmp_path}/h.db", **settings) as hold, pytest.raises(BadInput, match=r"size_max_bytes"):
        hold.emit({"executionId": "x" * 2048}, type="error.occurred")
