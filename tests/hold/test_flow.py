"""How plans go through real workers on both databases: rate limits, tenants and priorities, and a plan replaced while it runs."""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from holdfast.errors import BadInput
from holdfast.testing import FaultApi
from tests.hold.flow_plans import PLAN_ID, call, opened, plan, planned

if TYPE_CHECKING:
    from pathlib import Path

UNDER_WAY_S = 1.0
"""A request reaches the API a little after it was counted: so much the first one may be late on a busy machine."""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/flow.db"
    return str(request.getfixturevalue("fresh_postgres_url"))


def test_workers_keep_a_rate_limit_together(url: str) -> None:
    """Whatever worker a call falls to, no window holds more calls than the limit allows, by the database's clock; the API sees as much, but for the
    time that requests are under way; and every plan ends.
    """
    requests, window_s, plans = 3, 0.4, 6
    route = {"name": "get", "method": "GET", "path": "/get", "body": {"id": "x"}}
    workers = 1 if url.startswith("sqlite") else 3
    with FaultApi({"routes": [route]}) as api, contextlib.ExitStack() as stack:
        holds = [stack.enter_context(opened(url)) for _ in range(workers)]
        made = call(api.url + "/get", requests=requests, window=round(window_s * 1000))
        started = [
            holds[number % workers].start(plan(*(planned(f"a{n}", "get") for n in range(3))), [made])
            for number in range(plans)
        ]

        ends = [execution.wait(timeout_s=60).status for execution in started]
        seen = sorted(record.at_s for record in api.ledger().requests)
        attempts = [
            attempt
            for execution in started
            for attempt in holds[0].call(holds[0].inner.read(lambda s, one=execution.id: s.attempts(one)))  # type: ignore[misc]  # one of each
        ]

    begun = sorted(attempt.started_at for attempt in attempts)
    assert ["completed"] * plans == ends
    assert (3 * plans, 3 * plans) == (len(begun), len(seen))
    window = timedelta(seconds=window_s)
    assert [] == [(a, b) for a, b in zip(begun, begun[requests:], strict=False) if b - a < window]
    assert seen[-1] - seen[0] >= window_s * (plans - 1) - UNDER_WAY_S


def test_a_tenant_with_many_plans_does_not_keep_another_waiting(url: str) -> None:
    """Two hundred plans of one tenant are due before the one of another: it has its turn among the first all the same."""
    order: list[str] = []
    gate = threading.Event()
    with opened(url, **{"worker.concurrency": 2}) as hold:

        @hold.action("hold.up")
        def hold_up() -> None:
            """Keep the worker busy until everything is accepted."""
            gate.wait(30)

        @hold.action("note")
        def note(who: str) -> None:
            """Note whose turn it is."""
            order.append(who)

        for _ in range(2):
            hold.start(plan(planned("wait", "hold.up")), tenant="many")
        for _ in range(200):
            hold.start(plan(planned("a", "note", who="many")), tenant="many")
        one = hold.start(plan(planned("a", "note", who="one")), tenant="one")
        gate.set()
        assert "completed" == one.wait(timeout_s=60).status

    assert order.index("one") <= 8


def test_a_lower_number_goes_first(url: str) -> None:
    """Within a tenant plans go by their priority, whenever they came."""
    order: list[int] = []
    gate = threading.Event()
    with opened(url, **{"worker.concurrency": 1}) as hold:

        @hold.action("hold.up")
        def hold_up() -> None:
            """Keep the worker busy until everything is accepted."""
            gate.wait(30)

        @hold.action("note")
        def note(priority: int) -> None:
            """Note whose turn it is."""
            order.append(priority)

        hold.start(plan(planned("wait", "hold.up")), priority=-10)
        started = [hold.start(plan(planned("a", "note", priority=p)), priority=p) for p in (5, 9, 1, 7, 3)]
        gate.set()
        for execution in started:
            execution.wait(timeout_s=60)

    assert [1, 3, 5, 7, 9] == order


def test_a_plan_is_replaced_while_a_worker_carries_it_out(url: str) -> None:
    """In the middle of its first action the rest of a plan is exchanged: the action ends, and the new rest is done."""
    done: list[str] = []
    inside, gate = threading.Event(), threading.Event()
    with opened(url) as hold:

        @hold.action("slow")
        def slow() -> None:
            """Take as long as the test wants."""
            inside.set()
            gate.wait(30)

        @hold.action("note")
        def note(who: str) -> None:
            """Note what was done."""
            done.append(who)

        first = plan(planned("a", "slow"), planned("b", "note", "a", who="old"), plan_id=PLAN_ID)
        execution = hold.start(first)
        assert inside.wait(30)

        with pytest.raises(BadInput, match="has begun"):
            hold.replace_plan(execution.id, plan(planned("b", "note", who="new"), plan_id=PLAN_ID))
        found = hold.replace_plan(
            execution.id, plan(planned("a", "slow"), planned("c", "note", "a", who="new"), plan_id=PLAN_ID)
        )
        gate.set()
        state = execution.wait(timeout_s=60)

    assert (("c",), ("b",)) == (found.added, found.removed)
    assert ("completed", ["new"], ["a", "c"]) == (state.status, done, list(state.action_states))


def test_many_replace_one_plan_at_the_same_time(url: str) -> None:
    """However many plans are proposed at once while workers go on: one after the other takes effect whole, or is refused whole."""
    with opened(url) as hold:

        @hold.action("note", repeatable=True)
        def note(who: int) -> None:
            """Do nothing."""

        def rest(who: int) -> list[dict[str, object]]:
            """A chain after the first action, with inputs of its own."""
            return [planned(f"b{n}", "note", "a" if n == 0 else f"b{n - 1}", who=who) for n in range(4)]

        execution = hold.start(plan(planned("a", "note", who=0), *rest(0), plan_id=PLAN_ID))
        accepted: list[int] = []

        def propose(who: int) -> None:
            """Propose one plan."""
            with contextlib.suppress(BadInput):
                hold.replace_plan(execution.id, plan(planned("a", "note", who=0), *rest(who), plan_id=PLAN_ID))
                accepted.append(who)

        threads = [threading.Thread(target=propose, args=(who,)) for who in range(1, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        state = execution.wait(timeout_s=60)
        requested = [
            event.data
            for event in hold.call(hold.inner.events(execution.id))
            if event.type == "action.execute.requested" and event.data["actionId"] != "a"
        ]

    assert "completed" == state.status
    assert 4 == len(requested)  # nothing twice
    assert 1 == len({data["inputs"]["who"] for data in requested})  # type: ignore[index]  # a chain of one plan


def test_a_changed_file_changes_no_plan_that_runs(tmp_path: Path) -> None:
    """Between two actions the plan's file is rewritten: the execution does what it was started with."""
    file = tmp_path / "plan.json"
    done: list[str] = []
    with opened(f"sqlite:///{tmp_path}/flow.db") as hold:

        @hold.action("note")
        def note(who: str) -> None:
            """Note what was done, and rewrite the file."""
            done.append(who)
            file.write_text(json.dumps(plan(planned("b", "note", who="changed"), plan_id=PLAN_ID)))

        first = plan(planned("a", "note", who="first"), planned("b", "note", "a", who="second"), plan_id=PLAN_ID)
        file.write_text(json.dumps(first))
        state = hold.start(file).wait(timeout_s=30)

    assert ("completed", ["first", "second"]) == (state.status, done)
