"""What `holdfast classify` knows of each API: its rules, by name or by address, and where its vendor writes about its errors.

Who has no entries of their own waits for no schema: the shipped ones are read without pydantic and YAML.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.catalog.entries import Catalog
    from holdfast.faults.rules import ApiRules

__all__ = ["ApiPage", "KnownApis"]

_NEAR_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPage:
    """What people read about an API: its name, its vendor's page on errors, and when both were last compared."""

    api_id: str
    name: str
    errors: str | None = None
    date_checked: str | None = None


class KnownApis:
    """The APIs that are known: the shipped ones, or those of a catalog, or none."""

    def __init__(self, own: Catalog | None = None, *, is_off: bool = False) -> None:
        """Take a catalog; without one, the shipped entries count, and none at all if it `is_off`."""
        self._own = own
        self.is_off = is_off

    @classmethod
    def of(cls, directory: str | Path | None, *, shipped: bool = True) -> KnownApis:
        """The shipped entries, unless they are switched off, with a directory's entries over them.

        Raises:
            BadInput: the directory's entries are not valid.
        """
        if shipped and not directory:
            return cls()
        from holdfast.catalog.directory import load_directory  # noqa: PLC0415 - only who has entries pays for reading them

        return cls(load_directory(directory, shipped=shipped))

    def named(self, name: str) -> ApiRules | None:
        """The rules of the API with this id or other name."""
        from holdfast.apis.shipped import shipped_rules  # noqa: PLC0415 - `--help` need not load what judges

        if self.is_off:
            return None
        return shipped_rules(name) if self._own is None else self._own.rules(name)

    def rules(self, name: str | None, url: str | None) -> ApiRules | None:
        """The rules of the API with this name, or else of the one that the address belongs to."""
        from holdfast.apis.shipped import match_shipped  # noqa: PLC0415 - as above

        found = self.named(name) if name else None
        if found is not None or url is None or self.is_off:
            return found
        matched = match_shipped(url) if self._own is None else self._own.match_id(url)
        return None if matched is None else self.named(matched)

    def page(self, api_id: str) -> ApiPage:
        """What people read about an API that is known."""
        from holdfast.apis.inheriting import resolve  # noqa: PLC0415 - as above
        from holdfast.apis.shipped import SOURCE, shipped_entry  # noqa: PLC0415 - as above

        if self._own is None:
            written = shipped_entry(api_id)
            wire = {} if written is None else resolve(written, shipped_entry, source=SOURCE)
        else:
            entry = self._own.entry(api_id)
            wire = {} if entry is None else entry.to_wire()
        links = cast("Mapping[str, str]", wire.get("links") or {})
        return ApiPage(
            api_id=api_id,
            name=cast(str, wire.get("name") or api_id),
            errors=links.get("errors"),
            date_checked=cast("str | None", wire.get("dateChecked")),
        )

    def near(self, name: str) -> list[str]:
        """The ids most like a name that nothing is known by, the most like first."""
        from holdfast.apis.shipped import shipped_ids  # noqa: PLC0415 - as above

        ids = shipped_ids() if self._own is None else self._own.ids()
        wanted = name.strip().lower().replace("-", "_").replace(" ", "_")
        near = difflib.get_close_matches(wanted, ids, n=_NEAR_MAX)
        return list(dict.fromkeys([*(one for one in ids if wanted and one.startswith(wanted)), *near]))[:_NEAR_MAX]
