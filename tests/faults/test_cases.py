"""Failed calls written down as JSON."""

from __future__ import annotations

import pytest

from holdfast.errors import BadInput
from holdfast.faults.cases import read_case
from holdfast.faults.fault import Phase

ANSWER = {
    "id": "a-1",
    "vendor": "stripe",
    "kind": "http",
    "method": "POST",
    "url_path": "/v1/charges",
    "status": 402,
    "headers": {"Request-Id": "req_1"},
    "body": '{"error":{}}',
    "content_type": "application/json",
    "observed_at": "2026-03-02T10:00:00Z",
}
RAISED = {
    "kind": "exception",
    "exception": {"type": "httpx.ConnectError", "message": "no", "cause_types": ["socket.gaierror", 3]},
    "observed_at": "2026-03-02T10:00:00+00:00",
}


def test_an_answer() -> None:
    """Everything that a fault knows comes from the case."""
    fault = read_case(ANSWER)

    assert ("stripe", "POST", "/v1/charges", 402, "application/json") == (
        fault.api_id,
        fault.method,
        fault.url,
        fault.status,
        fault.content_type,
    )
    assert (b'{"error":{}}', ("req_1",)) == (fault.body, fault.header_values("request-id"))


def test_an_exception() -> None:
    """The type and its causes are taken by name; a cause that is no text is left out."""
    fault = read_case(RAISED)

    assert (("httpx.ConnectError",), ("socket.gaierror",), "no") == (
        fault.exception_lineage,
        fault.exception_chain,
        fault.message,
    )
    assert fault.phase is Phase.CONNECT


def test_labels_never_reach_the_fault() -> None:
    """What a case says beside the call, such as its label, is dropped before anything is judged."""
    label = {"expect": {"category": "auth_invalid"}, "why": "auth", "source": "token expired", "outcome": "executed"}

    assert read_case(ANSWER) == read_case(ANSWER | label)
    assert read_case(RAISED) == read_case(RAISED | label)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        pytest.param({"observed_at": None}, "observed_at", id="no-time"),
        pytest.param({"observed_at": "yesterday"}, "observed_at", id="bad-time"),
        pytest.param({"observed_at": "2026-03-02T10:00:00"}, "observed_at", id="no-zone"),
        pytest.param({"status": "402"}, "status", id="status-as-text"),
        pytest.param({"status": True}, "status", id="status-as-truth"),
        pytest.param({"status": 99}, "status", id="status-too-low"),
        pytest.param({"headers": ["a"]}, "headers", id="headers-as-list"),
        pytest.param({"body": {"a": 1}}, "body", id="body-as-object"),
        pytest.param({"kind": "exception"}, "exception", id="no-exception"),
        pytest.param({"exception": {"message": "x"}}, "exception", id="no-type"),
    ],
)
def test_a_case_that_is_none(change: dict[str, object], path: str) -> None:
    """What does not fit is told with its place."""
    with pytest.raises(BadInput) as refused:
        read_case(ANSWER | change, source="cases.jsonl", path="[3]")

    assert [("cases.jsonl", f"[3].{path}")] == [(problem.source, problem.path) for problem in refused.value.problems]
