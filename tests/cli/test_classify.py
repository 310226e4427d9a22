"""`holdfast classify`: verdicts per line, and one failure in words."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from holdfast.cli import classify

if TYPE_CHECKING:
    from tests.cli.conftest import Call

CASE = {
    "id": "one",
    "vendor": "stripe",
    "kind": "http",
    "method": "POST",
    "status": 409,
    "headers": {},
    "body": json.dumps({"error": {"code": "idempotency_key_in_use", "type": "idempotency_error", "message": "busy"}}),
    "content_type": "application/json",
    "observed_at": "2026-03-02T10:00:00Z",
}
ENTRY = """
apiId: shop
name: Shop
version: '1'
baseUrl: https://shop.example
errorMappings:
  - {codes: [idempotency_key_in_use], category: validation_failed, retryable: false, reason: Send another key.}
quirks: {}
"""


def lines(*cases: object) -> str:
    """A file of cases."""
    Path("cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in cases))
    return "cases.jsonl"


def verdicts(out: str) -> list[dict[str, object]]:
    """The verdicts printed, in order."""
    return [cast("dict[str, object]", json.loads(line)) for line in out.splitlines()]


def test_a_verdict_per_line_in_order(call: Call) -> None:
    """Each case becomes a verdict with its id, judged by the entry of its vendor; an unknown vendor is judged by generic knowledge."""
    ended = call(
        "classify", "--jsonl", lines(CASE, CASE | {"id": "two", "vendor": "nobody", "status": 500, "body": ""})
    )

    first, second = verdicts(ended.out)
    assert 0 == ended.code
    assert ("one", "state_inconsistent", True, None, "unknown") == tuple(
        first[name] for name in ("id", "category", "retryable", "retry_after_s", "outcome")
    )
    assert str(first["rule"]).startswith("catalog:stripe/")
    assert ("two", "api_unexpected_status") == (second["id"], second["category"])


def test_without_the_catalog_generic_rules_decide(call: Call) -> None:
    """`--no-catalog` leaves the shipped entries out."""
    ended = call("classify", "--jsonl", "--no-catalog", lines(CASE))

    assert not str(verdicts(ended.out)[0]["rule"]).startswith("catalog:")


def test_own_entries_come_first(call: Call) -> None:
    """A directory's entries are asked before the shipped ones."""
    Path("own").mkdir()
    Path("own/shop.yaml").write_text(ENTRY)

    ended = call("classify", "--jsonl", "--catalog", "own", lines(CASE | {"vendor": "shop"}))

    assert ("validation_failed", "Send another key.") == tuple(
        verdicts(ended.out)[0][name] for name in ("category", "suggestion")
    )


def test_bad_lines_are_reported_and_the_rest_judged(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, each bad line with its number, and every good line in its order."""
    monkeypatch.setattr(classify, "LINE_MAX_BYTES", 2_000)
    body = b"\n".join(
        [
            json.dumps(CASE).encode(),
            b"{",
            b"",
            b"[1]",
            b'{"a": "' + b"x" * 5_000 + b'"}',
            b"\xff",
            json.dumps(CASE | {"status": 0}).encode(),
        ]
    )
    Path("cases.jsonl").write_bytes(body + b"\n" + json.dumps(CASE | {"id": "last"}).encode())

    ended = call("classify", "--jsonl", "cases.jsonl")

    assert 2 == ended.code
    assert ["one", "last"] == [one["id"] for one in verdicts(ended.out)]
    assert [
        "cases.jsonl:2: is no JSON",
        "cases.jsonl:4: is no object",
        "cases.jsonl:5: is longer than 2000 bytes",
        "cases.jsonl:6: is not UTF-8",
        "cases.jsonl:7: status: must be an HTTP status from 100 to 999",
    ] == ended.err.splitlines()


def test_labels_in_a_line_change_nothing(call: Call) -> None:
    """What a line says beside the call is dropped before it is judged."""
    plain = call("classify", "--jsonl", lines(CASE))
    labelled = call(
        "classify", "--jsonl", lines(CASE | {"expect": {"category": "auth_invalid"}, "why": "token expired"})
    )

    assert plain.out == labelled.out


def test_one_answer_in_words(call: Call) -> None:
    """An answer as curl shows it is explained: what it is, whether to repeat it and when, and which rule says so."""
    Path("a.txt").write_text("HTTP/1.1 429 Too Many Requests\nRetry-After: 300\n\nslow\x1b[31m down")

    ended = call("classify", "a.txt", "--url", "https://api.stripe.com/v1/charges")

    assert 0 == ended.code
    assert "rate_limit_burst" in ended.out
    assert "It may work after 5 minutes (300 s)" in ended.out
    assert "entry stripe" in ended.out
    assert "\x1b" not in ended.out


def test_the_wait_counts_from_the_answers_own_date(call: Call) -> None:
    """An answer of last year still states the wait that it stated then."""
    text = "HTTP/1.1 503 No\nDate: Mon, 02 Mar 2026 10:00:00 GMT\nRetry-After: Mon, 02 Mar 2026 10:01:30 GMT\n\n"
    Path("a.txt").write_text(text)

    ended = call("classify", "a.txt", "--json")

    assert 90 == ended.fields["retry_after_s"]


def test_an_absurd_wait_and_a_documented_reset_are_told(call: Call) -> None:
    """What is worth knowing stands beside the verdict, and a reset that only documentation knows is called one."""
    Path("own").mkdir()
    window = (
        "quotaWindows:\n  - {name: daily, period: 86400000, codes: [quota], reset: {time: '00:00', timeZone: UTC}}\n"
    )
    Path("own/shop.yaml").write_text(ENTRY + window)
    Path("a.txt").write_text("HTTP/1.1 503 No\nRetry-After: 34560000\n\n")
    Path("b.txt").write_text('HTTP/1.1 403 No\nDate: Mon, 02 Mar 2026 12:00:00 GMT\n\n{"error": {"code": "quota"}}')
    own = ("--catalog", "own", "--api", "shop")

    assert call("classify", "a.txt", "--json").fields["notes"] == ["the stated wait of 400 days is absurd"]
    assert "the stated wait of 400 days is absurd" in call("classify", "a.txt").out
    assert call("classify", "b.txt", "--json", *own).fields["quota_resets_in_s"] == 43_200
    assert "Its quota opens again in 12 hours (43200 s), by its documentation" in call("classify", "b.txt", *own).out


def test_a_traceback_from_standard_input(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` is standard input; an exception is explained like an answer."""
    stream = io.TextIOWrapper(io.BytesIO(b"httpx.ConnectError: [Errno 111] Connection refused"))
    monkeypatch.setattr("sys.stdin", stream)

    ended = call("classify", "-")

    assert "network_connection_refused" in ended.out
    assert "It did not happen" in ended.out


def test_a_success_is_called_one(call: Call) -> None:
    """Nothing is made up about an answer that is fine."""
    Path("a.txt").write_text('HTTP/1.1 200 OK\nContent-Type: application/json\n\n{"id": 1}')

    ended = call("classify", "a.txt")

    assert (0, True) == (ended.code, "is a success" in ended.out)
    assert call("classify", "a.txt", "--json").json is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["none.txt"], "cannot be read", id="no-file"),
        pytest.param(["hello.txt"], "neither an HTTP answer", id="no-failure"),
        pytest.param(["answer.txt", "--api", "nobody"], "no API is called", id="no-api"),
        pytest.param(["--jsonl", "none.jsonl"], "cannot be read", id="no-lines"),
    ],
)
def test_bad_input_says_what_to_do(call: Call, arguments: list[str], words: str) -> None:
    """Exit code 2 and one clear line."""
    Path("hello.txt").write_text("hello")
    Path("answer.txt").write_text("HTTP/1.1 500 No\n\n")

    ended = call("classify", *arguments)

    assert (2, "") == (ended.code, ended.out)
    assert words in ended.err
