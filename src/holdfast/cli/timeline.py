"""The timeline of an execution, line by line, as it happens or afterwards.

What a line says is `holdfast.journal.timeline`'s business; here is how it looks. Times are seconds since the execution was started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.cli.terminal import MARKS, Segment
from holdfast.journal.timeline import line_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from holdfast.cli.terminal import Terminal
    from holdfast.ports.rows import EventRow

__all__ = ["Timeline"]

ACTION_WIDTH_MAX = 24


class Timeline:
    """Prints events. `starts` maps each execution to when it was started; with several, lines begin with the id's first letters."""

    def __init__(
        self,
        terminal: Terminal,
        *,
        starts: Mapping[str, datetime],
        action_width: int = ACTION_WIDTH_MAX,
        has_details: bool = False,
    ) -> None:
        self._terminal = terminal
        self._starts = starts
        self._action_width = min(max(action_width, 1), ACTION_WIDTH_MAX)
        self._has_details = has_details

    def show(self, event: EventRow, *, action: str | None = None) -> None:
        """Print an event if people care for it; with `action`, only if it concerns that action or the whole."""
        line = line_of(event)
        if line is None or (action is not None and line.action not in (action, None)):
            return
        seconds = (line.time - self._starts[event.execution]).total_seconds()
        self.note(line.text, line.tone, seconds=seconds, action=line.action, execution=event.execution)
        for detail in line.details if self._has_details else ():
            self._terminal.line((" " * (self._indent + 2), "plain"), (detail, "faint"))

    def note(
        self, text: str, tone: str = "plain", *, seconds: float, action: str | None = None, execution: str = ""
    ) -> None:
        """Print a line of our own into the timeline."""
        prefix: list[Segment] = [(f"{execution[:8]} ", "faint")] if len(self._starts) > 1 else []
        name = action or ""
        self._terminal.line(
            *prefix,
            (f"{seconds:8.2f} s  ", "faint"),
            (f"{name:<{self._action_width}}  ", "title"),
            (f"{MARKS.get(tone, ' ')} ", tone),
            (text, tone),
        )

    @property
    def _indent(self) -> int:
        return 12 + self._action_width + 2 + (9 if len(self._starts) > 1 else 0)
