"""Calls that fail on purpose: latency, faults before and after the call, and other results, at a rate and from a seed.

A fault *before* the call means that nothing happened; a fault *after* it means that it did happen and nobody heard of it, which is what most retries
get wrong.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from holdfast.guards.policy import Policy
from holdfast.guards.world import WORLD
from holdfast.policies.checks import number_problem, refuse

__all__ = ["Chaos", "chaos"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """What goes wrong and how often; rates are shares of the calls, 0 to 1, and independent of one another.

    `latency_s` seconds (0 to 3600) are added to `latency_rate` of the calls. `fault` is raised instead of making `fault_rate` of them, and after
    making `lost_rate` of them: their effect happened. `result` is returned instead of what `result_rate` of them return.

    Raises:
        BadSettings: a rate or time is out of range; all of it is listed.
    """

    latency_rate: float = 0.0
    latency_s: float = 0.0
    fault_rate: float = 0.0
    lost_rate: float = 0.0
    fault: Callable[[], Exception] = ConnectionResetError
    result_rate: float = 0.0
    result: object = None

    def __post_init__(self) -> None:
        rates = ("latency_rate", "fault_rate", "lost_rate", "result_rate")
        refuse(
            "chaos",
            [
                *((name, number_problem(getattr(self, name), 0, 1)) for name in rates),
                ("latency_s", number_problem(self.latency_s, 0, 3_600)),
            ],
        )


@contextlib.contextmanager
def chaos(policy: Policy, settings: Chaos, *, seed: int = 0) -> Iterator[None]:
    """Disturb the calls under a policy, innermost, so that all its strategies meet it; takes the disturbance away at the end.

    Functions and coroutines are disturbed, generators and blocks are not.
    """
    policy.disturb(_Disturbance(settings, seed))
    try:
        yield
    finally:
        policy.disturb(None)


class _Disturbance:
    def __init__(self, settings: Chaos, seed: int) -> None:
        self._settings = settings
        self._dice = random.Random(seed)

    def around_sync(self, function: Callable[..., object]) -> Callable[..., object]:
        def disturbed(*args: object, **kwargs: object) -> object:
            if self._hits(self._settings.latency_rate):
                WORLD.sleep(self._settings.latency_s)
            self._fail(self._settings.fault_rate)
            result = function(*args, **kwargs)
            self._fail(self._settings.lost_rate)
            return self._settings.result if self._hits(self._settings.result_rate) else result

        return disturbed

    def around_async(self, function: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def disturbed(*args: object, **kwargs: object) -> object:
            if self._hits(self._settings.latency_rate):
                await WORLD.asleep(self._settings.latency_s)
            self._fail(self._settings.fault_rate)
            result = await function(*args, **kwargs)
            self._fail(self._settings.lost_rate)
            return self._settings.result if self._hits(self._settings.result_rate) else result

        return disturbed

    def _hits(self, rate: float) -> bool:
        return rate > 0 and self._dice.random() < rate

    def _fail(self, rate: float) -> None:
        if self._hits(rate):
            raise self._settings.fault()
