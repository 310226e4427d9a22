"""Handing a failed call over, as a guard sees it: by one method with an event loop or without, to whoever is open."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from holdfast.errors import Attempted, BadInput, Exhausted, HandoverUnavailable, Problem, Rejected, Rejection
from holdfast.guards.handover import CallFacts, Handovers, resume_for
from holdfast.guards.world import WORLD
from holdfast.ports.handover import FailedCall, Registered
from tests.recovery.bench import BROKEN

WHEN = datetime(2026, 5, 1, 12, tzinfo=UTC)
TRIED = (Attempted(number=1, started_s=0.0, took_s=0.5, verdict=BROKEN),)


def create(name: str, *, tags: object = None, idempotency_key: str = "") -> str:
    """A function that calls can be handed over to."""
    return f"{name}{tags}{idempotency_key}"


def other(name: str) -> str:
    """Another one."""
    return name


@dataclass(frozen=True)
class Taken:
    """What comes of a call."""

    id: str


class Coming:
    """An execution that is there already, or a database that is not."""

    def __init__(self, taken: Taken, trouble: Exception | None) -> None:
        self._taken, self._trouble = taken, trouble

    def __await__(self) -> Generator[object, None, Taken]:
        yield from asyncio.sleep(0).__await__()
        return self.result()

    def result(self) -> Taken:
        """Give it, or fail."""
        if self._trouble is not None:
            raise self._trouble
        return self._taken


@dataclass
class Door:
    """An open database that remembers what it was given."""

    owner: object = "hold"
    database: str = "jobs.db"
    is_of_this_thread: bool = False
    trouble: Exception | None = None
    calls: list[FailedCall] = field(default_factory=list)
    functions: dict[str, Callable[..., object]] = field(default_factory=dict)

    def submit(self, call: FailedCall) -> Coming:
        """Take a call."""
        self.calls.append(call)
        return Coming(Taken(call.execution), self.trouble)

    def adopt(self, registered: Registered) -> None:
        """Learn a function."""
        self.functions[registered.name] = registered.function

    def has_action(self, name: str, function: Callable[..., object]) -> bool:
        """Whether it was learnt."""
        return self.functions.get(name) is function


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The world's clock in seconds, moved by changing its one element."""
    clock = [100.0]
    monkeypatch.setattr(WORLD, "monotonic", lambda: clock[0])
    monkeypatch.setattr(WORLD, "now", lambda: WHEN)
    return clock


REGISTERED = Registered(name="crm.create", function=create, policy="crm")


def exhausted(handovers: Handovers, **changes: object) -> Exhausted:
    """A call of `create` that was given up."""
    facts: dict[str, object] = {
        "policy": "crm",
        "reason": "budget",
        "began_s": 90.0,
        "attempts": TRIED,
        "registered": REGISTERED,
        "args": ("Ada",),
        "kwargs": {"tags": ["a"]},
        **changes,
    }
    resume = resume_for(CallFacts(**facts), handovers=handovers)  # type: ignore[arg-type]  # fields by name
    return Exhausted("crm", "budget", attempts=TRIED, explanation="the budget is used up", resume=resume)


def test_without_an_event_loop_it_is_done_when_it_returns(now: list[float]) -> None:
    """A plain program hands over with one call and has the execution in hand."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)

    execution = exhausted(handovers).hand_over().wait()

    (call,) = door.calls
    assert Taken(call.execution) == execution
    assert ("crm.create", {"name": "Ada", "tags": ["a"]}, TRIED) == (call.action, call.arguments, call.attempts)
    assert (10.0, "budget", "crm", None) == (call.ago_s, call.reason, call.policy, call.key)
    assert 10.0 == (WHEN - call.began_at).total_seconds()


async def awaited(error: Exhausted) -> object:
    """Hand over on an event loop."""
    return await error.hand_over()


def test_with_an_event_loop_it_is_awaited(now: list[float]) -> None:
    """An asynchronous program awaits the same method."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)

    execution = asyncio.run(awaited(exhausted(handovers)))

    assert [execution] == [Taken(call.execution) for call in door.calls]


def test_a_forgotten_await_is_told_by_python(now: list[float]) -> None:
    """Nothing is handed over before it is awaited, and whoever forgets that is warned."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)

    async def forget() -> None:
        exhausted(handovers).hand_over()

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(forget())
        gc.collect()

    assert [] == door.calls
    assert any("never awaited" in str(one.message) for one in told)


def test_a_plain_function_below_an_event_loop_may_wait(now: list[float]) -> None:
    """Plain code that asynchronous code has called may block for a database with a loop of its own, and not for one on this loop."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)

    async def plainly(error: Exhausted) -> object:
        return error.hand_over().wait()

    assert asyncio.run(plainly(exhausted(handovers)))
    door.is_of_this_thread = True
    with pytest.raises(HandoverUnavailable, match="await hand_over"):
        asyncio.run(plainly(exhausted(handovers)))


def test_handing_over_twice_is_the_same_execution(now: list[float]) -> None:
    """However often and in whatever world a failure is handed over, it is one id, and the time that has passed is told anew."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)
    error = exhausted(handovers)

    error.hand_over()
    now[0] += 5
    asyncio.run(awaited(error))

    assert 1 == len({call.execution for call in door.calls})
    assert [10.0, 15.0] == [call.ago_s for call in door.calls]
    assert 1 == len({call.began_at for call in door.calls})


def test_two_failures_are_two_executions(now: list[float]) -> None:
    """The id belongs to the failure, not to the function."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)

    exhausted(handovers).hand_over()
    exhausted(handovers).hand_over()

    assert 2 == len({call.execution for call in door.calls})


def test_a_handover_that_failed_can_be_tried_again(now: list[float]) -> None:
    """A database that is away loses nothing: the error is still there, and the next try is the same execution."""
    handovers, door = Handovers(), Door(trouble=OSError("away"))
    handovers.opened(door)
    error = exhausted(handovers)

    with pytest.raises(OSError, match="away"):
        error.hand_over()
    with pytest.raises(OSError, match="away"):
        asyncio.run(awaited(error))
    door.trouble = None

    assert error.hand_over().wait() == Taken(door.calls[0].execution)


def test_what_comes_can_be_awaited_and_asked_again(now: list[float]) -> None:
    """What hand_over() gave stays good: on an event loop it is awaited twice, and waits for nothing once it is there."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)

    async def twice(error: Exhausted) -> list[object]:
        way = error.hand_over()
        return [await way, await way, way.wait()]

    assert 1 == len(set(asyncio.run(twice(exhausted(handovers)))))
    assert 1 == len(door.calls)


# --- who takes it ---


def test_without_an_open_database_it_says_so(now: list[float]) -> None:
    """Nothing is handed over, and the message tells what to do."""
    with pytest.raises(HandoverUnavailable, match=r"no database is open.*holdfast\.open\(\)"):
        exhausted(Handovers()).hand_over()


def test_a_call_that_was_not_made_for_it_says_so() -> None:
    """Calls under a policy that names no function cannot go on by themselves."""
    with pytest.raises(HandoverUnavailable, match="not registered"):
        Exhausted("crm", "budget", attempts=TRIED, explanation="x").hand_over()


def test_the_database_opened_last_takes_it_unless_another_is_named(now: list[float]) -> None:
    """With several open databases the newest is meant; a named one beats it; a closed one is refused."""
    handovers, first, second = Handovers(), Door(owner="first"), Door(owner="second")
    handovers.opened(first)
    handovers.opened(second)

    exhausted(handovers).hand_over()
    error = exhausted(handovers)
    error.hand_over(hold="first")
    handovers.closed(second)
    handovers.closed(second)
    exhausted(handovers).hand_over()

    assert (2, 1) == (len(first.calls), len(second.calls))
    with pytest.raises(HandoverUnavailable, match="that database is not open"):
        exhausted(handovers).hand_over(hold="second")


def test_one_failure_goes_to_one_database(now: list[float]) -> None:
    """What one database has taken over is refused to another, in which it would be done again; one that failed to take it does not count."""
    handovers, first, second = Handovers(), Door(database="a.db"), Door(owner="second", database="b.db")
    handovers.opened(first)
    error = exhausted(handovers)

    first.trouble = OSError("away")
    with pytest.raises(OSError, match="away"):
        error.hand_over()
    handovers.opened(second)
    error.hand_over()
    handovers.opened(Door(owner="again", database="b.db"))

    assert asyncio.run(awaited(error))
    with pytest.raises(HandoverUnavailable, match=r"b\.db has taken it over already"):
        error.hand_over(hold="hold")
    assert 1 == len(second.calls)


class Slow:
    """An execution that is a long time coming."""

    def __await__(self) -> Generator[object, None, Taken]:
        return (yield from asyncio.Event().wait().__await__())  # type: ignore[return-value]  # nobody ever sets it

    def result(self) -> Taken:
        """Give up on it at once, as Ctrl-C does."""
        raise KeyboardInterrupt


@pytest.mark.parametrize("on_loop", [True, False], ids=["cancelled", "interrupted"])
def test_a_database_whose_answer_was_not_awaited_may_have_taken_it(
    now: list[float], monkeypatch: pytest.MonkeyPatch, on_loop: bool
) -> None:
    """Giving up the wait does not undo it, so the call goes to that database or to none; there, it is the same execution."""
    handovers, first, second = Handovers(), Door(database="a.db"), Door(owner="second", database="b.db")
    handovers.opened(second)
    handovers.opened(first)
    error = exhausted(handovers)

    async def give_up() -> None:
        task = asyncio.ensure_future(awaited(error))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    with monkeypatch.context() as slow:
        slow.setattr(Door, "submit", lambda self, call: self.calls.append(call) or Slow())
        if on_loop:
            asyncio.run(give_up())
        else:
            with pytest.raises(KeyboardInterrupt):
                error.hand_over()

    with pytest.raises(HandoverUnavailable, match=r"a\.db has taken it over already, or may have"):
        error.hand_over(hold="second")
    assert error.hand_over().wait() == Taken(first.calls[0].execution)
    assert [] == second.calls


def test_of_two_databases_at_once_one_takes_it(now: list[float]) -> None:
    """Whoever is asked while another one is at it is not asked; a failure of one try does not free what another try has begun."""
    handovers, first, second = Handovers(), Door(database="a.db"), Door(owner="second", database="b.db")
    handovers.opened(second)
    handovers.opened(first)
    error = exhausted(handovers)

    async def both() -> list[object]:
        ways = [error.hand_over(), error.hand_over(hold="second")]
        return await asyncio.gather(*(to_task(way) for way in ways), return_exceptions=True)

    async def to_task(way: Awaitable[object]) -> object:
        return await way

    taken, refused = asyncio.run(both())

    assert Taken(first.calls[0].execution) == taken
    assert isinstance(refused, HandoverUnavailable)
    assert [] == second.calls


# --- what is handed over ---


def test_the_key_of_a_function_is_its_own_argument(now: list[float]) -> None:
    """A function that takes its key goes on with it, and is given it by whoever calls it next."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)

    exhausted(handovers, kwargs={"idempotency_key": "k-1"}).hand_over()
    exhausted(handovers, kwargs={"idempotency_key": "k-1"}, key="k-2").hand_over()

    assert [("k-1", {"name": "Ada"}), ("k-2", {"name": "Ada"})] == [(one.key, one.arguments) for one in door.calls]


def test_a_call_that_does_not_fit_its_function_is_refused(now: list[float]) -> None:
    """What the function would not have taken in process cannot go on durably either."""
    handovers = Handovers()
    handovers.opened(Door())

    with pytest.raises(BadInput, match=r"crm\.create"):
        exhausted(handovers, kwargs={"unheard": 1}).hand_over()


def test_a_rejection_can_be_handed_over(now: list[float]) -> None:
    """A call that was turned away goes on without attempts, when it may; time that has passed since is not waited again."""
    handovers, door = Handovers(), Door()
    handovers.opened(door)
    facts = CallFacts(
        policy="crm", reason="circuit-open", began_s=90.0, retry_after_s=30.0, registered=REGISTERED, args=("Ada",)
    )
    error = Rejected(Rejection(policy="crm", because="Circuit 'crm' is open"), 30.0)
    error.resume = resume_for(facts, handovers=handovers)

    error.hand_over()
    now[0] += 100
    error.hand_over()

    assert [((), 20.0), ((), 0.0)] == [(call.attempts, call.wait_s) for call in door.calls]


# --- registration ---


def test_functions_are_known_in_every_database_open_or_to_be_opened() -> None:
    """Whether the module is imported before the database is opened or after makes no difference."""
    handovers, before, after = Handovers(), Door(), Door()

    handovers.opened(before)
    handovers.register(REGISTERED)
    handovers.opened(after)

    assert {"crm.create": create} == before.functions == after.functions
    assert {"crm.create": REGISTERED} == handovers.functions


def test_a_name_belongs_to_one_function() -> None:
    """The same function may come twice; another one under its name is refused."""
    handovers = Handovers()
    handovers.register(REGISTERED)
    handovers.register(REGISTERED)

    with pytest.raises(BadInput, match="taken by another"):
        handovers.register(Registered(name="crm.create", function=other, policy="crm"))


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201], ids=["empty", "blank", "unprintable", "long"])
def test_names_that_nobody_could_read_are_refused(name: str) -> None:
    """A name stands in plans, events and commands."""
    with pytest.raises(BadInput, match="must be a name"):
        Handovers().register(Registered(name=name, function=create, policy="crm"))


def test_everything_wrong_with_a_registration_is_told_at_once() -> None:
    """A bad name, a local function and a nameless personal field are three problems of one error."""
    registered = Registered(name="", function=lambda token: token, policy="crm", personal=(" ",))

    with pytest.raises(BadInput) as refused:
        Handovers().register(registered)

    assert 4 == len(refused.value.problems)
    assert all(isinstance(one, Problem) for one in refused.value.problems)


def test_a_local_function_that_is_an_action_may_be_handed_over() -> None:
    """What an open database performs already under that name needs no import."""
    handovers, door = Handovers(), Door()

    def local(name: str) -> str:
        return name

    registered = Registered(name="crm.local", function=local, policy="crm")
    with pytest.raises(BadInput, match="inside another function"):
        handovers.register(registered)
    door.functions["crm.local"] = local
    handovers.opened(door)
    handovers.register(registered)

    assert local is handovers.functions["crm.local"].function
