"""`holdfast classify`: verdicts per line, and one failure in words."""

from __future__ import annotations

import io
import json
import subprocess
import sys
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
    assert "Stripe (entry stripe, checked 20" in ended.out
    assert "its errors     https://docs.stripe.com/error-codes" in ended.out
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
        pytest.param(["empty.txt"], "is empty", id="empty"),
        pytest.param(["--jsonl", "none.jsonl"], "cannot be read", id="no-lines"),
    ],
)
def test_bad_input_says_what_to_do(call: Call, arguments: list[str], words: str) -> None:
    """Exit code 2 and one clear line."""
    Path("hello.txt").write_text("hello")
    Path("empty.txt").write_text("\n")
    Path("answer.txt").write_text("HTTP/1.1 500 No\n\n")

    ended = call("classify", *arguments)

    assert (2, "") == (ended.code, ended.out)
    assert words in ended.err


REFUSED = (
    'HTTP/1.1 402 Payment Required\nRequest-Id: req_7\n\n{"error": {"type": "card_error", "code": "card_declined"}}'
)


def test_json_says_which_api_was_asked(call: Call) -> None:
    """One object has the entry, its page, the vendor's name for the call and all of the verdict."""
    Path("a.txt").write_text(REFUSED)

    told = call("classify", "a.txt", "--url", "https://api.stripe.com/v1/charges", "--json").fields
    generic = call("classify", "a.txt", "--no-catalog", "--json").fields

    assert ("stripe", "Stripe", "req_7") == tuple(told[name] for name in ("api_id", "api_name", "request_id"))
    assert str(told["api_errors"]).startswith("https://docs.stripe.com/")
    assert {"severity", "labels", "notes", "quota_resets_in_s", "runners_up", "health", "suggestion"} <= told.keys()
    assert [None, None, "req_7"] == [generic[name] for name in ("api_id", "api_name", "request_id")]


def test_a_failure_is_the_same_however_its_api_was_found(call: Call) -> None:
    """By name, by another name or by address: one fingerprint, the one that a policy for this API counts."""
    Path("own").mkdir()
    Path("own/shop.yaml").write_text(ENTRY + "aliases: [store]\n")
    Path("a.txt").write_text(REFUSED)
    ways = (("--api", "shop"), ("--api", "store"), ("--url", "https://shop.example/x"))

    found = [call("classify", "a.txt", "--catalog", "own", "--json", *way).fields for way in ways]

    assert 1 == len({str(one["fingerprint"]) for one in found})
    assert {"shop"} == {one["api_id"] for one in found}


def test_lines_say_which_entry_was_asked(call: Call) -> None:
    """Each line has the API that was recognised; null where none was."""
    ended = call("classify", "--jsonl", lines(CASE, CASE | {"vendor": "nobody"}))

    assert ["stripe", None] == [one["api_id"] for one in verdicts(ended.out)]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("strype", "Did you mean 'stripe'", id="typo"),
        pytest.param("Stripe", "Did you mean 'stripe'", id="capital"),
        pytest.param("google-dri", "Did you mean 'google_drive'", id="beginning"),
        pytest.param("xqzw", "no API is called 'xqzw'. `holdfast catalog list`", id="nothing-near"),
    ],
)
def test_an_unknown_api_gets_the_nearest_names(call: Call, name: str, words: str) -> None:
    """Who misspells an API reads how it is spelled."""
    Path("a.txt").write_text(REFUSED)

    ended = call("classify", "a.txt", "--api", name, "--url", "https://api.stripe.com/v1/charges")

    assert 2 == ended.code
    assert words in ended.err


def test_a_misspelled_api_is_told_with_own_entries_too(call: Call) -> None:
    """The address does not quietly stand in for a name that is wrong."""
    Path("own").mkdir()
    Path("own/shop.yaml").write_text(ENTRY)
    Path("a.txt").write_text(REFUSED)

    ended = call("classify", "a.txt", "--catalog", "own", "--api", "shopp", "--url", "https://shop.example/x")

    assert (2, True) == (ended.code, "Did you mean 'shop'" in ended.err)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "not said: judged by what is usual. To say it: --api ID", id="nothing-said"),
        pytest.param(["--url", "https://shop.example/x"], "To describe it: holdfast catalog new", id="unknown-address"),
    ],
)
def test_an_unknown_api_is_told_with_the_way_on(call: Call, arguments: list[str], words: str) -> None:
    """Generic knowledge says that it is generic, and how to get more."""
    Path("a.txt").write_text(REFUSED)

    assert words in call("classify", "a.txt", *arguments).out
    assert words not in call("classify", "a.txt", "--no-catalog", *arguments).out


def test_a_body_alone_needs_its_status(call: Call) -> None:
    """Who has only the body says which status came with it, and is told so."""
    Path("body.json").write_text(REFUSED.partition("\n\n")[2])

    alone = call("classify", "body.json", "--api", "stripe")
    judged = call("classify", "body.json", "--api", "stripe", "--status", "402", "--json").fields

    assert (2, True) == (alone.code, "--status 400" in alone.err)
    assert (402, "stripe") == (judged["status"], judged["api_id"])
    assert str(judged["rule"]).startswith("catalog:stripe/")


def test_a_traceback_names_its_api(call: Call) -> None:
    """The address in the exception's text leads to the entry."""
    Path("a.txt").write_text("requests.exceptions.HTTPError: 402 Client Error: No for url: https://api.stripe.com/v1/x")

    assert "Stripe (entry stripe" in call("classify", "a.txt").out


def test_a_wait_of_years_is_told_in_digits(call: Call) -> None:
    """No powers of ten for people."""
    Path("a.txt").write_text("HTTP/1.1 429 No\nRetry-After: 99999999\n\n")

    assert "It may work after 1,157 days; the answer says so." in call("classify", "a.txt").out


def test_words_load_no_database(tmp_path: Path) -> None:
    """What explains one failure is there at once: no database, no HTTP client and no YAML is loaded for it."""
    code = (
        "import sys; from holdfast.cli.app import main; main(['classify', sys.argv[1], '--api', 'stripe']);"
        "print(sorted({'sqlalchemy', 'httpx2', 'yaml', 'holdfast.contract'} & set(sys.modules)))"
    )
    file = tmp_path / "a.txt"
    file.write_text(REFUSED)

    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)

    assert "[]" == done.stdout.splitlines()[-1], done.stdout + done.stderr
