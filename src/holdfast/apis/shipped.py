"""The entries that come with Holdfast: found by id, by another name or by address, compiled when first asked for.

They are written as YAML beside `holdfast.catalog` and shipped as one line of JSON each (`shipped.jsonl`, made by
`python -m tools.catalog`), so that an installation without YAML and pydantic has them. The file is read once and only its first line is
parsed; an entry is parsed and compiled when it is first used and kept, and addresses are looked at when the first one is asked for.
Lines hold entries as they are written, `extends` included, so that whoever overrides one reaches those that build on it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from typing import Protocol, cast

from holdfast.apis.addresses import Addresses
from holdfast.apis.compiling import compile_rules
from holdfast.apis.inheriting import resolve
from holdfast.faults.patterns import compile_shipped
from holdfast.faults.rules import ApiRules

SOURCE = "the catalog that comes with Holdfast"


def shipped_ids() -> tuple[str, ...]:
    """The ids of all entries, in alphabetical order."""
    return tuple(sorted(_file().places))


def shipped_id(name: str) -> str | None:
    """The id of the entry with this id or other name; names compare exactly."""
    file = _file()
    return name if name in file.places else file.aliases.get(name)


def shipped_entry(api_id: str) -> Mapping[str, object] | None:
    """An entry as JSON values, as it is written (`extends` not resolved); `None` when there is none of this id. A fresh object on each call."""
    line = _file().line(api_id)
    return None if line is None else cast("Mapping[str, object]", json.loads(line))


def shipped_bases() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The base addresses of all entries by their ids, without parsing any entry."""
    return _file().bases


def shipped_rules(name: str) -> ApiRules | None:
    """The compiled rules of the entry with this id or other name; `None` when there is none."""
    api_id = shipped_id(name)
    return None if api_id is None else _compiled(api_id)


def match_shipped(url: str) -> str | None:
    """The id of the entry that an address belongs to; see `holdfast.apis.addresses`."""
    return _addresses().match(url)


@cache
def _compiled(api_id: str) -> ApiRules | None:
    entry = shipped_entry(api_id)
    if entry is None:
        return None
    return compile_rules(resolve(entry, shipped_entry, source=SOURCE), make_pattern=compile_shipped, source=SOURCE)


class _File:
    """The shipped file: one line per entry, found by its place, and the index in its first line."""

    __slots__ = ("_data", "aliases", "bases", "places")

    def __init__(self, data: bytes) -> None:
        self._data = data
        end = data.index(b"\n")
        index = cast("list[dict[str, object]]", json.loads(data[:end]))
        self.places: dict[str, tuple[int, int]] = {}
        self.aliases: dict[str, str] = {}
        for one in index:
            begin, end = end + 1, data.index(b"\n", end + 1)
            api_id = cast(str, one["apiId"])
            self.places[api_id] = (begin, end)
            self.aliases |= dict.fromkeys(cast("list[str]", one["aliases"]), api_id)
        assert end + 1 == len(data), "the index names every line"
        self.bases = tuple((cast(str, one["apiId"]), tuple(cast("list[str]", one["baseUrls"]))) for one in index)

    def line(self, api_id: str) -> bytes | None:
        """The entry of this id, unparsed."""
        place = self.places.get(api_id)
        return None if place is None else self._data[place[0] : place[1]]


@cache
def _file() -> _File:
    # The loader reads from directories and archives alike; importing `importlib.resources` would cost more than everything else here.
    loader = cast("_Reads", sys.modules[__name__].__loader__)
    return _File(loader.get_data(__file__.rpartition("shipped.")[0] + "shipped.jsonl"))


class _Reads(Protocol):
    """What loaders of modules have in common."""

    def get_data(self, path: str) -> bytes:
        """The bytes of a file beside a module."""


@cache
def _addresses() -> Addresses:
    return Addresses(_file().bases)
