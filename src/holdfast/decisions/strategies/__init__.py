"""The recovery strategies, one file each: `consider(case)` answers with a `Decision`, or with `Declined` and why.

`STRATEGIES` holds those that this release performs. A strategy that a plan or a catalog entry names and that is not here declines, saying so.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from holdfast.decisions.strategies import (
    alternative,
    ask_person,
    back_off,
    give_up,
    probe,
    refresh_then_retry,
    retry_larger_timeout,
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
        RecoveryStrategy.WAIT_DAILY: wait_until.consider,
        RecoveryStrategy.RETRY_LARGER_TIMEOUT: retry_larger_timeout.consider,
        RecoveryStrategy.BACK_OFF: back_off.consider,
        RecoveryStrategy.PROBE: probe.consider,
        RecoveryStrategy.ALTERNATIVE: alternative.consider,
        RecoveryStrategy.ASK_PERSON: ask_person.consider,
        RecoveryStrategy.GIVE_UP: give_up.consider,
    }
)
