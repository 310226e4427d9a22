"""The catalog in memory: entries by id, by address, and compiled for classification.

Implements the specification's interface `ApiCatalog` (`getApiEntry`, `getAllApis`) and answers, for a request's
address, which API it belongs to. It is filled once and never changes; where entries come from is the business of
`holdfast.catalog.directory`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.apis.addresses import Addresses
from holdfast.catalog.rules import compile_entry
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.errors import BadInput, Problem
from holdfast.faults.rules import ApiRules


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedEntry:
    """An entry and where it came from: the file, and the place inside it (empty when it is the whole file)."""

    entry: ApiCatalogEntry
    source: str
    path: str = ""


class Catalog:
    """What is known of each API; immutable, safe to share between threads and loops."""

    def __init__(self, entries: Iterable[ApiCatalogEntry | SourcedEntry] = ()) -> None:
        """Take the entries and compile them.

        Args:
            entries: in any order; of entries with the same `baseUrl` the first one wins an address.

        Raises:
            BadInput: an `apiId` occurs twice, or an entry cannot be compiled; every problem of every entry is listed.
            MissingExtra: there are patterns, and RE2 is not installed.
        """
        self._entries: dict[str, ApiCatalogEntry] = {}
        self._rules: dict[str, ApiRules] = {}
        origins: dict[str, str] = {}
        problems: list[Problem] = []
        for item in entries:
            sourced = (
                item
                if isinstance(item, SourcedEntry)
                else SourcedEntry(entry=item, source=f"catalog entry {item.api_id!r}")
            )
            api_id = sourced.entry.api_id
            if api_id in self._entries:
                place = f"{sourced.path}.apiId" if sourced.path else "apiId"
                message = f"{api_id!r} is described already in {origins[api_id]}. Keep one of the two."
                problems.append(Problem(source=sourced.source, path=place, message=message))
                continue
            self._entries[api_id], origins[api_id] = sourced.entry, sourced.source
            try:
                self._rules[api_id] = compile_entry(sourced.entry, source=sourced.source, path=sourced.path)
            except BadInput as err:
                problems.extend(err.problems)
        if problems:
            raise BadInput(problems)
        self._addresses = Addresses(
            (api_id, (str(entry.base_url), *(entry.base_urls or ()))) for api_id, entry in self._entries.items()
        )

    async def get_api_entry(self, api_id: str) -> ApiCatalogEntry | None:
        """The entry with this id (`getApiEntry` of spec 000 §4.2); `None` when there is none. Ids compare exactly."""
        return self._entries.get(api_id)

    async def get_all_apis(self) -> list[str]:
        """The ids of all entries (`getAllApis` of spec 000 §4.2), in alphabetical order."""
        return sorted(self._entries)

    def entry(self, api_id: str) -> ApiCatalogEntry | None:
        """The entry with this id, for callers that cannot wait."""
        return self._entries.get(api_id)

    def rules(self, api_id: str) -> ApiRules | None:
        """What classification and the transport need of this API; `None` when there is no entry."""
        return self._rules.get(api_id)

    def match(self, url: str) -> ApiCatalogEntry | None:
        """The entry with the address that is the longest prefix of this one, or `None`; see `holdfast.apis.addresses`."""
        api_id = self._addresses.match(url)
        return None if api_id is None else self._entries[api_id]
