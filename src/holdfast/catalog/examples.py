"""An entry's examples, judged: what the classifier says of each beside what the entry says it has to say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.contract.catalog import ApiCatalogEntry, ApiExample
from holdfast.faults.cases import read_case
from holdfast.faults.classify import examine
from holdfast.faults.rules import ApiRules
from holdfast.faults.verdict import Verdict

OBSERVED_AT = "2026-03-02T10:00:00Z"
"""When an example came that says no time of its own."""

_EXACT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleResult:
    """One example: its verdict (`None` when it was taken for a success) and what differs from what was expected, in words."""

    title: str
    verdict: Verdict | None
    differences: tuple[str, ...]


def judge_examples(entry: ApiCatalogEntry, rules: ApiRules | None) -> Iterator[ExampleResult]:
    """Judge every example of an entry with the given rules (`None`: with generic knowledge alone)."""
    for example in entry.examples or ():
        fault = read_case(
            case_of(example, api_id=entry.api_id), source=f"catalog entry {entry.api_id!r}", path=example.title
        )
        verdict = examine(fault, api=rules, expects_json=True)
        yield ExampleResult(title=example.title, verdict=verdict, differences=tuple(_differences(example, verdict)))


def case_of(example: ApiExample, *, api_id: str) -> dict[str, object]:
    """The example as a case of the corpus, without its label."""
    written = example.body if isinstance(example.body, str) else json.dumps(example.body)
    body = "" if example.body is None else written
    is_json = example.body is not None and not isinstance(example.body, str)
    return {
        "id": example.title,
        "vendor": api_id,
        "kind": "http",
        "method": example.method or "POST",
        "url_path": example.url_path or "",
        "status": example.status,
        "headers": dict(example.headers or {}),
        "body": body,
        "content_type": example.content_type or ("application/json" if is_json else ""),
        "observed_at": example.observed_at or OBSERVED_AT,
    }


def _differences(example: ApiExample, verdict: Verdict | None) -> Iterator[str]:
    if verdict is None:
        yield "was taken for a success"
        return
    expected = example.expect
    if verdict.category != expected.category:
        yield f"category is {verdict.category} by {verdict.rule}, expected {expected.category}"
    if expected.retryable is not None and verdict.retryable is not expected.retryable:
        yield f"retryable is {verdict.retryable} by {verdict.rule}, expected {expected.retryable}"
    if expected.outcome is not None and verdict.outcome != expected.outcome:
        yield f"outcome is {verdict.outcome} by {verdict.rule}, expected {expected.outcome}"
    wanted, said = expected.retry_after_s, verdict.retry_after_s
    if (wanted is None) != (said is None) or (
        wanted is not None and said is not None and abs(wanted - said) > _EXACT_S
    ):
        yield f"retry_after_s is {said}, expected {wanted}"
