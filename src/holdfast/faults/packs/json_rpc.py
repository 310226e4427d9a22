"""JSON-RPC 2.0: the reserved numbers of `error.code`.

Sources: https://www.jsonrpc.org/specification#error_object, EIP-1474 and EIP-1193 for the numbers that nodes of
ledgers use, and the Language Server Protocol for cancelled requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from holdfast.faults import meanings as m
from holdfast.faults.packs.table import Match

NUMBERS: Mapping[int, m.Meaning] = MappingProxyType(
    {
        -32700: m.BAD_INPUT,
        -32600: m.REQUEST,
        -32601: m.ROUTE,
        -32602: m.BAD_INPUT,
        -32603: m.UNCERTAIN,
        -32005: m.BURST,
        -32004: m.ROUTE,
        -32001: m.MISSING,
        -32002: m.UNAVAILABLE,
        -32800: m.CANCELLED,
        4001: m.CANCELLED,
        4100: m.INVALID,
        4200: m.ROUTE,
    }
)


def match(error: Mapping[object, object]) -> Match | None:
    """Read an `error` object of JSON-RPC."""
    code = error.get("code")
    meaning = NUMBERS.get(code) if isinstance(code, int) and not isinstance(code, bool) else None
    return None if meaning is None else (f"pack:json-rpc/{code}", meaning)
