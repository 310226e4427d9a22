"""What `holdfast catalog` shows a person: lists, an entry, findings, examples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from holdfast.catalog.entries import Catalog
    from holdfast.catalog.examples import ExampleResult
    from holdfast.catalog.lint import Finding
    from holdfast.contract import ApiCatalogEntry
    from holdfast.contract.catalog import ApiErrorMapping
    from holdfast.ports.apis import HealthRow

__all__ = ["health_json", "print_entry", "print_findings", "print_health", "print_list", "print_tests"]

TONES = {"error": "bad", "warning": "waiting", "info": "faint"}
CODES_SHOWN_MAX = 4


def print_list(known: Catalog, rows: Sequence[ApiCatalogEntry]) -> None:
    """Print a line for each API."""
    terminal = Terminal()
    if not rows:
        terminal.say("No such APIs.", "faint")
        return
    terminal.table(
        ["api", "kind", "rules", "checked", "from", "name"],
        [
            [
                (entry.api_id, "title"),
                (entry.kind or "", "plain"),
                (f"{len(entry.error_mappings):>5}", "plain"),
                (entry.date_checked or "", "plain"),
                (" < ".join(known.layers_of(entry.api_id)), "plain"),
                (entry.name, "plain"),
            ]
            for entry in rows
        ],
    )
    terminal.say()
    terminal.say(f"{counted(len(rows), 'API')}. Look at one: holdfast catalog show {rows[0].api_id}", "faint")


def print_entry(known: Catalog, entry: ApiCatalogEntry, origins: Mapping[str, str]) -> None:
    """Print what is known of an API; with origins, of each part where it comes from."""
    terminal = Terminal()
    terminal.line((entry.api_id, "title"), (f"  {entry.name}", "plain"))
    for label, text, path in _facts(known, entry):
        where = _origin(origins, path)
        terminal.line((f"  {label:<13}", "faint"), (text, "plain"), *where, indent=15)
    if entry.error_mappings:
        terminal.say()
        terminal.say("  How it says no; the first that fits counts:")
    for index, rule in enumerate(entry.error_mappings):
        word = "may pass by itself" if rule.retryable else "final"
        outcome = f", {rule.outcome}" if rule.outcome else ""
        terminal.line(
            (f"  {index:>3}  ", "faint"),
            (f"{rule.category}", "good" if rule.retryable else "bad"),
            (f" ({word}{outcome}) when {_conditions(rule)}", "plain"),
            *_origin(origins, f"errorMappings[{index}]"),
            indent=7,
        )
        if rule.reason:
            terminal.line(("       ", "plain"), (rule.reason, "faint"), indent=7)


def _origin(origins: Mapping[str, str], path: str) -> list[tuple[str, str]]:
    """The origins of a part: one, or those of its pieces when they differ."""
    if not origins:
        return []
    inside = (f"{path}.", f"{path}[")
    found = dict.fromkeys(one for place, one in origins.items() if place == path or place.startswith(inside))
    return [(f"  <- {', '.join(found)}", "decision")] if found else []


def _facts(known: Catalog, entry: ApiCatalogEntry) -> Iterator[tuple[str, str, str]]:
    versions = known.versions(entry.api_id)
    others = [one for one in versions if one != entry.version]
    yield "version", entry.version + (f" (also: {', '.join(others)})" if others else ""), "version"
    yield "addresses", ", ".join([str(entry.base_url), *(entry.base_urls or ())]), "baseUrl"
    if entry.aliases:
        yield "also called", ", ".join(entry.aliases), "aliases"
    if entry.kind:
        yield "kind", entry.kind, "kind"
    if entry.extends:
        yield "builds on", entry.extends, "extends"
    yield "layers", " < ".join(known.layers_of(entry.api_id)), ""
    yield from _manners(entry)
    if entry.examples:
        pages = list(dict.fromkeys(one.source for one in entry.examples if one.source))
        after = f", after {', '.join(pages)}" if pages else ""
        yield "examples", f"{len(entry.examples)} (holdfast catalog test {entry.api_id}){after}", "examples"
    checked = f"{entry.date_checked or 'never'}, from: {entry.source or 'not said'}"
    yield "checked", checked, "dateChecked"
    for name, link in (entry.links.to_wire() if entry.links else {}).items():
        yield "its pages", f"{name}: {link}", f"links.{name}"
    if entry.notes:
        yield "notes", entry.notes, "notes"


def _manners(entry: ApiCatalogEntry) -> Iterator[tuple[str, str, str]]:
    """What it does beside saying no: limits, keys, credentials."""
    limits = entry.rate_limiting
    if limits is not None:
        signs = [*map(str, limits.detection.status_codes), *limits.detection.headers]
        yield (
            "throttles",
            f"seen by {', '.join(signs) or 'its body'}; waits grow: {limits.backoff_strategy.type}",
            "rateLimiting",
        )
    for window in entry.quota_windows or ():
        limit = f"{window.limit} in " if window.limit is not None else ""
        yield "allowance", f"{window.name}: {limit}{duration(window.period / 1000)}", "quotaWindows"
    keys = entry.idempotency
    if keys is not None:
        known_for = f", known for {duration(keys.key_lifetime / 1000)}" if keys.key_lifetime else ""
        again = "; a stored failure is answered again" if keys.replays_errors else ""
        yield "keys", f"header {keys.header}{known_for}{again}", "idempotency"
    credential = entry.credential
    if credential is not None:
        renewed = "renewed by a machine" if credential.renewable else "renewed by a person"
        lasts = f", lasts {duration(credential.lifetime / 1000)}" if credential.lifetime else ""
        after = (
            f", what renews it {duration(credential.refresh_lifetime / 1000)}" if credential.refresh_lifetime else ""
        )
        at = f", at {credential.token_url}" if credential.token_url else ""
        notes = f". {credential.notes}" if credential.notes else ""
        yield "credential", f"{credential.kind}, {renewed}{at}{lasts}{after}{notes}", "credential"
    going = entry.deprecation
    if going is not None:
        more = f"; see {going.link}" if going.link else ""
        yield "announces", f"what goes away, by {', '.join(going.headers)}{more}", "deprecation"
    check = entry.health_check
    if check is not None:
        yield (
            "health",
            f"{check.endpoint} answers {check.expected_status} within {duration(check.timeout / 1000)}",
            "healthCheck",
        )


def _conditions(rule: ApiErrorMapping) -> str:
    statuses = sorted({*(rule.statuses or ()), *([rule.status] if rule.status is not None else ())})
    codes = list(rule.codes or ())
    more = f" and {len(codes) - CODES_SHOWN_MAX} more" if len(codes) > CODES_SHOWN_MAX else ""
    found = [
        f"code {' | '.join(codes[:CODES_SHOWN_MAX])}{more}" if codes else "",
        f"status {' | '.join(map(str, statuses))}" if statuses else "",
        f"header {rule.header.name} ~ {rule.header.pattern}" if rule.header else "",
        f"{rule.field.path} ~ {rule.field.pattern}" if rule.field else "",
        f"text ~ {rule.pattern}" if rule.pattern else "",
        f"method {' | '.join(rule.methods)}" if rule.methods else "",
        f"path ~ {rule.url_pattern}" if rule.url_pattern else "",
    ]
    return ", ".join(one for one in found if one)


def duration(seconds: float) -> str:
    """Return a length of time as people say it."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"


def print_findings(findings: Sequence[Finding], count: int) -> None:
    """Print findings by file, the worst first, and a line that sums up."""
    terminal = Terminal()
    source = ""
    for one in sorted(findings, key=lambda one: one.source):
        if one.source != source:
            source = one.source
            terminal.say(source, "title")
        place = f"{one.path}: " if one.path else ""
        terminal.line(
            (f"  {one.level:<8}", TONES[one.level]),
            (f"{place}{one.message}{'' if one.message.endswith(('.', '?')) else '.'} {one.advice}", "plain"),
            (f" [{one.id}]", "faint"),
            indent=10,
        )
    levels = [one.level.value for one in findings]
    told = ", ".join(counted(levels.count(level), level) for level in ("error", "warning") if level in levels)
    notes = f" {counted(levels.count('info'), 'remark')}." if "info" in levels else ""
    if findings:
        terminal.say()
    tone = "bad" if "error" in levels else "waiting" if told else "good"
    terminal.say(f"{counted(count, 'entry')}: {told or 'nothing wrong'}.{notes}", tone)


def print_tests(failed: Sequence[tuple[str, ExampleResult]], *, examples: int, entries: int) -> None:
    """Print the examples that are judged otherwise than they say, and a line that sums up."""
    terminal = Terminal()
    for api_id, result in failed:
        terminal.line(("✗ ", "bad"), (f"{api_id}: {result.title}", "title"))
        for difference in result.differences:
            terminal.say(f"    {difference}")
    if failed:
        terminal.say()
    word = f"{counted(len(failed), 'example')} judged otherwise than {'it says' if len(failed) == 1 else 'they say'}"
    summary = f"{counted(examples, 'example')} of {counted(entries, 'entry')}: {word if failed else 'all judged as they say'}."
    terminal.say(summary, "bad" if failed else "good")


def print_health(rows: Sequence[HealthRow]) -> None:
    """Print how APIs are, since when, and what the last check found."""
    terminal = Terminal()
    if not rows:
        terminal.say("No API that can be asked. Name one, or give entries a healthCheck.", "faint")
        return
    lines = []
    for row in rows:
        last = json.loads(row.results)[0]
        share = [result["passed"] for result in json.loads(row.results)]
        found = f"answered {last['status']}" if "status" in last else "no answer"
        why = f": {last['category']}, {last['message']}" if "category" in last else ""
        lines.append(
            [
                (row.api_id, "title"),
                ("well", "good") if row.is_healthy else ("failing", "bad"),
                (f"{row.since:%Y-%m-%d %H:%M:%S}" if row.since else "", "plain"),
                (f"{sum(share)} of {len(share)}", "plain"),
                (f"{found} in {last['durationS']:g} s{why}", "plain"),
            ]
        )
    terminal.table(["api", "is", "since (UTC)", "passed", "the last check"], lines)


def health_json(row: HealthRow) -> dict[str, object]:
    """Return how an API is as JSON values."""
    return {
        "apiId": row.api_id,
        "healthy": row.is_healthy,
        "since": row.since.isoformat().replace("+00:00", "Z") if row.since else None,
        "results": json.loads(row.results),
    }
