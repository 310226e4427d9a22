"""The catalog in memory: entries by id, by address, and compiled for classification.

Implements the specification's interface `ApiCatalog` (`getApiEntry`, `getAllApis`) and answers, for a request's
address, which API it belongs to. It is filled once and never changes; where entries come from is the business of
`holdfast.catalog.directory`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from holdfast.catalog.rules import compile_entry
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.errors import BadInput, Problem
from holdfast.faults.rules import ApiRules

_PORTS = {"http": 80, "https": 443}


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
        self._by_host = _index(self._entries.values())

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
        """The entry whose `baseUrl` is the longest prefix of the address, or `None`.

        Scheme, host and port must agree (host without regard to case, default ports filled in); the path agrees by
        whole segments, with regard to case, so `/v1` is a prefix of `/v1/charges` and not of `/v10`. `{param}`
        placeholders are segments like any other.
        """
        address = _address(url)
        if address is None:
            return None
        origin, segments = address
        for prefix, entry in self._by_host.get(origin, ()):
            if segments[: len(prefix)] == prefix:
                return entry
        return None


_Origin = tuple[str, str, int]
_Index = dict[_Origin, tuple[tuple[tuple[str, ...], ApiCatalogEntry], ...]]


def _index(entries: Iterable[ApiCatalogEntry]) -> _Index:
    """Group the entries by origin, the longest prefix first; sorting is stable, so of equal ones the first stays first."""
    grouped: dict[_Origin, list[tuple[tuple[str, ...], ApiCatalogEntry]]] = {}
    for entry in entries:
        address = _address(str(entry.base_url))
        if address is not None:
            grouped.setdefault(address[0], []).append((address[1], entry))
    return {origin: tuple(sorted(found, key=lambda pair: -len(pair[0]))) for origin, found in grouped.items()}


def _address(url: str) -> tuple[_Origin, tuple[str, ...]] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not parts.hostname:
        return None
    return (scheme, parts.hostname.rstrip("."), _PORTS[scheme] if port is None else port), _segments(parts)


def _segments(parts: SplitResult) -> tuple[str, ...]:
    """The path as segments, empty ones left out and dot segments resolved as a client does before it sends (RFC 3986 §5.2.4)."""
    found: list[str] = []
    for segment in parts.path.split("/"):
        if segment == "..":
            del found[-1:]
        elif segment not in {"", "."}:
            found.append(segment)
    return tuple(found)
