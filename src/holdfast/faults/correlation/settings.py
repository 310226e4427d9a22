"""What can be set about correlation, with the documents' numbers as defaults."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.errors import BadSettings, Problem

__all__ = ["Correlation"]

WINDOW_MAX_S = 31 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """How faults are counted together, and from when on they are an incident.

    Args:
        window_s: how far back counts go, in seconds (1 to 31 days).
        rate_per_s: more errors a second than this is a high error rate (spec 003: 10).
        share: one type with more than this share of all errors is a pattern (spec 003: one half); 0 to 1.
        groups_max: of how many fingerprints the count, an example and ids are kept, the largest (1 to 10,000). Totals are exact all the same.
        dependencies_max: how many dependencies are counted one by one (1 to 10,000); what exceeds them is counted together.
        ids_max: of how many of its latest faults a group keeps correlation, trace, session, request and execution ids (0 to 100).
        errors_min: fewer errors in a window than this are no incident (1 to 1,000,000).
        beyond: so many times its usual number of errors is beyond a dependency's baseline (1 to 1,000).
        smoothing: the weight of the latest window in the baseline (0.001 to 1): an exponentially weighted moving average
            (Roberts, Technometrics 1959; the NIST/SEMATECH handbook, 6.3.2.4, has 0.2 to 0.3).
        members_min: one cause at so many dependencies at once is an incident of its own (2 to 1,000).
        quiet_s: an incident is over when it has been quiet for so long (1 s to a day). So none lasts shorter than that, and none flaps faster.
        update_s: at most this often, an open incident is told of again (0 to a day).
        incidents_max: how many are open at once (1 to 1,000).

    Raises:
        BadSettings: a number is out of its range; all of them are listed.
    """

    window_s: float = 60.0
    rate_per_s: float = 10.0
    share: float = 0.5
    groups_max: int = 16
    dependencies_max: int = 16
    ids_max: int = 2
    errors_min: int = 20
    beyond: float = 3.0
    smoothing: float = 0.2
    members_min: int = 3
    quiet_s: float = 120.0
    update_s: float = 60.0
    incidents_max: int = 10

    def __post_init__(self) -> None:
        ranges: tuple[tuple[str, object, float, float, bool], ...] = (
            ("window_s", self.window_s, 1, WINDOW_MAX_S, False),
            ("rate_per_s", self.rate_per_s, 0, 1_000_000, False),
            ("share", self.share, 0, 1, False),
            ("groups_max", self.groups_max, 1, 10_000, True),
            ("dependencies_max", self.dependencies_max, 1, 10_000, True),
            ("ids_max", self.ids_max, 0, 100, True),
            ("errors_min", self.errors_min, 1, 1_000_000, True),
            ("beyond", self.beyond, 1, 1_000, False),
            ("smoothing", self.smoothing, 0.001, 1, False),
            ("members_min", self.members_min, 2, 1_000, True),
            ("quiet_s", self.quiet_s, 1, 86_400, False),
            ("update_s", self.update_s, 0, 86_400, False),
            ("incidents_max", self.incidents_max, 1, 1_000, True),
        )
        problems = [
            Problem(
                source="correlation",
                path=name,
                message=f"must be a {'whole ' if whole else ''}number from {low:_g} to {high:_.12g}, not {value!r}",
            )
            for name, value, low, high, whole in ranges
            if not _is_number(value, whole=whole) or not low <= value <= high  # type: ignore[operator]  # a number by now
        ]
        if problems:
            raise BadSettings(problems)


def _is_number(value: object, *, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)
