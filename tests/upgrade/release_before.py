"""The release before as tests run it: unpacked from its wheel, in processes of its own, ended with the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["DIGEST", "WHEEL", "ReleaseBefore"]

WHEEL = Path(__file__).with_name("holdfast-before-2.whl")
DIGEST = "1eb4a6465604a0be782dfb6726becc1e6199f988f6a4d84cca62369445b05781"
END_MAX_S = 30.0
STARTS = """
import json, sys, holdfast
url, path = sys.argv[1:]
work = json.load(open(path))
with holdfast.open(url, worker=False) as hold:
    for plan in work["plans"]:
        hold.start(plan, work["definitions"], id=plan["id"])
"""


class ReleaseBefore:
    """An installation of the release before; a context manager that ends its processes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._package = directory / "before"
        with zipfile.ZipFile(WHEEL) as wheel:
            wheel.extractall(self._package)
        (directory / "holdfast.toml").write_text(
            "[worker]\npoll_interval_s = 0.05\nheartbeat_interval_s = 0.5\ntakeover_after_s = 2.0\n", encoding="utf-8"
        )
        self._log = directory / "before.log"
        self._worker: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is not None and self._worker.poll() is None:
            self._worker.kill()
            self._worker.wait(END_MAX_S)
        if self._worker is not None and self._worker.stdin is not None:
            with suppress(BrokenPipeError):
                self._worker.stdin.close()

    def schema_version(self) -> str:
        """The schema that it knows: proof that it is not the package under test which runs."""
        code = "import holdfast.adapters.sql.schema as s; print(s.SCHEMA_VERSION)"
        return subprocess.run(
            [sys.executable, "-c", code],
            env=self._environment(),
            cwd=self._directory,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def start_plans(self, url: str, plans: Sequence[object], definitions: Sequence[object]) -> None:
        """Let it accept plans, creating the database if there is none."""
        path = self._directory / "work.json"
        path.write_text(json.dumps({"plans": list(plans), "definitions": list(definitions)}), encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, "-c", STARTS, url, str(path)],
            env=self._environment(),
            cwd=self._directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr

    def start_worker(self, url: str) -> None:
        """Let it work on a database."""
        command = [sys.executable, "-m", "holdfast", "worker", "--db", url, "--with-parent"]
        with self._log.open("wb") as log:
            self._worker = subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self._directory,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    @property
    def is_alive(self) -> bool:
        """Whether its worker runs."""
        return self._worker is not None and self._worker.poll() is None

    def said(self) -> str:
        """What its worker has written."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def kill_worker(self) -> None:
        """SIGKILL."""
        assert self._worker is not None
        self._worker.kill()
        self._worker.wait(END_MAX_S)

    def stop_worker(self) -> int:
        """Let its worker end as it should; returns its exit code."""
        assert self._worker is not None
        self._worker.communicate(timeout=END_MAX_S)
        return int(self._worker.returncode)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self._package), "PYTHONDONTWRITEBYTECODE": "1"}
