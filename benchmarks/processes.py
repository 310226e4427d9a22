"""Starting measurements as processes of their own, reading what they print, and ending those that do not end by themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self, cast

__all__ = ["Child", "run_code", "sample"]

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_MAX_S = 600.0


def environment() -> dict[str, str]:
    """Return the environment of a child: this checkout importable, bytecode cached as it would be for a user, none of the machine's settings."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "DBOS_"))}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return variables


def sample(name: str, *, directory: Path, **arguments: object) -> dict[str, float]:
    """Take one sample in a process of its own and return its numbers.

    Raises:
        AssertionError: it failed; its last words are in the message.
    """
    return run([sys.executable, "-m", "benchmarks.sample", name, json.dumps(arguments)], directory=directory, what=name)


def run_code(code: str, *arguments: str, directory: Path) -> dict[str, float]:
    """Run a few lines of Python in a process of their own; their last line of output is JSON."""
    return run([sys.executable, "-c", code, *arguments], directory=directory, what="code")


def run(command: list[str], *, directory: Path, what: str) -> dict[str, float]:
    # In an empty directory, so that no holdfast.toml of whoever measures is read.
    done = subprocess.run(
        command, cwd=directory, env=environment(), capture_output=True, text=True, timeout=SAMPLE_MAX_S, check=False
    )
    assert done.returncode == 0, f"the sample {what!r} failed: {done.stderr[-2000:]}"
    return cast(dict[str, float], json.loads(done.stdout.strip().splitlines()[-1]))


class Child:
    """A worker process (`sample worker`) that prints a line of JSON for each thing that happens. Killed, if need be, when its `with` ends."""

    def __init__(self, *, directory: Path, **arguments: object) -> None:
        self.spawned = time.monotonic()
        self._complaints = directory / f"worker-{self.spawned}.log"
        with self._complaints.open("wb") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.sample", "worker", json.dumps(arguments)],
                cwd=directory,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )

    def until(self, key: str) -> dict[str, object]:
        """Read lines until one that has `key`, and return that."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{") and key in (facts := json.loads(line)):
                return cast(dict[str, object], facts)
        raise AssertionError(f"the worker ended before {key!r}: {self._complaints.read_text(encoding='utf-8')[-2000:]}")

    def kill(self) -> float:
        """Kill it as no handler can catch; returns when."""
        killed = time.monotonic()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        return killed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, where: TracebackType | None
    ) -> None:
        """End it: standard input first, which it watches."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
