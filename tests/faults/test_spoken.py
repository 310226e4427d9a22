"""Waits in the words of a message."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.classify import classify
from holdfast.faults.moments import Clock
from holdfast.faults.spoken import spoken_wait_s
from tests.faults.samples import answer, raised

CLOCK = Clock(answer(429))


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        pytest.param("Too Many Requests: retry after 5", 5.0, id="bare-number"),
        pytest.param("Please try again in 7m12s. Visit our page.", 432.0, id="go-duration"),
        pytest.param("Please try again after '17' seconds.", 17.0, id="quoted"),
        pytest.param("Please retry in 12.3s", 12.3, id="fraction"),
        pytest.param("Request was throttled. Expected available in 3600 seconds.", 3600.0, id="available"),
        pytest.param("try again in about 5 minutes", 300.0, id="about"),
        pytest.param("try again in 5 minute(s).", 300.0, id="plural-in-brackets"),
        pytest.param("try again in 5 minute(s)x", 300.0, id="brackets-that-go-on"),
        pytest.param("try again in 00:05:00.5", 300.5, id="time-span-with-fraction"),
        pytest.param("try again in 00:05:00.5 pm", 300.0, id="fraction-that-goes-on"),
        pytest.param("retry your request again later after 60 sec", 60.0, id="four-fillers"),
        pytest.param("retry your request again later only after 60 sec", None, id="five-fillers"),
        pytest.param("You are blocked until 17724531000000", None, id="too-many-digits-for-an-epoch"),
        pytest.param("retry after 5%", None, id="no-number-of-seconds"),
        pytest.param("Please retry your request after 60 sec", 60.0, id="filler"),
        pytest.param("Retry-After: 30", 30.0, id="header-in-words"),
        pytest.param("try again at 2026-03-02T12:10:00Z", 600.0, id="moment"),
        pytest.param("Please retry after 2026-03-02 12:05:00 UTC", 300.0, id="moment-with-zone"),
        pytest.param("Retry after 1772453100", 300.0, id="epoch"),
        pytest.param("You are blocked until 1772453100000. Be gone.", 300.0, id="until-an-epoch"),
        pytest.param("blocked until 1772453100000-7", None, id="an-id"),
        pytest.param("try again after Mon, 02 Mar 2026 12:05:00 UTC", 300.0, id="http-date"),
        pytest.param("try again after Mon, 99 Mar 2026 12:05:00 UTC", None, id="no-such-date"),
        pytest.param("please come back in 00:05:00", 300.0, id="hours-minutes-seconds"),
        pytest.param("please try again later", None, id="later"),
        pytest.param("Please try again in a few minutes", None, id="vague"),
        pytest.param("retry after 5 attempts", None, id="a-count"),
        pytest.param("timed out after 30 seconds", None, id="a-timeout"),
        pytest.param("API limit of 3 retries in 10 seconds", None, id="a-rate"),
    ],
)
def test_words_that_call_back_count_in_every_failure(message: str, seconds: float | None) -> None:
    """Being told to come back is a stated wait, whatever the failure is; vague words and rates are none."""
    assert seconds == spoken_wait_s(message, CLOCK, throttled=False)
    assert seconds == spoken_wait_s(message, CLOCK, throttled=True)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        pytest.param("wait 30 seconds", 30.0, id="wait"),
        pytest.param("A wait of 42 seconds is required", 42.0, id="a-wait-of"),
        pytest.param("Quota will be replenished in 02:15:30.", 8130.0, id="replenished"),
        pytest.param("Budget used up, reset in 3 seconds", 3.0, id="reset-in"),
        pytest.param("The quota will be reset at midnight Pacific Time (PT).", 72_000.0, id="midnight-pacific"),
        pytest.param("Your limit resets at GMT 00:00:00", 43_200.0, id="zone-before"),
        pytest.param("Limit will reset at 13:30 UTC", 5_400.0, id="zone-behind"),
        pytest.param("Limit will reset at 25:30 UTC", None, id="no-such-time"),
        pytest.param("resets at midnight", None, id="nobody-knows-whose"),
        pytest.param("quota resets on 2026-03-03T00:00:00.000Z", 43_200.0, id="moment"),
        pytest.param("wait 5 requests", None, id="a-count"),
        pytest.param("quota resets on 2026-99-03T00:00:00Z", None, id="no-such-day"),
    ],
)
def test_a_mention_of_a_wait_counts_for_throttling(message: str, seconds: float | None) -> None:
    """Words about waits, resets and times of day are read where the fault is known to be throttling."""
    assert seconds == spoken_wait_s(message, CLOCK, throttled=True)


@pytest.mark.parametrize("message", ["The job may wait 30 seconds", "It resets at 13:30 UTC"])
def test_a_mention_of_a_wait_elsewhere_is_none(message: str) -> None:
    """Other failures speak of waits for other reasons."""
    assert spoken_wait_s(message, CLOCK, throttled=False) is None


def test_only_the_error_message_is_read() -> None:
    """Other texts of the body may be a user's own data."""
    body = {"error": {"message": "Too many requests"}, "echo": {"text": "try again in 5 minutes"}}

    assert classify(answer(429, body)).retry_after_s is None


def test_an_exception_speaks_in_its_own_words() -> None:
    """The message of an exception without an answer is the error message."""
    assert classify(raised("some.RateLimited", "slow down, try again in 20s")).retry_after_s == 20.0


@given(st.text(alphabet="try again in after wait 0123456789.sm:-TZUtc", max_size=200))
def test_any_message_is_survived(message: str) -> None:
    """No message states a negative wait or makes reading fail."""
    wait_s = spoken_wait_s(message, CLOCK, throttled=True)

    assert wait_s is None or wait_s >= 0


@pytest.mark.parametrize(
    "unit", ["try again in ", "wait ", "resets at ", "9", "again " + " " * 50, "retry the the ", "1s "]
)
def test_hostile_messages_are_read_as_far_as_messages_go(unit: str) -> None:
    """Two thousand characters are read: a message made to defeat patterns ends soon, and what stands behind them is not looked at."""
    message = (unit * 100_000)[:200_000]

    for throttled in (True, False):
        wait_s = spoken_wait_s(message, CLOCK, throttled=throttled)
        assert wait_s is None or wait_s >= 0
    assert spoken_wait_s("." * 2_000 + " try again in 5 s", CLOCK, throttled=True) is None
