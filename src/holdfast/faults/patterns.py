"""Patterns that people wrote, run so that none of them can hang a worker.

Users' patterns are expressions of RE2, which matches in time linear in the input, over at most the first 64 KiB of
it. They are compiled when a definition or a catalog entry is loaded, so a bad one is bad input then and never a
surprise while a fault is being classified. The patterns that come with Holdfast run on Python's own engine, so that
they work where RE2 is not installed; `holdfast.faults.linear` proves of each that it stays linear there, too. This is
the one module that knows which engine runs them.
"""

from __future__ import annotations

import re
from typing import Protocol

from holdfast.errors import BadInput, MissingExtra, Problem

INPUT_MAX_CHARS = 65_536
"""How much of a message or body a pattern sees."""

PATTERN_MAX_CHARS = 4_096
_PROGRAM_MAX_BYTES = (
    1_048_576  # of RE2's memory per pattern: a repetition such as (a{1000}){1000} is refused instead of compiled
)


class Pattern(Protocol):
    """A compiled pattern; searching it takes time linear in the text."""

    @property
    def source(self) -> str:
        """The expression as it was written."""

    def is_in(self, text: str) -> bool:
        """Whether the expression matches anywhere in the first `INPUT_MAX_CHARS` characters of the text."""

    def group_in(self, text: str) -> str | None:
        """What the first group of the first match holds (the whole match where there is no group); `None` without a match."""


def compile_pattern(expression: str, *, source: str, path: str) -> Pattern:
    """Compile a user's expression; letter case counts unless the expression begins with `(?i)`.

    Args:
        expression: in RE2's syntax.
        source: the file or argument it stands in, for the message.
        path: the place inside the source.

    Raises:
        BadInput: the expression is empty, too long or not valid in RE2 (which has no look-around and no
        back-references).
        MissingExtra: RE2 is not installed.
    """
    if not 0 < len(expression) <= PATTERN_MAX_CHARS:
        raise BadInput(
            [
                Problem(
                    source=source,
                    path=path,
                    message=f"a pattern has 1 to {PATTERN_MAX_CHARS} characters, not {len(expression)}",
                )
            ]
        )
    try:
        import re2  # noqa: PLC0415 - part of an extra; without users' patterns nothing needs it
    except ImportError as err:
        raise MissingExtra("matching users' own patterns", "durable") from err
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PROGRAM_MAX_BYTES
    try:
        program = re2.compile(expression, options)
    except (re2.error, UnicodeError) as err:
        why = err.args[0].decode("utf-8", "replace") if err.args and isinstance(err.args[0], bytes) else str(err)
        advice = f"pattern {expression!r} is not valid in RE2: {why}. RE2 has no look-around and no back-references."
        raise BadInput([Problem(source=source, path=path, message=advice)]) from err
    return _Re2Pattern(expression, program.search)


def compile_shipped(expression: str, *, source: str, path: str) -> Pattern:
    """Compile an expression that comes with Holdfast, on Python's own engine; a test proves each of them linear.

    Raises:
        BadInput: the expression is not valid, which only a damaged installation can bring about.
    """
    try:
        return _RePattern(expression, re.compile(expression))
    except (re.error, RecursionError, OverflowError) as err:
        raise BadInput(
            [Problem(source=source, path=path, message=f"pattern {expression!r} is not valid: {err}")]
        ) from err


class _RePattern:
    __slots__ = ("_program", "source")

    def __init__(self, source: str, program: re.Pattern[str]) -> None:
        self.source = source
        self._program = program

    def is_in(self, text: str) -> bool:
        return self._program.search(text, 0, INPUT_MAX_CHARS) is not None

    def group_in(self, text: str) -> str | None:
        return _group_of(self._program.search(text, 0, INPUT_MAX_CHARS))


class _Match(Protocol):
    def group(self, number: int, /) -> object: ...

    @property
    def lastindex(self) -> int | None: ...


def _group_of(found: _Match | None) -> str | None:
    if found is None:
        return None
    item = found.group(1 if found.lastindex else 0)
    return item if isinstance(item, str) else None


class _Search(Protocol):
    def __call__(self, text: str, /) -> _Match | None: ...


class _Re2Pattern:
    __slots__ = ("_search", "source")

    def __init__(self, source: str, search: _Search) -> None:
        self.source = source
        self._search = search

    def is_in(self, text: str) -> bool:
        return self._search(_as_utf8(text)) is not None

    def group_in(self, text: str) -> str | None:
        return _group_of(self._search(_as_utf8(text)))


def _as_utf8(text: str) -> str:
    """RE2 takes UTF-8, which lone surrogates have no form in; a body may decode to them only by mistake, a header may carry them."""
    bounded = text[:INPUT_MAX_CHARS]
    return bounded if bounded.isascii() else bounded.encode("utf-8", "replace").decode("utf-8")
