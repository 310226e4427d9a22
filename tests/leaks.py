"""Looks for planted secrets in everything that a run of the tests leaves: files, databases, logs and output. One that is found fails the run.

Every process of the run looks through its own directory at its end, and each database of PostgreSQL is looked through before it is dropped.
A value is found raw, percent-encoded, JSON-escaped, in base64 at any offset, in hexadecimal, and inside of gzip.
"""

from __future__ import annotations

import base64
import re
import sqlite3
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import pytest

from tests.planted import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.terminal import TerminalReporter

CHUNK_BYTES = 4_194_304
OVERLAP_BYTES = 4_096
UNZIPPED_MAX_BYTES = 67_108_864
SQLITE = b"SQLite format 3\x00"
GZIP = b"\x1f\x8b\x08"
FOUND_MAX = 50

ALLOWED = (
    # (what the name of the file matches, why a secret may stand there)
    (re.compile(r"\.plant\.json$"), "a fake API's own scenario: the other side knows its tokens"),
    (re.compile(r"\.py$"), "a program that a test writes, as a user would with a literal of theirs"),
)


def forms_of(text: str) -> tuple[bytes, ...]:
    """Return what `text` looks like wherever it leaks: as it is, encoded for addresses, in hexadecimal, in base64 at each of three offsets."""
    raw = text.encode()
    aligned = []
    for offset in range(3):
        coded = base64.b64encode(b"\x00" * offset + raw)
        # The first and last characters also carry bits of the neighbours.
        aligned.append(coded[(0, 2, 3)[offset] : -4])
    spelled = quote(text, safe="").encode()
    hard = "".join(f"%{byte:02X}" for byte in raw).encode()
    return tuple(dict.fromkeys((raw, spelled, hard, raw.hex().encode(), text.encode("utf-16-le"), *aligned)))


FORMS = forms_of(MARK)


def found_in(data: bytes) -> list[str]:
    """Return what of the planted secrets stands in `data`, as it stands there; at most one finding per form."""
    found = [(form, place) for form in FORMS if (place := data.find(form)) >= 0]
    return [data[place : place + len(form) + 24].decode("ascii", "replace") for form, place in found]


def found_in_file(path: Path) -> list[str]:
    """Return what stands in a file, and in the rows of a SQLite file, where a long value is cut over pages."""
    found: list[str] = []
    with path.open("rb") as file:
        head, tail = file.read(len(SQLITE)), b""
        file.seek(0)
        if head.startswith(GZIP):
            return found_in(unzipped(file.read(UNZIPPED_MAX_BYTES)))
        while chunk := file.read(CHUNK_BYTES):
            found += found_in(tail + chunk)
            tail = chunk[-OVERLAP_BYTES:]
    return found or (found_in_rows(path) if head == SQLITE else [])


def unzipped(data: bytes) -> bytes:
    """Return what a gzip file holds, at most so much of it."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, UNZIPPED_MAX_BYTES)
    except zlib.error:
        return data


def found_in_rows(path: Path) -> list[str]:
    """Return what stands in the values of a SQLite file; one that is damaged has none."""
    found: list[str] = []
    try:
        with sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    for value in row:
                        if isinstance(value, str | bytes):
                            found += found_in(
                                value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
                            )
        connection.close()
    except sqlite3.Error:
        return found
    return found


def leaks_below(directory: Path) -> Iterator[str]:
    """Yield a line for every file below `directory` that holds a secret without leave."""
    for path in sorted(directory.rglob("*")):
        if path.is_symlink() or not path.is_file() or any(name.search(path.name) for name, _ in ALLOWED):
            continue
        try:
            found = found_in_file(path)
        except OSError:
            continue  # it is gone, or was made unreadable by the test that wrote it
        for text in found[:1]:
            yield f"{path}: {text!r}"


def leaks_in_postgres(url: str) -> list[str]:
    """Return a line for every table of a database in which a row holds a secret."""
    import psycopg
    from psycopg import sql

    patterns = [f"%{form.decode('ascii')}%" for form in FORMS if b"\x00" not in form]
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        looks = [
            sql.SQL("(SELECT {}, one::text FROM {} one WHERE one::text LIKE ANY(%(patterns)s) LIMIT 1)").format(
                sql.Literal(table), sql.Identifier(schema, table)
            )
            for schema, table in tables
        ]
        if not looks:
            return []
        rows = connection.execute(sql.SQL(" UNION ALL ").join(looks), {"patterns": patterns}).fetchall()
    return [f"PostgreSQL, table {table}: {found_in(text.encode())[:1]}" for table, text in rows]


class LeakScan:
    """The part of pytest that looks, in every process of a run; the first process gathers what the others found, and fails the run."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def note(self, leaks: list[str]) -> None:
        """Remember leaks."""
        self.found += leaks[: FOUND_MAX - len(self.found)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look through what a test wrote to the terminal and to the log."""
        for name, text in report.sections:
            if MARK in text:
                self.note([f"{report.nodeid}: {name}: {found_in(text.encode())[:1]}"])

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        """Take over what another process has found."""
        self.note(getattr(node, "workeroutput", {}).get("leaks", []))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Look through the directory of this process. Those who only collected tests have left nothing."""
        factory = getattr(session.config, "_tmp_path_factory", None)
        if factory is not None and factory._basetemp is not None and not session.config.option.collectonly:
            self.note(list(leaks_below(factory._basetemp)))
        output = cast("dict[str, object] | None", getattr(session.config, "workeroutput", None))
        if output is not None:
            output["leaks"] = self.found
        elif self.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Tell what was found."""
        if self.found:
            terminalreporter.section("planted secrets were found", red=True)
            for line in dict.fromkeys(self.found):
                terminalreporter.write_line(line)


def install(config: pytest.Config) -> LeakScan:
    """Let a run look for secrets."""
    scan = LeakScan()
    config.pluginmanager.register(scan, "leak-scan")
    return scan
