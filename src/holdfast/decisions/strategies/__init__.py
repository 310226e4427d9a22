"""The recovery strategies, one file each: `consider(case)` answers with a `Decision`, or with `Declined` and why.

What each of them asks before it acts is the table `holdfast.decisions.terms.TERMS`; a test holds the two together.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from holdfast.decisions.strategies import (
    alternative,
    ask_person,
    back_off,
    fallback,
    give_up,
    probe,
    refresh_then_retry,
    retry_larger_timeout,
    roll_back,
    skip,
    wait_daily,
    wait_until,
)
from holdfast.faults.taxonomy import RecoveryStrategy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdfast.decisions.decision import Decision, Declined
    from holdfast.decisions.facts import Case

__all__ = ["STRATEGIES"]

STRATEGIES: Mapping[RecoveryStrategy, Callable[[Case], Decision | Declined]] = MappingProxyType(
    {
        RecoveryStrategy.REFRESH_THEN_RETRY: refresh_then_retry.consider,
        RecoveryStrategy.WAIT_UNTIL: wait_until.consider,
        RecoveryStrategy.WAIT_DAILY: wait_daily.consider,
        RecoveryStrategy.RETRY_LARGER_TIMEOUT: retry_larger_timeout.consider,
        RecoveryStrategy.BACK_OFF: back_off.consider,
        RecoveryStrategy.PROBE: probe.consider,
        RecoveryStrategy.ALTERNATIVE: alternative.consider,
        RecoveryStrategy.FALLBACK: fallback.consider,
        RecoveryStrategy.SKIP: skip.consider,
        RecoveryStrategy.ROLL_BACK: roll_back.consider,
        RecoveryStrategy.ASK_PERSON: ask_person.consider,
        RecoveryStrategy.GIVE_UP: give_up.consider,
    }
)
"""Every strategy, exactly once."""

assert set(STRATEGIES) == set(RecoveryStrategy)
