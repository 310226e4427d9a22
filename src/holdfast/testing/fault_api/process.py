"""The fake API as a process of its own: a handle that starts it, reads its ledger, and cannot leave it behind.

The process ends when its standard input closes, so it dies with whoever started it, however that ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast
from urllib.parse import quote

from holdfast.errors import BadInput, Problem
from holdfast.testing.fault_api.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["FaultApiProcess", "read_ledger"]

CONTROL_TIMEOUT_S = 10.0
LINE_SIZE_MAX_BYTES = 65_536


def read_ledger(url: str) -> Ledger:
    """The ledger of a fake API that runs at this base URL, in whatever process.

    Raises:
        OSError: nobody answers there.
    """
    return Ledger.from_json(_control(url, "ledger", method="GET"))


class FaultApiProcess:
    """Runs `python -m holdfast.testing.fault_api` as a child; a context manager.

    `scenario` is the path of a JSON file; `environment` is added to this process's own, for the scenario's `env:NAME` values.
    `lifetime_max_s` ends the child by itself, whatever happens.

    Raises:
        BadInput: the child could not start; its own words are the message.
    """

    def __init__(
        self,
        scenario: str | Path,
        *,
        port: int = 0,
        refused_port: int = 0,
        environment: Mapping[str, str] | None = None,
        lifetime_max_s: float = 3600.0,
    ) -> None:
        self._scenario = Path(scenario)
        self._command = [
            sys.executable,
            "-m",
            "holdfast.testing.fault_api",
            "--scenario",
            str(scenario),
            "--port",
            str(port),
        ]
        self._command += ["--refuse-port", str(refused_port), "--lifetime-max", str(lifetime_max_s)]
        self._environment = {**os.environ, **(environment or {})}
        self._child: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.refused_url: str | None = None

    def start(self) -> Self:
        """Start the child and wait until it serves; returns itself."""
        assert self._child is None, "started already"
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe, env=self._environment)  # noqa: S603 - our own interpreter
        assert self._child.stdout is not None
        line = self._child.stdout.readline(LINE_SIZE_MAX_BYTES)
        if not line:
            _, complaint = self._child.communicate(timeout=CONTROL_TIMEOUT_S)
            message = complaint[-2000:].decode("utf-8", "replace").strip() or f"ended with {self._child.returncode}"
            raise BadInput([Problem(source=str(self._scenario), path="", message=message)])
        ready = json.loads(line)
        self.url, self.refused_url = ready["url"], ready["refused_url"]
        return self

    def stop(self) -> None:
        """End the child and wait for it. Calling twice is safe."""
        if self._child is None:
            return
        try:
            self._child.communicate(timeout=CONTROL_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
        self._child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The child's process id; None when it does not run."""
        return self._child.pid if self._child else None

    def ledger(self) -> Ledger:
        """What the child has seen so far."""
        return read_ledger(self.url)

    def reset(self) -> None:
        """Make the child forget everything it saw."""
        _control(self.url, "reset", method="POST")

    def open_refused_port(self) -> None:
        """Let the refused port accept connections from now on."""
        _control(self.url, "open", method="POST")

    def authorise(self, credential: str) -> str:
        """Log in anew at the child, as a person does whose tokens were revoked; returns the refresh token.

        Raises:
            OSError: the scenario has no credential of this name with a refresh token.
        """
        answer = cast("dict[str, str]", _control(self.url, f"authorise/{quote(credential, safe='')}", method="POST"))
        return answer["refresh_token"]


def _control(url: str, name: str, *, method: str) -> object:
    request = urllib.request.Request(f"{url}/_control/{name}", method=method, data=b"" if method == "POST" else None)  # noqa: S310 - our own child
    # Without the environment's proxies: the fake API is on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=CONTROL_TIMEOUT_S) as answer:
        decoded: object = json.load(answer)
    return decoded
