"""Refreshing in the background: once at a time, bounded, free of the caller's limits, and quiet."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading

import pytest

import holdfast
from holdfast.guards.ambient import SPENT
from holdfast.guards.refreshing import Refresher

PATIENCE_S = 20


def test_one_refresh_of_a_key_is_under_way_at_a_time() -> None:
    """However many callers find a stale value, the dependency is asked once."""
    refresher, go, made = Refresher("shop"), threading.Event(), []

    def refresh() -> None:
        go.wait(PATIENCE_S)
        made.append(threading.current_thread())

    begun = [refresher.begin("book", refresh) for _ in range(20)]
    other = refresher.begin("pen", refresh)
    go.set()

    assert [True] + [False] * 19 == begun
    assert other
    assert refresher.join(PATIENCE_S)
    assert 2 == len(made)
    assert 1 == len(set(made))
    assert made[0].daemon
    assert 0 == refresher.pending


def test_a_key_can_be_refreshed_again_afterwards() -> None:
    """The end of a refresh makes room for the next, and so does its failure."""
    refresher = Refresher("shop")
    made: list[int] = []

    for number in range(3):
        assert refresher.begin("book", lambda number=number: made.append(number) or 1 / 0)
        assert refresher.join(PATIENCE_S)

    assert [0, 1, 2] == made


def test_only_so_many_wait() -> None:
    """A flood of keys does not fill the memory: what is too much is not begun."""
    refresher, go = Refresher("shop", pending_max=3), threading.Event()

    begun = [refresher.begin(f"{number}", lambda: go.wait(PATIENCE_S)) for number in range(10)]
    pending = refresher.pending
    go.set()

    assert (3, 3) == (sum(begun), pending)
    assert refresher.join(PATIENCE_S)
    assert refresher.begin("more", lambda: None)
    assert refresher.join(PATIENCE_S)


def test_failures_are_told_once_until_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    """An outage is one line, without the words of the exception."""
    refresher = Refresher("shop")

    def fail() -> None:
        raise ConnectionError("token=hunter2")

    with caplog.at_level(logging.WARNING, "holdfast.refreshing"):
        for refresh in (fail, fail, fail, lambda: None, fail):
            refresher.begin("book", refresh)
            refresher.join(PATIENCE_S)

    assert 2 == len(caplog.records)
    assert "ConnectionError" in caplog.text
    assert "hunter2" not in caplog.text


def test_the_callers_limits_do_not_bind_the_refresh() -> None:
    """The caller has its answer; its deadline and its attempts are not the refresh's, but its other context is."""
    refresher, seen = Refresher("shop"), []

    with holdfast.deadline(5):
        token = SPENT.set(2)
        refresher.begin("book", lambda: seen.append((holdfast.remaining_s(), SPENT.get())))
        mine = holdfast.remaining_s()
        SPENT.reset(token)
    refresher.join(PATIENCE_S)

    assert [(None, 0)] == seen
    assert mine is not None


@pytest.mark.anyio
async def test_on_a_loop_it_is_a_task_of_its_own() -> None:
    """Single flight and bound hold across tasks, the caller's deadline does not bind it, and its failure is not lost in the loop."""
    refresher, go, seen = Refresher("shop", pending_max=2), asyncio.Event(), []

    async def refresh() -> None:
        await go.wait()
        seen.append(holdfast.remaining_s())
        raise ConnectionError

    with holdfast.deadline(5):
        begun = [refresher.begin_async(key, refresh) for key in ("book", "book", "pen", "ink")]
    go.set()
    while refresher.pending:  # noqa: ASYNC110 - it has no event to wait for
        await asyncio.sleep(0)

    assert [True, False, True, False] == begun
    assert [None, None] == seen


def test_a_loop_that_ends_takes_its_refreshes_with_it() -> None:
    """A refresh that was cancelled, even before it began, does not block its key for ever."""
    refresher = Refresher("shop")

    async def refresh() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        refresher.begin_async("book", refresh)
        await asyncio.sleep(0)
        refresher.begin_async("pen", refresh)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # the second has not even begun

    asyncio.run(main())

    assert 0 == refresher.pending
    assert refresher.begin("book", lambda: None)
    assert refresher.join(PATIENCE_S)


def test_a_child_of_a_fork_begins_anew() -> None:
    """A refresh that was under way when the process forked does not block its key in the child, where nobody works it off."""
    program = (
        "import os, threading\n"
        "from holdfast.guards.refreshing import Refresher\n"
        "refresher, go, begun = Refresher('shop'), threading.Event(), threading.Event()\n"
        "refresher.begin('book', lambda: (begun.set(), go.wait(20)))\n"
        "begun.wait(20)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    done = []\n"
        "    fine = refresher.begin('book', lambda: done.append(1)) and refresher.join(20) and done == [1]\n"
        "    os._exit(0 if fine else 7)\n"
        "_, status = os.waitpid(child, 0)\n"
        "go.set()\n"
        "assert status == 0, status\n"
    )

    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=60)


def test_a_thread_that_cannot_be_begun_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller has an answer already; when there is room for a thread again, the key is refreshed as if nothing had been."""
    refresher, made = Refresher("shop"), []

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        assert not refresher.begin("key", lambda: made.append(1))
    assert 0 == refresher.pending

    assert refresher.begin("key", lambda: made.append(2))
    assert refresher.join(PATIENCE_S)
    assert [2] == made


def test_a_loop_that_was_closed_around_its_refreshes_blocks_no_key() -> None:
    """Tasks of a loop that is closed without being cancelled never end; their keys are free for the next loop."""
    refresher, made = Refresher("shop", pending_max=1), []

    async def refresh() -> None:
        made.append(1)

    async def begin() -> bool:
        return refresher.begin_async("key", asyncio.Event().wait)

    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(begin())
    left = list(refresher._tasks)
    loop.close()

    async def again() -> bool:
        begun = refresher.begin_async("key", refresh)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return begun

    made.clear()
    assert asyncio.run(again())
    assert ([1], 0) == (made, refresher.pending)
    for task in left:
        task._log_destroy_pending = False  # it is destroyed on purpose
