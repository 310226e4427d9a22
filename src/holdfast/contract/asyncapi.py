"""The events as an AsyncAPI 3.0 document, for peers in other languages; `holdfast contract export --asyncapi` writes it.

Two channels, told apart by who speaks: the *outbox*, which Holdfast sends and subscribers read with a cursor, and the *inbox*, into which others
send. A message is a CloudEvent in the JSON format; its `data` is the payload that its `type` names. How events travel (a queue, HTTP, the command
line) is not said here: the channels have no address of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from holdfast.contract.events import EVENT_PAYLOADS, Event
from holdfast.contract.json_schema import WireSchema
from holdfast.contract.model import adapter_of
from holdfast.journal.events import EVENT_TYPES

if TYPE_CHECKING:
    from holdfast.contract.model import WireModel

__all__ = ["INBOUND_TYPES", "asyncapi_document"]

INBOUND_TYPES: Final = ("error.occurred", "action.execute.completed", "action.execute.failed")
"""The types that are taken in from outside."""
CLOUDEVENTS: Final = "application/cloudevents+json"
EXECUTION: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
PLAN: Final = "0c9a4a52-6d0e-4a6f-9c57-3a5f0b1d7e21"
ERROR: Final = {
    "category": "rate_limit_burst",
    "message": "HTTP 429: too many requests",
    "statusCode": 429,
    "retryable": True,
    "retryAfter": "2026-01-15T09:00:30Z",
    "context": {},
    "outcome": "not_executed",
}
ATTEMPT: Final = {"executionId": EXECUTION, "actionId": "charge", "attemptNumber": 1}
OF_PLAN: Final = {"executionId": EXECUTION, "planId": PLAN}
LOCATION: Final = {
    "provider": "local",
    "path": "/srv/outputs/ch_1.json",
    "size": 13,
    "checksum": "6c2f1f2a4f5bd9e7a1d4d9c61a1a6c2a3a0b6f2c5d1e4f7a8b9c0d1e2f3a4b5c",
    "contentType": "application/json",
    "metadata": {},
}
EXAMPLES: Final[Mapping[str, Mapping[str, object]]] = {
    "error.occurred": {**ATTEMPT, "error": ERROR},
    "action.execute.requested": {
        **ATTEMPT,
        "actionDefinitionId": "payments.charge.create",
        "inputs": {"amount": 1900},
        "timeoutMs": 30000,
        "idempotencyKey": "5d0f6a1e-9c1b-4b39-8c1f-0f3d6a2b7c11",
    },
    "action.execute.completed": {
        **ATTEMPT,
        "result": {"status": "success", "output": {"id": "ch_1"}, "outputLocation": LOCATION},
        "fullOutput": {"id": "ch_1", "amount": 1900},
    },
    "action.execute.failed": {**ATTEMPT, "error": ERROR},
    "plan.execute.started": OF_PLAN,
    "plan.execute.completed": OF_PLAN,
    "plan.execute.failed": {**OF_PLAN, "actionId": "charge", "error": ERROR, "attempts": 3},
    "plan.execute.cancelled": OF_PLAN,
}
"""A payload of each type, as it may be sent."""


def asyncapi_document(version: str) -> dict[str, object]:
    """Return the document as JSON values; a fresh one on each call. `version` is the release that it describes."""
    messages = {name_of(kind): message(kind) for kind in EVENT_PAYLOADS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Holdfast",
            "version": version,
            "description": "Events of durable error recovery. Each is a CloudEvent 1.0; the same id is the same event.",
        },
        "defaultContentType": CLOUDEVENTS,
        "channels": {
            "outbox": {
                "title": "What happened",
                "description": "Every event of every execution, in an order in which a reader with a cursor misses none.",
                "messages": channel_messages([*EVENT_PAYLOADS]) | {"journalEntry": ref("messages", "journalEntry")},
            },
            "inbox": {
                "title": "What others say",
                "description": "Each event takes effect once, in any order. What fits nothing is set aside, never dropped.",
                "messages": channel_messages(INBOUND_TYPES),
            },
        },
        "operations": {
            "announce": operation(
                "send", "outbox", [*EVENT_PAYLOADS, "journalEntry"], "Subscribers read the outbox with a cursor."
            ),
            "takeIn": operation(
                "receive", "inbox", INBOUND_TYPES, "External executors answer requests; others report errors."
            ),
        },
        "components": {"messages": messages | {"journalEntry": journal_message()}, "schemas": schemas()},
    }


def name_of(kind: str) -> str:
    """Return a type of event as a key that AsyncAPI allows: `error.occurred` is `errorOccurred`."""
    head, *rest = kind.split(".")
    return head + "".join(part.capitalize() for part in rest)


def ref(room: str, name: str) -> dict[str, object]:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{room}/{name}"}


def channel_messages(kinds: list[str] | tuple[str, ...]) -> dict[str, object]:
    """Return the messages of a channel, by reference."""
    return {name_of(kind): ref("messages", name_of(kind)) for kind in kinds}


def operation(action: str, channel: str, kinds: list[str] | tuple[str, ...], summary: str) -> dict[str, object]:
    """Return what Holdfast does with a channel; its messages are named by way of the channel, as AsyncAPI wants it."""
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name_of(kind)}"} for kind in kinds],
    }


def message(kind: str) -> dict[str, object]:
    """Return the message of one type: the envelope with that type and its payload."""
    model = EVENT_PAYLOADS[kind]
    payload: dict[str, object] = {
        "allOf": [
            ref("schemas", "Event"),
            {
                "type": "object",
                "properties": {"type": {"type": "string", "const": kind}, "data": ref("schemas", model.__name__)},
            },
        ]
    }
    summary = (model.__doc__ or "").partition("\n")[0].partition(": ")[2]
    return {
        "name": kind,
        "title": model.__name__,
        "summary": summary[:1].upper() + summary[1:],
        "contentType": CLOUDEVENTS,
        "payload": payload,
        "examples": [{"name": name_of(kind), "payload": example(kind)}],
    }


def journal_message() -> dict[str, object]:
    """Return the message of everything else that is recorded: its types are a table of the reference, its data an object."""
    kinds = [name for name in EVENT_TYPES if name not in EVENT_PAYLOADS]
    data = {"executionId": EXECUTION, "actionId": "ship", "reason": "the plan failed before its turn"}
    return {
        "name": "journalEntry",
        "title": "JournalEntry",
        "summary": "An entry of an execution's journal: what was decided, and why.",
        "contentType": CLOUDEVENTS,
        "payload": {
            "allOf": [
                ref("schemas", "Event"),
                {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string", "enum": kinds},
                        "data": {
                            "type": "object",
                            "properties": {"executionId": {"type": "string", "format": "uuid"}},
                            "required": ["executionId"],
                        },
                    },
                },
            ]
        },
        "examples": [{"name": "actionSkipped", "payload": envelope("action.skipped", data)}],
    }


def example(kind: str) -> dict[str, object]:
    """Return an event of a type, as it may be sent."""
    return envelope(kind, EXAMPLES[kind])


def envelope(kind: str, data: Mapping[str, object]) -> dict[str, object]:
    """Return an example's envelope."""
    return {
        "specversion": "1.0",
        "id": "8f14e45f-ceea-4e7a-9b2c-3d5e6f708192",
        "source": "/holdfast/default",
        "type": kind,
        "subject": EXECUTION,
        "time": "2026-01-15T09:00:00Z",
        "datacontenttype": "application/json",
        "data": dict(data),
    }


def schemas() -> dict[str, object]:
    """Return the schemas of the envelope, of every payload and of what they are made of, by name."""
    found: dict[str, object] = {}
    models: list[type[WireModel]] = [Event, *EVENT_PAYLOADS.values()]
    for model in models:
        schema = adapter_of(model).json_schema(
            by_alias=True,
            mode="validation",
            schema_generator=WireSchema,
            ref_template="#/components/schemas/{model}",
        )
        found |= cast("dict[str, object]", schema.pop("$defs", {}))
        found[model.__name__] = {"title": model.__name__, **{k: v for k, v in schema.items() if k != "title"}}
    envelope_schema = cast("dict[str, object]", found["Event"])
    # What we send is complete; what is taken in needs only what CloudEvents requires.
    envelope_schema["required"] = ["specversion", "id", "source", "type", "data"]
    return found
