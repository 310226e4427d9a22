"""Waits that the other side states."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.delays import reset_after_s, retry_after_s
from holdfast.faults.rules import ResetFormat
from tests.faults.samples import NOON, answer


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 2.5 ", 2.5, id="fraction"),
        pytest.param("0", 0.0, id="now"),
        pytest.param("-5", None, id="negative"),
        pytest.param("soon", None, id="word"),
        pytest.param("1e9", None, id="exponent"),
        pytest.param("inf", None, id="infinity"),
        pytest.param("31536000", 31_536_000.0, id="a-year-is-kept"),
        pytest.param("9" * 390, 1e15, id="endless-digits-stay-finite"),
        pytest.param("Mon, 02 Mar 2026 12:02:00 GMT", 120.0, id="date"),
        pytest.param("Monday, 02-Mar-26 12:02:00 GMT", 120.0, id="rfc-850"),
        pytest.param("Mon Mar  2 12:02:00 2026", 120.0, id="asctime"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", 0.0, id="two-digits-of-the-past"),
        pytest.param("Mon, 02 Mar 2026 11:59:00 GMT", 0.0, id="past"),
        pytest.param("Mon, 32 Mar 2026 12:02:00 GMT", None, id="no-such-day"),
        pytest.param("Mon, 02 Foo 2026 12:02:00 GMT", None, id="no-such-month"),
        pytest.param("2026-03-02T13:02:00+01:00", 120.0, id="iso"),
        pytest.param("2026-03-02T12:02:00", 120.0, id="iso-without-zone-is-utc"),
    ],
)
def test_reads_retry_after(value: str, wait_s: float | None) -> None:
    """Seconds or a date, never negative, never shortened; anything else states nothing."""
    assert wait_s == retry_after_s(answer(429, Retry_After=value))


def test_milliseconds_are_the_more_exact() -> None:
    """A header in milliseconds wins over whole seconds."""
    fault = answer(429, Retry_After="2", x_ms_retry_after_ms="1500")

    assert retry_after_s(fault) == 1.5


def test_of_two_waits_the_longer_counts() -> None:
    """A header that came twice is not undercut."""
    fault = answer(429, Retry_After="2", retry_after="7")

    assert retry_after_s(fault) == 7.0


def test_an_unreadable_milliseconds_header_gives_way() -> None:
    """Rubbish in one header does not hide the other."""
    fault = answer(429, Retry_After="2", Retry_After_Ms="x")

    assert retry_after_s(fault) == 2.0


def test_a_rubbish_reset_states_nothing() -> None:
    """A reset that is not in its format is no wait."""
    fault = answer(429, X_Reset="tomorrow")

    assert [None] * 3 == [reset_after_s(fault, header="X-Reset", reset_format=kind) for kind in ResetFormat]


@given(st.integers(min_value=0, max_value=4_102_444_800))
def test_a_reset_is_never_a_negative_wait(epoch_s: int) -> None:
    """Whatever the server says, the wait is at least zero and ends at the reset."""
    wait_s = reset_after_s(answer(429, X_Reset=str(epoch_s)), header="X-Reset", reset_format=ResetFormat.UNIX_SECONDS)

    assert max(0.0, epoch_s - NOON.timestamp()) == wait_s


@given(st.text(max_size=60))
def test_any_header_value_is_survived(value: str) -> None:
    """No header value makes reading fail."""
    wait_s = retry_after_s(answer(429, Retry_After=value))

    assert wait_s is None or wait_s >= 0
