"""Entries of the catalog in the database: from rows to a layer, and from an entry somebody wrote to a row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import cast

from holdfast.catalog.entries import Catalog
from holdfast.catalog.layers import DATABASE, Layer, Piece
from holdfast.errors import BadInput, Problem
from holdfast.ports.apis import CatalogRow

BODY_MAX_BYTES = 1_048_576


def stored_layer(rows: Iterable[CatalogRow]) -> Layer:
    """The layer that rows make, the newest first."""
    pieces = tuple(
        Piece(wire=cast("dict[str, object]", json.loads(row.body)), source=f"added {row.added_at:%Y-%m-%d %H:%M} UTC")
        for row in rows
    )
    return Layer(name=DATABASE, pieces=pieces, keeps_versions=True)


def checked_rows(
    pieces: Iterable[Piece], *, kept: Iterable[CatalogRow], shipped: bool, at: datetime, by: str | None
) -> list[CatalogRow]:
    """Rows for entries, checked together with what is kept already and with what comes with Holdfast.

    Args:
        pieces: what is added.
        kept: what the database has.
        shipped: whether the shipped entries lie under it.
        at: when they are added.
        by: who adds them.

    Raises:
        BadInput: an entry does not fit the schema, names no API, or is too large; a pattern is not valid; nothing is added then.
    """
    added = list(pieces)
    new = {(piece.api_id, piece.version or "") for piece in added}
    rows = [row for row in kept if (row.api_id, row.version) not in new]
    below = stored_layer(rows)
    layer = Layer(name=DATABASE, pieces=(*added, *below.pieces), keeps_versions=True)
    Catalog(layers=[layer], shipped=shipped)
    problems: list[Problem] = []
    made: list[CatalogRow] = []
    for piece in added:
        body = json.dumps(piece.wire, ensure_ascii=False, separators=(",", ":"))
        if len(body) > BODY_MAX_BYTES:
            message = f"is larger than {BODY_MAX_BYTES} bytes"
            problems.append(Problem(source=piece.source, path=piece.path, message=message))
        made.append(CatalogRow(api_id=piece.api_id, version=piece.version or "", body=body, added_at=at, added_by=by))
    if problems:
        raise BadInput(problems)
    return made
