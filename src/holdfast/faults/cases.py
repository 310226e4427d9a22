"""A failed call written down as one JSON object becomes a fault: the form of the corpus, of `holdfast classify` and of the catalog's examples.

Keys: `kind` (`http` or `exception`), `method`, `url_path`, `status`, `headers`, `body`, `content_type`, `exception`
(`type`, `message`, `cause_types`), `observed_at` (now, for every wait), `id` and `vendor` (the API). Everything else in
the object is dropped, so that no label can leak into a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from holdfast.errors import BadInput, Problem
from holdfast.faults.capture import capture_answer, capture_names
from holdfast.faults.fault import Fault

_OPERATION = "call"


def read_case(case: Mapping[str, object], *, source: str = "", path: str = "") -> Fault:
    """The fault that a written-down call stands for.

    Args:
        case: the object; see the module for its keys.
        source: the file or argument it came from, for the messages.
        path: its place in the source.

    Raises:
        BadInput: a key is missing or of the wrong kind; every problem is listed.
    """
    problems: list[Problem] = []
    kind = "exception" if case.get("kind") == "exception" or case.get("exception") else "http"
    observed_at = _observed_at(case.get("observed_at"))
    if observed_at is None:
        problems.append(
            _problem(source, path, "observed_at", "must be a time with a zone, such as 2026-03-02T10:00:00Z")
        )
    status = case.get("status")
    if kind == "http" and (isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 999):
        problems.append(_problem(source, path, "status", "must be an HTTP status from 100 to 999"))
    headers = case.get("headers") or {}
    if not isinstance(headers, Mapping) or not all(isinstance(name, str) for name in headers):
        problems.append(_problem(source, path, "headers", "must be an object of texts"))
    texts = ("method", "url_path", "body", "content_type", "vendor")
    wrong = [name for name in texts if not isinstance(case.get(name) or "", str)]
    problems.extend(_problem(source, path, name, "must be a text") for name in wrong)
    raised = case.get("exception")
    if kind == "exception" and not (isinstance(raised, Mapping) and isinstance(raised.get("type"), str)):
        problems.append(_problem(source, path, "exception", "must be an object with type, message and cause_types"))
    if problems or observed_at is None:
        raise BadInput(problems)
    if kind == "exception":
        return _exception(case, cast("Mapping[str, object]", raised), observed_at)
    pairs = [(name, str(value)) for name, value in cast("Mapping[str, object]", headers).items()]
    content_type = _text(case, "content_type")
    if content_type and not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.append(("Content-Type", content_type))
    return capture_answer(
        cast(int, status),
        pairs,
        body=(_text(case, "body") or "").encode("utf-8", "surrogatepass"),
        operation=_OPERATION,
        observed_at=observed_at,
        method=_text(case, "method"),
        url=_text(case, "url_path"),
        api_id=_text(case, "vendor"),
    )


def _exception(case: Mapping[str, object], raised: Mapping[str, object], observed_at: datetime) -> Fault:
    causes = raised.get("cause_types") or ()
    names = [one for one in causes if isinstance(one, str)] if isinstance(causes, list | tuple) else []
    return capture_names(
        [cast(str, raised["type"])],
        names,
        message=str(raised.get("message") or ""),
        operation=_OPERATION,
        observed_at=observed_at,
        method=_text(case, "method"),
        url=_text(case, "url_path"),
        api_id=_text(case, "vendor"),
    )


def _text(case: Mapping[str, object], name: str) -> str | None:
    item = case.get(name)
    return item if isinstance(item, str) and item else None


def _observed_at(item: object) -> datetime | None:
    if not isinstance(item, str):
        return None
    try:
        moment = datetime.fromisoformat(item)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _problem(source: str, path: str, name: str, message: str) -> Problem:
    return Problem(source=source, path=f"{path}.{name}" if path else name, message=message)
