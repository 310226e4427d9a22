"""The AsyncAPI document: complete, consistent in itself, and true of the events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from holdfast import __version__
from holdfast.contract import EVENT_PAYLOADS, Event
from holdfast.contract.asyncapi import INBOUND_TYPES, asyncapi_document, example, name_of
from holdfast.journal.events import EVENT_TYPES
from holdfast.recovery.inbox import INBOUND

DOCUMENT: Any = json.loads(json.dumps(asyncapi_document(__version__)))
MESSAGES = DOCUMENT["components"]["messages"]


def references(value: object) -> Iterator[str]:
    """Every reference inside a value."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(reference: str) -> object:
    """What a reference inside the document points to; a KeyError when there is nothing."""
    place: Any = DOCUMENT
    assert reference.startswith("#/")
    for part in reference[2:].split("/"):
        place = place[part]
    return place


def validator(kind: str) -> jsonschema.Draft202012Validator:
    """What checks a message of a type."""
    schema = {**MESSAGES[name_of(kind)]["payload"], "components": DOCUMENT["components"]}
    return jsonschema.Draft202012Validator(schema)


def test_it_says_what_it_is() -> None:
    """Version 3.0.0, with a title, a version, channels, operations and components, and nothing that AsyncAPI does not know."""
    assert "3.0.0" == DOCUMENT["asyncapi"]
    assert {"title", "version", "description"} == set(DOCUMENT["info"])
    assert {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"} == set(DOCUMENT)
    assert {"outbox", "inbox"} == set(DOCUMENT["channels"])
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", key) for room in DOCUMENT["components"].values() for key in room)


def test_every_reference_leads_somewhere() -> None:
    """No reference is dangling, and there are some."""
    found = list(references(DOCUMENT))

    assert len(found) > 40
    assert all(isinstance(resolve(one), dict) for one in found)


def test_every_event_type_is_a_message() -> None:
    """Each type of the contract has a message of its own; all others of the journal stand in one."""
    kinds = {one["name"] for one in MESSAGES.values()} - {"journalEntry"}
    others = MESSAGES["journalEntry"]["payload"]["allOf"][1]["properties"]["type"]["enum"]

    assert set(EVENT_PAYLOADS) == kinds
    assert set(EVENT_TYPES) == kinds | set(others)
    assert len(others) == len(set(others) - kinds)


def test_the_inbox_takes_what_is_taken_in() -> None:
    """The messages that are received are those that the inbox reads."""
    inbound = {kind for kind, model in EVENT_PAYLOADS.items() if model in INBOUND}

    assert inbound == set(INBOUND_TYPES)
    assert {name_of(kind) for kind in inbound} == set(DOCUMENT["channels"]["inbox"]["messages"])
    assert set(MESSAGES) == set(DOCUMENT["channels"]["outbox"]["messages"])


@pytest.mark.parametrize(
    ("name", "action", "channel"), [("announce", "send", "outbox"), ("takeIn", "receive", "inbox")]
)
def test_an_operation_names_the_messages_of_its_channel(name: str, action: str, channel: str) -> None:
    """Operations refer to messages by way of their own channel, as AsyncAPI asks, and to all of them."""
    operation = DOCUMENT["operations"][name]
    prefix = f"#/channels/{channel}/messages/"

    assert (action, {"$ref": f"#/channels/{channel}"}) == (operation["action"], operation["channel"])
    assert {prefix + key for key in DOCUMENT["channels"][channel]["messages"]} == {
        one["$ref"] for one in operation["messages"]
    }


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_schemas_are_schemas(name: str) -> None:
    """Each schema is valid by both dialects that readers of AsyncAPI use, and says what it is for."""
    schema = DOCUMENT["components"]["schemas"][name]

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema.get("description") or name == "Event"


@pytest.mark.parametrize("kind", sorted(EVENT_PAYLOADS))
def test_examples_are_events(kind: str) -> None:
    """The example of a message fits its schema and is read by the contract as it stands."""
    wire = example(kind)

    validator(kind).validate(wire)
    event = Event.from_wire(wire)
    assert wire["data"] == json.loads(event.payload().to_json())
    (shown,) = MESSAGES[name_of(kind)]["examples"]
    assert wire == shown["payload"]


@pytest.mark.parametrize("kind", sorted(EVENT_PAYLOADS))
def test_the_schema_refuses_what_the_contract_refuses(kind: str) -> None:
    """An example without one of its required fields, with another type or without an id fits no more."""
    wire = example(kind)
    check = validator(kind)
    data = dict(wire["data"])  # type: ignore[call-overload]  # an object
    del data["executionId"]

    for broken in ({**wire, "data": data}, {**wire, "type": "x"}, {key: wire[key] for key in wire if key != "id"}):
        assert not check.is_valid(broken)
