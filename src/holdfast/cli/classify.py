"""`holdfast classify`: what a failed call means, one verdict per line of JSON, or one failure explained in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.known_apis import KnownApis
from holdfast.cli.options import CatalogDirectory, Config, Json
from holdfast.cli.terminal import Terminal, printable
from holdfast.errors import BadInput, Problem

if TYPE_CHECKING:
    from holdfast.faults.fault import Fault
    from holdfast.faults.rules import ApiRules
    from holdfast.faults.verdict import Verdict

__all__ = ["classify"]

LINE_MAX_BYTES = 16_777_216
"""A line may be so long; a longer one is reported and passed over."""
_TEXT_MAX_BYTES = 8_000_000


def classify(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="An HTTP answer as `curl -i` or `curl -v` shows it, a traceback, or cases as JSON lines; - for standard input.",
            show_default=False,
        ),
    ] = Path("-"),
    *,
    is_lines: Annotated[
        bool, typer.Option("--jsonl", help="The input is one failed call per line; print one verdict per line.")
    ] = False,
    no_catalog: Annotated[
        bool, typer.Option("--no-catalog", help="Use generic knowledge alone, whatever API it was.")
    ] = False,
    catalog: CatalogDirectory = None,
    api: Annotated[
        str | None,
        typer.Option("--api", metavar="ID", help="The API that failed, by its id in the catalog.", show_default=False),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="The address that was called.", show_default=False)
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", metavar="METHOD", help="The request's method.", show_default=False)
    ] = None,
    status: Annotated[
        int | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            min=100,
            max=999,
            help="The input is the body alone of an answer with this status.",
            show_default=False,
        ),
    ] = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Say what a failed call means: what went wrong, whether a repeat may help and when, and whether the side effect happened.

    Nothing is called and nothing is kept. Exit code 2 if a line, or the whole input, cannot be read; every other line is judged all the same.
    """
    from holdfast.cli.loaded_settings import settings_of  # noqa: PLC0415 - `--help` need not load what judges

    settings = settings_of(config=config, catalog=catalog)
    catalog_used = settings.catalog
    known = KnownApis(is_off=True) if no_catalog else KnownApis.of(catalog_used.directory, shipped=catalog_used.shipped)
    if is_lines:
        bad = judge_lines(file, known)
        raise typer.Exit(ExitCode.BAD_INPUT if bad else ExitCode.DONE)
    explain(file, known, api=api, url=url, method=method, status=status, is_json=is_json)


# --- one verdict per line ---


def judge_lines(file: Path, known: KnownApis) -> int:
    """Judge one case per line, in order, and print each verdict as it is found; say on standard error which lines are none, and return how many."""
    source = "standard input" if str(file) == "-" else str(file)
    complaints, bad = Terminal(sys.stderr), 0
    with opened(file) as stream:
        for number, line in lines_of(stream):
            place = f"{source}:{number}"
            try:
                value = case_of(line, place=place)
                verdict, api_id = judged(value, known, place=place)
            except BadInput as err:
                bad += 1
                for problem in err.problems:
                    complaints.say(f"{place}: {problem.path}{': ' if problem.path else ''}{problem.message}", "bad")
                continue
            print(
                json.dumps({"id": value.get("id")} | report(verdict, api_id=api_id), ensure_ascii=True, allow_nan=False)
            )
    return bad


def lines_of(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The lines that are not blank, by number; `None` for one that is too long."""
    number = 0
    while line := stream.readline(LINE_MAX_BYTES + 1):
        number += 1
        if len(line) > LINE_MAX_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(LINE_MAX_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        elif line.strip():
            yield number, line


def case_of(line: bytes | None, *, place: str) -> Mapping[str, object]:
    """The object on a line.

    Raises:
        BadInput: the line is too long, no UTF-8, no JSON or no object.
    """
    if line is None:
        raise BadInput([Problem(source=place, path="", message=f"is longer than {LINE_MAX_BYTES} bytes")])
    try:
        value: object = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as err:
        why = "is not UTF-8" if isinstance(err, UnicodeDecodeError) else "is no JSON"
        raise BadInput([Problem(source=place, path="", message=why)]) from err
    if not isinstance(value, dict):
        raise BadInput([Problem(source=place, path="", message="is no object")])
    return value


def judged(case: Mapping[str, object], known: KnownApis, *, place: str) -> tuple[Verdict, str | None]:
    """The verdict on a case, and the API whose entry was asked; every case is a failed call, whatever its status."""
    from holdfast.faults.cases import read_case  # noqa: PLC0415 - as above
    from holdfast.faults.classify import classify as verdict_of  # noqa: PLC0415 - as above

    fault = read_case(case, source=place)
    rules = known.rules(fault.api_id, fault.url)
    return verdict_of(_at(fault, rules), api=rules), None if rules is None else rules.api_id


def report(verdict: Verdict, *, api_id: str | None) -> dict[str, object]:
    """A verdict as JSON values; `api_id` is the API whose entry was asked."""
    return {
        "category": verdict.category.value,
        "retryable": verdict.retryable,
        "retry_after_s": verdict.retry_after_s,
        "outcome": verdict.outcome.value,
        "rule": verdict.rule,
        "api_id": api_id,
        "family": verdict.family.value,
        "severity": verdict.severity.value,
        "labels": list(verdict.labels),
        "health": verdict.health.value,
        "status": verdict.status,
        "code": verdict.code,
        "message": verdict.message,
        "suggestion": verdict.suggestion,
        "fingerprint": verdict.fingerprint,
        "runners_up": list(verdict.runners_up),
        "quota_resets_in_s": verdict.quota_resets_in_s,
        "notes": list(verdict.notes),
    }


# --- one failure in words ---


def explain(
    file: Path,
    known: KnownApis,
    *,
    api: str | None,
    url: str | None,
    method: str | None,
    status: int | None,
    is_json: bool,
) -> None:
    """Say in words what one failure means.

    Raises:
        BadInput: the input is neither an HTTP answer nor a traceback nor a case.
    """
    from holdfast.cli.classify_words import tell  # noqa: PLC0415 - as above
    from holdfast.faults.cases import read_case  # noqa: PLC0415 - as above
    from holdfast.faults.classify import examine  # noqa: PLC0415 - as above
    from holdfast.faults.pasted import read_pasted  # noqa: PLC0415 - as above

    source = "standard input" if str(file) == "-" else str(file)
    with opened(file) as stream:
        text = stream.read(_TEXT_MAX_BYTES).decode("utf-8-sig", "replace")
    case = read_pasted(text) if status is None else {"kind": "http", "status": status, "body": text}
    if case is None:
        raise BadInput([Problem(source=source, path="", message=_not_understood(text))])
    given = {"method": method, "url_path": url, "vendor": api, "observed_at": _moment(case)}
    fault = read_case(case | {name: value for name, value in given.items() if value is not None}, source=source)
    rules = _chosen(known, fault, api=api)
    page = None if rules is None else known.page(rules.api_id)
    fault = _at(fault, rules)
    verdict = examine(fault, api=rules, expects_json=False)
    if not is_json:
        tell(Terminal(), verdict, fault=fault, page=page, is_off=known.is_off)
    elif verdict is None:
        print("null")
    else:
        about = {
            "api_name": page and page.name,
            "api_checked": page and page.date_checked,
            "api_errors": page and page.errors,
            "request_id": fault.context.request_id,
        }
        wire = report(verdict, api_id=None if page is None else page.api_id) | about
        print(json.dumps(wire, ensure_ascii=False, indent=2))


def _not_understood(text: str) -> str:
    """Why nothing is known of a text, and what to do about it."""
    plain = text.strip()
    if not plain:
        return "is empty. Give an answer as `curl -i` shows it, or a traceback."
    if plain.startswith(("{", "[", "<")):
        return "has no status line. If it is the body of an answer, say which status came with it (--status 400); for cases, a line each, --jsonl."
    return (
        "is neither an HTTP answer (as `curl -i` shows it: a line such as `HTTP/1.1 429 Too Many Requests`, headers, an empty line, the body) "
        "nor a traceback nor a case in JSON. For a body alone add --status, for many cases, one per line, --jsonl."
    )


def _chosen(known: KnownApis, fault: Fault, *, api: str | None) -> ApiRules | None:
    if api is None or known.is_off:
        return known.rules(fault.api_id, fault.url)
    rules = known.named(api)
    if rules is None:
        near = " or ".join(repr(one) for one in known.near(api))
        advice = f"Did you mean {near}? " if near else ""
        message = f"no API is called {printable(api)!r}. {advice}`holdfast catalog list` names them all."
        raise BadInput([Problem(source="--api", path="", message=message)])
    return rules


def _at(fault: Fault, rules: ApiRules | None) -> Fault:
    """The fault with the id of the API that it turned out to be of, so that it is counted with the others of that API."""
    return fault if rules is None else replace(fault, api_id=rules.api_id)


def _moment(case: Mapping[str, object]) -> str:
    """When the answer came: its own Date, so that a pasted answer of last week still states the wait it stated then; else now."""
    if isinstance(said := case.get("observed_at"), str):
        return said
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - as above

    headers = cast("Mapping[str, str]", case.get("headers") or {})
    for name, value in headers.items():
        if name.lower() == "date":
            try:
                return parsedate_to_datetime(value).astimezone(UTC).isoformat()
            except ValueError:
                break
    return datetime.now(UTC).isoformat()


def opened(file: Path) -> BinaryIO:
    """The input, open for reading.

    Raises:
        BadInput: the file cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as err:
        message = f"cannot be read: {err.strerror}"
        raise BadInput([Problem(source=str(file), path="", message=message)]) from err
