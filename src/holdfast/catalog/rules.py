"""A catalog entry, compiled: its patterns checked, its words turned into the plain data that classification reads.

The bridge between the wire model (`ApiCatalogEntry`) and `holdfast.faults.rules`, which knows no wire format.
Compiling happens when an entry is loaded, so a bad pattern is bad input then, with its file and path, and never a
surprise while a fault is judged.
"""

from __future__ import annotations

from holdfast.apis.compiling import compile_rules
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.faults.patterns import compile_pattern
from holdfast.faults.rules import ApiRules


def compile_entry(entry: ApiCatalogEntry, *, source: str = "", path: str = "") -> ApiRules:
    """Compile an entry.

    Args:
        entry: the entry, already checked against the schema.
        source: the file or argument it came from, for the messages.
        path: the place of the entry inside the source; empty when it is the whole.

    Raises:
        BadInput: patterns are not valid, or a rule would match what it must not; every problem is listed.
        MissingExtra: there are patterns, and RE2 is not installed.
    """
    return compile_rules(entry.to_wire(), make_pattern=compile_pattern, source=source, path=path)
