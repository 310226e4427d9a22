"""`holdfast test`: one request to a configured integration, with all its strategies, and what became of it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import CatalogDirectory, Config, Json, SpecEnvironment
from holdfast.cli.terminal import MARKS, Terminal
from holdfast.errors import BadInput

if TYPE_CHECKING:
    from holdfast import Event, Integration, Reply

__all__ = ["send_one"]

SHOWN_MAX_CHARS = 500
"""So much of an answer is shown without --verbose, as in spec 001."""


def send_one(
    *,
    integration: Annotated[
        str, typer.Option("--integration", metavar="ID", help="The integration, as [integrations.<id>] declares it.")
    ] = "primary-api",
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="PATH", help="The path to ask for, below the integration's address.")
    ] = "/test",
    method: Annotated[str, typer.Option("--method", metavar="METHOD", help="The HTTP method.")] = "GET",
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also show the strategies, the headers and the whole body.")
    ] = False,
    spec_env: SpecEnvironment = False,
    catalog: CatalogDirectory = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Make one request to a configured integration, with its retries, its circuit and its fallbacks, and show what became of it."""
    import holdfast  # noqa: PLC0415 - `--help` need not load what sends requests
    from holdfast.settings import load  # noqa: PLC0415 - as above

    settings = load(arguments={"catalog.directory": catalog}, config_path=config, aliases=spec_env)
    asked = holdfast.integration(integration, settings=settings)
    try:
        ended = ask(asked, method=method.upper(), endpoint=endpoint)
    finally:
        asked.close()
    if is_json:
        print(json.dumps(as_json(ended), ensure_ascii=False, indent=2))
    else:
        show(ended, Terminal(), verbose=verbose)
    if ended.reply is None:
        raise typer.Exit(ExitCode.NEGATIVE)


@dataclass(kw_only=True)
class Ended:
    """What became of the request: an answer, or an error, and the attempts that failed before it."""

    integration: Integration
    method: str
    endpoint: str
    failed: list[Event] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    took_s: float = 0.0
    reply: Reply | None = None
    error: Exception | None = None

    @property
    def attempts(self) -> int:
        """How many attempts were made; those of a fallback are not among them."""
        return len(self.failed) + (self.reply is not None and self.reply.degraded is None)

    @property
    def strategy(self) -> str:
        """What brought the answer: `none` where the first attempt did, `retry`, or how it is degraded; `exhausted` where there is none."""
        if self.reply is None:
            return "exhausted"
        if self.reply.degraded is not None:
            return self.reply.degraded.strategy
        return "retry" if self.failed else "none"


def ask(integration: Integration, *, method: str, endpoint: str) -> Ended:
    """Make the request, and write down what happens on the way.

    Raises:
        BadInput: the request cannot be sent.
    """
    ended = Ended(integration=integration, method=method, endpoint=endpoint)
    listening = [
        integration.policy.on("attempt.failed", ended.failed.append),
        integration.policy.on("retry.scheduled", lambda event: ended.waits_s.append(_number(event.facts["wait_s"]))),
    ]
    began = time.perf_counter()
    try:
        ended.reply = integration.request(method, endpoint)
    except BadInput:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the HTTP library raises is the answer to what was asked here
        ended.error = error
    finally:
        for leave in listening:
            leave()
    ended.took_s = time.perf_counter() - began
    return ended


def as_json(ended: Ended) -> dict[str, object]:
    """Return what became of the request as JSON."""
    reply, error = ended.reply, ended.error
    return {
        "success": reply is not None,
        "integration": ended.integration.id,
        "method": ended.method,
        "endpoint": ended.endpoint,
        "strategy": ended.strategy,
        "attempts": ended.attempts,
        "failedAttempts": [dict(event.facts) for event in ended.failed],
        "tookSeconds": round(ended.took_s, 3),
        "degraded": None if reply is None or reply.degraded is None else asdict(reply.degraded),
        "status": None if reply is None else reply.status,
        "body": None if reply is None else _body_of(reply),
        "error": None if error is None else {"type": type(error).__name__, "message": str(error)},
    }


def show(ended: Ended, terminal: Terminal, *, verbose: bool) -> None:
    """Print what became of the request."""
    reply = ended.reply
    terminal.say(f"{ended.method} {ended.endpoint} of {ended.integration.name}", "title")
    if verbose:
        for line in ended.integration.policy.explain().splitlines():
            terminal.say(line, "faint")
    for number, event in enumerate(ended.failed):
        facts = event.facts
        wait = f", then waited {ended.waits_s[number]:.2f} s" if number < len(ended.waits_s) else ""
        rule = f" ({facts['rule']})" if verbose else ""
        text = f"attempt {facts['attempt']}: {facts['category']}, outcome {facts['outcome']}{rule}{wait}"
        terminal.say(f"{MARKS['waiting']} {text}", "waiting")
    took = f"{ended.attempts} attempt{'' if ended.attempts == 1 else 's'} in {ended.took_s:.2f} s; strategy: {ended.strategy}"
    if reply is None:
        terminal.say(f"{MARKS['bad']} no answer: {ended.error}", "bad")
        terminal.say(took, "faint")
        return
    if reply.degraded is None:
        terminal.say(f"{MARKS['good']} answered {reply.status}", "good")
    else:
        degraded = reply.degraded
        age = "" if degraded.age_s is None else f", {degraded.age_s:.0f} s old"
        terminal.say(
            f"{MARKS['waiting']} degraded answer {reply.status}: {degraded.strategy}{age}, because of {degraded.reason}",
            "waiting",
        )
    terminal.say(took, "faint")
    for name, value in reply.headers if verbose else ():
        terminal.say(f"{name}: {value}", "faint")
    text = reply.text
    shown = text if verbose or len(text) <= SHOWN_MAX_CHARS else f"{text[:SHOWN_MAX_CHARS]}…"
    for line in shown.splitlines():
        terminal.say(line)


def _body_of(reply: Reply) -> object:
    try:
        return reply.json()
    except ValueError:
        return reply.text


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
