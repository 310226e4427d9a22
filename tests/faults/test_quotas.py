"""Quota windows of an entry: which one is used up, and when it opens again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.classify import classify
from holdfast.faults.moments import Clock
from holdfast.faults.quotas import next_time_of_day, opens_in_s, used_up_window
from holdfast.faults.rules import ApiRules, QuotaReset, QuotaWindow, RateLimitRules
from holdfast.faults.taxonomy import ErrorCategory as C
from tests.faults.samples import NOON, answer

COUNTED = {"limit_header": "X-RateLimit-Limit", "usage_header": "X-RateLimit-Usage"}
QUARTER = QuotaWindow(name="quarter", period_s=900, category=C.RATE_LIMIT_BURST, aligned=True, position=0, **COUNTED)
DAY = QuotaWindow(name="day", period_s=86_400, category=C.RATE_LIMIT_DAILY, aligned=True, position=1, **COUNTED)
PACIFIC = QuotaReset(hour=0, minute=0, time_zone="America/Los_Angeles")
BY_CODE = QuotaWindow(
    name="daily", period_s=86_400, category=C.RATE_LIMIT_DAILY, reset=PACIFIC, codes=frozenset({"dailylimitexceeded"})
)
API = ApiRules(
    api_id="runs",
    rate_limiting=RateLimitRules(status_codes=frozenset({429})),
    quota_windows=(QUARTER, DAY),
)


def judged(usage: str, *, api: ApiRules = API, limit: str = "200,2000"):
    """The verdict on a 429 whose headers count so much."""
    return classify(answer(429, {"message": "x"}, X_RateLimit_Limit=limit, X_RateLimit_Usage=usage), api=api)


@pytest.mark.parametrize(
    ("usage", "category", "wait_s"),
    [
        pytest.param("204,690", C.RATE_LIMIT_BURST, 900.0, id="first"),
        pytest.param("12,2001", C.RATE_LIMIT_DAILY, 43_200.0, id="second"),
        pytest.param("200,2000", C.RATE_LIMIT_DAILY, 43_200.0, id="both-the-longer-binds"),
        pytest.param("12,690", C.RATE_LIMIT_BURST, None, id="neither"),
        pytest.param("x", C.RATE_LIMIT_BURST, None, id="unreadable"),
        pytest.param("-3,-3", C.RATE_LIMIT_BURST, None, id="negative"),
        pytest.param("-x,1", C.RATE_LIMIT_BURST, None, id="no-number"),
    ],
)
def test_headers_say_which_window_is_used_up(usage: str, category: C, wait_s: float | None) -> None:
    """The window tells burst from daily, and an aligned one states its end."""
    verdict = judged(usage)

    assert (category, wait_s) == (verdict.category, verdict.retry_after_s)


@pytest.mark.parametrize(
    ("window", "headers", "is_used_up"),
    [
        pytest.param({"remaining_header": "X-Left"}, {"X_Left": "0"}, True, id="nothing-remains"),
        pytest.param({"remaining_header": "X-Left"}, {"X_Left": "-1"}, True, id="less-than-nothing"),
        pytest.param({"remaining_header": "X-Left"}, {"X_Left": "1"}, False, id="some-remains"),
        pytest.param({"remaining_header": "X-Left"}, {}, False, id="untold"),
        pytest.param({"usage_header": "X-Used", "limit": 10}, {"X_Used": "10"}, True, id="limit-by-the-entry"),
        pytest.param({"usage_header": "X-Used", "limit": 10}, {"X_Used": "9"}, False, id="below-the-limit"),
        pytest.param({"usage_header": "X-Used"}, {"X_Used": "10"}, False, id="limit-unknown"),
        pytest.param({"remaining_header": "X-Left", "position": 1}, {"X_Left": "5, 0"}, True, id="by-position"),
        pytest.param({"remaining_header": "X-Left", "position": 2}, {"X_Left": "0, 0"}, False, id="no-such-position"),
        pytest.param({"codes": frozenset({"quota"})}, {}, True, id="by-code"),
        pytest.param({"codes": frozenset({"other"})}, {}, False, id="another-code"),
    ],
)
def test_every_way_to_count_acts(window: dict[str, object], headers: dict[str, str], is_used_up: bool) -> None:
    """A remaining of nothing, a usage that reached the limit, or a code."""
    one = QuotaWindow(name="w", period_s=60, category=C.RATE_LIMIT_BURST, **window)

    found = used_up_window([one], answer(429, **headers), ["quota"])

    assert is_used_up == (found is not None)


def test_a_code_names_the_window_and_states_no_wait() -> None:
    """The documented reset is known but was not stated: it is kept apart from the wait, and the window says that the limit is a daily one."""
    api = ApiRules(api_id="maps", quota_windows=(BY_CODE,))
    body = {"error": {"code": "dailyLimitExceeded", "message": "Quota exceeded."}}

    verdict = classify(answer(403, body), api=api)

    assert (C.RATE_LIMIT_DAILY, "catalog:maps/quota-windows[0]") == (verdict.category, verdict.rule)
    assert (None, 72_000.0) == (verdict.retry_after_s, verdict.quota_resets_in_s)


def test_a_code_states_no_wait_for_an_aligned_window_either() -> None:
    """Only headers that count a window state its end."""
    api = ApiRules(api_id="maps", quota_windows=(replace(QUARTER, codes=frozenset({"quota"})),))

    verdict = classify(answer(429, {"error": {"code": "quota", "message": "x"}}), api=api)

    assert (None, 900.0) == (verdict.retry_after_s, verdict.quota_resets_in_s)


def test_a_window_that_is_not_aligned_states_nothing() -> None:
    """Headers that count a window whose reset only the documentation knows leave the wait open."""
    api = replace(API, quota_windows=(replace(DAY, aligned=False, reset=PACIFIC),))

    verdict = judged("0,2000", api=api)

    assert (None, 72_000.0) == (verdict.retry_after_s, verdict.quota_resets_in_s)


def test_a_used_up_window_matters_to_throttling_only() -> None:
    """Headers that count to the end of a window are no reset of another failure."""
    headers = {"X_RateLimit_Limit": "200,2000", "X_RateLimit_Usage": "12,2000"}

    verdict = classify(answer(404, {"message": "x"}, **headers), api=API)

    assert (None, None) == (verdict.retry_after_s, verdict.quota_resets_in_s)


@pytest.mark.parametrize(
    ("window", "seconds"),
    [
        pytest.param({"aligned": True, "period_s": 900}, 900.0, id="at-the-boundary-the-whole-period"),
        pytest.param({"aligned": True, "period_s": 50_000}, 6_800.0, id="the-first-of-the-day"),
        pytest.param({"aligned": True, "period_s": 604_800}, None, id="a-week-begins-nobody-knows-when"),
        pytest.param({"aligned": False, "period_s": 900}, None, id="not-aligned"),
        pytest.param({"period_s": 900, "reset": replace(PACIFIC, time_zone="Mars/Olympus")}, None, id="no-such-zone"),
    ],
)
def test_a_window_opens_as_documented(window: dict[str, object], seconds: float | None) -> None:
    """Aligned windows begin at whole multiples of their period since midnight UTC."""
    one = QuotaWindow(name="w", category=C.RATE_LIMIT_BURST, **window)

    assert seconds == opens_in_s(one, Clock(answer(429)))


def test_midnight_cuts_the_last_window_of_the_day() -> None:
    """A period that does not divide the day begins anew at midnight UTC."""
    one = QuotaWindow(name="w", category=C.RATE_LIMIT_BURST, aligned=True, period_s=50_000)

    assert opens_in_s(one, Clock(replace(answer(429), observed_at=NOON + timedelta(hours=4)))) == 28_800.0


@pytest.mark.parametrize(
    ("now", "reset", "expected"),
    [
        pytest.param("2026-03-02T12:00", PACIFIC, "2026-03-03T08:00", id="winter"),
        pytest.param("2026-07-02T12:00", PACIFIC, "2026-07-03T07:00", id="summer"),
        pytest.param(
            "2026-03-08T09:00", replace(PACIFIC, hour=2, minute=30), "2026-03-08T10:30", id="skipped-in-spring"
        ),
        pytest.param(
            "2026-11-01T07:30", replace(PACIFIC, hour=1, minute=30), "2026-11-01T08:30", id="repeated-in-autumn"
        ),
        pytest.param("2026-03-02T08:00", PACIFIC, "2026-03-03T08:00", id="at-the-moment-itself-the-next"),
        pytest.param("2026-03-02T12:00", replace(PACIFIC, day=1), "2026-04-01T07:00", id="monthly"),
        pytest.param("2026-12-31T12:00", replace(PACIFIC, day=28), "2027-01-28T08:00", id="over-the-year"),
        pytest.param("2026-03-02T12:00", replace(PACIFIC, day=40), None, id="a-day-that-no-month-has"),
        pytest.param("9999-12-31T12:00", PACIFIC, None, id="the-end-of-all-calendars"),
    ],
)
def test_a_reset_is_a_time_somewhere(now: str, reset: QuotaReset, expected: str | None) -> None:
    """Each day or on a day of the month, by the clocks of that place, whatever they do in spring and autumn."""
    moment = next_time_of_day(datetime.fromisoformat(now).replace(tzinfo=UTC), reset)

    assert (expected and datetime.fromisoformat(expected).replace(tzinfo=UTC)) == moment


@given(st.integers(min_value=0, max_value=2_000_000_000))
def test_a_daily_reset_is_within_a_day_and_an_hour(epoch_s: int) -> None:
    """The next reset lies ahead, and no further than the longest day of the year."""
    now = datetime.fromtimestamp(epoch_s, UTC)

    moment = next_time_of_day(now, PACIFIC)

    assert moment is not None
    assert 0 < (moment - now).total_seconds() <= 90_000
