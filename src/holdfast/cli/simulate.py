"""`holdfast simulate`: what the recovery engine does about a failure of a given kind, in virtual time and without calling anybody."""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import replace
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import Json
from holdfast.cli.terminal import MARKS, Terminal
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from holdfast import RecoveryResult, Remedy, Verdict

__all__ = ["simulate"]


@unique
class ErrorType(StrEnum):
    """What goes wrong, in the words of spec 001, which are the labels of verdicts."""

    NETWORK = "network"
    TRANSIENT = "transient"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    AUTHENTICATION = "authentication"
    CLIENT_ERROR = "client_error"
    UNKNOWN = "unknown"


KINDS: dict[str, tuple[ErrorCategory, int | None]] = {
    "network": (ErrorCategory.NETWORK_CONNECTION_REFUSED, None),
    "transient": (ErrorCategory.NETWORK_TIMEOUT, None),
    "rate_limit": (ErrorCategory.RATE_LIMIT_BURST, 429),
    "server_error": (ErrorCategory.API_UNEXPECTED_STATUS, 503),
    "authentication": (ErrorCategory.AUTH_EXPIRED, 401),
    "client_error": (ErrorCategory.VALIDATION_FAILED, 400),
    "unknown": (ErrorCategory.API_UNEXPECTED_STATUS, None),
}
"""A fault for each of them: its category, and the status of the answer if there is one."""

ALWAYS = 1_000_000


class SimulatedError(Exception):
    """What the call that is simulated fails with."""


def simulate(
    *,
    error_type: Annotated[ErrorType, typer.Option("--error-type", help="What goes wrong.", show_default=False)],
    max_attempts: Annotated[
        int | None,
        typer.Option(
            "--max-attempts",
            metavar="N",
            min=1,
            max=1000,
            help="Attempts of every remedy that repeats, the first included, instead of its own number.",
            show_default=False,
        ),
    ] = None,
    answers_at: Annotated[
        int | None,
        typer.Option(
            "--answers-at",
            metavar="N",
            min=2,
            help="The attempt that works again. Without it, none does.",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Also show every measure and how it ended.")] = False,
    is_json: Json = False,
) -> None:
    """Show what the five strategies of spec 001 do about a failed GET: nobody is called, and no time passes but on paper."""
    result = simulated(error_type.value, max_attempts=max_attempts, answers_at=answers_at)
    if is_json:
        print(json.dumps(as_json(result), ensure_ascii=False, indent=2))
    else:
        show(error_type.value, result, verbose=verbose)
    if not result.success:
        raise typer.Exit(ExitCode.NEGATIVE)


def simulated(kind: str, *, max_attempts: int | None = None, answers_at: int | None = None) -> RecoveryResult[object]:
    """Let a call fail, and the engine recover it; time is virtual and chance the same each time."""
    from holdfast.guards.engine import RecoveryEngine  # noqa: PLC0415 - `--help` need not load the engine
    from holdfast.guards.policy import policy  # noqa: PLC0415 - as above
    from holdfast.guards.recovery_call import RecoveryCall  # noqa: PLC0415 - as above
    from holdfast.policies.breaker import Breaker  # noqa: PLC0415 - as above
    from holdfast.policies.remedies import SPEC_001  # noqa: PLC0415 - as above
    from holdfast.testing import controlled_world  # noqa: PLC0415 - as above

    verdict = verdict_of(kind)
    attempts = 0

    def call() -> str:
        nonlocal attempts
        attempts += 1
        if attempts < (answers_at or ALWAYS):
            raise SimulatedError(f"simulated {kind} error")
        return "the simulated answer"

    engine = RecoveryEngine(
        limited(SPEC_001, max_attempts),
        name="simulation",
        alternatives={"secondary": lambda: "the answer of the secondary API"},
        circuits={"simulation": policy("simulation", breaker=Breaker())},
        refreshers={"simulated": lambda: None},
        judge=lambda _: verdict,
    )
    with controlled_world(), quiet():
        return engine.run(
            RecoveryCall(
                call,
                operation="simulate",
                dependency="simulation",
                method="GET",
                credential="simulated",
                endpoint="/test",
            )
        )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the log silent: its warnings are about what is only simulated."""
    log = logging.getLogger("holdfast")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def verdict_of(kind: str) -> Verdict:
    """The verdict on a fault of that kind, which did not take effect."""
    from holdfast.guards.judging import plain_verdict  # noqa: PLC0415 - as above

    category, status = KINDS[kind]
    plain = plain_verdict(
        category,
        place="simulation",
        message=f"simulated {kind} error",
        rule="simulated",
        outcome=Outcome.NOT_EXECUTED,
    )
    return replace(plain, labels=(kind,), status=status)


def limited(remedies: Sequence[Remedy], max_attempts: int | None) -> Sequence[Remedy]:
    """The remedies with another number of attempts, where they repeat at all."""
    from holdfast.policies.remedies import Repeat  # noqa: PLC0415 - as above

    if max_attempts is None:
        return remedies
    return [
        replace(
            remedy,
            attempts_max=max_attempts,
            measures=tuple(
                replace(measure, attempts_max=max_attempts) if isinstance(measure, Repeat) else measure
                for measure in remedy.measures
            ),
        )
        for remedy in remedies
    ]


def as_json(result: RecoveryResult[object]) -> dict[str, object]:
    """Return the result as JSON, in the words of spec 001."""
    return {
        "success": result.success,
        "strategy": result.strategy,
        "attempts": result.attempts,
        "answer": result.answer,
        "error": None if result.success else str(result.error),
        "metadata": {
            "recoveryTimeSeconds": round(result.recovery_time_s, 3),
            "fallbackUsed": result.fallback_used,
            "circuitTripped": result.circuit_tripped,
            "queuedForLater": result.queued_for_later,
        },
        "tried": [
            {"strategy": one.remedy, "measure": one.measure, "ended": one.ended, "why": one.why} for one in result.tried
        ],
    }


def show(kind: str, result: RecoveryResult[object], *, verbose: bool) -> None:
    """Print the result."""
    terminal = Terminal()
    terminal.say(f"A GET fails with a simulated {kind} error.", "title")
    for one in result.tried if verbose else ():
        why = f": {one.why}" if one.why else ""
        terminal.say(f"{MARKS['decision']} {one.remedy}: {one.measure} {one.ended}{why}", "decision")
    said = {
        "Success": yes(result.success),
        "Strategy": result.strategy,
        "Attempts": str(result.attempts),
        "Recovery Time": f"{result.recovery_time_s:.1f} s of virtual time",
        "Fallback Used": yes(result.fallback_used),
        "Circuit Tripped": yes(result.circuit_tripped),
        "Queued for Later": yes(result.queued_for_later),
    }
    for name, value in said.items():
        terminal.line((f"{name + ':':<18}", "faint"), (value, "good" if result.success else "plain"))
    if verbose and not result.success:
        terminal.say(f"Final Error: {result.error}", "bad")


def yes(fact: bool) -> str:  # noqa: FBT001 - a fact in words
    """Return a fact in words."""
    return "yes" if fact else "no"
