"""What XML and HTML answers say: the texts of an XML document's leaves, and the words that a page shows.

Markup is cut at its angle brackets and never handed to a parser: nothing is expanded, fetched or nested, so that no
document can cost more than its bounded beginning (no entities, no recursion). That is enough, because errors in XML
are flat lists of named texts (S3, SOAP, EC2), and of a page only its title and its first words count.
"""

from __future__ import annotations

from html import unescape
from itertools import pairwise

_PIECES_MAX = 600
_XML_MAX_CHARS = 16_384
_PAGE_MAX_CHARS = 16_384
_WORDS_MAX_CHARS = 1_500
_TEXT_MAX_CHARS = 500
_HIDDEN = ("script", "style", "!--", "svg", "noscript", "head>")


def xml_leaves(text: str) -> tuple[tuple[str, str], ...]:
    """Names (without prefix, in lower case) and texts of the leaves of a document's beginning, in its order.

    A document with a type declaration has none: no API sends one, and what it declares is nobody's error.
    """
    start = text[:_XML_MAX_CHARS]
    if "<!DOCTYPE" in start or "<!ENTITY" in start:
        return ()
    found: list[tuple[str, str]] = []
    pieces = start.split("<", _PIECES_MAX)
    for piece, following in pairwise(pieces[1:]):
        tag, closed, content = piece.partition(">")
        name = _local(tag)
        if not closed or not name:
            continue
        if following.startswith("![CDATA["):
            content = following[8:].partition("]]>")[0]
        elif not following.startswith("/") or _local(following[1:].partition(">")[0]) != name:
            continue
        if words := unescape(content[:_TEXT_MAX_CHARS]).strip():
            found.append((name, words))
    return tuple(found)


def page_title(text: str) -> str | None:
    """The title of a page, or its first heading; `None` when it has neither."""
    head = text[:_PAGE_MAX_CHARS]
    lower = head.lower()
    for opening, closing in (("<title", "</title"), ("<h1", "</h1")):
        start = lower.find(opening)
        if start < 0:
            continue
        start = lower.find(">", start) + 1
        end = lower.find(closing, start)
        if 0 < start < end and (title := _words(head[start:end])[:300]):
            return title
    return None


def page_words(text: str) -> str:
    """The words a page shows, without scripts and styles, at most 1,500 characters."""
    return _words(text[:_PAGE_MAX_CHARS])[:_WORDS_MAX_CHARS]


def _words(markup: str) -> str:
    first, *pieces = markup.split("<", _PIECES_MAX)
    shown = [first]
    shown.extend(piece.partition(">")[2] for piece in pieces if not piece.lower().startswith(_HIDDEN))
    return " ".join(unescape(" ".join(shown)).split())


def _local(tag: str) -> str:
    """The name of a tag without prefix and attributes; empty for declarations and ends."""
    name = tag.split(None, 1)[0].rstrip("/") if tag and not tag[0].isspace() else ""
    return "" if name[:1] in {"/", "!", "?"} else name.rpartition(":")[2].lower()[:60]
