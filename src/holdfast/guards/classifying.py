"""What went wrong, asked by hand: a verdict on an exception that was caught or on an answer that came, whatever library it is from.

The door's `holdfast.classify`. It does what a policy does around a call, for programs that make their calls themselves. No library is imported,
and nothing is read from a connection: of an answer's body only what the program has already read is looked at.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from holdfast.apis.libraries import recognised
from holdfast.apis.shipped import match_shipped, shipped_ids, shipped_rules
from holdfast.errors import BadInput, Problem
from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.carried_answers import botocore_answer, header_pairs, read_body, status_of
from holdfast.faults.classify import classify as judge, examine
from holdfast.faults.context import NO_CONTEXT, FaultContext
from holdfast.faults.rules import ApiRules
from holdfast.faults.verdict import Verdict
from holdfast.guards.judging import own_error
from holdfast.guards.world import WORLD

__all__ = ["classify"]


def classify(
    thing: object,
    *,
    api: str | None = None,
    operation: str = "call",
    method: str | None = None,
    url: str | None = None,
    observed_at: datetime | None = None,
    secrets: Sequence[str] = (),
    context: FaultContext = NO_CONTEXT,
) -> Verdict | None:
    """Says what an exception or an answer means: None for an answer that is a success.

    `thing` is an exception, or an answer of httpx2, httpx, requests, aiohttp or any library whose answers have a status and headers, or the
    dictionary that botocore returns. Read the body first if it is to count: what has not been read is not looked at. A redirect is no failure.

    `api` is the id or another name of an entry of the catalog that comes with Holdfast; without it, the entry is found by the address of the
    request, if there is one. `operation` names the call in messages and fingerprints. `method` and `url` are taken from the answer's request if
    they are not given. `observed_at` is when it came, now by default; waits are counted from it. `secrets` are values to keep out of the verdict's
    words. Safe to call from any thread; nothing is kept.

    Raises:
        BadInput: `api` names no entry, or `thing` is neither an exception nor an answer.
    """
    at = WORLD.now() if observed_at is None else observed_at
    if isinstance(thing, BaseException):
        own = own_error(thing, operation)
        if own is not None:
            return own
        request = _attribute(thing, "request")
        url = url or _text(_attribute(request, "url"))
        rules = _rules(api, url)
        fault = capture_exception(
            thing,
            operation=operation,
            observed_at=at,
            method=method or _text(_attribute(request, "method")),
            url=url,
            api_id=None if rules is None else rules.api_id,
            context=context,
        )
        if rules is None:
            fault, rules = recognised(fault)
        return judge(fault, api=rules, secrets=secrets)
    return _answered(
        thing, api=api, operation=operation, method=method, url=url, observed_at=at, secrets=secrets, context=context
    )


def _answered(
    thing: object,
    *,
    api: str | None,
    operation: str,
    method: str | None,
    url: str | None,
    observed_at: datetime,
    secrets: Sequence[str],
    context: FaultContext,
) -> Verdict | None:
    request = _attribute(thing, "request")
    url = url or _text(_attribute(thing, "url")) or _text(_attribute(request, "url"))
    method = method or _text(_attribute(request, "method")) or _text(_attribute(thing, "method"))
    rules = _rules(api, url)
    answer = botocore_answer(thing) if isinstance(thing, Mapping) else None
    status = status_of(thing) if answer is None else answer.status
    if status is None:
        if isinstance(thing, Mapping) and "ResponseMetadata" in thing:
            return None  # botocore's answer to a call that went well
        message = f"must be an exception or an answer with a status, not {type(thing).__name__}. Pass what your client raised or returned."
        raise BadInput([Problem(source="classify", path="thing", message=message)])
    if status < 200 or 300 <= status < 400:
        return None
    fault = capture_answer(
        status,
        header_pairs(_attribute(thing, "headers")) if answer is None else answer.headers,
        body=read_body(thing) if answer is None else answer.body,
        operation=operation,
        observed_at=observed_at,
        method=method,
        url=url,
        api_id=None if rules is None else rules.api_id,
        context=context,
    )
    if answer is not None and fault.content_type is None:
        fault = replace(fault, content_type="application/json")
    return examine(fault, api=rules, secrets=secrets)


def _rules(api: str | None, url: str | None) -> ApiRules | None:
    if api is None:
        found = match_shipped(url) if url is not None else None
        return None if found is None else shipped_rules(found)
    rules = shipped_rules(api)
    if rules is None:
        near = difflib.get_close_matches(api.lower(), shipped_ids(), n=1)
        advice = f"Did you mean {near[0]!r}?" if near else "See all of them: holdfast catalog list"
        message = f"no entry of the catalog is called {api!r}. {advice}"
        raise BadInput([Problem(source="classify", path="api", message=message)])
    return rules


def _attribute(thing: object, name: str) -> object:
    """An attribute of an object of any library; None where there is none or it cannot be read (httpx has a `request` that raises)."""
    try:
        found: object = getattr(thing, name, None)
    except Exception:  # noqa: BLE001 - a property of any library
        return None
    return found


def _text(value: object) -> str | None:
    return None if value is None or callable(value) else str(value)
