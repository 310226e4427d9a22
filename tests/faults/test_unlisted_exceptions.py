"""Exceptions of libraries that no table knows: their names, the codes and the sentences in their texts."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from holdfast.faults.capture import capture_exception, capture_names
from holdfast.faults.classify import classify
from holdfast.faults.exceptions import meaning_of_name, read_exception
from holdfast.faults.raised.names import look_up
from holdfast.faults.raised.told_codes import ERRNOS, read_told_code, read_told_words
from holdfast.faults.raised.unlisted import read_name
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from tests.faults.samples import NOON, raised

STRANGERS = [json.loads(line) for line in Path(__file__).with_name("strangers.jsonl").read_text("utf-8").splitlines()]
"""Real libraries' exceptions and made-up ones, with the categories and outcomes that a careful person accepts."""


@pytest.mark.parametrize(
    "case", STRANGERS, ids=lambda case: f"{case['type'].rpartition('.')[2]}-{case['message'][:20]}"
)
def test_understands_an_exception_nobody_listed(case: dict[str, list[str]]) -> None:
    """A class that is in no table is judged by what its name and its text say."""
    verdict = classify(raised(str(case["type"]), str(case["message"])))

    assert (verdict.category in case["category"], verdict.outcome in case["outcome"]) == (True, True), verdict


@pytest.mark.parametrize("name", ["ValueError", "KeyError", "LookupError", "PermissionError", "RuntimeError"])
def test_leaves_python_s_own_alone(name: str) -> None:
    """What Python itself raises is not read as a vendor's word, whatever it is called."""
    assert read_name(name) is None
    assert meaning_of_name(name) is look_up(name)


def test_a_mistake_that_quotes_a_code_stays_a_mistake() -> None:
    """A program's own `ValueError` is not believed to be a throttle because its text says so."""
    verdict = classify(raised("ValueError", "rate_limited: too many requests"))

    assert (verdict.category, verdict.rule) == (ErrorCategory.VALIDATION_FAILED, "exception:program")


@pytest.mark.parametrize(
    "name", ["pydantic_core.ValidationError", "marshmallow.exceptions.ValidationError", "json.InvalidThing"]
)
def test_a_validator_s_class_proves_nothing(name: str) -> None:
    """Data can be checked after a call as well as before it: what a validator raises is no refusal."""
    found = read_exception([name], (), message="")

    assert found.outcome is Outcome.UNKNOWN


def test_a_stranger_s_permission_error_is_about_credentials() -> None:
    """`PermissionError` of a client is an answer of its server, Python's is about a file."""
    assert classify(raised("acme.PermissionError")).category == ErrorCategory.AUTH_INVALID
    assert classify(raised("PermissionError")).rule == "exception:file"


@pytest.mark.parametrize(
    ("lineage", "expected"),
    [
        pytest.param(["acme.TokenExpired", "openai.AuthenticationError"], "exception:name/expired", id="tells-answers-apart"),
        pytest.param(["acme.InvalidHost", "httpx.ConnectError"], "exception:connect", id="not-how-far-it-got"),
        pytest.param(["acme.ServiceDownError", "httpx.ReadTimeout"], "exception:read-timeout", id="vague-name"),
        pytest.param(["acme.Odd", "acme.RateLimited"], "exception:name/throttled", id="unknown-then-named"),
        pytest.param(["acme.RateLimited", "ValueError"], "exception:name/throttled", id="mistake-below"),
    ],
)  # fmt: skip
def test_own_name_and_ancestors(lineage: list[str], expected: str) -> None:
    """A name of a subclass refines an answer; it does not overrule what is known of the way there."""
    assert read_exception(lineage, (), message="").rule == expected


@pytest.mark.parametrize(
    ("name", "causes", "expected"),
    [
        pytest.param("acme.ServiceUnavailable", ["ConnectionRefusedError"], "exception:refused", id="vague-name"),
        pytest.param("acme.CallTimeout", ["httpx.ConnectTimeout"], "exception:connect-timeout", id="which-timeout"),
        pytest.param("acme.Failure", ["other.ThrottledError"], "exception:name/throttled", id="cause-is-named"),
        pytest.param("acme.NotFound", ["KeyError"], "exception:name/record", id="mistake-below"),
    ],
)
def test_names_and_causes(name: str, causes: list[str], expected: str) -> None:
    """An exact cause says more than a vague name; a cause that is only named counts where nothing else does."""
    assert read_exception([name], causes, message="").rule == expected


def test_an_answer_of_a_cause_says_more_than_a_name() -> None:
    """Who wraps an answer in a class of their own loses nothing of it."""
    cause = type("Refused", (Exception,), {"__module__": "acme"})("x")
    vars(cause).update(status_code=429, headers={"Retry-After": "7"})
    error = type("OrderNotFound", (Exception,), {"__module__": "shop"})("x")
    error.__cause__ = cause

    verdict = classify(capture_exception(error, operation="f", observed_at=NOON))

    assert (verdict.category, verdict.retry_after_s) == (ErrorCategory.RATE_LIMIT_BURST, 7)


def test_reads_numbers_of_systems() -> None:
    """Every number of the operating systems that is listed has a meaning."""
    assert all(read_told_code(f"errno {number}") is not None for number in ERRNOS)
    assert read_told_code("errno 9999") is None


@pytest.mark.parametrize(
    "text", ["Order: shipped", "42: the answer", "[note] hello", "Error 99999 (ZZZZZ): x", "StatusCode.NEW", ""]
)
def test_a_word_is_no_code(text: str) -> None:
    """Prose before a colon or in brackets is not taken for a code."""
    assert read_told_code(text) is None


def test_believes_general_sentences_only_of_answers() -> None:
    """ "Not found" may be said of anything; of a class that is raised for answers it is the answer."""
    assert read_told_words("Not Found", "acme.Trouble") is None
    assert read_told_words("Not Found", "acme.ApiError") is not None
    assert read_told_words("", "acme.ApiError") is None


def test_an_exact_code_counts_before_a_general_one() -> None:
    """`invalid_request` beside an exact code gives way to it."""
    found = read_told_code("invalid_request: code=rate_limited")

    assert found is not None
    assert found.category is ErrorCategory.RATE_LIMIT_BURST


_NAMES = st.one_of(
    st.text(max_size=300), st.from_regex(r"([a-z]{1,9}\.){0,3}([A-Z][a-z]{1,9}){1,5}(Error|Exception)?", fullmatch=True)
)
_TEXTS = st.one_of(
    st.text(max_size=2_000), st.builds(lambda head, times: head * times, st.text(max_size=8), st.integers(0, 3_000))
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_NAMES, min_size=1, max_size=4), st.lists(_NAMES, max_size=4), _TEXTS)
def test_any_exception_has_a_verdict(lineage: list[str], chain: list[str], message: str) -> None:
    """Whatever a class is called, whatever its text says and whatever caused it, there is a verdict, and the same one each time."""
    fault = capture_names(lineage, chain, message=message, operation="f", observed_at=NOON)

    assert classify(fault) == classify(fault)


@pytest.mark.parametrize(
    "message",
    ["{" * 200_000, "[" * 200_000, "(" * 200_000, "a_" * 100_000,
     "code=" * 50_000, "errno " * 50_000, "1 (" * 70_000, "e: " * 70_000, "\x00" * 200_000],
    ids=["braces", "brackets", "parentheses", "underscores", "codes", "errnos", "states", "colons", "nulls"],
)  # fmt: skip
def test_hostile_texts_cost_little(message: str) -> None:
    """A text made to be slow to read is read in bounded time: processor time, a hundred times what it takes."""
    began = time.process_time()
    classify(raised("acme." + "Aa" * 50_000, message))

    assert time.process_time() - began < 2
