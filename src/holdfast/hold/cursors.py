"""Cursors: how far a reader of the outbox has come, as a text that they keep. Pure.

The text holds the database's era, and the transaction and sequence of the last event. To readers it is opaque.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from holdfast.errors import BadInput, Problem, StaleCursor

__all__ = ["Cursor"]

FORM = re.compile(r"(\d{1,9})\.(\d{1,19})\.(\d{1,19})", re.ASCII)
LARGEST = 2**63 - 1
"""What the databases' columns hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in the outbox. `era` counts how often the database was restored from a copy: places of another era mean nothing."""

    era: int
    xid: int = 0
    sequence: int = 0

    @classmethod
    def read(cls, text: str | None, *, era: int) -> Cursor:
        """Return the place that a text names in a database of this era; None is the beginning.

        Raises:
            BadInput: it is no cursor.
            StaleCursor: it is of another era.
        """
        if text is None:
            return cls(era=era)
        found = FORM.fullmatch(text)
        if found is None or max(map(int, found.groups())) > LARGEST:
            message = "is no cursor. Give the one that the last page ended with, or none to read from the beginning"
            raise BadInput([Problem(source="cursor", path="", message=message)])
        cursor = cls(era=int(found[1]), xid=int(found[2]), sequence=int(found[3]))
        if cursor.era != era:
            raise StaleCursor(era=era, cursor_era=cursor.era)
        return cursor

    def __str__(self) -> str:
        return f"{self.era}.{self.xid}.{self.sequence}"
