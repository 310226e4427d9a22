"""Waits that the other side states."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.classify import classify
from holdfast.faults.delays import BELIEVABLE_WAIT_S, reset_after_s, retry_after_s
from holdfast.faults.patterns import compile_pattern
from holdfast.faults.rules import ApiRules, ResetFormat, WaitFormat, WaitRule
from holdfast.faults.taxonomy import ErrorCategory as C
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
        pytest.param("2m", 120.0, id="duration"),
        pytest.param(str(int(NOON.timestamp()) + 120), 120.0, id="a-moment-as-a-number"),
        pytest.param(str(int(NOON.timestamp()) - 120), NOON.timestamp() - 120, id="no-moment-ahead-is-a-length"),
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


@pytest.mark.parametrize("name", ["X_Retry_After", "X_RateLimit_Retry_After", "Retry_After_Seconds", "X_Retry_In"])
def test_relatives_of_retry_after_count_as_it(name: str) -> None:
    """Headers made for the same purpose state a wait in every failure."""
    assert classify(answer(503, **{name: "9"})).retry_after_s == 9.0


def test_other_words_about_retrying_are_no_wait() -> None:
    """A header that says whether to retry does not say when."""
    assert classify(answer(503, X_Should_Retry="9")).retry_after_s is None


def test_milliseconds_that_disagree_undercut_nothing() -> None:
    """The more exact header wins only where both say the same; otherwise the longer wait is kept."""
    assert retry_after_s(answer(429, Retry_After="60", Retry_After_Ms="500")) == 60.0


def rules(*waits: WaitRule) -> ApiRules:
    """An API that states its waits in places of its own."""
    return ApiRules(api_id="crm", waits=waits)


@pytest.mark.parametrize(
    ("form", "text", "seconds"),
    [
        (WaitFormat.SECONDS, "250", 250.0),
        (WaitFormat.MILLISECONDS, "250", 0.25),
        (WaitFormat.MINUTES, "2", 120.0),
        (WaitFormat.DURATION, "6m0s", 360.0),
        (WaitFormat.UNIX_SECONDS, "1772452860", 60.0),
        (WaitFormat.UNIX_MS, "1772452860000", 60.0),
        (WaitFormat.ISO8601, "2026-03-02T12:01:00Z", 60.0),
        (WaitFormat.HTTP_DATE, "Mon, 02 Mar 2026 12:01:00 GMT", 60.0),
        (WaitFormat.SECONDS, "soon", None),
        (WaitFormat.ISO8601, "250", None),
        (WaitFormat.HTTP_DATE, "2026-03-02T12:01:00Z", None),
    ],
)
def test_an_entrys_wait_is_read_in_its_format(form: WaitFormat, text: str, seconds: float | None) -> None:
    """Each format means what it says, and nothing is guessed."""
    api = rules(WaitRule(format=form, header="X-Pause"))

    assert seconds == classify(answer(429, X_Pause=text), api=api).retry_after_s


def test_an_entrys_waits_come_first() -> None:
    """What the entry knows of this API beats the general reading; its rules count in their order, and by header, field or words."""
    header = WaitRule(format=WaitFormat.SECONDS, header="X-Pause")
    place = WaitRule(format=WaitFormat.MINUTES, place=("limits", "*", "wait"))
    pattern = WaitRule(
        format=WaitFormat.MILLISECONDS, pattern=compile_pattern(r"wait \[ (\d+) \]", source="test", path="")
    )
    fault = answer(429, {"limits": [{"wait": 1}, {"wait": 3}], "message": "wait [ 250 ]"}, Retry_After="9", X_Pause="8")

    told = [
        classify(fault, api=rules(*waits)).retry_after_s for waits in ((), (header, place), (place, header), (pattern,))
    ]

    assert [9.0, 8.0, 180.0, 0.25] == told


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(WaitRule(format=WaitFormat.SECONDS, header="X-Pause", statuses=frozenset({503})), id="status"),
        pytest.param(
            WaitRule(format=WaitFormat.SECONDS, header="X-Pause", categories=frozenset({C.STATE_INCONSISTENT})),
            id="category",
        ),
        pytest.param(WaitRule(format=WaitFormat.SECONDS, place=("x",)), id="nothing-there"),
        pytest.param(WaitRule(format=WaitFormat.SECONDS), id="no-place"),
        pytest.param(
            WaitRule(format=WaitFormat.SECONDS, pattern=compile_pattern("no such words", source="test", path="")),
            id="words",
        ),
    ],
)
def test_an_entrys_wait_holds_under_its_conditions(rule: WaitRule) -> None:
    """A rule for other statuses or categories, or whose place is empty, leaves it to the next source."""
    assert classify(answer(429, {"x": [1]}, X_Pause="8"), api=rules(rule)).retry_after_s is None


def test_sources_have_an_order() -> None:
    """Header before field, field before words, words before resets."""
    body = {"retry_after": 20, "message": "try again in 30 seconds"}
    reset = {"X_RateLimit_Reset": "40"}

    told = [
        classify(answer(429, body, Retry_After="10", **reset)).retry_after_s,
        classify(answer(429, body, **reset)).retry_after_s,
        classify(answer(429, {"message": body["message"]}, **reset)).retry_after_s,
        classify(answer(429, {"message": "slow down"}, **reset)).retry_after_s,
    ]

    assert [10.0, 20.0, 30.0, 40.0] == told


@given(st.integers(min_value=0, max_value=10**12))
def test_a_wait_is_never_shortened_and_an_absurd_one_is_noted(seconds: int) -> None:
    """More than seven days are kept as they are, and the verdict says that they are absurd."""
    verdict = classify(answer(503, Retry_After=f"{seconds}.0" if seconds < 10**9 else str(seconds)))

    is_moment = 0 < seconds - NOON.timestamp() <= 366 * 86_400
    assert is_moment or verdict.retry_after_s == seconds
    assert (verdict.retry_after_s > BELIEVABLE_WAIT_S) == any("absurd" in note for note in verdict.notes)


@pytest.mark.parametrize(("seconds", "notes"), [("604800", ()), ("1000000", ("the stated wait of 12 days is absurd",))])
def test_a_week_is_believed(seconds: str, notes: tuple[str, ...]) -> None:
    """Seven days are a long wait, and more is absurd."""
    assert notes == classify(answer(503, Retry_After=seconds)).notes


def test_the_server_clock_is_noted_only_where_it_matters() -> None:
    """Seconds need no clock: a `Date` that is off is no news there."""
    date = {"Date": "Mon, 02 Mar 2026 11:54:40 GMT"}
    moment = answer(429, Retry_After="Mon, 02 Mar 2026 12:00:00 GMT", **date)

    assert classify(answer(429, Retry_After="5", **date)).notes == ()
    assert (320.0, ("the server's clock is 320 s behind ours",)) == (
        classify(moment).retry_after_s,
        classify(moment).notes,
    )
