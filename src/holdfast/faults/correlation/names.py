"""A bounded set of names, each with a row of counts; what has no room is counted together, and that is told."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Names"]

NAME_MAX_CHARS = 64


class Names:
    """Names with rows from `first` on, `most` of them; the row after those is that of all others."""

    __slots__ = ("_free", "is_full", "other", "rows")

    def __init__(self, first: int, *, most: int) -> None:
        self.rows: dict[str, int] = {}
        self._free = list(range(first + most - 1, first - 1, -1))
        self.other = first + most
        # Set once no name was idle, so that not every fault looks again; whoever looks at the whole now and then takes it back.
        self.is_full = False

    def row(self, name: str, *, is_idle: Callable[[str, int], bool], release: Callable[[int], None]) -> int:
        """A row for a new name: a free one, or that of a name that is idle, which is released; without any, that of the others."""
        if self.is_full:
            return self.other
        if not self._free:
            idle = next(((other, row) for other, row in self.rows.items() if is_idle(other, row)), None)
            if idle is None:
                self.is_full = True
                return self.other
            release(idle[1])
            del self.rows[idle[0]]
            self._free.append(idle[1])
        row = self._free.pop()
        self.rows[name] = row
        return row
