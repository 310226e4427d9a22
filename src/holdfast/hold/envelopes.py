"""Events in whatever form they come, read and bounded: a model, parsed JSON, a bare payload with its type. Pure.

What cannot be an event at all is refused here, with everything that is wrong. What is one, whatever it says, goes on to the inbox.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

from holdfast.contract import EVENT_PAYLOADS, Event, WireModel
from holdfast.contract.json_text import json_flaw, write_json
from holdfast.errors import BadInput, Problem

if TYPE_CHECKING:
    from holdfast.ports.rows import EventRow

__all__ = ["EventLimits", "EventSource", "as_event", "envelope"]

EventSource = Event | WireModel | Mapping[str, object]
"""An event as a model or as parsed JSON; or, with its type, the payload alone."""
NAMESPACE = uuid.UUID("0d0f9a1e-7f0b-5c38-9a55-2f6f8a1c4b7e")
PROBLEMS_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLimits:
    """How large an event may be, as JSON text in bytes, and how many levels deep."""

    size_max_bytes: int = 1_048_576
    depth_max: int = 64


def as_event(
    given: EventSource, *, kind: str | None, deployment: str, limits: EventLimits, source: str = "event"
) -> Event:
    """Return an event from whatever form it has.

    A bare payload (`kind` is its type) gets an id that follows from its content, so that the same payload twice is the same event.

    Raises:
        BadInput: it is no event; everything wrong with it is listed.
    """
    if isinstance(given, Event):
        wire: object = given.to_wire()
    elif isinstance(given, WireModel):
        kind = kind or next((name for name, model in EVENT_PAYLOADS.items() if isinstance(given, model)), None)
        wire = given.to_wire()
    else:
        wire = given
    wire = bounded(wire, limits=limits, source=source)
    if kind is not None and not isinstance(given, Event):
        wire = around(wire, kind=kind, deployment=deployment, source=source)
    try:
        return Event.from_wire(wire, source=source)
    except BadInput as err:
        raise BadInput(shortened(err.problems, source=source, has_kind=kind is not None)) from None


def bounded(wire: object, *, limits: EventLimits, source: str) -> dict[str, object]:
    """Return a copy of a JSON object that is neither too deep nor too large to be looked at.

    Raises:
        BadInput: with the one reason.
    """
    if not isinstance(wire, Mapping):
        refuse("must be an event (a JSON object)", source=source)
    if is_deeper(wire, limits.depth_max, containers_max=limits.size_max_bytes):
        refuse(f"is nested deeper than {limits.depth_max} levels (setting events.depth_max)", source=source)
    if flaw := json_flaw(wire):
        refuse(f"must be JSON, but {flaw}", source=source)
    try:
        text = write_json(wire)
    except ValueError:
        refuse("holds a whole number of too many digits", source=source)
    except TypeError:
        refuse("must be made of plain dictionaries and lists", source=source)
    size = len(text.encode("utf-8", "replace"))
    if size > limits.size_max_bytes:
        refuse(
            f"has {size} bytes; at most {limits.size_max_bytes} are taken (setting events.size_max_bytes)."
            " Keep large outputs elsewhere and name the place in result.outputLocation",
            source=source,
        )
    copy: dict[str, object] = json.loads(text)
    return copy


def is_deeper(value: object, depth_max: int, *, containers_max: int) -> bool:
    """Whether a value has more levels than allowed, or more objects and arrays than could be written in the size allowed.

    It does not recurse, and ends soon for values that contain themselves.
    """
    level = [value]
    count = 0
    for _ in range(depth_max):
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, Mapping) else item)  # type: ignore[attr-defined]  # only containers are kept
            if isinstance(inner, Mapping | list | tuple)
        ]
        if not level:
            return False
        count += len(level)
        if count > containers_max:
            return True
    return True


def around(wire: Mapping[str, object], *, kind: str, deployment: str, source: str) -> dict[str, object]:
    """Return the envelope of a bare payload.

    Raises:
        BadInput: it is an envelope already.
    """
    if "specversion" in wire:
        refuse("is an event already and names its own type; leave the type out", source=source)
    text = json.dumps(wire, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{kind}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
    subject = wire.get("executionId")
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid5(NAMESPACE, digest)),
        "source": source_of(deployment),
        "type": kind,
        "datacontenttype": "application/json",
        "data": wire,
        **({"subject": subject} if isinstance(subject, str) and subject else {}),
    }


def source_of(deployment: str) -> str:
    """Return the `source` of a deployment's events; CloudEvents wants a URI reference."""
    return f"/holdfast/{quote(deployment, safe='')}"


def envelope(row: EventRow, *, deployment: str) -> Event:
    """Return a recorded event as subscribers get it."""
    return Event(
        id=row.id,
        source=source_of(deployment),
        type=row.type,
        subject=row.execution or None,
        time=row.time,
        datacontenttype="application/json",
        data=row.data,
    )


def shortened(problems: tuple[Problem, ...], *, source: str, has_kind: bool) -> list[Problem]:
    """Return problems, a bounded number of them, with advice for somebody who has sent a payload without its envelope."""
    found = list(problems[:PROBLEMS_MAX])
    if len(problems) > PROBLEMS_MAX:
        found.append(Problem(source=source, path="", message=f"and {len(problems) - PROBLEMS_MAX} problems more"))
    if not has_kind and any(problem.path == "type" for problem in problems):
        message = "is no CloudEvent. To send a payload alone, say of which type it is (--type, or type= in Python)"
        found.append(Problem(source=source, path="", message=message))
    return found


def refuse(why: str, *, source: str) -> NoReturn:
    """Refuse the whole thing."""
    raise BadInput([Problem(source=source, path="", message=why)])
