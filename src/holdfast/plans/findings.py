"""What a check finds: problems, which refuse, and warnings, which are told; each with its place.

Shared by the checks of a plan and of its definitions. It knows how places and suggestions are written, not what is right or wrong.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import replace

from holdfast.errors import BadInput, Problem

__all__ = ["Findings", "joined"]

SUGGESTIONS_MAX = 20
CANDIDATES_MAX = 2_000
NAME_MAX = 100
"""Looking for the name that was meant compares texts at length: it is done for the first few, among not too many, of sensible size."""


class Findings:
    """Collects what is wrong with one document at a time; `at` gives a view of a part of it, or of another source."""

    __slots__ = ("path", "problems", "source", "suggested", "warnings")

    def __init__(self, source: str, path: str = "") -> None:
        self.source = source
        self.path = path
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.suggested: list[str] = []

    def at(self, path: str, *, source: str | None = None) -> Findings:
        """Return a view that adds to the same lists, with its places below `path`, or in another source."""
        view = Findings(self.source if source is None else source, joined(self.path, path) if source is None else path)
        view.problems, view.warnings, view.suggested = self.problems, self.warnings, self.suggested
        return view

    def refuse(self, path: str, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(source=self.source, path=joined(self.path, path), message=message))

    def warn(self, path: str, message: str) -> None:
        """Note a warning."""
        self.warnings.append(Problem(source=self.source, path=joined(self.path, path), message=message))

    def absorb(self, error: BadInput, path: str) -> None:
        """Note the problems that another check raised, as found at `path`."""
        where = joined(self.path, path)
        self.problems.extend(replace(problem, source=self.source, path=where) for problem in error.problems)

    def meant(self, name: str, candidates: Collection[str]) -> str:
        """Return the end of a message that suggests a known name; empty when none is near."""
        if len(self.suggested) >= SUGGESTIONS_MAX or len(candidates) > CANDIDATES_MAX or len(name) > NAME_MAX:
            return ""
        self.suggested.append(name)
        near = difflib.get_close_matches(
            name, [one for one in sorted(candidates) if len(one) <= NAME_MAX], n=1, cutoff=0.6
        )
        return f" Did you mean {near[0]!r}?" if near else ""


def joined(path: str, inner: str) -> str:
    """Return the path of a part inside another."""
    return f"{path}.{inner}" if path and inner and not inner.startswith("[") else path + inner
