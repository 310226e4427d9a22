"""Features: which parts of the program are on, given how degraded its policies are.

`features` is the registry of the process; a program that wants to keep things apart, or a test, makes a `Features` of its own and hands it to its
policies. A registry knows the level meters of policies only as long as the policies live.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from holdfast.errors import BadSettings, Problem
from holdfast.guards.level_meter import LevelMeter
from holdfast.guards.world import WORLD
from holdfast.policies.checks import number_problem, refuse
from holdfast.policies.features import Feature, is_off
from holdfast.policies.lesser_answers import OFF_BOUND_S
from holdfast.policies.levels import LEVEL_MAX

__all__ = ["Features", "features"]

NAMES_MAX = 10_000
STRANGERS_MAX = 100

_log = logging.getLogger("holdfast.features")


class Features:
    """A registry of features and of the levels that they go by. Safe over threads and tasks."""

    def __init__(self) -> None:
        self._features: dict[str, Feature] = {}
        self._off_until: dict[str, float] = {}
        self._meters: dict[str, weakref.ref[LevelMeter]] = {}
        self._forced: int | None = None
        self._strangers: set[str] = set()
        self._lock = threading.Lock()
        self._off_here: ContextVar[frozenset[str]] = ContextVar("holdfast_features_off", default=frozenset())

    def declare(self, *features: Feature) -> None:
        """Say from which level on features are off. Declaring one again replaces it.

        Raises:
            BadSettings: there would be more than 10 000.
        """
        with self._lock:
            known = {**self._features, **{feature.name: feature for feature in features}}
            if len(known) > NAMES_MAX:
                message = f"must be at most {NAMES_MAX}, not {len(known)}; names must not be made of data"
                raise BadSettings([Problem(source="features", path="", message=message)])
            self._features = known
            self._strangers.difference_update(known)

    def is_on(self, name: str) -> bool:
        """Whether a part of the program should run now. A name that nobody declared is on, and is told once in the log."""
        if name in self._off_here.get():
            return False
        feature = self._features.get(name)
        if feature is None and name not in self._off_until:
            self._wonder(name)
            return True
        level = 0 if feature is None else self.level(feature.policy)
        return not is_off(feature, level=level, off_until=self._off_until.get(name), now=WORLD.monotonic())

    def level(self, policy: str | None = None) -> int:
        """The level of degradation, 0 to 3: a policy's, or the highest of all. One set by hand goes before both."""
        forced = self._forced
        if forced is not None:
            return forced
        if policy is not None:
            reference = self._meters.get(policy)
            meter = None if reference is None else reference()
            return 0 if meter is None else meter.level
        return max((meter.level for meter in self._living()), default=0)

    def levels(self) -> dict[str, int]:
        """The level of each policy that has one, by its name."""
        return {meter.policy: meter.level for meter in sorted(self._living(), key=lambda meter: meter.policy)}

    def set_level(self, number: int | None) -> None:
        """Set the level for all by hand (0 to 3), or let it go by the policies again (None).

        Raises:
            BadSettings: it is no level.
        """
        refuse("features", [("level", number_problem(number, 0, LEVEL_MAX, whole=True, optional=True))])
        before = self.level()
        self._forced = number
        _log.warning("degradation of the whole program: level %s, set by hand", self.level(), extra={"before": before})

    def switch_off(self, *names: str, seconds: float) -> None:
        """Switch features off for so many seconds from now (0 to a day); a longer time that was set before stays.

        Raises:
            BadSettings: the time is out of range.
        """
        refuse("features", [("seconds", number_problem(seconds, 0, OFF_BOUND_S))])
        now = WORLD.monotonic()
        until = now + seconds
        with self._lock:
            if len(self._off_until) + len(names) > NAMES_MAX:
                self._off_until = {name: ends for name, ends in self._off_until.items() if ends > now}
            for name in names:
                if name in self._off_until or len(self._off_until) < NAMES_MAX:
                    self._off_until[name] = max(until, self._off_until.get(name, until))

    @contextmanager
    def off_here(self, *names: str) -> Iterator[None]:
        """Have features off for what runs inside, in this thread or task only."""
        token = self._off_here.set(self._off_here.get() | frozenset(names))
        try:
            yield
        finally:
            self._off_here.reset(token)

    def attach(self, meter: LevelMeter) -> None:
        """Let a policy's level count; of two policies of one name the newer counts. It is forgotten with the policy."""
        with self._lock:
            living = {name: found for name, found in self._meters.items() if found() is not None}
            self._meters = {**living, meter.policy: weakref.ref(meter)}

    def _living(self) -> list[LevelMeter]:
        found = (reference() for reference in self._meters.values())
        return [meter for meter in found if meter is not None]

    def _wonder(self, name: str) -> None:
        with self._lock:
            if name in self._strangers or len(self._strangers) >= STRANGERS_MAX:
                return
            self._strangers.add(name)
        _log.warning("feature %r was asked for, but nobody declared it; it counts as on", name)


features = Features()
"""The registry of this process, which policies use unless they are given another."""
