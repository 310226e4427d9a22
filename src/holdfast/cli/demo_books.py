"""The other side's books: what the demo's API saw and did, compared with what should have happened. Pure but for printing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.cli.terminal import Segment, Terminal
    from holdfast.testing import Ledger

__all__ = ["actions_with_effects", "findings", "show_books"]

READING = ("GET", "HEAD", "OPTIONS")


def actions_with_effects(plan: Path, actions: Path) -> tuple[str, ...]:
    """Return the actions of a plan that change something, which must happen exactly once."""
    methods = {one["id"]: one["endpoint"]["method"] for one in json.loads(actions.read_text(encoding="utf-8"))}
    planned = json.loads(plan.read_text(encoding="utf-8"))["actions"]
    return tuple(one["id"] for one in planned if methods[one["actionDefinitionId"]] not in READING)


def findings(ledger: Ledger, *, once: tuple[str, ...]) -> list[str]:
    """Return what the API holds against us; empty when every side effect happened exactly once and no rule was broken."""
    found = [f"{violation.route}: {violation.kind.value}: {violation.detail}" for violation in ledger.violations]
    found += [
        f"{name} happened {ledger.routes[name].effects} times instead of once"
        for name in once
        if ledger.routes[name].effects != 1
    ]
    found += [
        f"{route.route}: the key {key} had {effects} effects"
        for route in ledger.routes.values()
        for key, effects in route.effects_by_key.items()
        if effects > 1
    ]
    return found


def show_books(terminal: Terminal, ledger: Ledger, *, once: tuple[str, ...]) -> None:
    """Print calls and side effects per action as the server saw them, and what it holds against us."""
    rows: list[list[Segment]] = []
    for name, route in ledger.routes.items():
        if not route.calls:
            continue
        answers = [
            str(record.status) if record.status is not None else "no answer"
            for record in ledger.requests
            if record.route == name
        ]
        effects = f"{route.effects:>12}" if name in once or route.effects else f"{'none':>12}"
        tone = "plain" if name not in once else "good" if route.effects == 1 else "bad"
        replays = f"{route.replays:>7}" if route.replays else ""
        rows.append(
            [
                (name, "title"),
                (f"{route.calls:>5}", "plain"),
                (effects, tone),
                (replays, "plain"),
                (", ".join(answers), "faint"),
            ]
        )
    terminal.say()
    terminal.say("What the server saw", "title")
    terminal.table(["action", "calls", "side effects", "repeats", "its answers"], rows)
    complaints = findings(ledger, once=once)
    terminal.say()
    if complaints:
        for complaint in complaints:
            terminal.line(("✗ ", "bad"), (complaint, "bad"))
    else:
        terminal.line(("✓ ", "good"), ("Every side effect happened exactly once. Violations: none.", "good"))
