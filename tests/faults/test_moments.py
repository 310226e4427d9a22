"""How moments and lengths of time are written, and against whose clock they are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.moments import Clock, date_of, duration_of, epoch_of, iso_date, number_of, spoken_duration
from tests.faults.samples import NOON, answer


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("6m0s", 360.0, id="go"),
        pytest.param("1h2m3.5s", 3723.5, id="go-with-hours"),
        pytest.param("300ms", 0.3, id="milliseconds"),
        pytest.param("1d2h", 93_600.0, id="days"),
        pytest.param("PT5M", 300.0, id="iso"),
        pytest.param("P1DT1.5S", 86_401.5, id="iso-with-days"),
        pytest.param("P", None, id="empty-iso"),
        pytest.param("Pt", None, id="empty-iso-time"),
        pytest.param("00:05:00", 300.0, id="net"),
        pytest.param("1.02:03:04.5", 93_784.5, id="net-with-days"),
        pytest.param("13:30:00 UTC", None, id="a-time-of-day"),
        pytest.param("10:99:00", None, id="no-such-minute"),
        pytest.param("5 minutes", 300.0, id="words"),
        pytest.param("1 hour and 5 minutes", 3900.0, id="two-words"),
        pytest.param("1 min. 20 sec", 80.0, id="abbreviated"),
        pytest.param("10 more seconds", 10.0, id="more"),
        pytest.param("2 weeks", 1_209_600.0, id="weeks"),
        pytest.param("12", None, id="a-bare-number-has-no-unit"),
        pytest.param("5 apples", None, id="no-unit"),
        pytest.param("5 seconds ago", None, id="more-than-a-length"),
        pytest.param("", None, id="nothing"),
        pytest.param("9" * 100_000 + "s", None, id="endless-digits"),
    ],
)
def test_reads_lengths_of_time(text: str, seconds: float | None) -> None:
    """Durations of Go, of ISO 8601 and in words; anything else is none."""
    assert seconds == duration_of(text)


def test_a_length_has_at_most_six_parts() -> None:
    """A flood of parts is read as far as any real length goes, and stays finite."""
    assert (6.0, 17) == spoken_duration(" ".join(["1s"] * 1000), 0)
    assert (1e15, 17) == spoken_duration("9" * 15 + " w", 0)


@pytest.mark.parametrize(
    ("number", "epoch_s"),
    [
        pytest.param(999_999_999.0, None, id="a-length"),
        pytest.param(1_772_445_600.0, 1_772_445_600.0, id="seconds"),
        pytest.param(1_772_445_600_000.0, 1_772_445_600.0, id="milliseconds"),
        pytest.param(177_244_560_000_000.0, 177_244_560.0, id="microseconds"),
        pytest.param(1e15, None, id="beyond-any-calendar"),
    ],
)
def test_a_number_is_a_moment_by_its_size(number: float, epoch_s: float | None) -> None:
    """Seconds, milliseconds and microseconds since 1970 are told apart by their size; what is too small is a length."""
    assert epoch_s == epoch_of(number)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T12:00:00Z",
        "2026-03-02 12:00:00 UTC",
        "2026-03-02 12:00:00 gmt",
        "2026-03-02T13:00:00+01:00",
        "2026-03-02T12:00:00",
        "2026-03-02T12:00",
    ],
)
def test_reads_iso_dates(text: str) -> None:
    """With a zone, with its name behind it, and without one, which is UTC."""
    assert iso_date(text) == NOON


@pytest.mark.parametrize("text", ["20260302", "2026-03-02", "12:00:00", "2026-13-02T12:00:00Z", "soon-at-12:00"])
def test_what_is_no_moment_is_none(text: str) -> None:
    """A row of digits, a day without a time and rubbish name no moment."""
    assert date_of(text) is None


@pytest.mark.parametrize(
    ("headers", "skew_s"),
    [
        pytest.param({"Date": "Mon, 02 Mar 2026 11:54:40 GMT"}, -320.0, id="behind"),
        pytest.param({"Date": "Mon, 02 Mar 2026 12:03:00 GMT"}, 180.0, id="ahead"),
        pytest.param({"Date": "Mon, 02 Mar 2026 12:00:05 GMT"}, 0.0, id="on-its-way"),
        pytest.param({"Date": "Mon, 02 Mar 2026 11:50:00 GMT", "Age": "600"}, 0.0, id="from-a-cache"),
        pytest.param({"Date": "Mon, 02 Mar 2026 11:50:00 GMT", "Age": "x"}, -600.0, id="an-age-that-is-none"),
        pytest.param({"Date": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0, id="a-broken-clock"),
        pytest.param({"Date": "today"}, 0.0, id="no-date"),
        pytest.param({}, 0.0, id="no-header"),
    ],
)
def test_the_servers_clock_is_the_one_that_counts(headers: dict[str, str], skew_s: float) -> None:
    """A `Date` that is off by more than its way, and by less than a day, says what time it is there."""
    clock = Clock(answer(429, **headers))

    assert NOON + timedelta(seconds=skew_s) == clock.now
    assert skew_s == clock.skew_s


@given(st.datetimes(timezones=st.just(UTC)))
def test_no_moment_is_a_negative_wait(moment: datetime) -> None:
    """Whatever moment is named, the wait is zero or more."""
    clock = Clock(answer(429))

    assert max(0.0, (moment - NOON).total_seconds()) == clock.until(moment)


@given(st.text(max_size=80))
def test_any_text_is_survived(text: str) -> None:
    """No text makes reading fail, and no length is negative."""
    for found in (number_of(text), duration_of(text)):
        assert found is None or found >= 0
    assert date_of(text) is None or date_of(text).tzinfo is not None
