"""The command line as a function, in a directory of its own, and a shop that fails as told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from holdfast.cli.app import main
from holdfast.testing import FaultApi
from tests.cli.shop import Fault, Files, Process, scenario, write_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """Standard output, all of it, as JSON."""
        return json.loads(self.out)

    @property
    def fields(self) -> dict[str, object]:
        """Standard output as a JSON object."""
        return cast(dict[str, object], self.json)


Call = Callable[..., Ended]
OpenShop = Callable[..., Files]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls `holdfast` with arguments, in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def call_with(*arguments: str) -> Ended:
        capsys.readouterr()
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return Ended(code=int(code), out=out, err=err)

    return call_with


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[OpenShop]:
    """Opens a shop with a fault and returns the files of a plan that orders there."""
    opened: list[FaultApi] = []

    def open_with(fault: Fault | None = None, *, is_keyed: bool = True, timeout_ms: int = 3000) -> Files:
        api = FaultApi(scenario(fault))
        opened.append(api)
        api.start()
        return write_files(tmp_path, api.url, is_keyed=is_keyed, timeout_ms=timeout_ms)

    yield open_with
    for api in opened:
        api.stop()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts real `holdfast` processes, and leaves none behind."""
    started: list[Process] = []

    def start(*arguments: str) -> Process:
        started.append(Process(*arguments, directory=tmp_path))
        return started[-1]

    yield start
    for process in started:
        process.discard()
