"""Plain functions that overrun their time: reported at once, awaited all the same, and bounded in number."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from holdfast.drivers.function_threads import Ended, FunctionThreads, TooManyOverruns
from holdfast.plans.frozen import FunctionRules
from tests.drivers.test_perform import assignment, performer
from tests.hold.flow_plans import opened, plan, planned

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
AT_ONCE_S = 0.02


async def test_what_a_function_returns_in_time_is_its_result() -> None:
    """A function runs in a thread of its own, and nobody hears of it again."""
    late: list[Ended] = []

    ended = await FunctionThreads(overruns_max=1).run(threading.current_thread, timeout_s=5, late=late.append)

    assert threading.current_thread() is not ended.value
    assert [] == late


@pytest.mark.parametrize("raised", [ValueError("no"), SystemExit(3), StopIteration()], ids=repr)
async def test_whatever_a_function_raises_is_how_it_ended(raised: BaseException) -> None:
    """An exception, also one that would end a program or confuse a loop, is told as a value."""

    def fail() -> None:
        """Raise it."""
        raise raised

    ended = await FunctionThreads(overruns_max=1).run(fail, timeout_s=5, late=lambda _: None)

    assert raised is ended.raised


async def test_a_late_result_is_told() -> None:
    """A function that goes on after its time is reported as overdue, and its result is told when it is there."""
    gate, late = threading.Event(), asyncio.Queue[Ended]()
    threads = FunctionThreads(overruns_max=1)

    with pytest.raises(TimeoutError):
        await threads.run(lambda: gate.wait(30), timeout_s=AT_ONCE_S, late=late.put_nowait)
    gate.set()

    assert True is (await late.get()).value


async def test_functions_that_hang_are_bounded() -> None:
    """Beyond the bound no function is begun; when one that hung ends, there is room again."""
    gate, late, begun = threading.Event(), asyncio.Queue[Ended](), []
    threads = FunctionThreads(overruns_max=2)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await threads.run(lambda: gate.wait(30), timeout_s=AT_ONCE_S, late=late.put_nowait)

    with pytest.raises(TooManyOverruns, match="2 functions"):
        await threads.run(lambda: begun.append("too many"), timeout_s=5, late=late.put_nowait)
    gate.set()
    for _ in range(2):
        await late.get()
    await threads.run(lambda: begun.append("again"), timeout_s=5, late=late.put_nowait)

    assert ["again"] == begun


async def test_a_function_that_was_not_begun_did_nothing(tmp_path: Path) -> None:
    """What is refused for the bound's sake was not executed, and may be repeated."""
    gate = threading.Event()
    one = performer(tmp_path, functions={"f": lambda: gate.wait(30)}, overruns_max=1)
    first = await one.perform(assignment(FunctionRules(name="f"), timeout_s=AT_ONCE_S))

    second = await one.perform(assignment(FunctionRules(name="f"), timeout_s=AT_ONCE_S))
    gate.set()

    assert first.verdict is not None
    assert second.verdict is not None
    assert ("network_timeout", "unknown") == (first.verdict.category, first.verdict.outcome)
    assert ("not_executed", True) == (second.verdict.outcome, second.verdict.retryable)


@pytest.mark.parametrize("ends", ["returns", "raises"])
def test_a_late_answer_counts(tmp_path: Path, ends: str) -> None:
    """A function that may not be repeated overruns, and a person is asked; when it returns after all, its output is the action's and nobody is
    needed any more. One that raises leaves the question open: it may have done its work.
    """
    gate = threading.Event()
    calls: list[str] = []
    with opened(f"sqlite:///{tmp_path}/late.db") as hold:

        @hold.action("slow", timeout_s=0.05)
        def slow() -> dict[str, str]:
            """Take longer than allowed."""
            calls.append("slow")
            gate.wait(30)
            if ends == "raises":
                raise ValueError("broken")
            return {"id": "late"}

        execution = hold.start(plan(planned("a", "slow")))
        asked = execution.wait(timeout_s=30).status
        gate.set()
        while not any("late answer" in line for line in execution.why()):
            execution.wait(timeout_s=0.1)
        state = execution.wait(timeout_s=1 if ends == "raises" else 30)

    assert "paused_for_confirmation" == asked
    assert ["slow"] == calls
    if ends == "raises":
        assert "paused_for_confirmation" == state.status
    else:
        assert "completed" == state.status
        assert {"id": "late"} == state.action_states["a"].result.output  # type: ignore[union-attr]  # it succeeded
