"""Whether a string is a URL in the sense of the WHATWG URL standard, which is what `new URL(text)` of JavaScript accepts.

The contract says `z.string().url()`, and that asks exactly this. The answer is generous on purpose: `mailto:x`, `http:example.com` and
`https://{tenant}.example.com/{id}` are URLs, `//host`, `http://` and `http://host:70000` are not. Whether an address may be *called* is
another question, asked elsewhere. Only the failures of the standard's parser (https://url.spec.whatwg.org, sections 3 and 4) are followed here;
nothing is built or normalised.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote_to_bytes

__all__ = ["is_url"]

_SPECIAL: Final = frozenset({"http", "https", "ws", "wss", "ftp", "file"})
_C0_AND_SPACE: Final = "".join(map(chr, range(0x21)))
_TABS_AND_BREAKS: Final = str.maketrans("", "", "\t\n\r")
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_DRIVE: Final = re.compile(r"[A-Za-z][:|]")
_PORT: Final = re.compile(r"[0-9]*")
_PORT_MAX: Final = 65535
_FORBIDDEN_IN_HOST: Final = re.compile(r"[\0\t\n\r #/:<>?@\[\\\]^|]")
_FORBIDDEN_IN_DOMAIN: Final = re.compile(r"[\0-\x20#/:<>?@\[\\\]^|%\x7f]")
_HEX_GROUP: Final = re.compile(r"[0-9A-Fa-f]{1,4}")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,2}")
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NEUTRAL: Final = frozenset({"EN", "ES", "CS", "ET", "ON", "BN", "NSM"})
_V6_GROUPS: Final = 8
_V4_PARTS: Final = 4


def is_url(text: str) -> bool:
    """Whether `new URL(text)` of a WHATWG-conforming runtime would succeed without a base."""
    text = _LONE_SURROGATE.sub("\ufffd", text)
    text = text.strip(_C0_AND_SPACE).translate(_TABS_AND_BREAKS)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return False
    name, rest = scheme[1].lower(), text[scheme.end() :]
    if name == "file":
        return _is_file_rest(rest)
    if name in _SPECIAL:
        return _is_authority(_upto(rest.lstrip("/\\"), "/\\?#"), special=True)
    return not rest.startswith("//") or _is_authority(_upto(rest[2:], "/?#"), special=False)


def _upto(text: str, ends: str) -> str:
    return re.split(f"[{re.escape(ends)}]", text, maxsplit=1)[0]


def _is_file_rest(rest: str) -> bool:
    """After `file:` a host stands only behind two slashes; a drive letter or nothing in its place is fine."""
    if len(rest) < 2 or rest[0] not in "/\\" or rest[1] not in "/\\":
        return True
    host = _upto(rest[2:], "/\\?#")
    return not host or _DRIVE.fullmatch(host) is not None or _is_host(host, special=True)


def _is_authority(authority: str, *, special: bool) -> bool:
    _credentials, at_sign, place = authority.rpartition("@")
    if at_sign and not place:
        return False
    host, colon, port = _split_port(place)
    if not host:
        # An empty host is for non-special schemes only, and no port may follow it.
        return not special and not colon
    return _is_port(port) and _is_host(host, special=special)


def _split_port(place: str) -> tuple[str, str, str]:
    inside = False
    for index, char in enumerate(place):
        if char == ":" and not inside:
            return place[:index], ":", place[index + 1 :]
        inside = char == "[" or (inside and char != "]")
    return place, "", ""


def _is_port(port: str) -> bool:
    # Leading zeros are fine, so a length limit would be wrong; stripping them keeps `int` cheap.
    return (
        _PORT.fullmatch(port) is not None
        and (digits := port.lstrip("0"))[:6] == digits
        and int(digits or "0") <= _PORT_MAX
    )


def _is_host(host: str, *, special: bool) -> bool:
    if host.startswith("["):
        return host.endswith("]") and _is_ipv6(host[1:-1])
    if not special:
        return _FORBIDDEN_IN_HOST.search(host) is None
    domain = _to_ascii(unquote_to_bytes(host).decode("utf-8", "replace"))
    if not domain or _FORBIDDEN_IN_DOMAIN.search(domain):
        return False
    return not _ends_in_number(domain) or _is_ipv4(domain)


def _ends_in_number(domain: str) -> bool:
    labels = domain.split(".")
    if labels[-1] == "" and len(labels) > 1:
        labels.pop()
    last = labels[-1]
    return bool(last) and (re.fullmatch("[0-9]+", last) is not None or _ipv4_number(last) is not None)


def _is_ipv4(domain: str) -> bool:
    parts = domain.split(".")
    if parts[-1] == "" and len(parts) > 1:
        parts.pop()
    if len(parts) > _V4_PARTS:
        return False
    numbers = [_ipv4_number(part) for part in parts]
    if any(number is None for number in numbers):
        return False
    *heads, last = [number or 0 for number in numbers]
    return all(head <= 0xFF for head in heads) and last < 256 ** (_V4_PARTS + 1 - len(parts))


def _ipv4_number(part: str) -> int | None:
    """The value of one part, decimal, octal (`0…`) or hexadecimal (`0x…`); anything far too large is cut to "too large"."""
    if not part:
        return None
    digits, radix, allowed = part, 10, "[0-9]*"
    if part[:2] in ("0x", "0X"):
        digits, radix, allowed = part[2:], 16, "[0-9A-Fa-f]*"
    elif len(part) > 1 and part[0] == "0":
        digits, radix, allowed = part[1:], 8, "[0-7]*"
    if re.fullmatch(allowed, digits) is None:
        return None
    digits = digits.lstrip("0")
    return 1 << 64 if len(digits) > 16 else int(digits or "0", radix)


def _is_ipv6(text: str) -> bool:
    """Eight groups of hexadecimal digits, `::` once for one or more zero groups, the last two groups possibly in dotted decimal."""
    head, gap, tail = text.partition("::")
    if gap and "::" in tail:
        return False
    left = head.split(":") if head else []
    right = tail.split(":") if tail else []
    ending = (right if gap else left) or [""]
    dotted = "." in ending[-1]
    groups = left + right
    if dotted:
        if not _is_dotted(ending[-1]):
            return False
        groups = groups[:-1]
    if not all(_HEX_GROUP.fullmatch(group) for group in groups):
        return False
    count = len(groups) + (2 if dotted else 0)
    return count < _V6_GROUPS if gap else count == _V6_GROUPS


def _is_dotted(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == _V4_PARTS and all(_DECIMAL.fullmatch(part) and int(part) <= 0xFF for part in parts)


def _to_ascii(domain: str) -> str | None:
    """The domain as the standard's "domain to ASCII" gives it (close enough to find forbidden characters in), or None if that fails."""
    if domain.isascii() and "xn--" not in domain.lower():
        return domain.lower()
    import idna  # noqa: PLC0415 # slow to load, and few hosts need it

    try:
        mapped = idna.uts46_remap(domain, std3_rules=False, transitional=False)
    except (idna.IDNAError, IndexError):
        return None
    labels = mapped.split(".")
    if not all(_is_label(label) for label in labels):
        return None
    return ".".join(label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii") for label in labels)


def _is_label(label: str) -> bool:
    """Whether a mapped label is valid: its Punycode stands for something, joiners only in context, one direction."""
    import idna  # noqa: PLC0415 # as above

    if label.startswith("xn--"):
        try:
            label = label[4:].encode("ascii").decode("punycode")
        except (UnicodeError, ValueError, OverflowError):
            return False
        if not label or not _is_mapped(label):
            return False
    if label.isascii():
        return True
    if unicodedata.category(label[0]).startswith("M") or "." in label:
        return False
    joiners = [index for index, char in enumerate(label) if char in "\u200c\u200d"]
    try:
        return all(idna.core.valid_contextj(label, index) for index in joiners) and _is_direction_clear(label)
    except (idna.IDNAError, ValueError):
        return False


def _is_mapped(label: str) -> bool:
    import idna  # noqa: PLC0415 # as above

    try:
        return idna.uts46_remap(label, std3_rules=False, transitional=False) == label
    except (idna.IDNAError, IndexError):
        return False


def _is_direction_clear(label: str) -> bool:
    """The Bidi rule of RFC 5893 (section 2) as Node 20 applies it: label by label; running left to right, the last character is free."""
    directions = [unicodedata.bidirectional(char) for char in label]
    while directions[-1] == "NSM":
        directions.pop()
    seen = set(directions)
    if not seen & {"R", "AL", "AN"}:
        return True
    if directions[0] == "L":
        return set(directions[:-1]) <= _NEUTRAL | {"L"}
    return (
        seen <= _NEUTRAL | {"R", "AL", "AN"} and directions[-1] in ("R", "AL", "EN", "AN") and not seen >= {"EN", "AN"}
    )
