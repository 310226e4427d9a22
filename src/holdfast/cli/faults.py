"""`holdfast faults`: what failed in all executions, in groups, and the incidents that it comes to."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import Config, Database, Json
from holdfast.cli.terminal import Terminal
from holdfast.errors import BadInput, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.faults.correlation.groups import Group
    from holdfast.faults.correlation.incidents import Incident
    from holdfast.hold import FaultReport
    from holdfast.ports.rows import EventRow
    from holdfast.settings import Settings

__all__ = ["group", "seconds_of"]

group = typer.Typer(
    help="What failed, in groups, and the incidents that it comes to.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

SPAN = re.compile(r"(\d{1,9})([smhd])")
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
SHOWN_MAX = 5
"""So many of a group's latest executions are looked into for what was decided."""
DECISIONS = ("retry.scheduled", "recovery.decided")

Since = Annotated[str, typer.Option(metavar="SPAN", help="How far back: a number with s, m, h or d, up to 31d.")]


@group.callback()
def faults(
    context: typer.Context,
    *,
    since: Since = "24h",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many groups, the largest first.")] = 20,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Show what failed in all executions, in groups by fingerprint, and the incidents. Exit code 1 while an incident is open."""
    if context.invoked_subcommand is not None:
        return
    report, settings = read_report(since, db=db, config=config)
    if is_json:
        print(json.dumps(report_json(report, limit=limit), ensure_ascii=False, indent=2))
    else:
        show_report(report, settings=settings, since=since, limit=limit)
    raise typer.Exit(ExitCode.NEGATIVE if report.open else ExitCode.DONE)


@group.command("show")
def show(
    fingerprint: Annotated[
        str, typer.Argument(metavar="FINGERPRINT", help="A group's fingerprint, or how it begins.", show_default=False)
    ],
    *,
    since: Since = "24h",
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Show one group: an example, its executions, and what was decided in the latest of them. Exit code 1 if there is no such group."""
    report, settings = read_report(since, db=db, config=config)
    found = [one for one in report.groups if one.fingerprint == fingerprint] or [
        one
        for one in report.groups
        if one.fingerprint.startswith(fingerprint) or bare(one.fingerprint).startswith(fingerprint)
    ]
    if not found:
        Terminal(typer.get_text_stream("stderr")).say(f"No group of faults with {fingerprint!r} in the last {since}.")
        raise typer.Exit(ExitCode.NEGATIVE)
    if len(found) > 1:
        raise BadInput(
            [
                Problem(source=fingerprint, path="", message=f"stands for several: {one.fingerprint} ({one.example})")
                for one in found[:10]
            ]
        )
    chosen = found[0]
    decided = read_decisions(chosen, settings=settings)
    if is_json:
        print(json.dumps({**group_json(chosen), "decided": decided}, ensure_ascii=False, indent=2))
    else:
        show_group(chosen, decided, settings=settings)


def seconds_of(text: str) -> float:
    """Return a span of time such as `90m` in seconds.

    Raises:
        BadInput: it is none, or not from 1 second to 31 days.
    """
    found = SPAN.fullmatch(text.strip())
    seconds = int(found[1]) * UNITS[found[2]] if found else 0
    if not 1 <= seconds <= 31 * UNITS["d"]:
        message = f"must be a number with s, m, h or d, from 1s to 31d, such as 90m or 24h, not {text!r}"
        raise BadInput([Problem(source="--since", path="", message=message)])
    return float(seconds)


def read_report(since: str, *, db: Database, config: Config) -> tuple[FaultReport, Settings]:
    """Read the journal of the last while."""
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    span_s = seconds_of(since)
    settings = settings_of(db=db, config=config)

    async def work() -> FaultReport:
        """Fold what failed."""
        async with opened(settings, create=False) as hold:
            return await hold.faults(since_s=span_s)

    return run_async(work()), settings


def read_decisions(chosen: Group, *, settings: Settings) -> list[dict[str, object]]:
    """Read what was decided about a group's faults in its latest executions."""
    from holdfast.cli.session import opened, run_async  # noqa: PLC0415 - as above

    latest = list(dict.fromkeys(ids.execution_id for ids in reversed(chosen.ids) if ids.execution_id))[:SHOWN_MAX]

    async def work() -> list[dict[str, object]]:
        """Look through the events of each."""
        async with opened(settings, create=False) as hold:
            return [
                decision
                for execution in latest
                for decision in decisions_in(await hold.events(execution), fingerprint=chosen.fingerprint)
            ]

    return run_async(work())


def decisions_in(events: Sequence[EventRow], *, fingerprint: str) -> list[dict[str, object]]:
    """Return what was decided about the attempts of one execution that failed with this fingerprint."""
    attempts: dict[tuple[object, object], dict[str, object]] = {}
    for event in events:
        place = (event.data.get("actionId"), event.data.get("attemptNumber"))
        error = event.data.get("error")
        if (
            event.type == "action.execute.failed"
            and isinstance(error, dict)
            and error.get("fingerprint") == fingerprint
        ):
            attempts[place] = {
                "executionId": event.execution,
                "actionId": place[0],
                "attemptNumber": place[1],
                "failedAt": iso(event.time),
                "decision": None,
                "reason": None,
            }
        elif event.type in DECISIONS and place in attempts:
            move = event.data.get("strategy") or event.data.get("move") or "retry"
            attempts[place] |= {"decision": move, "reason": event.data.get("reason")}
    return list(attempts.values())


def show_report(report: FaultReport, *, settings: Settings, since: str, limit: int) -> None:
    """Print incidents and groups for people."""
    from holdfast.cli.session import further  # noqa: PLC0415 - as above

    terminal = Terminal()
    if not report.groups:
        terminal.say(f"Nothing has failed in the last {since} in {settings.shown('database.url')}.", "faint")
        return
    for incident in (*report.open, *report.resolved):
        show_incident(terminal, incident)
    total, shown = report.totals.total, report.groups[:limit]
    terminal.say(f"{total} failed attempts in the last {since}, {len(shown)} of {len(report.groups)} groups:", "title")
    lines = [
        [
            (one.fingerprint, "title"),
            (f"{one.count:6d}" + ("+" if one.error else ""), "bad"),
            (one.category.value, "plain"),
            (one.dependency, "plain"),
            (clock(one.first_s), "plain"),
            (clock(one.last_s), "plain"),
            (str(len(executions_of(one))) + ("+" if len(executions_of(one)) >= 10 else ""), "plain"),
            (one.example, "plain"),
        ]
        for one in shown
    ]
    head = ["fingerprint", "count", "category", "API or action", "first (UTC)", "last (UTC)", "executions", "example"]
    terminal.table(head, lines)
    terminal.say(f"Next: {further(settings, 'faults', 'show', shown[0].fingerprint)}", "faint")


def show_incident(terminal: Terminal, incident: Incident) -> None:
    """Print one incident."""
    until = "goes on" if incident.resolved_s is None else f"over at {clock(incident.resolved_s)}"
    until += f", explained by {incident.into}" if incident.into else ""
    tone = "loud" if incident.is_open else "faint"
    terminal.line((f"incident {incident.id} ", tone), (incident.cause, "title"))
    terminal.say(
        f"  {incident.count} failed attempts since {clock(incident.since_s)}, {until}; e.g. {incident.example}"
    )
    terminal.say(f"  at {', '.join(incident.members)}")


def show_group(chosen: Group, decided: Sequence[dict[str, object]], *, settings: Settings) -> None:
    """Print one group for people."""
    from holdfast.cli.session import further  # noqa: PLC0415 - as above

    terminal = Terminal()
    terminal.line((chosen.fingerprint, "title"), (f"  {chosen.category.value} at {chosen.dependency}", "plain"))
    terminal.say(chosen.example, "bad")
    terminal.say(f"{chosen.count} times from {clock(chosen.first_s)} to {clock(chosen.last_s)} (UTC), by {chosen.rule}")
    for one in decided:
        then = f"{one['decision']}: {one['reason']}" if one["decision"] else "no further decision"
        terminal.say(f"  {one['executionId']} {one['actionId']}, attempt {one['attemptNumber']}: {then}")
    if decided:
        terminal.say(f"Next: {further(settings, 'why', str(decided[0]['executionId']))}", "faint")


def report_json(report: FaultReport, *, limit: int) -> dict[str, object]:
    """Return a report as JSON values."""
    totals = report.totals
    return {
        "since": iso(report.since),
        "until": iso(report.until),
        "total": totals.total,
        "byCategory": {category.value: count for category, count in totals.by_category.items()},
        "byDependency": totals.by_dependency,
        "otherDependencies": totals.other_dependencies,
        "incidents": [incident_json(one) for one in (*report.open, *report.resolved)],
        "groups": [group_json(one) for one in report.groups[:limit]],
        "groupsTotal": len(report.groups),
    }


def group_json(one: Group) -> dict[str, object]:
    """Return a group as JSON values; `countErrorMax` is by how much `count` may be too high."""
    return {
        "fingerprint": one.fingerprint,
        "category": one.category.value,
        "apiId": one.dependency,
        "count": one.count,
        "countErrorMax": one.error,
        "firstAt": iso(moment(one.first_s)),
        "lastAt": iso(moment(one.last_s)),
        "message": one.example,
        "status": one.status,
        "code": one.code,
        "rule": one.rule,
        "credential": one.credential,
        "executions": executions_of(one),
    }


def incident_json(one: Incident) -> dict[str, object]:
    """Return an incident as JSON values."""
    return {
        "id": one.id,
        "kind": one.kind.value,
        "cause": one.cause,
        "count": one.count,
        "members": list(one.members),
        "membersTotal": one.members_total,
        "openedAt": iso(moment(one.since_s)),
        "lastAt": iso(moment(one.last_s)),
        "resolvedAt": None if one.resolved_s is None else iso(moment(one.resolved_s)),
        "into": one.into,
        "fingerprint": one.fingerprint,
        "message": one.example,
    }


def executions_of(one: Group) -> list[str]:
    """Return the latest executions of a group that are known, the latest first."""
    return list(dict.fromkeys(ids.execution_id for ids in reversed(one.ids) if ids.execution_id))


def bare(fingerprint: str) -> str:
    """Return a fingerprint without the version of its rule."""
    return fingerprint.partition(":")[2]


def moment(seconds: float) -> datetime:
    """Return seconds since 1970 as a time."""
    return datetime.fromtimestamp(seconds, UTC)


def clock(seconds: float) -> str:
    """Return seconds since 1970 for people."""
    return f"{moment(seconds):%Y-%m-%d %H:%M:%S}"


def iso(time: datetime) -> str:
    """Return a time as on the wire."""
    return time.isoformat().replace("+00:00", "Z")
