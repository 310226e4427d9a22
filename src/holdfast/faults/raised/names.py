"""Finding the meaning of a class by its qualified name: its own library's table first, then the names that mean the same everywhere."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

from holdfast.faults.raised import amazon, databases, http_clients, mail, rpc, services, stores, system, vendors
from holdfast.faults.raised.meaning import ExceptionMeaning, Table

_REMEMBERED_MAX = 4_096


def _merged(parts: tuple[Table, ...]) -> Table:
    found: dict[str, ExceptionMeaning] = {}
    for part in parts:
        repeated = found.keys() & part.keys()
        assert not repeated, f"in two tables: {sorted(repeated)}"
        found |= part
    return MappingProxyType(found)


def _libraries() -> MappingProxyType[str, Table]:
    found: dict[str, Table] = {}
    for module in (amazon, databases, http_clients, mail, rpc, services, stores, vendors):
        repeated = found.keys() & module.LIBRARIES.keys()
        assert not repeated, f"in two modules: {sorted(repeated)}"
        found |= module.LIBRARIES
    return MappingProxyType(found)


EVERYWHERE = _merged((system.TABLE, http_clients.TABLE))
"""Meanings by the name of the class alone."""

LIBRARIES = _libraries()
"""Meanings by the beginning of the module's name, then by the name of the class."""


@lru_cache(maxsize=_REMEMBERED_MAX)
def look_up(name: str) -> ExceptionMeaning | None:
    """The meaning of a class by its qualified name; the longest known beginning of its module decides which library's it is.

    A library may have a row `*` for all classes that it makes up as it goes.
    """
    module, _, kind = name.rpartition(".")
    while module:
        library = LIBRARIES.get(module)
        if library is not None and (found := library.get(kind) or library.get("*")) is not None:
            return found
        module = module.rpartition(".")[0]
    return EVERYWHERE.get(kind)
