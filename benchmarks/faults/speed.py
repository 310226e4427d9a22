"""How long a verdict takes: a JSON error of a known API, a known exception, and whether it grows with the catalog.

Each number is the quietest of many short runs; the faults of a run differ from one another, so that no memory of an
earlier verdict helps. The peer is what cannot be spared: parsing the same bodies.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from benchmarks.rows import Row
from holdfast.apis.compiling import compile_rules
from holdfast.apis.shipped import shipped_entry, shipped_ids, shipped_rules
from holdfast.faults.capture import capture_answer, capture_names
from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from holdfast.faults.patterns import compile_shipped

__all__ = ["speed_rows"]

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SUITE = "classification speed"
T = TypeVar("T")


def speed_rows(*, rounds: int, count: int) -> Iterator[Row]:
    """Measure; `count` different faults in each of `rounds` rounds."""
    bodies = [body(number) for number in range(count)]
    parsing = quietest(json.loads, bodies, rounds=rounds)
    rules = shipped_rules("stripe")
    verdict = quietest(lambda fault: classify(fault, api=rules), [answer(one) for one in bodies], rounds=rounds)
    note = f"{count} different answers a round, {rounds} rounds; Stripe's entry"
    yield Row(
        suite=SUITE,
        case="verdict on a JSON error",
        ours=verdict,
        unit="µs",
        peer="json.loads of the same body",
        peer_value=parsing,
        target="≤ 15",
        note=note,
    )
    captured = quietest(lambda one: classify(answer(one), api=rules), bodies, rounds=rounds)
    yield Row(
        suite=SUITE,
        case="captured and judged, JSON error",
        ours=captured,
        unit="µs",
        peer="json.loads of the same body",
        peer_value=parsing,
        note=note,
    )
    generic = quietest(classify, [answer(one) for one in bodies], rounds=rounds)
    yield Row(suite=SUITE, case="verdict on a JSON error, no catalog", ours=generic, unit="µs", note=note)
    for kind, messages in (
        ("the same words", ["[Errno 111] Connection refused"] * count),
        ("other words each time", [f"[Errno 111] Connect to 10.0.0.{n}:{n} refused" for n in range(count)]),
    ):
        known = quietest(classify, [raised(one) for one in messages], rounds=rounds)
        target = "≤ 2" if kind == "the same words" else ""
        yield Row(
            suite=SUITE,
            case=f"verdict on a known exception, {kind}",
            ours=known,
            unit="µs",
            target=target,
            note=f"httpx2.ConnectError, {count} a round",
        )
    few, many = (catalog_time(size, rounds=rounds, count=count) for size in (5, len(shipped_ids())))
    yield Row(
        suite=SUITE,
        case="look up and judge, the whole catalog",
        ours=many,
        unit="µs",
        peer="with 5 entries",
        peer_value=few,
        note=f"{len(shipped_ids())} entries",
    )


def body(number: int) -> str:
    """A realistic error of an API; no two are alike."""
    error = {
        "code": "resource_missing",
        "type": "invalid_request_error",
        "message": f"No such customer: 'cus_{number:014d}'",
        "param": "customer",
        "request_log_url": f"https://dashboard.example/req_{number}",
    }
    return json.dumps({"error": error})


def answer(text: str) -> Fault:
    """The error as it was captured."""
    headers = [("Content-Type", "application/json"), ("Request-Id", "req_1"), ("Server", "nginx")]
    return capture_answer(
        400, headers, body=text.encode(), operation="charge", observed_at=NOON, method="POST", api_id="stripe"
    )


def raised(message: str) -> Fault:
    """An exception as it was captured."""
    return capture_names(
        ["httpx2.ConnectError", "httpx2.NetworkError", "httpx2.TransportError"],
        ["ConnectionRefusedError"],
        message=message,
        operation="charge",
        observed_at=NOON,
    )


def catalog_time(size: int, *, rounds: int, count: int) -> float:
    """Microseconds to look an API's rules up among `size` entries and judge an answer by them."""
    ids = [*shipped_ids()[: size - 1], "stripe"]
    entries = {one: compile_rules(shipped_entry(one) or {}, make_pattern=compile_shipped) for one in ids}
    faults = [answer(body(number)) for number in range(count)]
    return quietest(lambda fault: classify(fault, api=entries.get(fault.api_id or "")), faults, rounds=rounds)


def quietest(work: Callable[[T], object], items: Sequence[T], *, rounds: int) -> float:
    """Microseconds per item, in the quietest round."""
    best = float("inf")
    gc.disable()
    try:
        for _ in range(rounds):
            began = time.perf_counter()
            for item in items:
                work(item)
            best = min(best, time.perf_counter() - began)
    finally:
        gc.enable()
    return 1e6 * best / len(items)
