"""The page of the APIs that come with Holdfast, from the entries themselves."""

from __future__ import annotations

from holdfast.catalog.entries import Catalog
from holdfast.contract.catalog import ApiCatalogEntry
from tools.blocks import table

__all__ = ["catalog_body"]


def catalog_body() -> list[str]:
    """The parts of the page, below its title."""
    known = Catalog(shipped=True)
    entries = [entry for api_id in known.ids() if (entry := known.entry(api_id)) is not None]
    return [
        (
            f"{len(entries)} entries come with Holdfast; `holdfast catalog show ID` tells what is known of one, and what it was written from.\n"
            "An entry [of your own](../how-to/write-a-catalog-entry.md), or a [correction](../how-to/override-a-catalog-entry.md)"
            " of one of these, is a file."
        ),
        table(["API", "Name", "Kind", "Address", "Rules", "Keys", "Checked"], [_row(entry) for entry in entries]),
    ]


def _row(entry: ApiCatalogEntry) -> list[str]:
    errors = entry.links.errors if entry.links else None
    return [
        f"`{entry.api_id}`",
        f"[{entry.name}]({errors})" if errors else entry.name,
        entry.kind or "—",
        f"`{entry.base_url}`",
        str(len(entry.error_mappings)),
        f"`{entry.idempotency.header}`" if entry.idempotency else "—",
        entry.date_checked or "—",
    ]
