"""Strings for the comparison with zod: many small edits of good ones, and URLs put together from awkward pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Final, TypeVar

from tools.zod_parity.values import GOOD, STRANGE

__all__ = ["STRING_COUNTS", "strings_of"]

T = TypeVar("T")

STRING_COUNTS: Final[Mapping[str, int]] = {
    "URL": 20_000,
    "ISODateTime": 6_000,
    "UUID": 3_000,
    "ActionReference": 3_000,
}
"""How many strings are compared for each schema."""

_LETTERS: Final[Mapping[str, tuple[str, str]]] = {
    "ISODateTime": ("time", "0123456789-:.TZtz \n\u0663"),
    "UUID": ("uuid", "0123456789abcdefABCDEFg-{}\n"),
    "ActionReference": ("reference", "${}.[]ab_ 0-\n\u0661"),
}
"""For each schema the kind of its good values, and the letters edits put in."""

# Only characters that Unicode defined long ago: the tables of Python and of JavaScript runtimes differ in what came lately.
_PIECES: Final = [
    *[
        "http",
        "https",
        "HTTP",
        "ws",
        "file",
        "ftp",
        "mailto",
        "foo",
        "git+ssh",
        ":",
        "/",
        "//",
        "\\",
        "?",
        "#",
        "@",
        "[",
        "]",
    ],
    *[
        "[::1]",
        "[1:2:3:4:5:6:7:8]",
        "::",
        "1.2.3.4",
        "256",
        "0x7f",
        "0x",
        "09",
        "08",
        "1",
        "65535",
        "65536",
        "00080",
        ".",
        "..",
    ],
    *[
        "example",
        "com",
        "EXAMPLE.com",
        "{param}",
        "${x}",
        "%41",
        "%",
        "%00",
        "%zz",
        "%2e",
        "%C3%A9",
        "%ff",
        " ",
        "\t",
        "\n",
        "\0",
    ],
    *[
        "\x01",
        "\x7f",
        "é",
        "ß",
        "\u05d0",
        "\u0627",
        "xn--",
        "xn--a",
        "xn--e1afmkfd",
        "xn--zca",
        "xn--mgba",
        "\u200d",
        "\u00ad",
        "\u3002",
    ],
    *[
        "。",
        "\uff05",
        "<",
        ">",
        "^",
        "|",
        "`",
        "{",
        "}",
        '"',
        "'",
        "_",
        "-",
        "+",
        "*",
        "user",
        "C:",
        "c|",
        "localhost",
        "\ufffd",
    ],
    *[
        "\ud800",
        "😀",
        "\u0301",
        "⅓",
        "①",
        "\u017f",
        "℀",
        "Ⅷ",
        "::ffff:1.2.3.4",
        "1:2",
        "g",
        ";",
        "=",
        "&",
        "$",
        "!",
        "~",
        "(",
        ",",
    ],
    *["\u200c", "faß", "日本"],
]
_STARTS: Final = ["http://", "https://", "x://", "file://", "http:", "ws:/\\"]
_GROUPS: Final = ["1", ":", "::", "ffff", "0", ".", "1.2.3.4", "a", "12345", "255", "01", "256"]


def strings_of(schema: str, *, seed: int) -> Iterator[str]:
    """The strings to compare for `schema`, the same for the same seed."""
    dice = Random(f"{seed}/strings/{schema}")  # noqa: S311 # reproducible on purpose
    make: Callable[[Random], str] = _address if schema == "URL" else _edited(schema)
    for _ in range(STRING_COUNTS[schema]):
        yield make(dice)


def _edited(schema: str) -> Callable[[Random], str]:
    kind, letters = _LETTERS[schema]
    roots = [text for text in [*GOOD[kind], *STRANGE[kind]] if isinstance(text, str)]

    def make(dice: Random) -> str:
        return _edit(_pick(roots, dice), pieces=letters, dice=dice)

    return make


def _address(dice: Random) -> str:
    roll = dice.random()
    if roll < 0.3:
        return _joined(_PIECES, dice=dice, most=8)
    if roll < 0.5:
        return _pick(_STARTS, dice) + _joined(_PIECES, dice=dice, most=5)
    if roll < 0.65:
        return "http://" + _joined("0123456789abcdefx.:[]", dice=dice, most=12)
    if roll < 0.8:
        return (
            _pick(["http://", "q://"], dice)
            + "["
            + _joined(_GROUPS, dice=dice, most=12)
            + "]"
            + _pick(["", ":80", "/", ":x", "a"], dice)
        )
    roots = [text for text in GOOD["url"] if isinstance(text, str)]
    return _edit(_pick(roots, dice), pieces=_PIECES, dice=dice)


def _edit(text: str, *, pieces: Sequence[str], dice: Random) -> str:
    letters = list(text)
    for _ in range(1 + int(dice.random() * 3)):
        place = int(dice.random() * (len(letters) + 1))
        roll = dice.random()
        if roll < 0.4:
            letters.insert(place, _pick(pieces, dice))
        elif roll < 0.7:
            letters[place : place + 1] = [_pick(pieces, dice)]
        else:
            letters[place : place + 1] = []
    return "".join(letters)


def _joined(pieces: Sequence[str], *, dice: Random, most: int) -> str:
    return "".join(_pick(pieces, dice) for _ in range(1 + int(dice.random() * most)))


def _pick(items: Sequence[T], dice: Random) -> T:
    return items[int(dice.random() * len(items))]
