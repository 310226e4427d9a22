"""Where words go: a terminal with colours, or plain lines where nobody looks.

Everything that is shown passes `printable`: an API's error message must not steer somebody's terminal. It does not know what is shown.
"""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["MARKS", "Segment", "Terminal", "printable"]

STYLES = {
    "plain": "",
    "good": "green",
    "bad": "red",
    "decision": "cyan",
    "waiting": "yellow",
    "person": "bold magenta",
    "loud": "bold white on red",
    "title": "bold",
    "faint": "dim",
}
MARKS = {"good": "✓", "bad": "✗", "decision": "→", "waiting": "…", "person": "?", "loud": "✗"}
"""One sign per tone, so that lines without colours say as much."""

Segment = tuple[str, str]
"""A text and its tone."""

# C0 and C1 controls, and the direction overrides that make text look like other text; line feeds become spaces.
_HIDDEN = (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_UNPRINTABLE = dict.fromkeys(_HIDDEN, "\N{REPLACEMENT CHARACTER}") | dict.fromkeys(map(ord, "\n\t\r"), " ")


def printable(text: str) -> str:
    """Return a text without anything that a terminal would obey; lone surrogates become question marks."""
    return text.translate(_UNPRINTABLE).encode("utf-8", "replace").decode()


class Terminal:
    """A place to print to. `is_plain` defaults to: the stream is no terminal."""

    def __init__(self, stream: TextIO | None = None, *, is_plain: bool | None = None) -> None:
        self._stream = stream or sys.stdout
        self.is_plain = not self._stream.isatty() if is_plain is None else is_plain
        self._console: Console | None = None
        if not self.is_plain:
            from rich.console import Console  # noqa: PLC0415 - plain lines do not pay for colours

            self._console = Console(file=self._stream, highlight=False)

    @property
    def width(self) -> int:
        """Columns to use; plain lines are as long as they are."""
        return self._console.width if self._console else 10_000

    def line(self, *segments: Segment, indent: int = 0) -> None:
        """Print one line of texts with their tones; on a terminal, what is too long goes on below, `indent` columns in."""
        shown = [(printable(text), tone) for text, tone in segments]
        if self._console is None:
            print("".join(text for text, _ in shown).rstrip(), file=self._stream, flush=True)
            return
        from rich.text import Text  # noqa: PLC0415 - as above

        for part in _wrapped(shown, width=self.width, indent=indent):
            self._console.print(Text.assemble(*[(text, STYLES[tone]) for text, tone in part]), soft_wrap=True)

    def say(self, text: str = "", tone: str = "plain") -> None:
        """Print a sentence."""
        self.line((text, tone))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[Segment]]) -> None:
        """Print rows under a head, columns aligned; the last column takes the rest of the width."""
        lengths = [max([len(name), *(len(printable(row[n][0])) for row in rows)]) for n, name in enumerate(head[:-1])]
        indent = sum(length + 2 for length in lengths)
        self.line(
            *((f"{name:<{length}}  ", "faint") for name, length in zip(head, lengths, strict=False)),
            (head[-1], "faint"),
        )
        for row in rows:
            cells = [
                (f"{printable(text):<{length}}  ", tone) for (text, tone), length in zip(row, lengths, strict=False)
            ]
            self.line(*cells, row[-1], indent=indent)


def _wrapped(segments: Sequence[Segment], *, width: int, indent: int) -> list[list[Segment]]:
    """Break the last segment where the line is too long."""
    *before, (text, tone) = segments
    used = sum(len(part) for part, _ in before)
    room = max(width - used, 20)
    indent = min(indent or used, max(width - 20, 0))
    if len(text) <= room:
        return [[*before, (text, tone)]]
    first, *_ = textwrap.wrap(text, room, break_on_hyphens=False)
    rest = textwrap.wrap(text[len(first) :].strip(), max(width - indent, 20), break_on_hyphens=False)
    return [[*before, (first, tone)], *[[(" " * indent, "plain"), (part, tone)] for part in rest]]
