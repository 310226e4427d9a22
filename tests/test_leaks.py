"""The look for planted secrets is no formality: in whatever form one leaks, the run fails and says where."""

from __future__ import annotations

import base64
import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from tests import leaks
from tests.planted import ACCESS_TOKEN, MARK

ROOT = Path(__file__).parent.parent
LEAKING = """
import sqlite3
from tests.planted import ACCESS_TOKEN

def test_clean(tmp_path):
    (tmp_path / "fine.txt").write_text("nothing")

def test_file(tmp_path):
    {file}

def test_output(tmp_path):
    {output}
"""


FILE, OUTPUT = '(tmp_path / "a.log").write_text(ACCESS_TOKEN)', "print(ACCESS_TOKEN)"


@pytest.mark.parametrize(
    ("processes", "statements", "expected"),
    [
        pytest.param("0", {}, (0, []), id="clean"),
        pytest.param("0", {"file": FILE}, (1, ["a.log"]), id="one process"),
        pytest.param("2", {"file": FILE, "output": OUTPUT}, (1, ["a.log", "stdout call"]), id="two processes"),
    ],
)
def test_a_run_that_leaves_a_secret_fails_and_says_where(
    tmp_path: Path, statements: dict[str, str], expected: tuple[int, list[str]], processes: str
) -> None:
    """All tests pass, and still the run fails when one of them left a secret in a file or on the terminal, in whichever process."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "conftest.py").write_text(
        "from tests import leaks\n\ndef pytest_configure(config):\n    leaks.install(config)\n"
    )
    (inner / "test_it.py").write_text(LEAKING.format(**{"file": "pass", "output": "pass", **statements}))
    (inner / "pytest.ini").write_text("[pytest]\n")
    without = [f"-pno:{name}" for name in ("randomly", "cacheprovider", "hypothesispytest", "anyio")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *without,
        "-n",
        processes,
        f"--basetemp={inner / 'temp'}",
        str(inner),
    ]

    try:
        ended = subprocess.run(
            command,
            check=False,
            cwd=inner,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        shutil.rmtree(inner)  # or this run would fail, too

    code, places = expected
    told = ended.stdout.partition("planted secrets were found")[2]
    assert (code, True) == (ended.returncode, "3 passed" in ended.stdout)
    assert [] == [place for place in places if place not in told]
    assert bool(places) == bool(told)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(f"x {ACCESS_TOKEN} y".encode(), id="raw"),
        pytest.param(quote_plus(ACCESS_TOKEN).encode(), id="percent-encoded"),
        pytest.param("".join(f"%{byte:02X}" for byte in MARK.encode()).encode(), id="every byte percent-encoded"),
        *(pytest.param(base64.b64encode(b"u" * n + ACCESS_TOKEN.encode()), id=f"base64 at {n}") for n in range(4)),
        pytest.param(ACCESS_TOKEN.encode().hex().encode(), id="hexadecimal"),
    ],
)
def test_a_secret_is_found_in_every_form(data: bytes) -> None:
    """Raw, encoded for an address, in base64 at any offset, in hexadecimal."""
    assert [] != leaks.found_in(data)
    assert [] == leaks.found_in(b"velvet otters swim")


@pytest.mark.parametrize("kind", ["gzip", "sqlite", "across reads"])
def test_a_secret_is_found_in_every_kind_of_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Inside of gzip, in a value that SQLite has cut over pages, and where two reads of a large file meet."""
    path = tmp_path / "file"
    if kind == "gzip":
        path.write_bytes(gzip.compress(ACCESS_TOKEN.encode()))
    elif kind == "sqlite":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (v TEXT)")
            connection.executemany("INSERT INTO t VALUES (?)", [("-" * n + ACCESS_TOKEN,) for n in (3, 4070, 9000)])
        connection.close()
    else:
        monkeypatch.setattr(leaks, "CHUNK_BYTES", 8_192)
        path.write_bytes(b"-" * (8_192 - 5) + ACCESS_TOKEN.encode())

    found = list(leaks.leaks_below(tmp_path))
    path.unlink()  # or this run would fail, too

    assert 1 == len(found)
    assert str(path) in found[0]


def test_a_secret_is_found_in_postgres(fresh_postgres_url: str) -> None:
    """In a text, in bytes and in JSON of any table."""
    import psycopg

    with psycopg.connect(fresh_postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE a (v text, w bytea, x jsonb)")
        clean = leaks.leaks_in_postgres(fresh_postgres_url)
        found = []
        for row in (
            (ACCESS_TOKEN, b"", "{}"),
            ("", ACCESS_TOKEN.encode(), "{}"),
            ("", b"", f'{{"a": "{ACCESS_TOKEN}"}}'),
        ):
            connection.execute("INSERT INTO a VALUES (%s, %s, %s)", row)
            found.append(leaks.leaks_in_postgres(fresh_postgres_url))
            connection.execute("TRUNCATE a")

    assert ([], [1, 1, 1]) == (clean, [len(one) for one in found])
