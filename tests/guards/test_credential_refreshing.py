"""One refresh for everybody who met the same expired token, in threads and on event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from holdfast.errors import BadSettings
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.guards.credential_refreshing import CredentialRefresher, RefreshFailed
from holdfast.guards.engine import RecoveryEngine
from holdfast.guards.judging import plain_verdict
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.guards.world import WORLD
from tests.guards.virtual import virtual_world

LIMIT_S = 30.0


class Expired(Exception):
    """What the API below answers to an old token."""


def judge(error: BaseException) -> Verdict:
    """An old token was refused; anything else is unknown."""
    category = ErrorCategory.AUTH_EXPIRED if isinstance(error, Expired) else ErrorCategory.API_UNEXPECTED_STATUS
    return plain_verdict(category, place="p", message="m", rule="r", outcome=Outcome.NOT_EXECUTED)


def test_a_thousand_threads_make_one_refresh() -> None:
    """1000 threads meet the same expired token: it is renewed once, and each call succeeds."""
    token, asked, all_failed = ["old"], [], threading.Event()
    failed = [0]
    lock = threading.Lock()

    def refresh() -> None:
        assert all_failed.wait(LIMIT_S)  # until everybody has met the old token
        asked.append(1)
        token[0] = "new"

    def call() -> str:
        if token[0] == "new":
            return "fine"
        with lock:
            failed[0] += 1
            if failed[0] == 1000:
                all_failed.set()
        raise Expired

    engine = RecoveryEngine(judge=judge, refreshers={"crm": refresh})
    with ThreadPoolExecutor(1000) as pool:
        results = list(pool.map(lambda _: engine.run(RecoveryCall(call, credential="crm")), range(1000)))

    assert 1 == len(asked)
    assert ["fine"] * 1000 == [result.answer for result in results]
    assert 1000 == sum(result.strategy == "auth-token-refresh" for result in results)


@pytest.mark.parametrize("is_async", [True, False], ids=["async refresher", "sync refresher"])
def test_a_thousand_tasks_make_one_refresh(*, is_async: bool) -> None:
    """1000 concurrent tasks meet the same expired token: it is renewed once, and each call succeeds at its second attempt."""
    token, asked = ["old"], []

    def refresh() -> None:
        asked.append(1)
        token[0] = "new"

    async def refresh_async() -> None:
        await asyncio.sleep(0)
        refresh()

    async def call() -> str:
        used = token[0]
        await asyncio.sleep(0)
        if used == "old":
            raise Expired
        return "fine"

    async def everybody() -> list[object]:
        engine = RecoveryEngine(judge=judge, refreshers={"crm": refresh_async if is_async else refresh})
        calls = (engine.run_async(RecoveryCall(call, credential="crm")) for _ in range(1000))
        return [(result.answer, result.attempts) for result in await asyncio.gather(*calls)]

    assert [("fine", 2)] * 1000 == asyncio.run(everybody())
    assert 1 == len(asked)


def test_threads_and_tasks_share_a_refresh() -> None:
    """A thread that waits for a refresh led by a task gets its result, and the other way round."""
    begun, go = threading.Event(), threading.Event()
    asked = []

    def refresh() -> str:
        asked.append(1)
        begun.set()
        assert go.wait(LIMIT_S)
        return "token"

    refresher = CredentialRefresher("crm", refresh)

    async def wait_here(since: int, *, leads: bool) -> object:
        if not leads:
            await asyncio.to_thread(begun.wait, LIMIT_S)
        renewing = asyncio.ensure_future(refresher.renew_async(since=since, timeout_s=LIMIT_S))
        await asyncio.sleep(0)
        if leads:
            await asyncio.to_thread(begun.wait, LIMIT_S)
        return await renewing

    for leads in (True, False):
        begun.clear()
        go.clear()
        generation = refresher.generation
        with ThreadPoolExecutor(2) as pool:
            task = pool.submit(asyncio.run, wait_here(generation, leads=leads))
            assert not leads or begun.wait(LIMIT_S)
            thread = pool.submit(lambda since: refresher.renew(since=since, timeout_s=LIMIT_S), generation)
            assert begun.wait(LIMIT_S)
            go.set()
            assert ["token", "token"] == [task.result(LIMIT_S), thread.result(LIMIT_S)]

    assert (2, 2) == (len(asked), refresher.generation)


def test_an_old_token_starts_no_refresh() -> None:
    """Who failed with the token before the last refresh is told that there is a newer one."""
    tokens = iter(["b", "c"])
    refresher = CredentialRefresher("crm", lambda: next(tokens))

    answers = [refresher.renew(since=since, timeout_s=1) for since in (0, 0, 1, 0, 1)]

    assert ["b", "b", "c", "c", "c"] == answers
    assert 2 == refresher.generation


def test_a_call_that_failed_with_an_old_token_starts_no_refresh() -> None:
    """The engine remembers with which generation each attempt was made; a failure told from outside may say it."""
    asked = []
    engine = RecoveryEngine(judge=judge)
    refresher = engine.refresher("crm", lambda: asked.append(1))
    call = RecoveryCall(lambda: "fine", credential="crm")

    def slow() -> str:
        if not asked:
            refresher.renew(since=0, timeout_s=1)  # somebody else's, while this call is under way
            raise Expired
        return "fine"

    assert engine.run(RecoveryCall(slow, credential="crm")).success
    assert engine.recover(Expired(), call, generation=0).success
    assert 1 == len(asked)
    assert engine.recover(Expired(), call).success
    assert 2 == len(asked)


def test_a_failure_is_shared_and_stands_for_a_while() -> None:
    """Everybody gets the same failure from one try; after the rest another is made."""
    asked = []

    def refresh() -> None:
        asked.append(1)
        raise OSError("token endpoint is down, secret=1")

    with virtual_world() as world:
        refresher = CredentialRefresher("crm", refresh, rest_s=5)
        for _ in range(3):
            with pytest.raises(RefreshFailed, match="'crm' failed with OSError") as caught:
                refresher.renew(since=0, timeout_s=1)
        assert isinstance(caught.value.__cause__, OSError)
        assert (1, 0) == (len(asked), refresher.generation)
        world.sleep(5)
        with pytest.raises(RefreshFailed):
            refresher.renew(since=0, timeout_s=1)

    assert 2 == len(asked)


def test_a_failure_reaches_all_who_wait() -> None:
    """Tasks that wait for a refresh that fails are all told, and a success makes the failure forgotten."""
    outcomes: list[object] = [OSError("x"), "token"]

    async def refresh() -> object:
        await asyncio.sleep(0)
        outcome = outcomes.pop(0)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    async def everybody() -> list[object]:
        refresher = CredentialRefresher("crm", refresh, rest_s=0)
        waits = [refresher.renew_async(since=0, timeout_s=LIMIT_S) for _ in range(5)]
        failed = await asyncio.gather(*waits, return_exceptions=True)
        assert "token" == await refresher.renew_async(since=0, timeout_s=LIMIT_S)
        assert "token" == await refresher.renew_async(since=0, timeout_s=LIMIT_S)
        return [type(one) for one in failed]

    assert [RefreshFailed] * 5 == asyncio.run(everybody())


def test_a_cancelled_leader_takes_nobody_along() -> None:
    """The task that began a refresh is cancelled: the refresh goes on, and whoever waits for it gets its result."""

    async def scenario() -> tuple[object, int]:
        go, asked = asyncio.Event(), []

        async def refresh() -> str:
            asked.append(1)
            await go.wait()
            return "token"

        refresher = CredentialRefresher("crm", refresh)
        leader = asyncio.ensure_future(refresher.renew_async(since=0, timeout_s=LIMIT_S))
        follower = asyncio.ensure_future(refresher.renew_async(since=0, timeout_s=LIMIT_S))
        for _ in range(3):
            await asyncio.sleep(0)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        go.set()
        return await follower, len(asked)

    assert ("token", 1) == asyncio.run(scenario())


def test_a_loop_that_ends_leaves_the_refresh_to_others() -> None:
    """A refresh that dies with its event loop is not waited for: a thread that waited makes its own."""
    begun, asked, waits = threading.Event(), [], threading.Event()

    async def refresh() -> str:
        asked.append(1)
        begun.set()
        if len(asked) == 1:
            await asyncio.Event().wait()
        return "token"

    with virtual_world() as world, ThreadPoolExecutor(1) as pool:
        refresher = CredentialRefresher("crm", refresh)

        async def lead_and_leave() -> None:
            leading = asyncio.ensure_future(refresher.renew_async(since=0, timeout_s=LIMIT_S))
            await asyncio.to_thread(begun.wait, LIMIT_S)
            await asyncio.to_thread(waits.wait, LIMIT_S)
            assert not leading.done()

        here, looks = threading.get_ident(), []

        def monotonic() -> float:
            if threading.get_ident() == here:
                looks.append(1)
                if len(looks) == 3:  # it has joined, and is about to wait
                    waits.set()
            return world.at

        loop = pool.submit(asyncio.run, lead_and_leave())
        assert begun.wait(LIMIT_S)
        WORLD.monotonic = monotonic
        assert "token" == refresher.renew(since=0, timeout_s=LIMIT_S)
        loop.result(LIMIT_S)

    assert (2, 1) == (len(asked), refresher.generation)


def test_a_refresh_that_keeps_dying_is_given_up() -> None:
    """Who waits for refreshes that are given up one after the other gives up as well, after a few."""

    async def refresh() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    async def scenario() -> None:
        await CredentialRefresher("crm", refresh).renew_async(since=0, timeout_s=LIMIT_S)

    with pytest.raises(RefreshFailed, match="given up"):
        asyncio.run(scenario())


def test_who_is_gone_is_not_waited_for() -> None:
    """A loop that waited for a thread's refresh and is closed by then does not disturb it."""
    go, begun = threading.Event(), threading.Event()

    def refresh() -> str:
        begun.set()
        assert go.wait(LIMIT_S)
        return "token"

    refresher = CredentialRefresher("crm", refresh)

    async def wait_a_moment() -> None:
        with pytest.raises(RefreshFailed, match="longer"):
            await refresher.renew_async(since=0, timeout_s=0)

    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(lambda: refresher.renew(since=0, timeout_s=LIMIT_S))
        assert begun.wait(LIMIT_S)
        asyncio.run(wait_a_moment())
        go.set()
        assert "token" == leader.result(LIMIT_S)


def test_who_waits_too_long_goes_without() -> None:
    """A wait for a refresh ends with the time there is; the refresh goes on and counts."""

    async def scenario() -> int:
        go = asyncio.Event()

        async def refresh() -> None:
            await go.wait()

        refresher = CredentialRefresher("crm", refresh)
        with pytest.raises(RefreshFailed, match="longer"):
            await refresher.renew_async(since=0, timeout_s=0.001)
        go.set()
        await refresher.renew_async(since=0, timeout_s=LIMIT_S)
        return refresher.generation

    assert 1 == asyncio.run(scenario())


def test_a_thread_does_not_wait_longer_than_there_is_time() -> None:
    """The same for threads; and a refresh that hangs loses its lead after its own time."""
    hang, begun, asked = threading.Event(), threading.Event(), []

    def refresh() -> str:
        asked.append(1)
        if len(asked) == 1:
            begun.set()
            assert hang.wait(LIMIT_S)
        return f"token {len(asked)}"

    with virtual_world() as world, ThreadPoolExecutor(1) as pool:
        refresher = CredentialRefresher("crm", refresh, timeout_s=10)
        leader = pool.submit(lambda: refresher.renew(since=0, timeout_s=1))
        assert begun.wait(LIMIT_S)
        with pytest.raises(RefreshFailed, match="longer"):
            refresher.renew(since=0, timeout_s=0)
        world.sleep(10)
        assert "token 2" == refresher.renew(since=0, timeout_s=1)
        hang.set()
        leader.result(LIMIT_S)


def test_an_async_refresh_that_hangs_is_ended() -> None:
    """An async function that takes longer than it may is cancelled, and its failure told."""

    async def scenario() -> None:
        refresher = CredentialRefresher("crm", asyncio.Event().wait, timeout_s=0.001)
        with pytest.raises(RefreshFailed, match="TimeoutError"):
            await refresher.renew_async(since=0, timeout_s=LIMIT_S)

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["thread", "task", "thread of a task"])
def test_a_refresh_never_waits_for_itself(kind: str) -> None:
    """A refresher that needs its own credential is refused at once, instead of hanging."""
    refresher: CredentialRefresher

    def refresh() -> object:
        return refresher.renew(since=refresher.generation, timeout_s=LIMIT_S)

    async def refresh_async() -> object:
        return await refresher.renew_async(since=refresher.generation, timeout_s=LIMIT_S)

    refresher = CredentialRefresher("crm", refresh_async if kind == "task" else refresh)

    def renew() -> None:
        if kind == "thread":
            refresher.renew(since=0, timeout_s=LIMIT_S)
        else:
            asyncio.run(refresher.renew_async(since=0, timeout_s=LIMIT_S))

    with pytest.raises(RefreshFailed) as caught:
        renew()
    assert "wait for itself" in str(caught.value.__cause__)


def test_plain_code_does_not_wait_for_the_loop_that_it_holds_up() -> None:
    """A sync call within a loop whose task leads the refresh is refused at once: the task could never end."""

    async def scenario() -> None:
        refresher = CredentialRefresher("crm", asyncio.Event().wait)
        leader = asyncio.ensure_future(refresher.renew_async(since=0, timeout_s=LIMIT_S))
        await asyncio.sleep(0)
        with pytest.raises(RefreshFailed, match="wait for itself"):
            refresher.renew(since=0, timeout_s=LIMIT_S)
        leader.cancel()

    asyncio.run(scenario())


def test_a_call_of_the_refresher_is_not_recovered() -> None:
    """What fails while a credential is renewed starts no recovery: a token endpoint that answers 401 is asked once."""
    asked = []
    engine = RecoveryEngine(judge=judge)

    def ask_for_token() -> None:
        asked.append(1)
        raise Expired

    engine.refresher("crm", lambda: engine.run(RecoveryCall(ask_for_token, credential="crm")).unwrap())

    result = engine.run(RecoveryCall(lambda: (_ for _ in ()).throw(Expired()), credential="crm"))

    assert (False, 1) == (result.success, len(asked))


@pytest.mark.parametrize("inside", [False, True], ids=["plain", "holding up a loop"])
def test_plain_code_may_have_an_async_refresher(*, inside: bool) -> None:
    """An async function serves a sync call in its own thread; one that holds up an event loop has another thread do it."""

    async def refresh() -> int:
        await asyncio.sleep(0)
        return threading.get_ident()

    refresher = CredentialRefresher("crm", refresh)

    async def hold_up() -> object:
        return refresher.renew(since=0, timeout_s=LIMIT_S)

    where = asyncio.run(hold_up()) if inside else refresher.renew(since=0, timeout_s=LIMIT_S)

    assert inside == (threading.get_ident() != where)


def test_an_async_refresher_in_a_thread_of_its_own_may_fail() -> None:
    """Its failure reaches the sync call that holds up a loop."""

    async def refresh() -> str:
        raise OSError("x")

    async def hold_up() -> object:
        return CredentialRefresher("crm", refresh).renew(since=0, timeout_s=LIMIT_S)

    with pytest.raises(RefreshFailed, match="OSError"):
        asyncio.run(hold_up())


def test_a_plain_function_may_return_something_to_await() -> None:
    """A lambda around an async function is a refresher like the function itself."""

    async def token() -> str:
        return "token"

    refreshers: list[Callable[[], Awaitable[str]]] = [lambda: token(), token]  # noqa: PLW0108 - a plain function on purpose
    for refresher in refreshers:
        assert "token" == asyncio.run(CredentialRefresher("crm", refresher).renew_async(since=0, timeout_s=LIMIT_S))


def test_an_interrupted_refresh_is_left_to_others() -> None:
    """Ctrl-C in a refresh passes through, and the next one begins anew."""
    asked: list[int] = []

    def refresh() -> str:
        asked.append(1)
        if len(asked) == 1:
            raise KeyboardInterrupt
        return "token"

    refresher = CredentialRefresher("crm", refresh)
    with pytest.raises(KeyboardInterrupt):
        refresher.renew(since=0, timeout_s=1)

    assert "token" == refresher.renew(since=0, timeout_s=1)


def test_wrong_settings_of_a_refresher_are_refused() -> None:
    """Everything that is wrong is listed."""
    with pytest.raises(BadSettings) as caught:
        CredentialRefresher("crm", 3, timeout_s=0, rest_s=-1)  # type: ignore[arg-type]  # wrong on purpose

    assert ["function", "timeout_s", "rest_s"] == [problem.path for problem in caught.value.problems]
