"""The contract's single values: identifiers, addresses, moments, durations (spec 000 §4.1, first part).

They are annotated types: strings stay `str`, a moment becomes an aware `datetime` in UTC, a category a member of `ErrorCategory`. zod's
brands (`UserId`, `ActionId` …) exist at compile time only, so they are plain aliases here. Use `parse` to read one by itself.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final

from holdfast.contract.checks import Check, as_text, number_check, text_check
from holdfast.contract.times import read_instant, read_own_instant
from holdfast.contract.web_address import is_url

__all__ = [
    "URL",
    "UUID",
    "ActionId",
    "ActionReference",
    "CustomerId",
    "DurationMs",
    "ExecutionId",
    "ISODateTime",
    "PatternId",
    "SemanticVersion",
    "UserId",
]

# `fullmatch` everywhere: Python's `$` also matches before a final line break, JavaScript's does not.
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REFERENCE: Final = re.compile(r"\$\{[a-zA-Z0-9_]+\.[a-zA-Z0-9_.\[\]]+\}")
_VERSION: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


def _is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def _is_reference(text: str) -> bool:
    return _REFERENCE.fullmatch(text) is not None


def _is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None


def _uuid(description: str) -> Check:
    why = "a UUID such as 3fa85f64-5717-4562-b3fc-2c963f66afa6"
    return text_check(_is_uuid, why, format="uuid", description=description)


UserId = Annotated[str, _uuid("A user of the system.")]
"""A user of the system; a UUID of any version, in the letters given."""

CustomerId = Annotated[str, _uuid("A customer account.")]
"""A customer account; a UUID."""

ExecutionId = Annotated[str, _uuid("One execution of a plan.")]
"""One execution of a plan; a UUID."""

ActionId = Annotated[str, Check(as_text, {"type": "string", "description": "An action, unique within its plan."})]
"""An action, unique within its plan; any string."""

PatternId = Annotated[str, _uuid("A learned execution pattern.")]
"""A learned execution pattern; a UUID."""

UUID = Annotated[str, _uuid("A UUID (RFC 9562) in its text form, of any version.")]
"""A UUID in its text form, of any version, in the letters given."""

ISODateTime = Annotated[
    datetime,
    Check(
        read_instant,
        {
            "type": "string",
            "format": "date-time",
            "description": "A moment in ISO 8601, ending in Z; an offset is read too, and written as Z.",
        },
        read_own=read_own_instant,
    ),
]
"""A moment; an aware `datetime` in UTC in Python, ISO 8601 text with `Z` on the wire. Microseconds are kept."""

URL = Annotated[
    str,
    text_check(
        is_url,
        "a complete URL with its scheme, such as https://api.example.com/v1",
        description="A URL with its scheme (WHATWG URL standard); may hold {param} placeholders.",
    ),
]
"""A complete URL by the WHATWG standard, kept as written; `{param}` placeholders are fine in host, path, query and fragment."""

DurationMs = Annotated[int, number_check(whole=True, least=0, description="A duration in whole milliseconds.")]
"""A duration in whole milliseconds, 0 or more."""

ActionReference = Annotated[
    str,
    text_check(
        _is_reference,
        "a reference such as ${actionId.output.field}",
        pattern=r"^\$\{[a-zA-Z0-9_]+\.[a-zA-Z0-9_.\[\]]+\}$",
        description="A value of another action, such as ${actionId.output.field}.",
    ),
]
"""A reference to a value of another action, such as `${actionId.output.field}`."""

SemanticVersion = Annotated[
    str, text_check(_is_version, "a version such as 1.0.0 (three numbers)", pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")
]
"""Three numbers with dots, such as `1.0.0`."""
