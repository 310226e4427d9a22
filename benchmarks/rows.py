"""One measured number beside its peer and its target: the row of `build/bench.json`."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["FIELDS", "Row", "is_rate", "median", "percentile"]

FIELDS = ("suite", "case", "ours", "unit", "peer", "peer_value", "ratio", "target", "met", "note")
COMPARE = {"≥": operator.ge, "≤": operator.le}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A number of ours. `target` reads `≥ 80` or `≤ 15` in the row's unit, or is empty; `peer` was measured in the same run.

    Raises:
        ValueError: the target is not of that form, or a peer has no value.
    """

    suite: str
    case: str
    ours: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    target: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        """Check the target's form now, not when somebody reads it."""
        if self.target and (self.target[:1] not in COMPARE or not self.target[1:].strip()):
            raise ValueError(f"target {self.target!r} of {self.case!r} is neither '≥ N' nor '≤ N'")
        if bool(self.peer) != (self.peer_value is not None):
            raise ValueError(f"{self.case!r} has a peer without a value, or a value without a peer")

    @property
    def ratio(self) -> float | None:
        """Ours by the peer's: for a rate more is better, for a time less."""
        return self.ours / self.peer_value if self.peer_value else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if not self.target:
            return None
        return bool(COMPARE[self.target[0]](self.ours, float(self.target[1:])))

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.suite} / {self.case}"

    def to_json(self) -> dict[str, object]:
        """Return the row as it stands in `build/bench.json`."""
        return {name: getattr(self, name) for name in FIELDS}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Row:
        """Read a row back; what follows from the rest (`ratio`, `met`) is not read.

        Raises:
            ValueError: a field is missing or has the wrong type.
        """
        missing = [name for name in FIELDS if name not in value]
        if missing:
            raise ValueError(f"a row lacks {', '.join(missing)}: {dict(value)}")
        ours, peer_value = value["ours"], value["peer_value"]
        if not isinstance(ours, (int, float)) or not isinstance(peer_value, (int, float, type(None))):
            raise ValueError(  # noqa: TRY004 - a row read from a file: its value is wrong, not a call
                f"{value['suite']} / {value['case']}: ours and peer_value are numbers, not {ours!r} and {peer_value!r}"
            )
        texts = {name: str(value[name] or "") for name in ("suite", "case", "unit", "peer", "target", "note")}
        return cls(ours=ours, peer_value=peer_value, **texts)


def is_rate(unit: str) -> bool:
    """Whether more of this unit is better."""
    return unit.endswith("/s")


def median(values: list[float]) -> float:
    """Return the middle value (the mean of the two middle ones)."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def percentile(values: list[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
