"""What a command tells a person to type next, and the Python door beside the command line."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import holdfast
from holdfast.cli.session import further, settings_of
from holdfast.contract import ExecutionStatus
from holdfast.errors import MissingExtra
from tests.cli.conftest import Call, OpenShop
from tests.planted import PASSWORD


@pytest.mark.parametrize(
    ("arguments", "environ", "expected"),
    [
        ({}, {}, []),
        ({}, {"HOLDFAST_DATABASE_URL": "sqlite:///there.db"}, []),
        ({"db": "sqlite:///my jobs.db"}, {}, ["--db", "sqlite:///my jobs.db"]),
        ({"db": f"postgresql://me:{PASSWORD}@host/db"}, {}, ["--db", "postgresql://me:(hidden)@host/db"]),
        ({"config": Path("other.toml")}, {}, ["--config", "other.toml"]),
    ],
    ids=["default", "variable", "argument", "password", "file"],
)
def test_the_next_command_uses_the_same_database(
    arguments: dict[str, Path],
    environ: dict[str, str],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What is suggested works as it stands, on the database of the command that suggested it; a password is never shown."""
    monkeypatch.chdir(tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    Path("other.toml").write_text('[database]\nurl = "sqlite:///other.db"\n')

    command = further(settings_of(**arguments), "why", "x")  # type: ignore[arg-type]  # one dict for arguments of two types

    assert ["why", "x", *expected] == shlex.split(command)[-2 - len(expected) :]


def test_open_carries_out_a_plan(call: Call, open_shop: OpenShop) -> None:
    """`holdfast.open` returns the door to the same executions as the command line."""
    files = open_shop()

    with holdfast.open("sqlite:///mine.db") as hold:
        execution = hold.start(files.plan, [files.actions])
        state = execution.wait(timeout_s=30)

    assert ExecutionStatus.COMPLETED is state.status
    shown = call("executions", "show", execution.id, "--json", "--db", "sqlite:///mine.db")
    assert "completed" == shown.fields["status"]


def test_open_names_the_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages of durable execution, `holdfast.open` says what to install."""

    def nothing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named 'pydantic' ({name})", name="pydantic")

    monkeypatch.setattr("importlib.import_module", nothing)

    with pytest.raises(MissingExtra, match=r"holdfast\.open .* 'holdfast\[durable\]'"):
        holdfast.open()
