"""The roots of the tree of errors, and what every room raises: bad input, bad settings, a missing extra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["BadInput", "BadSettings", "HoldfastError", "MissingExtra", "Problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with an input: where it stands, and what to do about it.

    `source` is the file or argument it came from, `path` the place inside it (`actions[2].inputs.amount`; empty for the whole).
    """

    source: str
    path: str
    message: str

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.source, self.path) if part)
        return f"{where}: {self.message}" if where else self.message


class HoldfastError(Exception):
    """The root of every error of ours; catch it to catch them all.

    `slug` is stable across releases and names the entry in `docs/reference/errors.md`.
    """

    slug: ClassVar[str] = "holdfast-error"

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are rebuilt from `args` by default, which initialisers with keywords cannot take. In a process pool that would not be an error
        # of the one call: what cannot be read back breaks the whole pool.
        return _made_again, (type(self), self.args), self._carried()

    def _carried(self) -> dict[str, object]:
        """What goes along into a copy or another process."""
        return dict(vars(self))


class BadInput(HoldfastError):
    """Something handed to Holdfast cannot be used; `problems` lists everything that is wrong with it, not only the first."""

    slug = "bad-input"

    def __init__(self, problems: tuple[Problem, ...] | list[Problem]) -> None:
        self.problems = tuple(problems)
        assert self.problems, "a refusal needs a reason"
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__(
            "\n".join([f"{head}:", *(f"  {problem}" for problem in self.problems)])
            if count > 1
            else str(self.problems[0])
        )


class BadSettings(BadInput):
    """One or more settings are out of range, unknown or of the wrong type."""

    slug = "bad-settings"


class MissingExtra(HoldfastError):
    """A feature needs an optional part of the distribution that is not installed; `extra` names it."""

    slug = "missing-extra"

    def __init__(self, feature: str, extra: str) -> None:
        self.feature = feature
        self.extra = extra
        super().__init__(
            f"{feature} needs packages that are not installed. Install them with: pip install 'holdfast[{extra}]'"
        )


def _made_again(kind: type[HoldfastError], args: tuple[object, ...]) -> HoldfastError:
    """An error of that kind without its initialiser; its facts follow."""
    made = kind.__new__(kind, *args)
    made.args = args
    return made
