"""`holdfast emit`: take in events from outside, one or many, and say what came of each."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.options import Config, Database, Json
from holdfast.cli.terminal import Terminal
from holdfast.errors import BadInput, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from holdfast.hold import AsyncHold, Receipt
    from holdfast.settings import Settings

__all__ = ["emit"]

INPUT_MAX_BYTES = 268_435_456
"""A file of events may be so large: it is read whole."""
TONES = {"settled": "good", "late": "good", "duplicate": "faint", "recorded": "faint", "set-aside": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One event as it was given: where it stands, and what it is, or why it cannot be read."""

    place: str
    value: object = None
    unreadable: BadInput | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One event and what came of it: a receipt, or why it is no event."""

    place: str
    receipt: Receipt | None = None
    refused: BadInput | None = None


def emit(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CloudEvents: one, a list, or one per line; - for standard input.", show_default=False
        ),
    ] = Path("-"),
    *,
    type: Annotated[  # noqa: A002 - CloudEvents' word, as the Python API has it
        str | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="What the file holds is bare payloads of this type; their ids follow from their content.",
            show_default=False,
        ),
    ] = None,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Take in events from outside: what an external executor answers, and errors that others have met.

    Each takes effect once, in any order. Exit code 1 if some were set aside as dead letters, 2 if some are no events; the others count all the same.
    """
    from holdfast.cli.session import opened, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database

    settings = settings_of(db=db, config=config)
    given = list(split(text_of(file), source="standard input" if str(file) == "-" else str(file)))

    async def work() -> list[Judged]:
        """Take them in, one transaction each."""
        async with opened(settings) as hold:
            return [await judge(hold, one, kind=type) for one in given]

    judged = run_async(work())
    if is_json:
        print(json.dumps(report(judged), ensure_ascii=False))
    else:
        show(judged, settings=settings)
    raise typer.Exit(code_of(judged))


def text_of(file: Path) -> bytes:
    """Return what a file or standard input holds.

    Raises:
        BadInput: it cannot be read, or is too large.
    """
    try:
        if str(file) == "-":
            body = sys.stdin.buffer.read(INPUT_MAX_BYTES + 1)
        else:
            with file.open("rb") as stream:
                body = stream.read(INPUT_MAX_BYTES + 1)
    except OSError as err:
        message = f"cannot be read: {err.strerror}; name a file of events, or - for standard input"
        raise BadInput([Problem(source=str(file), path="", message=message)]) from err
    if len(body) > INPUT_MAX_BYTES:
        message = f"is larger than {INPUT_MAX_BYTES} bytes; split it"
        raise BadInput([Problem(source=str(file), path="", message=message)])
    return body


def split(body: bytes, *, source: str) -> Iterator[Given]:
    """Return the events that a text holds: one document, a list, or a document per line.

    Raises:
        BadInput: it holds nothing, or is neither JSON nor lines of JSON.
    """
    from holdfast.contract.json_text import read_json  # noqa: PLC0415 - as above

    if not body.strip():
        raise BadInput([Problem(source=source, path="", message="holds no event")])
    try:
        whole = read_json(body, source=source)
    except BadInput as err:
        lines = [(number, line) for number, line in enumerate(body.splitlines(), 1) if line.strip()]
        if len(lines) == 1:
            yield Given(place=source, unreadable=err)
            return
        for number, line in lines:
            place = f"{source}:{number}"
            try:
                yield Given(place=place, value=read_json(line, source=place))
            except BadInput as bad:
                yield Given(place=place, unreadable=bad)
        return
    if isinstance(whole, list):
        yield from (Given(place=f"{source}[{index}]", value=value) for index, value in enumerate(whole))
    else:
        yield Given(place=source, value=whole)


async def judge(hold: AsyncHold, given: Given, *, kind: str | None) -> Judged:
    """Take in one event."""
    if given.unreadable is not None:
        return Judged(place=given.place, refused=given.unreadable)
    try:
        receipt = await hold.emit(cast("Mapping[str, object]", given.value), type=kind)
    except BadInput as err:
        return Judged(place=given.place, refused=err)
    return Judged(place=given.place, receipt=receipt)


def show(judged: list[Judged], *, settings: Settings) -> None:
    """Tell a person what came of each, a line per event, and of all of them; and where to read on about one that was set aside."""
    from holdfast.cli.session import further  # noqa: PLC0415 - as above

    terminal, complaints = Terminal(), Terminal(sys.stderr)
    for one in judged:
        if one.receipt is not None:
            reason = f" ({one.receipt.reason})" if one.receipt.reason else ""
            of = f" of execution {one.receipt.execution}" if one.receipt.execution else ""
            terminal.line(
                (f"{one.receipt.result}{reason}", TONES[one.receipt.result]),
                (f"  {one.receipt.type}{of}  ", "plain"),
                (one.receipt.event_id, "faint"),
            )
            if one.receipt.result == "set-aside":
                words = ("dead-letters", "show", one.receipt.execution or "-", one.receipt.event_id)
                terminal.say(f"  {further(settings, *words)}", "title")
        for problem in one.refused.problems if one.refused else ():
            complaints.say(f"{one.place}: {problem.path}{': ' if problem.path else ''}{problem.message}", "bad")
    if len(judged) > 1:
        terminal.say(", ".join(f"{count} {name}" for name, count in counts(judged).items()))


def report(judged: list[Judged]) -> dict[str, object]:
    """Return what came of each event, in the order given, and how many there are of each kind."""
    return {"results": [result_json(one) for one in judged], "counts": counts(judged)}


def result_json(one: Judged) -> dict[str, object]:
    """Return what came of one event as JSON values."""
    if one.receipt is None:
        assert one.refused is not None, "one or the other"
        problems = [{"path": problem.path, "message": problem.message} for problem in one.refused.problems]
        return {"place": one.place, "result": "refused", "problems": problems}
    receipt = one.receipt
    found = {
        "place": one.place,
        "eventId": receipt.event_id,
        "type": receipt.type,
        "executionId": receipt.execution or None,
        "result": receipt.result.value,
        "reason": receipt.reason,
    }
    return {name: value for name, value in found.items() if value is not None}


def counts(judged: list[Judged]) -> dict[str, int]:
    """Return how many events there are of each kind."""
    return dict(Counter("refused" if one.receipt is None else one.receipt.result.value for one in judged))


def code_of(judged: list[Judged]) -> ExitCode:
    """Return the exit code: no event at all is bad input, one that was set aside a negative result."""
    if any(one.refused for one in judged):
        return ExitCode.BAD_INPUT
    is_aside = any(one.receipt is not None and one.receipt.result == "set-aside" for one in judged)
    return ExitCode.NEGATIVE if is_aside else ExitCode.DONE
