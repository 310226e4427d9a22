"""The layers of a catalog, and what they say together: package < database < directory < argument.

Pure, over entries as JSON values, because an entry that overrides another says only what differs and is no whole entry by itself.
An entry of a higher layer is merged over the one of the same `apiId` below it (`holdfast.apis.merging`); then `extends` is resolved among the
merged entries, so that overriding a vendor's parent reaches its children. A layer that keeps versions may hold several of one API: the
newest counts unless one is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

from holdfast.apis.inheriting import lineage, take_over
from holdfast.apis.merging import LISTS, merge

SHIPPED = "shipped"
DATABASE = "database"
DIRECTORY = "directory"
ARGUMENT = "argument"

Wire = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one layer says of one API, as it is written: possibly a part of an entry only.

    `source` is the file or place it came from, `path` its place inside that (empty when it is the whole).
    """

    wire: Wire
    source: str
    path: str = ""

    @property
    def api_id(self) -> str:
        """The API; empty when the piece does not name one."""
        found = self.wire.get("apiId")
        return found if isinstance(found, str) else ""

    @property
    def version(self) -> str | None:
        """The API's version it is about; `None` when it is about all."""
        found = self.wire.get("version")
        return found if isinstance(found, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer: its name (`database`, `directory` or `argument`) and its pieces, the newest first where it keeps versions."""

    name: str
    pieces: tuple[Piece, ...]
    keeps_versions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a part of an entry came from: the layer, the file or place in it, and the entry, where that is one that was extended."""

    layer: str
    source: str
    extended: str | None = None

    def __str__(self) -> str:
        place = self.layer if self.layer == SHIPPED else f"{self.layer}: {self.source}"
        return f"{place} (extends {self.extended})" if self.extended else place


Stack = tuple[tuple[str, Piece], ...]
"""The pieces of one API with the names of their layers, the lowest first."""


def merged(stack: Stack) -> Wire:
    """What the pieces of one API say together."""
    return reduce(merge, (piece.wire for _, piece in stack))


def of_version(stack: Stack, version: str) -> Stack:
    """The pieces that hold for a version: those about it and those about all; nothing when none is about it."""
    found = [item for item in stack if item[1].version in {version, None}]
    if not any(piece.version == version for _, piece in found):
        return ()
    ranks = {name: rank for rank, name in enumerate(dict.fromkeys(name for name, _ in stack))}
    return tuple(sorted(found, key=lambda item: (ranks[item[0]], item[1].version is not None)))


def newest(stack: Stack) -> Stack:
    """The pieces that hold when no version is named: of each layer the first."""
    first: dict[str, Piece] = {}
    for name, piece in stack:
        first.setdefault(name, piece)
    return tuple(first.items())


def origins(stack: Stack, find: Callable[[str], Stack]) -> dict[str, Origin]:
    """Where each part of an entry came from, by its path in the entry: `rateLimiting.detection`, `errorMappings[3]`.

    Args:
        stack: the pieces of the entry.
        find: gives the pieces of another entry, for `extends`, which is known to be resolvable.
    """
    stacks = [stack]

    def parent(api_id: str) -> Wire:
        found = find(api_id)
        assert found, "a catalog was made of entries that are all there"
        stacks.append(found)
        return merged(found)

    lineage(merged(stack), parent)
    trees = [
        reduce(
            merge,
            (_tree(piece.wire, Origin(layer=layer, source=piece.source, extended=extended)) for layer, piece in one),
        )
        for one, extended in zip(stacks, [None, *(_id_of(one) for one in stacks[1:])], strict=True)
    ]
    return dict(_flat(reduce(take_over, trees), ""))


def _id_of(stack: Stack) -> str:
    return stack[0][1].api_id


def _tree(wire: Wire, origin: Origin) -> dict[str, object]:
    """The shape that merging sees, with the origin in the place of each value: what happens to the values happens to their origins."""
    return {name: _branch(name, value, origin) for name, value in wire.items()}


def _branch(name: str, value: object, origin: Origin) -> object:
    if value is None:
        return None
    if name in LISTS and isinstance(value, list):
        return [origin for _ in value]
    if isinstance(value, Mapping):
        return {inner: None if item is None else _twig(item, origin) for inner, item in value.items()}
    return origin


def _twig(value: object, origin: Origin) -> object:
    """Two levels below the entry is as deep as objects of an entry go."""
    if isinstance(value, Mapping):
        return {inner: None if item is None else origin for inner, item in value.items()}
    return origin


def _flat(tree: Mapping[str, object], path: str) -> list[tuple[str, Origin]]:
    found: list[tuple[str, Origin]] = []
    todo: list[tuple[str, object]] = [(path, tree)]
    while todo:
        place, node = todo.pop()
        if isinstance(node, Origin):
            found.append((place, node))
        elif isinstance(node, Mapping):
            todo.extend((f"{place}.{name}" if place else name, item) for name, item in reversed(list(node.items())))
        else:
            assert isinstance(node, list), "merging makes objects, lists and values"
            todo.extend((f"{place}[{index}]", item) for index, item in reversed(list(enumerate(node))))
    return found
