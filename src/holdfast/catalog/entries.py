"""The catalog in memory: entries by id, by address, and compiled for classification.

Implements the specification's interface `ApiCatalog` (`getApiEntry`, `getAllApis`) and answers, for a request's
address, which API it belongs to. It is filled once and never changes; where entries come from is the business of
`holdfast.catalog.directory` and `holdfast.catalog.stored`.

Users' entries are checked and compiled when the catalog is made, so that everything wrong is told then. The entries that come with Holdfast
were checked when it was built: each is parsed when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from holdfast.apis.addresses import Addresses
from holdfast.apis.inheriting import lineage, resolve
from holdfast.apis.shipped import (
    SOURCE,
    shipped_bases,
    shipped_entry,
    shipped_id,
    shipped_ids,
    shipped_rules,
)
from holdfast.catalog.layers import ARGUMENT, SHIPPED, Layer, Origin, Piece, Stack, merged, newest, of_version, origins
from holdfast.catalog.rules import compile_entry
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.errors import BadInput, Problem
from holdfast.faults.rules import ApiRules

Wire = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedEntry:
    """An entry and where it came from: the file, and the place inside it (empty when it is the whole file)."""

    entry: ApiCatalogEntry
    source: str
    path: str = ""


class Catalog:
    """What is known of each API; immutable, safe to share between threads and loops."""

    def __init__(
        self,
        entries: Iterable[ApiCatalogEntry | SourcedEntry] = (),
        *,
        layers: Iterable[Layer] = (),
        shipped: bool = False,
    ) -> None:
        """Take the entries, put the layers on one another, and check and compile what users wrote.

        Args:
            entries: the uppermost layer, in any order; of entries with the same `baseUrl` the first one wins an address.
            layers: layers below it, the lowest first.
            shipped: whether the entries that come with Holdfast lie under all of them.

        Raises:
            BadInput: an `apiId` occurs twice in a layer, a merged entry does not fit the schema or cannot be compiled; every problem of
                every entry is listed.
            MissingExtra: there are patterns, and RE2 is not installed.
        """
        self._shipped = shipped
        self._layers = tuple(layer for layer in (*layers, _of_arguments(entries)) if layer.pieces)
        self._stacks: dict[str, list[tuple[str, Piece]]] = {}
        self._written: dict[str, Wire] = {}
        self._entries: dict[str, ApiCatalogEntry] = {}
        self._rules: dict[str, ApiRules] = {}
        problems: list[Problem] = []
        for layer in self._layers:
            self._put(layer, problems)
        self._check(problems)
        if problems:
            raise BadInput(problems)
        self._aliases = self._all_aliases()
        self._addresses = Addresses(self._bases())

    # --- by name and by address ---

    async def get_api_entry(self, api_id: str) -> ApiCatalogEntry | None:
        """The entry with this id (`getApiEntry` of spec 000 §4.2); `None` when there is none. Ids compare exactly."""
        return self.entry(api_id)

    async def get_all_apis(self) -> list[str]:
        """The ids of all entries (`getAllApis` of spec 000 §4.2), in alphabetical order."""
        return self.ids()

    def ids(self) -> list[str]:
        """The ids of all entries, in alphabetical order."""
        return sorted({*self._stacks, *(shipped_ids() if self._shipped else ())})

    def own_ids(self) -> list[str]:
        """The ids of the entries that users wrote or override, in alphabetical order."""
        return sorted(self._stacks)

    def entry(self, name: str) -> ApiCatalogEntry | None:
        """The entry with this id, other name or `id@version`, everything it takes over included; `None` when there is none."""
        key = self._key(name)
        if key is None:
            return None
        found = self._entries.get(key)
        if found is None:
            wire = resolve(merged(self._chosen(key)), self._find, source=SOURCE, path=key)
            found = self._entries[key] = ApiCatalogEntry.from_wire(wire, source=SOURCE)
        return found

    def rules(self, name: str) -> ApiRules | None:
        """What classification and the transport need of this API, by id, other name or `id@version`; `None` when there is no entry."""
        key = self._key(name)
        if key is None:
            return None
        found = self._rules.get(key)
        if found is None:
            entry = None if self._is_as_shipped(key) else self.entry(key)
            found = shipped_rules(key) if entry is None else compile_entry(entry, source=SOURCE)
            assert found is not None, "whoever has a key is there"
            self._rules[key] = found
        return found

    def match(self, url: str) -> ApiCatalogEntry | None:
        """The entry with the address that is the longest prefix of this one, or `None`; see `holdfast.apis.addresses`."""
        api_id = self.match_id(url)
        return None if api_id is None else self.entry(api_id)

    def match_id(self, url: str) -> str | None:
        """The id of the entry that an address belongs to, without reading the entry."""
        return self._addresses.match(url)

    def addresses(self) -> list[tuple[str, tuple[str, ...]]]:
        """The base addresses of all entries by their ids; of two with the same one, the first is found by it."""
        return [(api_id, tuple(urls)) for api_id, urls in self._bases()]

    # --- where it came from ---

    def versions(self, api_id: str) -> list[str]:
        """The versions that there are of an entry, the one that counts first; `id@version` names each of them."""
        stack = self._stack(api_id)
        best = [piece.version for _, piece in reversed(newest(stack))]
        return list(dict.fromkeys(one for one in (*best, *(piece.version for _, piece in reversed(stack))) if one))

    def layers_of(self, api_id: str) -> list[str]:
        """The names of the layers that say something of an entry, the lowest first."""
        return list(dict.fromkeys(name for name, _ in self._stack(api_id)))

    def origins(self, name: str) -> dict[str, Origin]:
        """Where each part of an entry came from, by its path in the entry; empty when there is none of this name."""
        key = self._key(name)
        return {} if key is None else origins(self._chosen(key), self._chosen)

    # --- how it is put together ---

    def _put(self, layer: Layer, problems: list[Problem]) -> None:
        sources: dict[tuple[str, str | None], str] = {}
        for piece in layer.pieces:
            api_id = piece.api_id
            if not api_id:
                problems.extend(_form_flaws(piece.wire, piece))
                continue
            same = (api_id, piece.version if layer.keeps_versions else None)
            if same in sources:
                message = f"{api_id!r} is described already in {sources[same]}. Keep one of the two."
                problems.append(Problem(source=piece.source, path=_at(piece, "apiId"), message=message))
                continue
            sources[same] = piece.source
            self._stacks.setdefault(api_id, list(self._below(api_id))).append((layer.name, piece))

    def _below(self, api_id: str) -> Iterator[tuple[str, Piece]]:
        """What comes with Holdfast, as the lowest piece."""
        wire = shipped_entry(api_id) if self._shipped else None
        if wire is not None:
            yield SHIPPED, Piece(wire=wire, source=SOURCE)

    def _check(self, problems: list[Problem]) -> None:
        """Check and compile each entry that users touched. A problem is told of the piece that brought it in: the lowest at which it is there."""
        for api_id, stack in self._stacks.items():
            chosen = newest(tuple(stack))
            self._written[api_id] = merged(chosen)
            if self._flaws(api_id, chosen):
                users = range(1 + (chosen[0][0] == SHIPPED), len(chosen) + 1)
                problems.extend(next(one for upto in users if (one := self._flaws(api_id, chosen[:upto]))))
        if problems:
            return
        for api_id, wire in self._written.items():
            if "extends" not in wire:
                continue
            piece = self._stacks[api_id][-1][1]
            try:
                whole = ApiCatalogEntry.from_wire(resolve(wire, self._find, source=piece.source, path=piece.path))
                self._rules[api_id] = compile_entry(whole, source=piece.source, path=piece.path)
                self._entries[api_id] = whole
            except BadInput as err:
                problems.extend(err.problems)

    def _flaws(self, api_id: str, stack: Stack) -> list[Problem]:
        """What is wrong with an entry that is made of these pieces, seen from the uppermost; it is kept when it is right and builds on no other."""
        piece, wire = stack[-1][1], merged(stack)
        if "extends" in wire:
            wire = {"errorMappings": [], "quirks": {}} | dict(wire)
        found = _form_flaws(wire, piece)
        if found:
            return found
        entry = ApiCatalogEntry.from_wire(wire)
        try:
            self._rules[api_id] = compile_entry(entry, source=piece.source, path=piece.path)
        except BadInput as err:
            return list(err.problems)
        self._entries[api_id] = entry
        return []

    def _key(self, name: str) -> str | None:
        """The id, or `id@version`, under which an entry is kept; `None` when there is none of this name."""
        api_id = self._id(name)
        if api_id is not None:
            return api_id
        before, _, version = name.rpartition("@")
        api_id = self._id(before)
        if api_id is None:
            return None
        stack = self._stack(api_id)
        found = of_version(stack, version)
        if found == newest(stack):
            return api_id
        return f"{api_id}@{version}" if found else None

    def _id(self, name: str) -> str | None:
        if name in self._stacks:
            return name
        found = self._aliases.get(name)
        shipped = shipped_id(name) if self._shipped else None
        return shipped if shipped == name else found or shipped

    def _stack(self, api_id: str) -> Stack:
        return tuple(self._stacks.get(api_id) or self._below(api_id))

    def _chosen(self, key: str) -> Stack:
        """The pieces that count for a key."""
        stack = newest(self._stack(key))
        if stack:
            return stack
        api_id, _, version = key.rpartition("@")
        return of_version(self._stack(api_id), version)

    def _find(self, api_id: str) -> Wire | None:
        """An entry as it is written, without what it takes over; what `extends` names."""
        if api_id in self._written:
            return self._written[api_id]
        stack = self._chosen(api_id)
        return merged(stack) if stack else None

    def _is_as_shipped(self, key: str) -> bool:
        """Whether nobody touched the entry or one that it builds on."""
        wire = shipped_entry(key) if self._shipped and key not in self._stacks else None
        return wire is not None and not any(one["apiId"] in self._stacks for one in lineage(wire, self._find))

    def _all_aliases(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for api_id in self._by_rank():
            for alias in cast("Sequence[str]", self._written[api_id].get("aliases") or ()):
                found.setdefault(alias, api_id)
        return found

    def _bases(self) -> Iterator[tuple[str, Iterable[str]]]:
        for api_id in self._by_rank():
            wire = self._written[api_id]
            yield api_id, (cast(str, wire["baseUrl"]), *cast("Sequence[str]", wire.get("baseUrls") or ()))
        if self._shipped:
            yield from (item for item in shipped_bases() if item[0] not in self._stacks)

    def _by_rank(self) -> Iterable[str]:
        """The ids that users touched, those of the uppermost layer first."""
        return dict.fromkeys(piece.api_id for layer in reversed(self._layers) for piece in layer.pieces)


def _of_arguments(entries: Iterable[ApiCatalogEntry | SourcedEntry]) -> Layer:
    pieces: list[Piece] = []
    for item in entries:
        entry = item.entry if isinstance(item, SourcedEntry) else item
        # What nobody said is no override: `to_wire` would write the defaults out.
        wire = entry.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        source, path = (
            (item.source, item.path) if isinstance(item, SourcedEntry) else (f"catalog entry {entry.api_id!r}", "")
        )
        pieces.append(Piece(wire=wire, source=source, path=path))
    return Layer(name=ARGUMENT, pieces=tuple(pieces))


def _form_flaws(wire: Wire, piece: Piece) -> list[Problem]:
    """Where the wire form is not that of an entry, seen from the top of the piece's file."""
    try:
        ApiCatalogEntry.from_wire(wire)
    except BadInput as err:
        return [Problem(source=piece.source, path=_at(piece, one.path), message=one.message) for one in err.problems]
    return []


def _at(piece: Piece, path: str) -> str:
    """A place in an entry, seen from the top of a file that may hold a list."""
    if not piece.path:
        return path
    return piece.path + (f".{path}" if path and not path.startswith("[") else path)
