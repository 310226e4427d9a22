"""Answers with holes: fills `{path.customer}`, `{body.amount}`, `{id}` … in the JSON of a scenario.

Pure: the facts come in, the filled copy goes out. It recurses over templates only, never over a request, and
`is_too_deep` bounds those when the scenario is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Set as AbstractSet

__all__ = ["DEPTH_MAX", "Facts", "fill", "fill_text", "is_too_deep", "unknown_placeholders"]

DEPTH_MAX = 20

_PLACEHOLDER = re.compile(r"\{([a-z_]+(?:\.[A-Za-z0-9_\-]+)*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a template may speak of: the request's parts, the effect's id and number, and the present."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    id: str = ""
    effect: int = 0
    now_at: datetime = datetime(2000, 1, 1, tzinfo=UTC)

    def look_up(self, name: str) -> object:
        """The value of a placeholder; None when the request does not have it."""
        head, _, rest = name.partition(".")
        match head:
            case "id":
                return self.id
            case "effect":
                return self.effect
            case "path":
                return self.path.get(rest)
            case "query":
                return self.query.get(rest)
            case "body":
                return _dig(self.body, rest)
            case "unix_in":
                return int(self.now_at.timestamp()) + int(rest)
            case "http_date_in":
                return format_datetime(self.now_at + timedelta(seconds=int(rest)), usegmt=True)
        raise AssertionError(f"unchecked placeholder {name}")


def fill(template: object, facts: Facts) -> object:
    """A copy of the JSON value with every placeholder replaced; a string that is one placeholder takes the value's own type."""
    if isinstance(template, dict):
        return {key: fill(value, facts) for key, value in template.items()}
    if isinstance(template, list):
        return [fill(value, facts) for value in template]
    if not isinstance(template, str):
        return template
    whole = _PLACEHOLDER.fullmatch(template)
    return facts.look_up(whole.group(1)) if whole else fill_text(template, facts)


def fill_text(template: str, facts: Facts) -> str:
    """The text with every placeholder replaced; what the request does not have becomes nothing."""

    def value_of(found: re.Match[str]) -> str:
        value = facts.look_up(found.group(1))
        return "" if value is None else str(value)

    return _PLACEHOLDER.sub(value_of, template)


def is_too_deep(template: object) -> bool:
    """Whether a JSON value nests deeper than `DEPTH_MAX`."""
    level = [template]
    for _ in range(DEPTH_MAX + 1):
        children = [
            list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)
        ]
        level = [child for group in children for child in group]
    return bool(level)


def unknown_placeholders(template: object, *, path_params: AbstractSet[str]) -> list[str]:
    """The placeholders in a JSON value that could never be filled on a route with these path parameters."""
    if isinstance(template, dict):
        return [name for value in template.values() for name in unknown_placeholders(value, path_params=path_params)]
    if isinstance(template, list):
        return [name for value in template for name in unknown_placeholders(value, path_params=path_params)]
    if not isinstance(template, str):
        return []
    return [name for name in _PLACEHOLDER.findall(template) if not _is_known(name, path_params)]


def _is_known(name: str, path_params: AbstractSet[str]) -> bool:
    head, _, rest = name.partition(".")
    match head:
        case "id" | "effect":
            return rest == ""
        case "path":
            return rest in path_params
        case "query" | "body":
            return rest != ""
        case "unix_in" | "http_date_in":
            return rest.isascii() and rest.isdigit() and len(rest) <= 9
    return False


def _dig(value: object, path: str) -> object:
    for part in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value
