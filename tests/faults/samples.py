"""Short ways to write down faults in tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from holdfast.faults.capture import capture_answer, capture_names
from holdfast.faults.fault import Fault

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
JSON = "application/json"


def answer(
    status: int,
    body: object = b"",
    *,
    content_type: str | None = JSON,
    method: str = "POST",
    complete: bool = True,
    **headers: str,
) -> Fault:
    """An HTTP answer; header names are written with underscores, a body that is no bytes or text becomes JSON."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    if content_type is not None and raw:
        pairs.append(("Content-Type", content_type))
    return capture_answer(
        status, pairs, body=raw, operation="crm.create", observed_at=NOON, method=method, complete=complete
    )


def raised(name: str, message: str = "", *, causes: tuple[str, ...] = ()) -> Fault:
    """An exception known by its name."""
    return capture_names([name], causes, message=message, operation="crm.create", observed_at=NOON)
