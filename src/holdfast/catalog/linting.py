"""A whole catalog, checked: every entry as it is written, every entry as it is used, and the entries beside one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from holdfast.apis.shipped import shipped_entry, shipped_ids
from holdfast.catalog.entries import Catalog
from holdfast.catalog.layers import Layer, Piece
from holdfast.catalog.lint import Finding, Level, findings_of, lint_addresses, lint_entry, lint_piece
from holdfast.errors import BadInput

_ORDER = {Level.ERROR: 0, Level.WARNING: 1, Level.INFO: 2}


def catalog_of(layers: Sequence[Layer], *, shipped: bool) -> Catalog:
    """The catalog of these layers.

    Raises:
        BadInput: entries are not valid; every problem is listed.
    """
    return Catalog(layers=layers, shipped=shipped)


def lint_catalog(
    layers: Sequence[Layer], ids: Sequence[str] | None, *, shipped: bool, today: date
) -> tuple[list[Finding], int]:
    """What is found in the entries of these ids (`None`: in all), the worst first, and how many entries there were.

    Raises:
        BadInput: nothing is known by one of the ids.
    """
    found: list[Finding] = []
    known: Catalog | None = None
    try:
        known = catalog_of(layers, shipped=shipped)
    except BadInput as err:
        found.extend(findings_of(err))
    wanted = None if ids is None else {_id_of(one, known) for one in ids}
    pieces = [
        (piece, is_shipped)
        for piece, is_shipped in _pieces(layers, shipped=shipped)
        if wanted is None or piece.api_id in wanted
    ]
    for piece, is_shipped in pieces:
        found.extend(lint_piece(piece, is_shipped=is_shipped))
    ours = {piece.source for piece, is_shipped in pieces if is_shipped and wanted is None}
    top = {piece.api_id: piece for piece, _ in reversed(pieces)}
    if known is not None:
        for api_id, piece in top.items():
            found.extend(lint_entry(known, api_id, piece=piece, today=today))
        found.extend(one for api_id, one in _addresses(known, layers) if wanted is None or api_id in wanted)
    # Who asks about everything is not told of each rule of ours that has no example.
    found = [one for one in found if one.level is not Level.INFO or one.source not in ours]
    return sorted(found, key=lambda one: (_ORDER[one.level], one.source)), len(top)


def _id_of(name: str, known: Catalog | None) -> str:
    entry = None if known is None else known.entry(name)
    return name if entry is None else entry.api_id


def _pieces(layers: Sequence[Layer], *, shipped: bool) -> Iterator[tuple[Piece, bool]]:
    """Every piece, the uppermost layer first, and whether it comes with Holdfast."""
    for layer in reversed(layers):
        for piece in layer.pieces:
            yield piece, False
    for api_id in shipped_ids() if shipped else ():
        yield _shipped(api_id), True


def _shipped(api_id: str) -> Piece:
    wire = shipped_entry(api_id)
    assert wire is not None, "an id of the file has a line"
    return Piece(wire=wire, source=f"{api_id} (comes with Holdfast)")


def _addresses(known: Catalog, layers: Sequence[Layer]) -> Iterator[tuple[str, Finding]]:
    """Addresses that two entries have. A user's entry that takes one from a shipped entry is meant to."""
    users = {piece.api_id: piece for layer in layers for piece in layer.pieces}
    rows = [(api_id, urls, users.get(api_id) or _shipped(api_id)) for api_id, urls in known.addresses()]
    mine = [row for row in rows if row[0] in users]
    theirs = [row for row in rows if row[0] not in users]
    for group in (mine, theirs):
        yield from lint_addresses(group)
