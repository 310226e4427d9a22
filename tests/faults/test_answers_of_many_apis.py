"""Answers in the shapes that many APIs document, judged without knowing any of the APIs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.faults.capture import capture_answer
from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from tests.faults.samples import NOON

_LINES = (Path(__file__).parent / "answers.jsonl").read_text(encoding="utf-8").splitlines()
CASES = [json.loads(line) for line in _LINES]


def _fault(case: dict[str, object]) -> Fault:
    body = case["body"]
    if isinstance(body, str):
        content_type = (
            "text/html" if "<html" in body.lower() else "application/xml" if body[:1] == "<" else "text/plain"
        )
    else:
        content_type = "application/json"
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return capture_answer(
        case["status"],
        [*case.get("headers", {}).items(), *([("Content-Type", content_type)] if raw else [])],
        body=raw,
        operation="call",
        observed_at=NOON,
        method=case.get("method", "POST"),
        url=f"https://api.example.com{case.get('path', '/v1/things/1')}",
    )


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{i}-{case['status']}") for i, case in enumerate(CASES)])
def test_judges_the_answer_of_an_api_it_does_not_know(case: dict[str, object]) -> None:
    """Category, retryability and outcome follow from the protocol, the code and the words."""
    verdict = classify(_fault(case))

    assert verdict.category in case["categories"], verdict.rule
    assert (case["retryable"], case["outcome"]) == (verdict.retryable, verdict.outcome), verdict.rule
