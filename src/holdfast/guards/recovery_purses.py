"""What recoveries may spend on repeats, for each dependency: a share of its calls, as retries have it (`holdfast.policies.budget`)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from holdfast.policies.budget import Budget, Purse, open_purse, withdraw

__all__ = ["Purses"]

NAMES_MAX = 1_000


@dataclass(slots=True)
class _Account:
    calls: int = 0
    purse: Purse | None = None


class Purses:
    """One purse for each dependency: at most 1000, the one unused longest is forgotten. Safe over threads.

    Without a budget everything is paid for.
    """

    __slots__ = ("_accounts", "_budget", "_lock")

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._lock = threading.Lock()
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def count(self, name: str) -> None:
        """Count a call that somebody made."""
        if self._budget is not None:
            with self._lock:
                self._account(name).calls += 1

    def pay(self, name: str, *, now: float) -> bool:
        """Pay for one repeat; whether there was enough."""
        budget = self._budget
        if budget is None:
            return True
        with self._lock:
            account = self._account(name)
            purse = account.purse or open_purse(budget, calls=account.calls, now=now)
            account.purse, paid = withdraw(budget, purse, calls=account.calls, now=now)
            return paid

    def _account(self, name: str) -> _Account:
        account = self._accounts.pop(name, None) or _Account()
        self._accounts[name] = account
        if len(self._accounts) > NAMES_MAX:
            self._accounts.popitem(last=False)
        return account
