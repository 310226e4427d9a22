"""A shop whose dependency can be down, and policies around it that degrade."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.guards.answers import Answer
from holdfast.guards.policy import Policy, policy
from holdfast.policies.degradation import Degradation, When
from holdfast.policies.lesser_answers import Default

Ask = Callable[..., Answer[object]]
NOTHING = Default(value=None)
TIMED_OUT = When(categories=frozenset({ErrorCategory.NETWORK_TIMEOUT}))


class Price:
    """A dependency that can be down."""

    def __init__(self) -> None:
        self.down: Exception | None = None
        self.calls = 0
        self.price = 100

    def answer(self) -> int:
        """What it would say now."""
        self.calls += 1
        if self.down is not None:
            raise self.down
        return self.price


price = Price()


def fetch_price(sku: str, currency: str = "EUR") -> str:
    """The function that is guarded."""
    return f"{sku} {price.answer()} {currency}"


def shop_with(*strategies: object, **settings: object) -> Policy:
    """A policy that degrades."""
    return policy("shop", degradation=Degradation.of(*strategies), **settings)
