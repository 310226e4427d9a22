"""The catalog: what is known of each API, where it is read from, and what it advises when a call of that API fails.

Public. An entry is an `ApiCatalogEntry` of `holdfast.contract`; a `Catalog` answers by id and by address and holds
the compiled rules. `load_directory` puts a directory's entries over those that come with Holdfast.
"""

from __future__ import annotations

from holdfast.catalog.directory import load_directory
from holdfast.catalog.entries import Catalog, SourcedEntry
from holdfast.catalog.layers import Layer, Origin, Piece
from holdfast.catalog.rules import compile_entry
from holdfast.catalog.strategies import RecoveryOverride, recovery_override

__all__ = [
    "Catalog",
    "Layer",
    "Origin",
    "Piece",
    "RecoveryOverride",
    "SourcedEntry",
    "compile_entry",
    "load_directory",
    "recovery_override",
]
