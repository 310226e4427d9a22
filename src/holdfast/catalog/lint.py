"""What is wrong, doubtful or missing in an entry, beyond what keeps it from being loaded.

Pure: entries as they are written and the day go in, findings come out. What keeps an entry from being loaded at all is found when a `Catalog`
is made; here it becomes a finding like the others, so that one report says everything.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum, unique
from functools import cache
from typing import cast

from holdfast.catalog.entries import Catalog
from holdfast.catalog.examples import judge_examples
from holdfast.catalog.layers import Piece
from holdfast.catalog.shadows import shadows
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.contract.model import WireModel, camel
from holdfast.errors import BadInput
from holdfast.faults.linear import linear_problem

AGE_MAX_DAYS = 180
"""So old may the comparison with the vendor's pages be."""

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "CONNECT"})
_DEPTH_MAX = 8
Wire = Mapping[str, object]


@unique
class Level(StrEnum):
    """How bad a finding is: an error does harm, a warning is doubtful, information is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found: a stable id, how bad it is, where it stands, what it is, and what to do."""

    id: str
    level: Level
    source: str
    path: str
    message: str
    advice: str


def lint_piece(piece: Piece, *, is_shipped: bool = False) -> Iterator[Finding]:
    """What can be seen in an entry as it is written, whatever lies below it.

    Args:
        piece: the entry or part of one.
        is_shipped: whether its patterns will run on Python's engine, where they have to be linear.
    """
    report = _Report(piece)
    yield from _unknown_keys(report)
    yield from _shadowed(report)
    yield from _impossible(report)
    if is_shipped:
        yield from _unsafe(report)


def lint_entry(catalog: Catalog, api_id: str, *, piece: Piece, today: date) -> Iterator[Finding]:
    """What can be seen in an entry once everything it takes over is in it.

    Args:
        catalog: the catalog it is in.
        api_id: its id.
        piece: its uppermost piece, whose file the findings name.
        today: the day, for its age.
    """
    entry = catalog.entry(api_id)
    assert entry is not None, "whoever lints has found it"
    report = _Report(piece)
    yield from _missing(entry, report)
    yield from _aged(entry, report, today=today)
    yield from _untested(catalog, entry, report)


def lint_addresses(entries: Sequence[tuple[str, Sequence[str], Piece]]) -> Iterator[tuple[str, Finding]]:
    """Addresses that two entries have, so that one of them is never found by it, each with the id of that one.

    Given are the id, the addresses and the piece of each entry, the winner first.
    """
    owners: dict[str, str] = {}
    for api_id, urls, piece in entries:
        for url in urls:
            owner = owners.setdefault(url.rstrip("/").lower(), api_id)
            # One that builds on the other shares its address on purpose: it is meant by its name.
            if owner not in {api_id, piece.wire.get("extends")}:
                message = f"{url} belongs to {owner!r}, too, which is the one that is found by it"
                advice = "Write the path by which they differ, or leave it out of one."
                yield api_id, _Report(piece).finding("same-address", Level.WARNING, "baseUrl", message, advice)


def findings_of(err: BadInput) -> list[Finding]:
    """What keeps entries from being loaded, as findings."""
    advice = "Until it is mended, none of the entries beside it is loaded either."
    return [
        Finding(id="invalid", level=Level.ERROR, source=one.source, path=one.path, message=one.message, advice=advice)
        for one in err.problems
    ]


class _Report:
    """Makes the findings of one piece."""

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        self.wire = piece.wire

    def finding(self, slug: str, level: Level, path: str, message: str, advice: str) -> Finding:
        place = f"{self.piece.path}.{path}" if self.piece.path and path else path or self.piece.path
        return Finding(id=slug, level=level, source=self.piece.source, path=place, message=message, advice=advice)

    def rules(self) -> list[Wire]:
        """The rules as they are written; what is none is left to the schema."""
        found = self.wire.get("errorMappings")
        return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


# --- as it is written ---


def _unknown_keys(report: _Report) -> Iterator[Finding]:
    """Keys that the schema drops without a word: mostly typing mistakes."""
    todo: list[tuple[object, type[WireModel], str]] = [(report.wire, ApiCatalogEntry, "")]
    while todo:
        value, model, path = todo.pop(0)
        if isinstance(value, list):
            todo.extend((item, model, f"{path}[{index}]") for index, item in enumerate(value))
            continue
        if not isinstance(value, Mapping):
            continue
        known = _fields(model)
        for name, item in value.items():
            place = f"{path}.{name}" if path else str(name)
            inner = known.get(name)
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
                advice = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
                yield report.finding(
                    "unknown-key", Level.ERROR, place, f"{name!r} means nothing here and is ignored", advice
                )
            elif inner is not None:
                todo.append((item, inner, place))


@cache
def _fields(model: type[WireModel]) -> Mapping[str, type[WireModel] | None]:
    """The wire names of a document's fields, with the document that each holds."""
    return {
        camel(name): _model_in(hint)
        for name, hint in typing.get_type_hints(model).items()
        if name in model.model_fields
    }


def _model_in(hint: object) -> type[WireModel] | None:
    todo = [hint]
    while todo:
        one = todo.pop()
        if isinstance(one, type) and issubclass(one, WireModel):
            return one
        todo.extend(typing.get_args(one))
    return None


def _shadowed(report: _Report) -> Iterator[Finding]:
    """Rules that never get their turn."""
    for later, earlier, codes in shadows(report.rules()):
        by = f"errorMappings[{earlier}]"
        if codes is None:
            message = f"is never reached: {by} holds wherever it does, and comes first"
            yield report.finding(
                "unreachable-rule", Level.ERROR, f"errorMappings[{later}]", message, "Move it up, narrow the other one, or delete it."
            )  # fmt: skip
        else:
            message = f"{_listed(codes)} never reached here: {by} has {'it' if len(codes) == 1 else 'them'} already, and comes first"
            yield report.finding(
                "duplicate-code", Level.ERROR, f"errorMappings[{later}].codes", message, "Keep each code in the rule that is meant."
            )  # fmt: skip


def _listed(codes: Sequence[str]) -> str:
    return f"{', '.join(map(repr, codes))} {'is' if len(codes) == 1 else 'are'}"


def _impossible(report: _Report) -> Iterator[Finding]:
    """Rules that say what cannot be."""
    for index, rule in enumerate(report.rules()):
        place = f"errorMappings[{index}]"
        if rule.get("category") == "user_cancelled" and rule.get("retryable") is True:
            yield report.finding(
                "cancelled-and-retryable", Level.ERROR, f"{place}.retryable", "what was stopped on purpose must not be begun again",
                "Make retryable false, or say what went wrong at the API.",
            )  # fmt: skip
        if rule.get("outcome") == "executed" and rule.get("retryable") is True:
            yield report.finding(
                "executed-and-retryable", Level.ERROR, f"{place}.retryable", "what has happened must not be done again",
                "Make retryable false, or the outcome unknown.",
            )  # fmt: skip
        statuses = [rule.get("status"), *cast("Sequence[object]", rule.get("statuses") or ())]
        for status in statuses:
            if isinstance(status, int) and not 100 <= status <= 599:
                yield report.finding(
                    "impossible-status",
                    Level.ERROR,
                    place,
                    f"no answer has the status {status}",
                    "Statuses are 100 to 599.",
                )
        for method in cast("Sequence[object]", rule.get("methods") or ()):
            if isinstance(method, str) and method.upper() not in _METHODS:
                yield report.finding(
                    "unknown-method",
                    Level.WARNING,
                    f"{place}.methods",
                    f"{method!r} is no method of HTTP",
                    "Such as POST.",
                )
    yield from _impossible_check(report)


def _impossible_check(report: _Report) -> Iterator[Finding]:
    check = report.wire.get("healthCheck")
    endpoint = check.get("endpoint") if isinstance(check, Mapping) else None
    if isinstance(endpoint, str) and not endpoint.startswith(("/", "https://", "http://")):
        yield report.finding(
            "health-endpoint", Level.ERROR, "healthCheck.endpoint", f"{endpoint!r} is neither a path nor an address",
            "Begin it with / (below the base URL) or https://.",
        )  # fmt: skip


def _unsafe(report: _Report) -> Iterator[Finding]:
    for path, expression in expressions_of(report.wire):
        problem = linear_problem(expression)
        if problem:
            yield report.finding(
                "unsafe-pattern", Level.ERROR, path, f"pattern {expression!r} {problem}",
                "Use small bounds such as {0,20} in the place of * and +.",
            )  # fmt: skip


def expressions_of(wire: Wire) -> Iterator[tuple[str, str]]:
    """Every pattern of an entry, with its place."""
    todo: list[tuple[object, str]] = [(wire, "")]
    while todo:
        value, path = todo.pop()
        if isinstance(value, list | tuple):
            todo.extend((item, f"{path}[{index}]") for index, item in enumerate(value))
        elif isinstance(value, Mapping):
            for name, item in value.items():
                place = f"{path}.{name}" if path else str(name)
                if name in {"pattern", "bodyPattern", "urlPattern"} and isinstance(item, str):
                    yield place, item
                elif name == "bodyPatterns" and isinstance(item, list | tuple):
                    yield from ((f"{place}[{index}]", one) for index, one in enumerate(item) if isinstance(one, str))
                elif name != "examples" and place.count(".") < _DEPTH_MAX:
                    todo.append((item, place))


# --- with everything it takes over ---


def _missing(entry: ApiCatalogEntry, report: _Report) -> Iterator[Finding]:
    for name, value, advice in (
        ("source", entry.source, "Say what it was written from, so that others can check it."),
        ("dateChecked", entry.date_checked, "Say on which day it was compared with the vendor's pages: YYYY-MM-DD."),
        (
            "links",
            entry.links and any(entry.links.to_wire().values()),
            "Name the vendor's pages, its error codes above all.",
        ),
        ("examples", entry.examples, "Add a failure as the API answers it: examples are the entry's tests."),
    ):
        if not value:
            yield report.finding(f"missing-{_dashed(name)}", Level.WARNING, name, "is missing", advice)


def _dashed(name: str) -> str:
    return {"dateChecked": "date"}.get(name, name)


def _aged(entry: ApiCatalogEntry, report: _Report, *, today: date) -> Iterator[Finding]:
    if not entry.date_checked:
        return
    try:
        checked = date.fromisoformat(entry.date_checked)
    except ValueError:
        checked = None
    if checked is None or len(entry.date_checked) != len("2026-01-31"):
        yield report.finding(
            "bad-date", Level.ERROR, "dateChecked", f"{entry.date_checked!r} is no day", "Write YYYY-MM-DD."
        )
        return
    age = (today - checked).days
    if age < -1:
        yield report.finding(
            "bad-date", Level.ERROR, "dateChecked", f"{checked} is still to come", "Write the day it was checked."
        )
    elif age > AGE_MAX_DAYS:
        message = f"was compared with the vendor's pages {age} days ago; more than {AGE_MAX_DAYS} is old"
        yield report.finding("stale", Level.WARNING, "dateChecked", message, "Compare it again and write the new day.")


def _untested(catalog: Catalog, entry: ApiCatalogEntry, report: _Report) -> Iterator[Finding]:
    """Own rules that no example is judged by."""
    used: set[str] = set()
    for result in judge_examples(entry, catalog.rules(entry.api_id)):
        if result.verdict is not None:
            used.update((result.verdict.rule, *result.verdict.runners_up))
    for index, _ in enumerate(report.rules()):
        if f"catalog:{entry.api_id}/error-mappings[{index}]" not in used:
            yield report.finding(
                "untested-rule",
                Level.INFO,
                f"errorMappings[{index}]",
                "no example shows it",
                "Add an answer that it is for.",
            )
