"""How many calls may be under way at once, and who waits."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.policies.bulkhead import Admission, Bulkhead, admit

TWO_AND_ONE = Bulkhead(calls_max=2, queue_max=1)


@pytest.mark.parametrize(
    ("active", "waiting", "expected"),
    [
        pytest.param(0, 0, Admission.GO, id="nobody there"),
        pytest.param(1, 0, Admission.GO, id="room for one"),
        pytest.param(2, 0, Admission.QUEUE, id="full"),
        pytest.param(1, 1, Admission.FULL, id="room, but somebody waits for it"),
        pytest.param(0, 0, Admission.GO, id="empty again"),
        pytest.param(2, 1, Admission.FULL, id="full, and the queue as well"),
        pytest.param(5, 0, Admission.QUEUE, id="fuller than it may be, since less is allowed now"),
    ],
)
def test_who_comes_goes_on_waits_or_is_turned_away(active: int, waiting: int, expected: Admission) -> None:
    """There are so many places, and so many more to wait in."""
    assert expected is admit(TWO_AND_ONE, active=active, waiting=waiting)


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 12), st.integers(0, 12))
def test_neither_places_nor_queue_are_ever_overfilled(calls: int, queue: int, active: int, waiting: int) -> None:
    """A call goes on only below the limit and past nobody, and waits only where there is room to wait."""
    told = admit(Bulkhead(calls_max=calls, queue_max=queue), active=active, waiting=waiting)

    assert (told is Admission.GO) == (active < calls and waiting == 0)
    assert told is not Admission.QUEUE or waiting < queue
