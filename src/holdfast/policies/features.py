"""Features: parts of a program that can be done without, and from which level of degradation on they are switched off."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.policies.checks import number_problem, refuse
from holdfast.policies.lesser_answers import name_problem
from holdfast.policies.levels import LEVEL_MAX

__all__ = ["Feature", "is_off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A part of the program that is switched off from the level `off_from` on (1 to 3; default 1).

    `policy` is the name of the policy whose level counts; None, the default, goes by the highest level of all.
    """

    name: str
    off_from: int = 1
    policy: str | None = None

    def __post_init__(self) -> None:
        refuse(
            "feature",
            [
                ("name", name_problem(self.name)),
                ("off_from", number_problem(self.off_from, 1, LEVEL_MAX, whole=True)),
                ("policy", None if self.policy is None else name_problem(self.policy)),
            ],
        )


def is_off(feature: Feature | None, *, level: int, off_until: float | None, now: float) -> bool:
    """Whether a feature is off: by the level that counts for it, or because a reduced answer switched it off until `off_until` (monotonic seconds).

    One that nobody declared (None) has no level from which on it is off.
    """
    if off_until is not None and now < off_until:
        return True
    return feature is not None and level >= feature.off_from
