"""Erasing on a real SQLite file: afterwards the bytes are in no file any more, not even in free space or the write-ahead log."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import ExecutionLive, UnknownExecution
from holdfast.hold import Hold

NAME, MAIL, PLACE = "Ada-Lovelace-of-Marylebone", "countess@ada-lovelace.example", "St-James-Square-12"


def plan(*actions: dict[str, Any], name: str = "A letter") -> dict[str, Any]:
    """A plan of Python actions."""
    return {
        "id": str(uuid.uuid4()),
        "name": name,
        "description": "",
        "intent": {"original": name, "interpreted": "", "confidence": 1},
        "actions": list(actions),
        "expectedOutcome": {"description": "", "validations": []},
        "metadata": {"createdAt": "2026-01-01T00:00:00Z", "estimatedDuration": 0, "tags": []},
    }


def step(name: str, /, *after: str, goes_on: bool = False, **inputs: object) -> dict[str, Any]:
    """An action that uses the function of its own name."""
    return {
        "id": name,
        "actionDefinitionId": name,
        "inputs": inputs,
        "dependencies": list(after),
        "errorHandling": {"continueOnFailure": goes_on},
    }


def register(hold: Hold, *, size: int = 0) -> None:
    """Functions that find a customer, write to one, and fail with a message that quotes one."""

    @hold.action("find", repeatable=True, personal=["name", "contact.email"])
    def find(name: str) -> dict[str, object]:
        return {"id": 7, "name": name, "contact": {"email": MAIL, "city": "London"}, "rows": "x" * size}

    @hold.action("write", repeatable=True, personal=["place"])
    def write(to: str, place: str) -> dict[str, object]:
        return {"sent": f"to {to}", "weight": 3}

    @hold.action("fail", repeatable=True, attempts_max=1)
    def fail(to: str) -> dict[str, object]:
        raise ValueError(f"no letter box for {to}")


def letter() -> dict[str, Any]:
    """A plan in which personal values flow from a literal to an output, to an input of another name, and into an error."""
    mail = "${find.output.contact.email}"
    return plan(
        step("find", name=NAME),
        step("write", "find", to=mail, place=PLACE),
        step("fail", "find", goes_on=True, to=mail),
        name=f"A letter to {NAME}",
    )


def found_in(directory: Path, *texts: str) -> dict[str, list[str]]:
    """In which files each text stands."""
    files = [one for one in directory.rglob("*") if one.is_file()]
    held = {text: [one.name for one in files if text.encode() in one.read_bytes()] for text in texts}
    return {text: names for text, names in held.items() if names}


@pytest.mark.parametrize("size", [pytest.param(0, id="in rows"), pytest.param(200_000, id="in a file")])
def test_a_purged_execution_is_in_no_file(tmp_path: Path, size: int) -> None:
    """After a purge nothing that the execution held stands in the database, its log or the outputs, while it is still open; others stay."""
    with holdfast.open(f"sqlite:///{tmp_path}/h.db") as hold:
        register(hold, size=size)
        other = hold.start(plan(step("find", name="Charles-Babbage-of-Dorset")))
        execution = hold.start(letter())
        state = execution.wait(timeout_s=20)
        other.wait(timeout_s=20)
        before = found_in(tmp_path, NAME, MAIL, PLACE)

        purged = hold.purge(execution.id)

        assert "completed" == state.status
        assert {NAME, MAIL, PLACE} == set(before)
        assert {} == found_in(tmp_path, NAME, PLACE, execution.id)
        assert {"Charles-Babbage-of-Dorset"} == set(found_in(tmp_path, "Charles-Babbage-of-Dorset"))
        assert (True, (), 1 if size else 0) == (purged.is_scrubbed, purged.files_left, purged.files)
        assert 3 == purged.rows["actions"]
        assert [other.id] == [row.id for row in hold.executions()]
        assert "completed" == other.state.status
        with pytest.raises(UnknownExecution):
            hold.purge(execution.id)


@pytest.mark.parametrize("size", [pytest.param(0, id="in rows"), pytest.param(200_000, id="in a file")])
def test_personal_values_go_and_the_story_stays(tmp_path: Path, size: int) -> None:
    """After a purge of personal values they are in no file, and the execution can still be looked at: what it did, what failed and why."""
    with holdfast.open(f"sqlite:///{tmp_path}/h.db") as hold:
        register(hold, size=size)
        execution = hold.start(letter())
        execution.wait(timeout_s=20)

        purged = hold.purge(execution.id, only_personal=True)
        again = hold.purge(execution.id, only_personal=True)

        assert {} == found_in(tmp_path, NAME, MAIL, PLACE)
        assert purged.changed > 3
        assert 0 == again.changed
        state = execution.state
        assert {"find": "completed", "write": "completed", "fail": "failed"} == {
            name: action.status for name, action in state.action_states.items()
        }
        assert {"sent": "to [personal]", "weight": "3"} == state.action_states["write"].result.output  # type: ignore[union-attr]  # it succeeded
        assert "no letter box for [" in "\n".join(execution.why("fail"))


def test_personal_values_are_not_in_events_and_messages_in_the_first_place(tmp_path: Path) -> None:
    """Before anything is erased, personal values stand in the plan and in the outputs that need them, and nowhere else."""
    with holdfast.open(f"sqlite:///{tmp_path}/h.db") as hold:
        register(hold)
        execution = hold.start(letter())
        state = execution.wait(timeout_s=20)
        told = [json.dumps(dict(event.data)) for event in hold.call(hold.inner.events(execution.id))]
        told += execution.why()
        told += [letter.detail for letter in hold.dead_letters()]
        hidden = hold.call(hold.inner.state(execution.id, hides_personal=True)).to_json()

    assert NAME in state.action_states["find"].result.output["name"]  # type: ignore[union-attr]  # it succeeded
    assert len(told) > 12
    assert [] == [text for text in [*told, hidden] for value in (NAME, PLACE) if value in text]
    assert [] == [text for text in told if MAIL in text and "result" not in text]


def test_a_live_execution_is_not_erased(tmp_path: Path) -> None:
    """What workers still need is refused in both ways, and nothing of it is gone; cancelled, it can be erased."""
    with holdfast.open(f"sqlite:///{tmp_path}/h.db", worker=False) as hold:
        register(hold)
        execution = hold.start(letter())
        for only_personal in (False, True):
            with pytest.raises(ExecutionLive):
                hold.purge(execution.id, only_personal=only_personal)
        assert "running" == execution.state.status

        hold.cancel(execution.id)
        hold.purge(execution.id)

        assert [] == hold.executions()


def test_two_databases_in_one_directory_keep_their_own_files(tmp_path: Path) -> None:
    """The same large output in two databases is two files: erasing it in one leaves the other's."""
    ids = {}
    for name in ("a.db", "b.db"):
        with holdfast.open(f"sqlite:///{tmp_path}/{name}") as hold:
            register(hold, size=200_000)
            ids[name] = hold.start(plan(step("find", name="Ada"))).id
            hold.execution(ids[name]).wait(timeout_s=20)

    with holdfast.open(f"sqlite:///{tmp_path}/a.db", worker=False) as hold:
        purged = hold.purge(ids["a.db"])

    left = [one for one in (tmp_path / "outputs").rglob("*") if one.is_file()]
    assert 1 == purged.files
    assert ["b.db"] == [one.parent.parent.name for one in left]


def test_erasing_on_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_postgres_url: str) -> None:
    """On PostgreSQL personal values and whole executions go from every table and from the directory of outputs."""
    monkeypatch.chdir(tmp_path)
    with holdfast.open(fresh_postgres_url) as hold:
        register(hold, size=200_000)
        execution = hold.start(letter())
        execution.wait(timeout_s=20)

        personal = hold.purge(execution.id, only_personal=True)
        after = execution.state.to_json()
        purged = hold.purge(execution.id)
    with holdfast.open(fresh_postgres_url, worker=False) as again:
        left = again.executions()

    assert (1, ()) == (personal.files, personal.files_left)
    assert [] == [value for value in (NAME, MAIL, PLACE) if value in after]
    assert {} == found_in(tmp_path, NAME, MAIL)
    assert (3, []) == (purged.rows["actions"], left)
