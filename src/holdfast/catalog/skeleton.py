"""A first entry for an API: a file with a comment at each place where the vendor's pages have something to say."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import urlsplit

from holdfast.errors import BadInput, Problem

_ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

_TEMPLATE = """\
# What is known of {title}. Every part below is optional but the first four, errorMappings and quirks.
# Check it: holdfast catalog lint {file}    Run its examples: holdfast catalog test {file}
apiId: {api_id}
name: {name}
version: "1"
baseUrl: {base_url}
# Further addresses; a host may begin with *. for any name in that place.
# baseUrls: ["https://*.{host}/v2"]

# The day it was compared with the vendor's pages, and which pages those were.
dateChecked: "{today}"
source: {source}
links:
  errors: {site}/

# Rules from its errors to categories; the first that fits counts, so write the special ones first. All conditions of a rule must hold:
#   codes: [card_declined]      the API's own codes, whole, in any letter case
#   statuses: [409]             statuses of the answer
#   methods: [POST]             methods of the request
#   urlPattern: "/orders/"      a pattern for the path of the request
#   pattern: "(?i)over quota"   a pattern for the error's text, where there is no code
# outcome: not_executed | unknown | executed says whether the side effect happened, where the API's pages say so.
errorMappings:
  - codes: [quota_exceeded]
    category: rate_limit_daily
    retryable: true
    reason: The day's quota is used up.

# Where it leaves the usual road.
quirks: {{}}
#   successWithErrorBody: true  it answers 200 with the error in the body

# Whether and how it honours idempotency keys; without this, a POST whose answer was lost is left to a person.
# idempotency: {{header: Idempotency-Key, keyLifetime: 86400000}}

# What a worker asks from time to time, to notice that it is down before your users do.
# healthCheck: {{endpoint: /health, expectedStatus: 200, timeout: 5000}}

# Failures as it answers them, and what they have to be judged as.
examples:
  - title: the day's quota is used up
    status: 429
    body: {{error: {{code: quota_exceeded, message: Quota exceeded}}}}
    expect: {{category: rate_limit_daily, retryable: true}}
"""


def skeleton(api_id: str, base_url: str, *, today: date, name: str | None = None) -> str:
    """The text of a first entry, valid as it is.

    Args:
        api_id: small letters, digits, `_`, `.` and `-`; it names the file, too.
        base_url: where the API's addresses begin.
        today: the day it is written.
        name: what people call it.

    Raises:
        BadInput: the id or the address cannot be used; both are told.
    """
    parts = _parts(base_url)
    problems = [
        Problem(source="catalog new", path=path, message=message)
        for path, is_good, message in (
            ("ID", _ID.fullmatch(api_id) is not None, f"{api_id!r} must be 1 to 64 small letters, digits, _, . and -, such as acme_crm"),
            ("URL", parts is not None, f"{base_url!r} must be an address such as https://api.acme.example/v1, without query"),
            ("--name", name is None or name.isprintable(), "must be one line of text"),
        )
        if not is_good
    ]  # fmt: skip
    if problems or parts is None:
        raise BadInput(problems)
    scheme, host = parts
    title = name or re.sub("[_.-]+", " ", api_id).title()
    return _TEMPLATE.format(
        api_id=_quoted(api_id),
        file=f"{api_id}.yaml",
        title=title,
        name=_quoted(title),
        source=_quoted(f"{title}: documentation of errors"),
        base_url=base_url,
        host=host,
        site=f"{scheme}://{host}",
        today=today.isoformat(),
    )


def _parts(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    is_plain = (
        not (parts.query or parts.fragment or parts.username)
        and url.isprintable()
        and '"' not in url
        and " " not in url
    )
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain:
        return None
    return parts.scheme, parts.hostname if port is None else f"{parts.hostname}:{port}"


def _quoted(text: str) -> str:
    """A YAML scalar that is read as this very text."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
