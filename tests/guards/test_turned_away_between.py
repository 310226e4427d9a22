"""A repeat that is turned away: the call ends as it would have ended anyway, and the repeat costs nothing."""

from __future__ import annotations

import pytest

import holdfast
from holdfast import Breaker, Budget, Retry
from holdfast.errors import CircuitOpen, Exhausted
from holdfast.testing import controlled_world

OPENS_AT_ONCE = Breaker(failures_consecutive=1)


def refused() -> None:
    """Nobody listens."""
    raise ConnectionRefusedError("down")


def test_the_last_exception_is_the_cause() -> None:
    """The circuit opened between two attempts: what went wrong first is not hidden."""
    policy = holdfast.policy("api", retry=Retry(), breaker=OPENS_AT_ONCE)

    with controlled_world(), pytest.raises(Exhausted) as stopped:
        policy.call(refused)

    assert ("circuit-open", 1) == (stopped.value.reason, len(stopped.value.attempts))
    assert isinstance(stopped.value.__cause__, ConnectionRefusedError)


def test_reraise_holds_there_too() -> None:
    """Whoever wants the exception itself gets it, with the story as a note."""
    policy = holdfast.policy("api", retry=Retry(reraise=True), breaker=OPENS_AT_ONCE)

    with controlled_world(), pytest.raises(ConnectionRefusedError) as raised:
        policy.call(refused)

    assert "circuit-open" in raised.value.__notes__[0]


def test_the_last_result_is_returned_there_too() -> None:
    """Whoever wants the last result gets it."""
    policy = holdfast.policy(
        "api", retry=Retry(), breaker=OPENS_AT_ONCE, result=lambda value: value < 0, returns_last=True, repeatable=True
    )

    with controlled_world():
        assert -1 == policy.call(lambda: -1)


def test_a_repeat_that_was_not_made_is_not_paid_for() -> None:
    """A budget of one repeat lets the next call repeat, after one whose repeat was turned away."""
    budget = Budget(ratio=0, floor_per_s=0.1, window_s=10)
    policy = holdfast.policy("api", retry=Retry(initial_delay_s=0, budget=budget), breaker=OPENS_AT_ONCE)
    with controlled_world():
        with pytest.raises(Exhausted):
            policy.call(refused)
        with pytest.raises(CircuitOpen):
            policy.call(refused)
        policy.update(breaker=None)

        with pytest.raises(Exhausted) as stopped:
            policy.call(refused)

    assert (2, "budget") == (len(stopped.value.attempts), stopped.value.reason)
