"""One short name for all faults of the same kind, so that a thousand of them can be counted as one.

Two faults share a fingerprint when category, status, code, where they happened and the words of their message agree
once everything that differs from call to call (numbers, ids, hashes, addresses, paths, quoted values) is taken out. The
first part is the version of this rule: a stored fingerprint is compared only with its own version. Nothing that is
decided depends on one: attempts and events keep the fingerprint of their day, and a new version begins new groups.

Every judged fault pays for this, so it looks at whole words, the plain ones by one test each: a regular expression that
tries its alternatives at every character costs five times as much.
"""

from __future__ import annotations

import re
import string
from hashlib import blake2b
from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import ErrorCategory

if TYPE_CHECKING:
    from holdfast.faults.verdict import Verdict

VERSION = 2

OWN_PREFIX = "own:"
"""What the fingerprints begin with that users give themselves."""

OWN_FIELDS = ("category", "place", "code", "status", "rule", "standard")
"""What a user's own fingerprint may name in braces; `standard` is the fingerprint that it would have otherwise."""

_MESSAGE_MAX_CHARS = 1_000
_OWN_MAX_CHARS = 80
# No quotation begins or ends within a word: "couldn't" and "can't" are two words, and nothing is quoted between them.
_QUOTED = re.compile(r"\"[^\"\n]{0,500}\"|`[^`\n]{0,500}`|(?<![^\W_])'[^'\n]{0,500}'(?![^\W_])")
# Signs inside an id, a number or a word are left out, so that each is one run of letters and digits; others part words.
_INSIDE = b"_-.+%$#*^~'!?"
_BETWEEN = b',;:=&|<>()[]{}"`\x1f'
_SPACED = bytes(32 if byte in _BETWEEN else byte for byte in range(256))
_ADDRESS = re.compile(r"://\S{1,1000}")
_RUN_WITH_DIGIT = re.compile(rb"[0-9a-z]*[0-9][0-9a-z]*")


def fingerprint(
    category: ErrorCategory, place: str, *, message: str, status: int | None = None, code: str | None = None
) -> str:
    """The fingerprint of a fault: `2:` and 16 hexadecimal digits, the same in every process and release of this version.

    The digits are 64 bits of BLAKE2b: among a million kinds of faults, two share one by chance once in forty million.

    Args:
        category: what it was classified as.
        place: the API's id, or the operation where there is none.
        message: already redacted.
        status: the HTTP status, if an answer came.
        code: the API's own code.
    """
    head = "\x1f".join((category, place, str(status or ""), code or "", "")).encode("utf-8", "replace")
    return f"{VERSION}:{blake2b(head + _steady(message), digest_size=8).hexdigest()}"


def normalise(message: str) -> str:
    """The message without what differs from call to call and without most signs, in lower case; `#` stands for what was taken out."""
    return _steady(message).decode("utf-8", "replace")


def own_fingerprint(template: str, verdict: Verdict, *, place: str) -> str:
    """The fingerprint that a user's template makes of a verdict: `own:` and at most 80 characters.

    `{category}`, `{place}`, `{code}`, `{status}`, `{rule}` and `{standard}` are replaced; all else stands for itself.
    """
    values = {
        "category": verdict.category.value,
        "place": verdict.api_id or place,
        "code": verdict.code or "",
        "status": "" if verdict.status is None else str(verdict.status),
        "rule": verdict.rule,
        "standard": verdict.fingerprint,
    }
    return OWN_PREFIX + template.format_map(values)[:_OWN_MAX_CHARS]


def template_problem(template: object) -> str | None:
    """What is wrong with a template for fingerprints; None when it is fine."""
    if not isinstance(template, str) or not template.strip():
        return f"must be a text such as 'card-declined {{code}}', not {template!r}"
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as err:
        return f"has braces that do not fit together: {err}; write {{{{ for a brace"
    for _, field, form, conversion in parts:
        if field is not None and (field not in OWN_FIELDS or form or conversion):
            return f"may name {', '.join(f'{{{name}}}' for name in OWN_FIELDS)}, not {{{field}}}"
    return None


def _steady(message: str) -> bytes:
    text = message[:_MESSAGE_MAX_CHARS].lower()
    if '"' in text or "'" in text or "`" in text:
        text = _QUOTED.sub(" 0 ", text)
    if "://" in text:
        text = _ADDRESS.sub(" 0 ", text.replace("https://", "://").replace("http://", "://"))
    if ":\\" in text:
        text = text.replace(":\\", "\\")  # a drive's letter is part of its path
    words = text.encode("utf-8", "replace").translate(_SPACED, _INSIDE).split()
    # Letters only: a word. Letters and digits, which is not letters only: a number or an id.
    return b" ".join([word if word.isalpha() else b"#" if word.isalnum() else _rest(word) for word in words])


def _rest(word: bytes) -> bytes:
    """A word with other signs in it: an address, a path, alternatives such as `connect/reset`, or a script without blanks."""
    if not word.isascii():
        return _RUN_WITH_DIGIT.sub(b"#", word)
    is_steady = word[:1] != b"/" and word.replace(b"/", b"").isalpha()
    return word if is_steady else b"#"
