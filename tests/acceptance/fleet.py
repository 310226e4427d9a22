"""Worker processes as tests start, kill, freeze and end them. Whatever a test began is gone when its fleet ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["BOUNDARIES", "Fleet", "WorkerConfig", "WorkerProcess"]

SCRIPT = Path(__file__).with_name("worker_process.py")
END_MAX_S = 30.0
BOUNDARIES = ("delivered", "claiming", "claimed", "sending", "answered", "settling", "settled")
"""Where a worker can die during a step, in order: `…ing` lies inside a transaction, after its last statement and before its commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """How a worker process runs.

    `kill_at` is a boundary, `action/purpose/n/name`; `freeze_at` likewise, for SIGSTOP; `kill_after` means: before the call of that number.
    `opens_at` is an attempt, `action/purpose/n`, before whose call the fake API at `opens_url` opens its refused port. `trouble` is a file of
    PRAGMAs.
    """

    database: str
    catalog: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    kill_at: str | None = None
    kill_after: int | None = None
    freeze_at: str | None = None
    opens_at: str | None = None
    opens_url: str | None = None
    deliver_twice: bool = False
    sabotages: tuple[str, ...] = ()
    trouble: str | None = None


class WorkerProcess:
    """One worker process. It is up when its steps are open: `name` is what it calls itself in the rows."""

    def __init__(self, config: WorkerConfig, *, log: Path) -> None:
        facts = asdict(config)
        environment = {**os.environ, **facts.pop("environment"), "PYTHONFAULTHANDLER": "1"}
        self.log = log
        pipe = subprocess.PIPE
        with log.open("wb") as complaints:
            self._child = subprocess.Popen(
                [sys.executable, str(SCRIPT), json.dumps(facts)],
                stdin=pipe,
                stdout=pipe,
                stderr=complaints,
                env=environment,
                cwd=log.parent,
            )

    def wait_until_up(self) -> Self:
        """Wait until it has opened the database."""
        assert self._child.stdout is not None
        for _ in range(2):
            line = self._child.stdout.readline()
            assert line, f"the worker ended at its start: {self.complaints()}"
            self.facts = json.loads(line)
        self.name = str(self.facts["name"])
        return self

    def complaints(self) -> str:
        """What it wrote to its log so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or would if it were not frozen."""
        return self._child.poll() is None

    def wait_until_killed(self, timeout_s: float = END_MAX_S) -> None:
        """Wait until it has killed itself; anything else is a failure of the test."""
        code = self._child.wait(timeout_s)
        assert code == -signal.SIGKILL, f"ended with {code}: {self.complaints()}"

    def wait_until_frozen(self) -> None:
        """Wait until it has stopped itself; anything else is a failure of the test."""
        seen = os.waitid(os.P_PID, self._child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert seen is not None
        assert seen.si_code == os.CLD_STOPPED, f"ended instead: {self.complaints()}"

    def kill(self) -> None:
        """SIGKILL, and wait."""
        self._child.kill()
        self._child.wait(END_MAX_S)

    def freeze(self) -> None:
        """SIGSTOP: to others it looks dead."""
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        self._child.send_signal(signal.SIGCONT)

    def stop(self) -> dict[str, object]:
        """Ask it to end after what is in flight; returns what it said since it was up."""
        said, _ = self._child.communicate(timeout=END_MAX_S)
        assert self._child.returncode == 0, f"ended with {self._child.returncode}: {self.complaints()}"
        facts: dict[str, object] = {}
        for line in said.splitlines():
            facts.update(json.loads(line))
        return facts

    def end(self) -> None:
        """See to it that it is gone. Safe to call twice."""
        if self.is_alive:
            self._child.kill()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(END_MAX_S)
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


class Fleet:
    """The workers of one test; a context manager that leaves none behind."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.started: list[WorkerProcess] = []

    def start(self, config: WorkerConfig) -> WorkerProcess:
        """Start a worker and wait until it is up."""
        return self.launch(config).wait_until_up()

    def launch(self, config: WorkerConfig) -> WorkerProcess:
        """Start a worker without waiting."""
        worker = WorkerProcess(config, log=self._directory / f"worker-{len(self.started)}.log")
        self.started.append(worker)
        return worker

    def complaints(self) -> str:
        """All logs, for the message of a failure."""
        return "\n".join(f"--- {worker.log.name}\n{worker.complaints()[-2000:]}" for worker in self.started)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.started:
            worker.end()
