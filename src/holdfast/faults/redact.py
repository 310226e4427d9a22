"""Taking secrets out of everything that is stored, logged or shown.

Used on HTTP traces, on the messages of verdicts and on bodies before they come to rest. What counts as secret: the
headers that carry credentials, any name containing `token`, `secret`, `key`, `password` and their like, user
information in URLs, text that looks like a token, and the exact values the caller knows to be secret. Taking out too
much is accepted; letting one through is not. It does not seal anything: see the secrets' store for that.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"

_SENSITIVE = re.compile(
    r"token|secret|key|passw|pwd|authorization|cookie|credential|signature|session|jwt|otp\b|\bsig\b|\bpin\b|\bcvc\b|\bcvv\b",
    re.IGNORECASE,
)
_LINE_MAX_CHARS = 160
_PLACE_MAX = 100_000  # values visited in one body
_STRADDLE_MAX = 4_096  # no known secret is longer: how much of a cut body's end is dropped, as half a secret would not be recognised

# Each pattern is a row of plain runs without nesting: linear in the text.
_USERINFO = re.compile(r"(?P<head>[a-zA-Z][a-zA-Z0-9+.\-]{0,20}://)[^/?#\s@\"'<>]{1,500}@")
_SCHEME = re.compile(
    r"\b(?P<head>Bearer|Basic|Digest|Token|ApiKey)(?P<gap>[ \t]{1,4})(?=[^\s,;\"']{0,300}[0-9._=+/\-])[^\s,;\"']{8,}",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r"(?P<name>(?:token|secret|key|passw(?:or)?d|pwd|authorization|cookie|credential|signature|session|jwt)"
    r"[\w.\-]{0,60}[\"']?[ \t]{0,3}[=:][ \t]{0,3})"
    r"(?P<value>\"[^\"\n]{0,5000}\"?|'[^'\n]{0,5000}'?|[^\s&;,\"'<>}\])]{1,5000})",
    re.IGNORECASE,
)
_KNOWN_FORM = re.compile(
    r"\beyJ[\w\-]{5,}\.[\w\-]{3,}(?:\.[\w\-]*)?"  # JWT
    r"|\b(?:sk|pk|rk|whsec|ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[a-z]|ya29|shpat|SG|hf|npm|pypi|dop_v1|AIza|AKIA|ASIA)[_.\-]?[\w\-.]{12,}"
    r"|-----BEGIN [A-Z ]{2,40}-----[^-]{0,10000}(?:-----END [A-Z ]{2,40}-----)?"
)
_LONG_RUN = re.compile(r"[A-Za-z0-9_\-+/=]{28,}")
_RUN = re.compile(r"[\w.+/=\-]{12}|-----")  # no token is shorter
_SCHEME_WORDS = ("bearer", "basic", "digest", "token", "apikey")
_PAIR_WORDS = (
    *_SCHEME_WORDS,
    "secret",
    "key",
    "passw",
    "pwd",
    "authorization",
    "cookie",
    "credential",
    "signature",
    "session",
    "jwt",
)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\Z")
_HEX = re.compile(r"%[0-9A-F]{2}")
_BASE64_MIN_BYTES = 9  # twelve characters: shorter ones also occur by chance
_EMAIL = re.compile(r"[\w.+\-]{1,64}@(?:[\w\-]{1,63}\.){1,8}[A-Za-z]{2,24}")


def is_sensitive(name: str) -> bool:
    """Whether values under this name (a header, a query parameter, a key of a body) are secret."""
    return _SENSITIVE.search(name) is not None


def redact_headers(headers: Iterable[tuple[str, str]], *, secrets: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """The headers with every credential taken out; the names stay, and so does the order."""
    return tuple(
        (name, REDACTED if is_sensitive(name) else redact_text(value, secrets=secrets)) for name, value in headers
    )


def redact_url(url: str, *, secrets: Sequence[str] = ()) -> str:
    """The URL without user information, without the values of secret query parameters and without a secret fragment."""
    head, mark, fragment = _replace_exact(url, secrets).partition("#")
    place, question, query = _USERINFO.sub(rf"\g<head>{REDACTED}@", head).partition("?")
    return _KNOWN_FORM.sub(REDACTED, place) + question + _redact_query(query) + mark + _redact_query(fragment)


def redact_text(text: str, *, secrets: Sequence[str] = ()) -> str:
    """The text with exact secrets, URL credentials, `name=value` pairs of secret names, token-like runs and e-mail addresses taken out.

    Linear in the length of the text. UUIDs stay: ids are what a person follows through logs.
    """
    if not secrets and _is_plain(text):
        return text
    found = _replace_exact(text, secrets) if secrets else text
    # Each is tried only where the sign without which it matches nothing is there.
    if "://" in found:
        found = _USERINFO.sub(rf"\g<head>{REDACTED}@", found)
    found = _SCHEME.sub(rf"\g<head>\g<gap>{REDACTED}", found)
    if ":" in found or "=" in found:
        found = _PAIR.sub(rf"\g<name>{REDACTED}", found)
    found = _KNOWN_FORM.sub(REDACTED, found)
    if "@" in found:
        found = _EMAIL.sub("[email]", found)
    return _LONG_RUN.sub(lambda run: REDACTED if _looks_random(run[0]) else run[0], found)


def plain(text: str) -> str:
    """The text with what commands terminals, or shows in another order than it is written, replaced by U+FFFD."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def one_line(text: str, *, secrets: Sequence[str] = ()) -> str:
    """A short extract of a text for people: redacted, without line breaks, at most 160 characters long."""
    # Redacted before it is cut: half a secret would not be recognised.
    line = plain(" ".join(redact_text(text[: 8 * _LINE_MAX_CHARS], secrets=secrets).split()))
    return line if len(line) <= _LINE_MAX_CHARS else line[: _LINE_MAX_CHARS - 1] + "…"


def redact_body(body: bytes, content_type: str | None, *, secrets: Sequence[str] = (), limit: int = 4_096) -> str:
    """A body as text for a trace: values under secret names taken out, at most `limit` characters long.

    JSON and forms are read by their structure, everything else as text; bytes that are no text are only counted.
    Redaction comes before cutting, and the end of a body too large to be read whole is dropped, so that half a secret
    never shows.
    """
    bound = max(65_536, 4 * limit)
    part = body[:bound]
    if b"\x00" in part[:1024]:
        return f"[{len(body)} bytes of {content_type or 'binary data'}]"
    text = _redact_by_form(part.decode("utf-8", "replace"), content_type or "", secrets)
    if len(body) > bound:
        text = text[: max(0, len(text) - _STRADDLE_MAX)]
    return text if len(text) <= limit else text[:limit] + f"… [{len(body)} bytes]"


def spellings(secret: str) -> set[str]:
    """The forms in which a secret may be quoted: as it is, escaped for JSON or HTML, percent-encoded, in base64 at any offset.

    Base64 is what `Basic` credentials and opaque bodies come in; at another offset than its own, its first and last characters depend on the
    neighbours and are left standing. Short secrets have no base64 worth looking for.
    """
    encoded = quote(secret, safe="")
    written = json.dumps(secret)[1:-1]
    found = {secret, encoded, _HEX.sub(lambda pair: pair[0].lower(), encoded), quote_plus(secret)}
    found |= {written, json.dumps(secret, ensure_ascii=False)[1:-1], written.replace("/", "\\/"), html.escape(secret)}
    raw = secret.encode("utf-8", "surrogatepass")
    if len(raw) >= _BASE64_MIN_BYTES:
        for offset in range(3):
            coded = base64.b64encode(b"\x00" * offset + raw).decode("ascii")
            inner = coded[(0, 2, 3)[offset] : len(coded) - (4 if (offset + len(raw)) % 3 else 0)]
            found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found


def _is_plain(text: str) -> bool:
    """Whether nothing in a text can be redacted, told by what every pattern above needs; most messages are so plain.

    Only of ASCII: some other letters are the same as an ASCII letter to a pattern that ignores case, and not to `lower`.
    """
    if not text.isascii() or "@" in text or "://" in text:
        return False
    lower = text.lower()
    words = _PAIR_WORDS if ":" in text or "=" in text else _SCHEME_WORDS
    for word in words:
        if word in lower:
            return False
    # Only a text with a long run can hold what the other two look for, and looking for a run is cheaper.
    return _RUN.search(text) is None or (_KNOWN_FORM.search(text) is None and _LONG_RUN.search(text) is None)


def _redact_by_form(text: str, content_type: str, secrets: Sequence[str]) -> str:
    if "x-www-form-urlencoded" in content_type.lower():
        return _redact_query(_replace_exact(text, secrets))
    if text.lstrip()[:1] in {"{", "["}:
        try:
            value: object = json.loads(text)
        except (ValueError, RecursionError):
            return redact_text(text, secrets=secrets)
        redacted = _redact_json(value, secrets)
        return json.dumps(redacted, ensure_ascii=False, separators=(",", ":"))
    return redact_text(text, secrets=secrets)


def _redact_json(value: object, secrets: Sequence[str]) -> object:
    """Walk a parsed body with an explicit stack; beyond `_PLACE_MAX` values the rest is taken out unseen."""
    root: list[object] = [value]
    stack: list[dict[str, object] | list[object]] = [root]
    visited = 0
    while stack:
        node = stack.pop()
        places = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
        for place, item in places:
            visited += 1
            secret = isinstance(place, str) and is_sensitive(place) and item is not None and not isinstance(item, bool)
            if secret or visited > _PLACE_MAX:
                node[place] = REDACTED  # type: ignore[index]  # place came from this very node
            elif isinstance(item, str):
                node[place] = redact_text(item, secrets=secrets)  # type: ignore[index]  # as above
            elif isinstance(item, dict | list):
                stack.append(item)
            elif str(item) in secrets:
                node[place] = REDACTED  # type: ignore[index]  # as above
    return root[0]


def _redact_query(query: str) -> str:
    if not query:
        return query
    pairs = []
    for pair in query.split("&"):
        name, equals, value = pair.partition("=")
        clean = REDACTED if value and is_sensitive(name) else redact_text(value)
        pairs.append(name + equals + clean)
    return "&".join(pairs)


def _replace_exact(text: str, secrets: Sequence[str]) -> str:
    forms = {form for secret in secrets if secret for form in spellings(secret)}
    for form in sorted(forms, key=len, reverse=True):  # the longest first: one secret may be part of another
        text = text.replace(form, REDACTED)
    return text


def _looks_random(run: str) -> bool:
    """Whether a long run of letters and digits is a token rather than a word or an id: it mixes both and is no UUID."""
    if _UUID.match(run):
        return False
    digits = sum(character.isdigit() for character in run)
    letters = sum(character.isalpha() for character in run)
    return digits >= 3 and letters >= 3
