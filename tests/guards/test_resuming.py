"""Functions under a policy whose failed calls can go on: what their errors carry, and what is refused at decoration."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

import holdfast
from holdfast.errors import BadInput, CircuitOpen, Exhausted, HandoverUnavailable, PolicyError, TimedOut
from holdfast.guards.ambient import DEADLINE
from holdfast.guards.handover import HANDOVERS
from holdfast.guards.policy import Policy
from holdfast.guards.resuming import give_way
from holdfast.guards.world import WORLD
from holdfast.policies.breaker import Breaker
from holdfast.policies.retry import Jitter, Retry
from holdfast.policies.timeout import Timeout
from holdfast.ports.handover import Registered
from tests.guards.test_handover import Door, Taken

LONG = Timeout(deadline_s=86_400.0)
"""A policy with a deadline times each attempt; one that needs no clock reads it only once something has failed."""
THREE = Retry(attempts_max=3, initial_delay_s=2.0, multiplier=1.0, jitter=Jitter.NONE)


@dataclass
class Far:
    """The other side: what it does at each call, and how long that takes."""

    troubles: list[Exception] = field(default_factory=list)
    took_s: float = 0.5
    calls: int = 0
    now: float = 1000.0

    def answer(self) -> str:
        """Fail as told, or answer."""
        self.calls += 1
        self.now += self.took_s
        if self.troubles:
            raise self.troubles.pop(0)
        return "done"


FAR = Far()


def create(name: str, *, note: str = "") -> str:
    """Create something at the other side."""
    return f"{name}{note}: {FAR.answer()}"


async def create_later(name: str) -> str:
    """The same on an event loop."""
    return f"{name}: {FAR.answer()}"


def rows() -> Iterator[int]:
    """Values, one after the other."""
    yield 1


@pytest.fixture(autouse=True)
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """An open database, and a world in which nothing waits."""
    monkeypatch.setattr(HANDOVERS, "_functions", {})
    monkeypatch.setattr(HANDOVERS, "_doors", [])
    FAR.__init__()  # type: ignore[misc]  # as new

    def sleep(seconds: float) -> None:
        FAR.now += seconds

    async def asleep(seconds: float) -> None:
        FAR.now += seconds

    monkeypatch.setattr(WORLD, "monotonic", lambda: FAR.now)
    monkeypatch.setattr(WORLD, "sleep", sleep)
    monkeypatch.setattr(WORLD, "asleep", asleep)
    opened = Door()
    HANDOVERS.opened(opened)
    yield opened
    HANDOVERS.closed(opened)


def guarded(policy: Policy, function: Callable[..., str] = create, name: str = "crm.create") -> Callable[..., str]:
    """A function under a policy, registered."""
    return policy.guard(handover=name)(function)


def failing(number: int) -> None:
    """Let the next calls of the other side fail, in a way that passes."""
    FAR.troubles = [ConnectionRefusedError("refused") for _ in range(number)]


def raised_by(call: Callable[[], object]) -> PolicyError:
    """The error of a policy that a call ends with."""
    with pytest.raises(PolicyError) as raised:
        call()
    return raised.value


def test_an_exhausted_call_hands_over_its_attempts(door: Door) -> None:
    """What is handed over are the very attempts of the error, since the first of them, with the arguments of the call."""
    call = guarded(holdfast.policy("crm", retry=THREE, timeout=LONG))
    failing(3)

    error = raised_by(lambda: call("Ada", note="!"))
    FAR.now += 10
    error.hand_over()

    (handed,) = door.calls
    assert isinstance(error, Exhausted)
    assert (error.attempts, 3) == (handed.attempts, len(handed.attempts))
    assert [0.0, 2.5, 5.0] == [one.started_s for one in handed.attempts]
    assert 15.5 == handed.ago_s
    assert ("crm.create", {"name": "Ada", "note": "!"}, "attempts-exhausted") == (
        handed.action,
        handed.arguments,
        handed.reason,
    )


def test_an_asynchronous_function_is_handed_over_the_same_way(door: Door) -> None:
    """A coroutine function stays one, and its error is handed over with `await`."""
    call = guarded(holdfast.policy("crm", retry=THREE), create_later)  # type: ignore[arg-type]  # of another shape, as the decorator keeps it
    failing(3)

    async def program() -> object:
        try:
            return await call("Ada")  # type: ignore[misc]  # it is a coroutine function
        except Exhausted as error:
            return await error.hand_over()

    assert inspect.iscoroutinefunction(call)
    assert [asyncio.run(program())] == [Taken(one.execution) for one in door.calls]
    assert [3] == [len(one.attempts) for one in door.calls]


@given(st.integers(1, 6), st.floats(0, 5), st.floats(0, 5))
def test_the_ledger_begins_when_the_call_began(attempts: int, took_s: float, wait_s: float) -> None:
    """However often and long was tried, what is handed over has the attempts of the error, and the first began when it did."""
    FAR.__init__()  # type: ignore[misc]  # as new
    FAR.took_s = took_s
    retry = Retry(attempts_max=attempts, initial_delay_s=wait_s, max_delay_s=wait_s, multiplier=1.0, jitter=Jitter.NONE)
    call = guarded(holdfast.policy("crm", retry=retry, timeout=LONG))
    failing(attempts)
    began = FAR.now

    error = raised_by(lambda: call("Ada"))
    error.hand_over()

    handed = HANDOVERS.door().calls[-1]  # type: ignore[union-attr]  # the fixture's
    assert isinstance(error, Exhausted)
    assert error.attempts == handed.attempts
    assert pytest.approx(FAR.now - began, abs=1e-6) == handed.ago_s


def test_a_call_turned_away_by_the_circuit_is_handed_over_with_its_time(door: Door) -> None:
    """An open circuit sends nothing: no attempts, and the first one is for when the circuit may close."""
    policy = holdfast.policy("crm", breaker=Breaker())
    call = guarded(policy)
    policy.trip("maintenance", 60.0)

    error = raised_by(lambda: call("Ada"))
    FAR.now += 20
    error.hand_over()

    (handed,) = door.calls
    assert isinstance(error, CircuitOpen)
    assert ((), "circuit-open", 0) == (handed.attempts, handed.reason, FAR.calls)
    assert pytest.approx(40.0, abs=0.5) == handed.wait_s


def test_a_call_without_time_left_is_handed_over_as_one_that_sent_nothing(door: Door) -> None:
    """Where the caller's deadline has passed before anything was begun, the call can go on without it."""
    call = guarded(holdfast.policy("crm", timeout=LONG))
    passed = DEADLINE.set(FAR.now - 1)
    try:
        error = raised_by(lambda: call("Ada"))
    finally:
        DEADLINE.reset(passed)
    error.hand_over()

    assert (TimedOut, 0) == (type(error), FAR.calls)
    assert [("timed-out", (), 0.0)] == [(one.reason, one.attempts, one.wait_s) for one in door.calls]


def test_an_attempt_that_ran_out_of_time_without_a_retry_stays_an_exception(door: Door) -> None:
    """Without a retry nobody has judged the attempt: its effect may have happened, and it is not begun anew as if it had not."""
    registered = Registered(name="crm.create", function=create, policy="crm")
    error = TimedOut("crm", kind="attempt", limit_s=1.0)

    give_way(error, registered, create, args=(), kwargs={})

    with pytest.raises(HandoverUnavailable):
        error.hand_over()


def test_the_policy_says_what_a_worker_has_to_know(door: Door) -> None:
    """Whether a repeat is harmless, how long an attempt may take and how many there are come from the policy."""
    policy = holdfast.policy("crm", retry=THREE, timeout=Timeout(attempt_s=4.0), repeatable=True)
    guarded(policy)
    policy.guard(handover="crm.once", repeatable=False, personal=["name"])(create_later)
    holdfast.policy("bare").guard(handover="crm.bare")(rows_made)

    known = HANDOVERS.functions
    told = {name: (one.repeatable, one.timeout_s, one.attempts_max, one.personal) for name, one in known.items()}
    assert {
        "crm.create": (True, 4.0, 3, ()),
        "crm.once": (False, 4.0, 3, ("name",)),
        "crm.bare": (False, 300.0, 1, ()),
    } == told
    assert create is known["crm.create"].function, "a worker calls the function itself: the ledger counts the attempts"


def rows_made() -> list[int]:
    """Values, all at once."""
    return [1]


def order(item: dict[str, object], tags: object = None) -> str:
    """Order what is described."""
    return f"{item}{tags}: {FAR.answer()}"


def test_what_is_handed_over_is_what_the_call_was_made_with(door: Door) -> None:
    """A loop may fill one dictionary again and again, and hand over at its end: each call goes on with what it was made with."""
    FAR.troubles = [ConnectionRefusedError() for _ in range(20)]
    ordered = guarded(holdfast.policy("crm", retry=THREE), order, "crm.order")
    deep: list[object] = []
    for _ in range(60):
        deep = [deep]
    errors, item, tags = [], {}, ["new"]

    for name in ("book", "pen"):
        item["name"] = name
        errors.append(raised_by(lambda: ordered(item, tags=tags)))
        tags.append(name)
    too_deep = raised_by(lambda: ordered({}, tags=deep))
    for error in (*errors, too_deep):
        error.hand_over()

    assert [
        {"item": {"name": "book"}, "tags": ["new"]},
        {"item": {"name": "pen"}, "tags": ["new", "book"]},
        {"item": {}, "tags": deep},
    ] == [call.arguments for call in door.calls]


def test_a_call_that_succeeds_is_as_before(door: Door) -> None:
    """Nothing changes for calls that work: the result, the name and the signature."""
    call = guarded(holdfast.policy("crm", retry=THREE))

    assert "Ada: done" == call("Ada")
    assert ("create", inspect.signature(create)) == (call.__name__, inspect.signature(call))
    assert [] == door.calls


def test_an_error_of_another_kind_is_as_before() -> None:
    """What the function raises by itself, and what no repeat would mend, is raised as it is."""
    call = guarded(holdfast.policy("crm", retry=THREE))
    FAR.troubles = [ValueError("no")]

    with pytest.raises(ValueError, match="no"):
        call("Ada")


def test_a_single_attempt_is_enough_to_hand_over(door: Door) -> None:
    """Whoever wants no repeats in process, and recovery at once, allows one attempt."""
    call = guarded(holdfast.policy("crm", retry=Retry(attempts_max=1)))
    failing(1)

    raised_by(lambda: call("Ada")).hand_over()

    assert [1] == [len(one.attempts) for one in door.calls]


def test_without_a_name_nothing_can_be_handed_over() -> None:
    """A function that was not registered says so."""
    call = holdfast.policy("crm", retry=THREE)(create)
    failing(3)

    with pytest.raises(HandoverUnavailable, match="not registered"):
        raised_by(lambda: call("Ada")).hand_over()


INNER = holdfast.policy("crm", retry=Retry(attempts_max=2, initial_delay_s=0.0))


@INNER
def inside(name: str) -> str:
    """A guarded function that another one calls."""
    return f"{name}: {FAR.answer()}"


def outside(name: str) -> str:
    """Does something, then calls a guarded function of the same policy."""
    FAR.calls += 100
    return inside(name)


def test_attempts_of_a_call_further_in_are_not_taken_for_the_own_ones(door: Door) -> None:
    """An error that comes from inside a function says nothing of what the function did before: it cannot be handed over as its call."""
    call = guarded(holdfast.policy("crm"), outside, "crm.outside")
    failing(2)

    error = raised_by(lambda: call("Ada"))

    assert isinstance(error, Exhausted)
    with pytest.raises(HandoverUnavailable):
        error.hand_over()


@pytest.mark.parametrize("timeout", [None, LONG], ids=["plain", "timed"])
def test_policies_around_policies_hand_over_the_outermost_call(door: Door, timeout: Timeout | None) -> None:
    """A function under two policies is handed over with the attempts of the outer one, each of which the inner one made."""
    inner = holdfast.policy("far", timeout=timeout)(create)
    outer = holdfast.policy("crm", retry=THREE, timeout=timeout, repeatable=True)
    call = guarded(outer, inner, "crm.stacked")
    failing(3)

    raised_by(lambda: call("Ada")).hand_over()

    assert [("crm", 3)] == [(one.policy, len(one.attempts)) for one in door.calls]


def test_a_policy_around_itself_takes_only_what_is_its_own(door: Door) -> None:
    """Where one policy stands around a function twice, the rejection of the inner one is not taken for the outer call's."""
    policy = holdfast.policy("crm", breaker=Breaker())
    call = policy.guard(handover="crm.twice")(policy(create))
    policy.trip("maintenance", 60.0)

    raised_by(lambda: call("Ada")).hand_over()

    assert [()] == [one.attempts for one in door.calls]


def test_a_rejection_from_further_in_is_not_a_call_that_sent_nothing(door: Door) -> None:
    """A function whose inner call was turned away may have done something: it is not begun anew as if it had not."""
    policy = holdfast.policy("crm", breaker=Breaker())

    def nested(name: str) -> str:
        FAR.calls += 1
        policy.trip("maintenance", 60.0)
        return policy.call(create, name)

    HANDOVERS.door().functions["crm.nested"] = nested  # type: ignore[union-attr]  # an action, so that it may be local
    call = guarded(policy, nested, "crm.nested")

    error = raised_by(lambda: call("Ada"))

    assert (CircuitOpen, None) == (type(error), error.resume)


def test_the_error_of_an_inner_handover_keeps_its_own_way(door: Door) -> None:
    """Where the function further in can be handed over, that is what its error hands over."""
    inner = guarded(holdfast.policy("far", retry=THREE), create, "far.create")

    def outer(name: str) -> str:
        return inner(name)

    door.functions["crm.outer"] = outer
    call = guarded(holdfast.policy("crm"), outer, "crm.outer")
    failing(3)

    raised_by(lambda: call("Ada")).hand_over()

    assert ["far.create"] == [one.action for one in door.calls]


def test_a_policy_that_hides_its_own_error_is_refused() -> None:
    """With reraise, the function's own exception is raised, which has no way to go on: that is told at decoration."""
    policy = holdfast.policy("crm", retry=Retry(reraise=True))

    with pytest.raises(BadInput, match="reraise"):
        guarded(policy)


def test_generators_and_local_functions_are_refused_at_decoration() -> None:
    """What a worker could never call is told where it is written."""
    policy = holdfast.policy("crm", retry=THREE)

    with pytest.raises(BadInput, match="no single result"):
        policy.guard(handover="crm.rows")(rows)
    with pytest.raises(BadInput, match="inside another function"):
        policy.guard(handover="crm.local")(lambda name: name)
    assert {} == HANDOVERS.functions
