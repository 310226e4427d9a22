"""One line of the table of settings, and what makes a section of it.

Here is what a setting may be and how it is shown. Which settings there are is not known here: that is `sections`.
"""

from __future__ import annotations

import dataclasses
import re
import reprlib
import typing
from dataclasses import dataclass, field

from holdfast.errors import BadSettings, Problem

__all__ = ["Scalar", "Section", "Setting", "declare", "declare_switch", "settings_of"]

HIDDEN = "(hidden)"
# Greedy up to the last @: hiding too much of an address is better than showing half of a password that has an @ in it.
_URL_PASSWORD = re.compile(r"(://[^/@:]*:).*(?=@)|([?&](?:ssl)?password=)[^&]*", re.IGNORECASE)

Value = typing.TypeVar("Value")
Scalar = str | int | float | bool | None
_TRUTH_VALUES = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of the table.

    `kind` is `integer`, `number`, `truth` or `text`. `low` and `high` are inclusive; `choices` lists the only words that are accepted. A `secret` is
    never shown; of an `address`, only the password is hidden. `default` is None where there is none.
    """

    name: str
    kind: str
    default: Scalar
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
    address: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "HOLDFAST_" + self.name.replace(".", "_").upper()

    @property
    def range(self) -> str:
        """What it may be, in words; empty if any text will do."""
        if self.choices:
            return " | ".join(self.choices)
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:,} to {self.high:,}".replace(",", "_")

    def problem_with(self, value: object) -> str | None:
        """What is wrong with `value`, ending in what to do about it; None if it is fine."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        match self.kind:
            case "integer":
                is_fine = is_number and isinstance(value, int) and self._allows(value)
            case "number":
                is_fine = is_number and self._allows(typing.cast(float, value))
            case "truth":
                is_fine = isinstance(value, bool)
            case _:
                is_fine = isinstance(value, str) and bool(value.strip()) and self._allows(value)
        if is_fine:
            return None
        kinds = {
            "integer": "a whole number",
            "number": "a number",
            "truth": "true or false",
            "text": "text that is not empty",
        }
        limits = f"{self.range} {self.unit}".strip()
        expected = (
            f"one of: {', '.join(self.choices)}"
            if self.choices
            else ", ".join(filter(None, (kinds[self.kind], limits)))
        )
        shown = "the value given" if self.secret or self.address else reprlib.repr(value)
        return f"{shown} cannot be used; give {expected} (default {self._written(self.default)})."

    def _allows(self, value: str | float) -> bool:
        if self.choices:
            return value in self.choices
        if isinstance(value, str) or self.low is None or self.high is None:
            return True
        # Written so that "not a number" fails, too.
        return self.low <= value <= self.high

    def parse(self, text: str) -> Scalar:
        """`text` as a value of this kind; unchanged where it is none, so that `problem_with` can say so."""
        try:
            match self.kind:
                case "integer":
                    return int(text)
                case "number":
                    return float(text)
                case "truth":
                    return _TRUTH_VALUES.get(text.strip().lower(), text)
                case _:
                    return text
        except ValueError:
            return text

    def shown(self, value: Scalar) -> str:
        """`value` as people may see it: secrets and passwords hidden, `(none)` where there is no value."""
        if value is None:
            return "(none)"
        if self.secret:
            return HIDDEN
        text = self._written(value)
        return _URL_PASSWORD.sub(lambda found: f"{found[1] or found[2]}{HIDDEN}", text) if self.address else text

    def _written(self, value: Scalar) -> str:
        # As it stands in the file: TOML writes truth values in small letters.
        return str(value).lower() if self.kind == "truth" else str(value)


def declare(
    default: Value,
    meaning: str,
    *,
    unit: str = "",
    between: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
    address: bool = False,
) -> Value:
    """A field of a section that is a line of the table; `between` is inclusive."""
    low, high = between or (None, None)
    rule = {
        "meaning": meaning,
        "unit": unit,
        "low": low,
        "high": high,
        "choices": choices,
        "secret": secret,
        "address": address,
    }
    declared: Value = field(default=default, repr=not (secret or address), metadata=rule)
    return declared


def declare_switch(meaning: str) -> bool:
    """A line of the table that is true or false, and true by default."""
    is_on = True
    return declare(is_on, meaning)


class Section:
    """What all sections do: refuse, on construction, whatever the table does not allow.

    `TABLE` is the name of the section where that is not the name of the class.
    """

    __slots__ = ()
    TABLE: typing.ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            BadSettings: naming each field that is out of range.
        """
        problems = []
        for setting in settings_of(type(self)):
            value = getattr(self, setting.name.partition(".")[2])
            if not (value is None and setting.default is None) and (message := setting.problem_with(value)):
                problems.append(Problem(source="settings", path=setting.name, message=message))
        if problems:
            raise BadSettings(problems)


def settings_of(section: type[Section]) -> tuple[Setting, ...]:
    """The lines of the table that a section declares; fields that were not declared as lines are left out."""
    kinds = {"int": "integer", "float": "number", "bool": "truth"}
    return tuple(
        Setting(
            name=f"{section.TABLE or section.__name__.lower()}.{declared.name}",
            kind=kinds.get(str(declared.type).removesuffix(" | None"), "text"),
            default=None if declared.default is dataclasses.MISSING else typing.cast("Scalar", declared.default),
            **declared.metadata,
        )
        for declared in dataclasses.fields(typing.cast("type[typing.Any]", section))
        if "meaning" in declared.metadata
    )
