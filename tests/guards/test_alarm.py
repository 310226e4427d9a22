"""Alerts and strikes are counted, and remembered within bounds."""

from __future__ import annotations

import pytest

from holdfast.errors import BadSettings
from holdfast.guards.alarm import REMEMBERED_MAX, Alarm
from holdfast.guards.strikes import NAMES_MAX, Strikes


def test_the_same_alert_is_held_back_for_a_while() -> None:
    """Within the time an alert is counted; after it, it is told with the count."""
    alarm, key = Alarm(every_s=10), ("crm", "cure", "help")

    told = [alarm.admit(key, now=now) for now in (0, 1, 9.9, 10, 20)]

    assert [0, None, None, 2, 0] == told


def test_alerts_are_remembered_within_bounds() -> None:
    """The oldest alert is forgotten when there are too many, and would then be told again."""
    alarm = Alarm(every_s=10)

    for number in range(REMEMBERED_MAX + 1):
        alarm.admit(("", "", str(number)), now=0)

    assert alarm.admit(("", "", str(REMEMBERED_MAX)), now=1) is None
    assert 0 == alarm.admit(("", "", "0"), now=1)


def test_an_alarm_may_tell_everything() -> None:
    """Without a time between, nothing is held back; a negative one is refused."""
    alarm = Alarm(every_s=0)

    assert [0, 0] == [alarm.admit(("", "", ""), now=1) for _ in range(2)]
    with pytest.raises(BadSettings, match="every_s"):
        Alarm(every_s=-1)


def test_strikes_fall_out_of_the_window() -> None:
    """Only what lies within the window counts, its edge included."""
    strikes, crm = Strikes(), ("crm", None)

    counts = [strikes.strike(crm, now=now, window_s=10, most=9) for now in (0, 5, 10, 15.1)]

    assert [1, 2, 3, 2] == counts
    strikes.forget(crm)
    assert 1 == strikes.strike(crm, now=16, window_s=10, most=9)


def test_strikes_are_bounded() -> None:
    """No more moments are kept than are asked for, nor more names than there may be."""
    strikes = Strikes()

    assert [1, 2, 2] == [strikes.strike(("a", None), now=0, window_s=1, most=2) for _ in range(3)]
    for number in range(NAMES_MAX):
        strikes.strike((str(number), None), now=0, window_s=1, most=2)
    assert 1 == strikes.strike(("a", None), now=0, window_s=1, most=2)
