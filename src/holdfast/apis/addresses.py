"""Which API an address belongs to: the one whose base address is the longest prefix of it.

Pure, and as quick with a thousand APIs as with one: looked up by host, then by path.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

_PORTS = {"http": 80, "https": 443}
_ANY = "*."

_Origin = tuple[str, str, int]
_Index = dict[_Origin, list[tuple[tuple[str, ...], str]]]


class Addresses:
    """Base addresses of APIs; immutable, safe to share between threads and loops."""

    __slots__ = ("_by_host",)

    def __init__(self, bases: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Take the base addresses of each API, by its id; of equal ones the first stays first. What is no http address matches nothing."""
        self._by_host: _Index = {}
        for api_id, urls in bases:
            for url in urls:
                address = _address(url)
                if address is not None:
                    self._by_host.setdefault(address[0], []).append((address[1], api_id))
        for found in self._by_host.values():
            found.sort(key=lambda pair: -len(pair[0]))

    def match(self, url: str) -> str | None:
        """The id of the API that an address belongs to, or `None`.

        Scheme, host and port must agree (host without regard to case, default ports filled in); a base host that begins with `*.`
        stands for every host below it, and a more exact host comes first. The path agrees by whole segments, with regard to case, so
        `/v1` is a prefix of `/v1/charges` and not of `/v10`; `{param}` placeholders are segments like any other.
        """
        address = _address(url)
        if address is None:
            return None
        (scheme, host, port), segments = address
        for name in _names(host):
            for prefix, api_id in self._by_host.get((scheme, name, port), ()):
                if segments[: len(prefix)] == prefix:
                    return api_id
        return None


def _names(host: str) -> Iterable[str]:
    """The host itself, then the wildcards above it, the nearest first."""
    yield host
    rest = host
    for _ in range(host.count(".")):
        rest = rest.partition(".")[2]
        yield _ANY + rest


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
