"""Runs the commands of a page as a reader would: one shell, in a copy of the examples, with real processes.

A fence of `sh` is run, unless the comment above it says otherwise (`not run: …`, `in the background`). The lines of a fence of `text` must be
among what the commands before it printed, whatever their numbers; `exit N` in a comment above a fence is the code of its last command.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"(?:<!-- ([^>]+) -->\n)?```(sh|text)\n(.*?)```", re.DOTALL)
PORT = "8099"
LIMIT_S = 90


@dataclass(kw_only=True)
class Reader:
    """Somebody who follows a page in a directory; `printed` is what the commands said so far."""

    directory: Path
    port: str
    printed: str = ""
    background: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def follow(self, page: Path) -> None:
        """Do what the page says, and compare what it shows."""
        here = self.directory
        for mark, kind, body in FENCE.findall(page.read_text()):
            text = body.replace(PORT, self.port)
            if mark.startswith(("not run", "shown by")):
                continue
            if kind == "text":
                assert [] == missing(text, self.printed), self.printed
            elif mark.startswith("in the background"):
                self.start(text, here)
            else:
                here = self.run(text, here, code=int(found[1]) if (found := re.match(r"exit (\d+)", mark)) else 0)

    def run(self, commands: str, here: Path, *, code: int) -> Path:
        """Run commands and return the directory they end in."""
        script = f"set -e\n{commands}\n" if code == 0 else f"{commands}\n"
        done = subprocess.run(
            ["bash", "-c", f"trap 'pwd >\"{self.directory}/.here\"' EXIT\n{script}"],
            cwd=here,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        self.printed += done.stdout + done.stderr
        assert code == done.returncode, self.printed
        return Path((self.directory / ".here").read_text().strip())

    def start(self, command: str, here: Path) -> None:
        """Start a server, and wait until it listens."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {command}"],
            cwd=here,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.background.append(process)
        assert process.stdout is not None
        assert process.stdout.readline(), "the server printed nothing"

    def stop(self) -> None:
        """End what was started."""
        for process in self.background:
            process.terminate()
            process.wait(LIMIT_S)
            assert process.stdout is not None
            process.stdout.close()


def reader(directory: Path) -> Reader:
    """A reader in a copy of the examples, with a port of their own."""
    shutil.copytree(
        ROOT / "examples", directory / "examples", ignore=shutil.ignore_patterns(".holdfast", "__pycache__")
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    for file in (directory / "examples").rglob("*"):
        if file.suffix in {".yaml", ".json", ".py", ".toml"}:
            file.write_text(file.read_text().replace(PORT, port))
    return Reader(directory=directory, port=port)


def environment() -> dict[str, str]:
    """The tests' own environment, with its commands first and nothing of the host's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}


def missing(shown: str, printed: str) -> list[str]:
    """The lines that a page shows and that were not printed, numbers and ids aside."""
    said = {plain(line) for line in printed.splitlines()}
    return [line for line in shown.splitlines() if line.strip() and plain(line) not in said]


def plain(line: str) -> str:
    """A line without what differs from run to run."""
    line = re.sub(r"\d+(\.\d+)?", "0", re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", line))
    return " ".join(line.split())
