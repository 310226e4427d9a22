"""Admission: the stages that a policy's settings ask for, in the order in which an attempt passes them.

Throttle, then the circuit (which is always there), then rate limit, adaptive limit and bulkhead: what costs least and holds nothing comes first.
"""

from __future__ import annotations

from holdfast.guards.adaptive_limits import AdaptiveStage
from holdfast.guards.bulkheads import BulkheadStage
from holdfast.guards.lanes import StageMakers
from holdfast.guards.listening import Listening
from holdfast.guards.rate_limits import RateLimitStage
from holdfast.guards.stage import Stage
from holdfast.guards.throttles import ThrottleStage
from holdfast.policies.composition import Composition

__all__ = ["ADMISSION"]


def _throttle(composition: Composition, listening: Listening, key: str | None) -> Stage | None:
    settings = composition.throttle
    return None if settings is None else ThrottleStage(settings, listening, key=key)


def _rate_limit(composition: Composition, listening: Listening, key: str | None) -> Stage | None:
    settings = composition.rate_limit
    return None if settings is None else RateLimitStage(settings, listening, key=key)


def _adaptive(composition: Composition, listening: Listening, key: str | None) -> Stage | None:
    settings = composition.adaptive
    return None if settings is None else AdaptiveStage(settings, listening, key=key)


def _bulkhead(composition: Composition, listening: Listening, key: str | None) -> Stage | None:
    settings = composition.bulkhead
    return None if settings is None else BulkheadStage(settings, listening, key=key)


ADMISSION = StageMakers(before=(_throttle,), after=(_rate_limit, _adaptive, _bulkhead))
"""What makes the stages of admission."""
