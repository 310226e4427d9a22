"""What the store knows of keeping and erasing: which executions are old, which files are in use, and how everything about one goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

__all__ = ["Erased", "Erases", "Keeps", "Place"]

Place = tuple[str, str]
"""An execution and one of its actions: where a page of places ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What went: the number of rows by table, none of zero, and the locations (JSON text) of the files that these rows named.

    `ended_at` is when the execution had ended; None when there were only strays of an execution that was never here.
    """

    rows: Mapping[str, int]
    locations: tuple[str, ...]
    ended_at: datetime | None


class Keeps(Protocol):
    """Reading verbs: what is kept."""

    def expired(self, *, before: datetime, letters_before: datetime | None, limit: int) -> list[str]:
        """Return executions that ended before `before`, oldest end first.

        Those with a dead letter only if they ended before `letters_before` as well; None keeps them.
        """
        ...

    def locations(self, *, after: Place, limit: int) -> list[tuple[Place, str]]:
        """Return where outputs lie that have files, of all executions, in the order of places above `after`."""
        ...

    def unnamed(self, *, prefix: str, limit: int) -> list[str]:
        """Return credentials whose names begin so and stand in no document."""
        ...

    def limits(self, *, after: str, limit: int) -> list[tuple[str, datetime | None]]:
        """Return the next rate limits above `after`, in one order, and when each was or will be used last; None: never."""
        ...

    def limit_used_at(self, name: str) -> datetime | None:
        """Return when a rate limit was or will be used last; None: never."""
        ...


class Erases(Protocol):
    """Writing verbs. Neither looks whether the execution has ended: the caller holds its lock and has looked."""

    def erase(self, execution_id: str) -> Erased:
        """Delete every row of an execution, its own secrets, and its document when nobody else runs it.

        Files are the caller's to remove, after the commit.
        """
        ...

    def rewrite(self, execution_id: str, change: Callable[[str], str]) -> int:
        """Put every text that tells of an execution through `change`, except stored outputs; returns how many it changed."""
        ...

    def drop_document(self, digest: str) -> bool:
        """Delete a document unless an execution runs it; says whether it went."""
        ...

    def forget_unnamed(self, name: str) -> bool:
        """Delete a locked credential unless its name stands in a document; says whether it went."""
        ...

    def forget_limit(self, name: str) -> None:
        """Delete a locked rate limit with all its moments."""
        ...
