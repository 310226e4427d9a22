"""`holdfast emit`, `holdfast events` and `holdfast run --external`: events in and out by the command line."""

from __future__ import annotations

import io
import json
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import yaml

import holdfast
from holdfast import __version__
from holdfast.contract.asyncapi import asyncapi_document

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Call, OpenShop
    from tests.cli.shop import Process

NOBODY = str(uuid.uuid4())
ERROR = {"category": "auth_invalid", "message": "m", "retryable": False, "context": {}}
PAYLOAD = {"executionId": NOBODY, "actionId": "a", "attemptNumber": 1, "error": ERROR}


def event(number: int = 1, **changes: object) -> dict[str, object]:
    """An event about an execution that is not here."""
    wire = {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=number)),
        "source": "/x",
        "type": "error.occurred",
        "data": PAYLOAD,
    }
    return wire | changes


def written(name: str, text: str) -> str:
    """A file of events."""
    Path(name).write_text(text)
    return name


def test_one_event_that_fits_nothing_ends_with_1(call: Call) -> None:
    """An event about an unknown execution is set aside, said so, and found again among the dead letters."""
    ended = call("emit", written("e.json", json.dumps(event())))
    listed = call("dead-letters", "list", "--json")
    shown = call("dead-letters", "show", NOBODY, str(uuid.UUID(int=1)))

    assert 1 == ended.code
    assert "set-aside (unknown-execution)" in ended.out
    assert f"dead-letters show {NOBODY} {uuid.UUID(int=1)}" in ended.out
    (letter,) = cast("list[dict[str, object]]", listed.json)
    assert ("event", str(uuid.UUID(int=1))) == (letter["kind"], letter["eventId"])
    assert 0 == shown.code
    assert "unknown-execution" in shown.out


def test_an_event_that_names_no_execution_can_be_shown(call: Call) -> None:
    """A dead letter without an execution is shown under a dash."""
    call("emit", written("e.json", json.dumps(event(type="x.happened", data={}))))

    shown = call("dead-letters", "show", "-", str(uuid.UUID(int=1)))

    assert (0, True) == (shown.code, "unknown-type" in shown.out)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(json.dumps([event(1), event(2)]), id="list"),
        pytest.param(f"{json.dumps(event(1))}\n\n{json.dumps(event(2))}\n", id="lines"),
        pytest.param(f"\ufeff{json.dumps([event(1), event(2)], indent=2)}", id="byte order mark"),
    ],
)
def test_several_events_are_judged_each(call: Call, text: str) -> None:
    """A list and lines of JSON are several events; the answers come in their order."""
    ended = call("emit", written("e.json", text), "--json")

    results = cast("list[dict[str, object]]", ended.fields["results"])
    assert 1 == ended.code
    assert [str(uuid.UUID(int=1)), str(uuid.UUID(int=2))] == [one["eventId"] for one in results]
    assert {"set-aside": 2} == ended.fields["counts"]


def test_a_bad_one_does_not_keep_back_the_others(call: Call) -> None:
    """What is no event is reported with its line and makes the exit code 2; the others are taken in."""
    text = "\n".join([json.dumps(event(1)), "{broken", '{"id": 5}', json.dumps(event(2)), "[]"])

    ended = call("emit", written("e.jsonl", text), "--json")
    again = call("emit", written("f.jsonl", text))

    results = cast("list[dict[str, object]]", ended.fields["results"])
    assert (2, 2) == (ended.code, again.code)
    assert ["set-aside", "refused", "refused", "set-aside", "refused"] == [one["result"] for one in results]
    assert "e.jsonl:2" == results[1]["place"]
    assert "f.jsonl:3: source: is missing" in again.err
    assert "2 duplicate, 3 refused" in again.out


def test_payloads_come_by_standard_input(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bare payloads with `--type` need no id: the same payload again is a duplicate, which is no failure."""
    codes = []
    for _ in range(2):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(PAYLOAD).encode())))
        codes.append(call("emit", "-", "--type", "error.occurred").code)

    assert [1, 0] == codes


@pytest.mark.parametrize(
    "text", [pytest.param("", id="empty"), pytest.param("  \n", id="blank"), pytest.param("nonsense", id="no JSON")]
)
def test_no_event_at_all_ends_with_2(call: Call, text: str) -> None:
    """A file without an event is bad input."""
    ended = call("emit", written("e.json", text))

    assert 2 == ended.code
    assert "Traceback" not in ended.err
    assert ended.err


def test_a_missing_file_ends_with_2(call: Call) -> None:
    """A file that is not there is named."""
    ended = call("emit", "nowhere.json")

    assert (2, True) == (ended.code, "nowhere.json: cannot be read" in ended.err)


def test_an_external_executor_works_by_the_command_line(
    call: Call, open_shop: OpenShop, launch: Callable[..., Process]
) -> None:
    """A worker asks, `holdfast events --follow` shows what for, and `holdfast emit` carries the plan to its end; the shop is never called."""
    files = open_shop()
    started = call("run", *files.arguments, "--external", "erp", "--json")
    execution = str(started.fields["executionId"])
    launch("worker")
    follower = launch("events", "--follow", "--type", "action.execute.requested")
    request = json.loads(follower.read_until("action.execute.requested"))
    cursor = json.loads(follower.read_until("cursor"))["cursor"]
    location = {"provider": "local", "path": "/x", "size": 1, "checksum": "c", "contentType": "a/b", "metadata": {}}
    result = {"status": "success", "output": {"id": "ord_1"}, "outputLocation": location}
    names = ("executionId", "actionId", "attemptNumber")
    answer = {**{name: request["data"][name] for name in names}, "result": result}

    emitted = call("emit", written("a.json", json.dumps(answer)), "--type", "action.execute.completed")
    follower.send(signal.SIGINT)
    interrupted = follower.end()
    shown = call("executions", "show", execution, "--json")
    lines = [json.loads(line) for line in call("events", "--after", cursor).out.splitlines()]

    assert (0, 0, 130) == (started.code, emitted.code, interrupted)
    assert ("/holdfast/default", execution) == (request["source"], request["subject"])
    assert "completed" == shown.fields["status"]
    assert "plan.execute.completed" in [line.get("type") for line in lines]
    assert ["cursor", "hasMore"] == list(lines[-1])


def test_an_empty_outbox_still_has_a_cursor(call: Call) -> None:
    """Before anything happened there is a place to go on from."""
    holdfast.open(worker=False).close()

    ended = call("events")

    assert ({"cursor": "0.0.0", "hasMore": False}, 0) == (json.loads(ended.out), ended.code)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        pytest.param(["--after", "yesterday"], "cursor", id="no cursor"),
        pytest.param(["--after", "9.1.1"], "era 9", id="another era"),
        pytest.param(["--follow", "--json"], "--json", id="endless object"),
    ],
)
def test_a_wrong_question_to_the_outbox_ends_with_2(call: Call, arguments: list[str], word: str) -> None:
    """What cannot be answered is refused with what to do instead."""
    holdfast.open(worker=False).close()

    ended = call("events", *arguments)

    assert (2, "") == (ended.code, ended.out)
    assert word in ended.err


def test_the_asyncapi_document_is_exported(call: Call, tmp_path: Path) -> None:
    """JSON and YAML hold the same document, on standard output or as a file."""
    as_json = call("contract", "export", "--asyncapi")
    as_yaml = call("contract", "export", "--asyncapi", "--yaml")
    filed = call("contract", "export", "--asyncapi", "--directory", str(tmp_path / "out"))

    assert json.loads(json.dumps(asyncapi_document(version=__version__))) == as_json.json == yaml.safe_load(as_yaml.out)
    assert as_json.json == json.loads((tmp_path / "out/asyncapi.json").read_text())
    assert 0 == filed.code
    assert 2 == call("contract", "export", "--yaml").code
