"""Commands that call nothing: help, validate, config, contract; and how bad input and trouble end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from typer.main import get_command

import holdfast
from holdfast import __version__, contract
from holdfast.cli.app import app
from holdfast.cli.exits import ExitCode, exit_code_of
from holdfast.errors import HoldfastError, QuestionClosed, StoreLocked, UnknownExecution, WorkerAlreadyRunning
from tests.cli.conftest import Call, OpenShop
from tests.planted import API_KEY, MARK, PASSWORD


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "-h"], ["--version"]], ids=" ".join)
def test_help_and_version_end_with_0(call: Call, arguments: list[str]) -> None:
    """Help and the version are printed on standard output and exit with 0."""
    ended = call(*arguments)

    assert (0, "") == (ended.code, ended.err)
    assert (__version__ if "--version" in arguments else "Usage: holdfast") in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["run"],
        ["run", "plan.json", "--id", "not-a-uuid"],
        ["executions", "list", "--limit", "0"],
        ["executions", "list", "--state", "lost"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(call: Call, arguments: list[str]) -> None:
    """A command that does not exist, a missing argument and a value out of range exit with 2 and print nothing on standard output."""
    ended = call(*arguments)

    assert (2, "") == (ended.code, ended.out)
    assert "Error" in ended.err


def test_a_valid_plan_ends_with_0(call: Call, open_shop: OpenShop) -> None:
    """A plan without problems is called valid, with the number of its actions."""
    files = open_shop()

    ended = call("validate", *files.arguments)

    assert 0 == ended.code
    assert "is valid: 1 action," in ended.out


@pytest.mark.parametrize("command", ["validate", "run"])
def test_all_problems_of_all_files_are_told_at_once(call: Call, open_shop: OpenShop, command: str) -> None:
    """What is wrong in the plan and in the definitions is told together on standard error, with exit code 2, and no database is made."""
    files = open_shop()
    files.plan.write_text(files.plan.read_text().replace('"confidence": 1', '"confidence": 7'))
    files.actions.write_text("[{}")

    ended = call(command, *files.arguments)

    assert (2, "") == (ended.code, ended.out)
    assert "plan.json: intent.confidence" in ended.err
    assert "actions.json" in ended.err
    assert "Traceback" not in ended.err
    assert not Path(".holdfast").exists()


def test_a_missing_variable_is_a_problem_unless_told_otherwise(call: Call, open_shop: OpenShop) -> None:
    """A variable that a definition needs must be set where the plan is checked, except with --no-environment."""
    files = open_shop()
    (definition,) = json.loads(files.actions.read_text())
    definition["authentication"] = {"type": "bearer", "token": "SHOP_TOKEN_NOT_SET", "tokenFrom": "env"}
    files.actions.write_text(json.dumps(definition))

    here, elsewhere = call("validate", *files.arguments), call("validate", *files.arguments, "--no-environment")

    assert (2, 0) == (here.code, elsewhere.code)
    assert "SHOP_TOKEN_NOT_SET" in here.err


def test_validate_with_json_prints_the_problems_as_data(call: Call, open_shop: OpenShop) -> None:
    """With --json, problems are data on standard output, and the exit code is the same."""
    files = open_shop()

    ended = call("validate", str(files.plan), "--json")

    (problem,) = json.loads(ended.out)["problems"]
    assert (2, False, "") == (ended.code, ended.fields["valid"], ended.err)
    assert "actions[0].actionDefinitionId" == problem["path"]


def test_config_shows_values_and_where_they_come_from(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is shown with its origin, secrets are hidden, and a misspelt variable is warned of."""
    monkeypatch.setenv("HOLDFAST_SECRET_KEY", API_KEY)
    monkeypatch.setenv("HOLDFAST_WORKER_CONCURENCY", "3")
    Path("holdfast.toml").write_text("[worker]\nconcurrency = 5\n")

    ended, raw = call("config", "show", "--db", f"postgresql://me:{PASSWORD}@host/db"), call("config", "show", "--json")

    assert 0 == ended.code
    assert MARK not in ended.out + ended.err + raw.out
    assert "HOLDFAST_WORKER_CONCURENCY" in ended.err
    assert {"value": 5, "origin": "holdfast.toml"}.items() <= raw.fields["settings"]["worker.concurrency"].items()  # type: ignore[index]  # an object


def test_a_bad_setting_ends_with_2(call: Call) -> None:
    """Settings that are wrong are told before anything else happens."""
    Path("holdfast.toml").write_text("[worker]\nconcurrency = 0\n")

    ended = call("executions", "list")

    assert 2 == ended.code
    assert "worker.concurrency" in ended.err


def test_the_contract_is_exported_as_a_map_or_as_files(call: Call, tmp_path: Path) -> None:
    """Every schema is in the map on standard output, and a file in the directory."""
    printed, written = call("contract", "export"), call("contract", "export", "--directory", "schemas")

    assert (0, 0) == (printed.code, written.code)
    assert contract.json_schemas() == printed.json
    files = {path.name: json.loads(path.read_text()) for path in (tmp_path / "schemas").iterdir()}
    assert {f"{name}.schema.json": schema for name, schema in contract.json_schemas().items()} == files


def test_what_was_exported_is_told_as_data(call: Call) -> None:
    """With --json, standard output names the files that were written; YAML and JSON at once is one too many."""
    schemas = call("contract", "export", "--directory", "schemas", "--json")
    events = call("contract", "export", "--asyncapi", "--yaml", "--directory", "events", "--json")

    assert sorted(str(path) for path in Path("schemas").iterdir()) == sorted(
        cast("list[str]", schemas.fields["written"])
    )
    assert {"written": ["events/asyncapi.yaml"]} == events.fields
    assert 2 == call("contract", "export", "--asyncapi", "--yaml", "--json").code


def test_every_command_answers_programs() -> None:
    """Every command has --json, except those that stay: `worker` and `demo`."""
    without = {name for name, one in commands_of(get_command(app)) if "--json" not in options_of(one)}

    assert {"worker", "demo"} == without


def commands_of(group: object, above: str = "") -> list[tuple[str, object]]:
    """All commands with their names, groups unfolded."""
    below = getattr(group, "commands", None)
    if below is None:
        return [(above, group)]
    return [pair for name, one in below.items() for pair in commands_of(one, f"{above} {name}".strip())]


def options_of(command: object) -> list[str]:
    """All options of a command."""
    return [name for one in getattr(command, "params", []) for name in one.opts]


def make_database() -> None:
    """Make an empty database where commands look for it."""
    holdfast.open(worker=False).close()


@pytest.mark.parametrize(
    "words",
    [
        ("executions", "list"),
        ("why", "7d1f"),
        ("resume",),
        ("resume", "--all"),
        ("dead-letters", "list"),
        ("executions", "questions"),
        ("executions", "confirm", "7d1f"),
        ("credentials", "list"),
        ("credentials", "give-up", "shop"),
        ("events",),
        ("purge", "7d1f", "--yes"),
        ("recover",),
        ("recover", "--restored", "--yes"),
    ],
    ids=" ".join,
)
def test_looking_at_a_database_does_not_make_one(call: Call, words: tuple[str, ...]) -> None:
    """A command that only looks tells that there is no database, and leaves none behind: an address was mistyped, most likely."""
    ended = call(*words)

    assert 1 == ended.code
    assert "holdfast.db: there is no such file" in ended.err
    assert not Path(".holdfast").exists()


def test_an_unknown_execution_ends_with_2(call: Call) -> None:
    """An id that nothing has is answered with where to look."""
    make_database()
    ended = call("executions", "show", "7d1f6a2c-0000-4000-8000-000000000009")

    assert 2 == ended.code
    assert "holdfast executions list" in ended.err


def test_a_file_that_is_no_database_ends_with_1(call: Call) -> None:
    """A database that cannot be used is one clear message, not a traceback."""
    Path("notes.db").write_text("these are my notes, and not a database\n" * 100)

    ended = call("executions", "list", "--db", "sqlite:///notes.db")

    assert (1, 1) == (ended.code, len(ended.err.splitlines()))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnknownExecution("x"), ExitCode.BAD_INPUT),
        (HoldfastError("x"), ExitCode.BAD_INPUT),
        (StoreLocked("sqlite:///x", "busy"), ExitCode.NEGATIVE),
        (WorkerAlreadyRunning("x", 1), ExitCode.NEGATIVE),
        (QuestionClosed("x", None), ExitCode.NEGATIVE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_have_exit_codes(error: HoldfastError, code: ExitCode) -> None:
    """What a person typed or set is bad input; what may work later is a negative result."""
    assert code == exit_code_of(error)


def test_a_bad_output_is_refused_before_anything_is_answered(call: Call) -> None:
    """--output must be a JSON object and goes with `happened` only."""
    wrong = call("executions", "answer", "7d1f6a2c", "happened", "--output", "[1]")
    needless = call("executions", "answer", "7d1f6a2c", "again", "--output", "{}")

    assert (2, 2) == (wrong.code, needless.code)
    assert "must be a JSON object" in wrong.err
    assert "`happened` only" in needless.err
