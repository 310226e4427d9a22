"""The processes of the demo: the API that fails on purpose, and the worker that is killed. Everything started here is ended here.

The parts are children of the demo and die with it, even when it is killed itself: both stop when their standard input closes.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.errors import BadInput, Problem
from holdfast.testing import FaultApiProcess, make_onboarding_secrets, onboarding_scenario_path, render_onboarding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from holdfast.testing import OnboardingFiles

__all__ = ["DemoWorld", "WorkerProcess", "open_world", "prepare_directory", "scenario_with_kill"]

END_TIMEOUT_S = 5.0
LOG_TAIL_MAX = 2000
VICTIM = "charge_card"
"""The action whose attempt is in flight when the worker is killed: the API has done the work and never answers."""


class WorkerProcess:
    """A worker as a process of its own, with its log in a file."""

    def __init__(self, directory: Path, *, number: int, environ: dict[str, str]) -> None:
        self._log = directory / f"worker-{number}.log"
        command = [
            sys.executable,
            "-m",
            "holdfast",
            "worker",
            "--config",
            str(directory / "holdfast.toml"),
            "--with-parent",
        ]
        with self._log.open("wb") as log:
            # A session of its own, so that Ctrl-C reaches the demo alone, which then ends it.
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environ, start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._child.poll() is None

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        """End it, politely first. Calling twice is safe."""
        if self._child.stdin is not None and not self._child.stdin.closed:
            with contextlib.suppress(BrokenPipeError):
                self._child.stdin.close()
        try:
            self._child.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self) -> str:
        """The end of its log."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_MAX:]


@dataclass(slots=True, kw_only=True)
class DemoWorld:
    """Everything that the demo runs, in one directory."""

    directory: Path
    api: FaultApiProcess
    files: OnboardingFiles
    secrets: dict[str, str]
    workers: list[WorkerProcess] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The database's address."""
        return f"sqlite:///{self.directory / 'holdfast.db'}"

    @property
    def environ(self) -> dict[str, str]:
        """This process's environment without settings of ours, with the demo's secrets: the demo does the same on every machine."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        return {**kept, **self.secrets}

    def start_worker(self) -> WorkerProcess:
        """Start one more worker."""
        self.workers.append(WorkerProcess(self.directory, number=len(self.workers) + 1, environ=self.environ))
        return self.workers[-1]


@contextlib.contextmanager
def open_world(directory: Path, *, has_kill: bool) -> Iterator[DemoWorld]:
    """Start the API and write the files; at the end, stop everything, however that comes.

    Raises:
        BadInput: the directory cannot be written, holds a database already, or the API cannot start.
    """
    prepare_directory(directory)
    scenario = onboarding_scenario_path()
    if has_kill:
        scenario = directory / "scenario-with-kill.json"
        scenario.write_text(json.dumps(scenario_with_kill(), indent=2), encoding="utf-8")
    secrets = make_onboarding_secrets()
    with FaultApiProcess(scenario, environment=secrets, lifetime_max_s=600) as api:
        assert api.refused_url is not None, "the scenario has a port that refuses"
        files = render_onboarding(api.url, api.refused_url, directory)
        world = DemoWorld(directory=directory, api=api, files=files, secrets=secrets)
        (directory / "holdfast.toml").write_text(f"[database]\nurl = {json.dumps(world.url)}\n", encoding="utf-8")
        try:
            yield world
        finally:
            for worker in world.workers:
                worker.stop()


def prepare_directory(directory: Path) -> None:
    """Make the demo's directory.

    Raises:
        BadInput: it cannot be made, or a database of an earlier demo is in it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise BadInput(
            [
                Problem(
                    source=str(directory), path="", message=f"cannot be made: {err.strerror}; choose another directory"
                )
            ]
        ) from err
    if (directory / "holdfast.db").exists():
        raise BadInput(
            [
                Problem(
                    source=str(directory),
                    path="",
                    message="holds the database of an earlier demo; choose another directory, or remove it",
                )
            ]
        )


def scenario_with_kill() -> dict[str, object]:
    """Return the scenario, with a charge that stays unanswered twice: the worker dies during the first, the second one times out."""
    scenario: dict[str, object] = json.loads(onboarding_scenario_path().read_text(encoding="utf-8"))
    routes = scenario["routes"]
    assert isinstance(routes, list)
    for route in routes:
        if route["name"] == VICTIM:
            route["faults"][0]["calls"] = [1, 2]
    return scenario
