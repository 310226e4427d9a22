"""What an analysis of the window comes to: the four results of spec 003 §3.1 (`ErrorAnalysis`), with its fields.

An error's type is its category: spec 003's `Network` is `network_connection_refused`, its `Timeout` `network_timeout`, and its
`ServiceUnavailable` `api_unexpected_status`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from holdfast.faults.taxonomy import ErrorCategory

__all__ = ["ErrorAnalysis", "HighErrorRate", "NoErrors", "NormalOperation", "PatternDetected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoErrors:
    """Nothing failed within the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalOperation:
    """Some calls failed, in different ways and not often."""

    error_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternDetected:
    """More than the set share (one half) of all errors are of one type: `count` of `total`."""

    error_type: ErrorCategory
    count: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HighErrorRate:
    """More errors a second than the set rate (10); `most_common` is the most frequent type with its count, the first in the taxonomy of several."""

    rate_per_s: float
    most_common: tuple[ErrorCategory, int]


ErrorAnalysis: TypeAlias = NoErrors | NormalOperation | PatternDetected | HighErrorRate
