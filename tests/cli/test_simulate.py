"""`holdfast simulate`: what the five strategies of spec 001 do about each kind of error, on paper."""

from __future__ import annotations

import logging
from typing import cast

import pytest

from holdfast.cli.simulate import KINDS, ErrorType
from holdfast.faults.traits import LABEL_PRIORITIES
from tests.cli.conftest import Call


def test_every_kind_of_error_can_be_simulated() -> None:
    """The kinds are the labels that verdicts have, all of them."""
    assert set(LABEL_PRIORITIES) == {kind.value for kind in ErrorType} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "strategy", "attempts", "fallback", "queued"),
    [
        pytest.param("network", "exhausted", 3, False, True, id="network"),
        pytest.param("rate_limit", "exhausted", 5, False, True, id="rate_limit"),
        pytest.param("server_error", "server-error-circuit", 1, True, False, id="server_error"),
        pytest.param("authentication", "exhausted", 2, False, True, id="authentication"),
        pytest.param("unknown", "exhausted", 1, False, True, id="unknown"),
        pytest.param("client_error", "none", 1, False, False, id="client_error"),
        pytest.param("transient", "none", 1, False, False, id="transient"),
    ],
)
def test_says_what_the_strategies_do(
    call: Call, *, kind: str, strategy: str, attempts: int, fallback: bool, queued: bool
) -> None:
    """Each kind of error meets its strategy, with that strategy's attempts; the exit code says whether there was an answer."""
    ended = call("simulate", "--error-type", kind, "--json")

    assert (0 if fallback else 1, "") == (ended.code, ended.err)
    fields = ended.fields
    assert (fallback, strategy, attempts) == (fields["success"], fields["strategy"], fields["attempts"])
    facts = cast("dict[str, object]", fields["metadata"])
    assert (fallback, False, queued) == (facts["fallbackUsed"], facts["circuitTripped"], facts["queuedForLater"])


def test_prints_the_result_in_the_documents_words(call: Call) -> None:
    """Success, Strategy, Attempts, Recovery Time, Fallback Used, Circuit Tripped and Queued for Later, a line each."""
    lines = call("simulate", "--error-type", "network", "--max-attempts", "5").out.splitlines()

    names = [line.partition(":")[0] for line in lines[1:]]
    assert [
        "Success",
        "Strategy",
        "Attempts",
        "Recovery Time",
        "Fallback Used",
        "Circuit Tripped",
        "Queued for Later",
    ] == names
    assert "5" == lines[3].partition(":")[2].strip()
    assert "of virtual time" in lines[4]


def test_a_call_that_works_again_is_recovered(call: Call) -> None:
    """With --answers-at, the attempt of that number is answered, if a strategy gets so far."""
    recovered = call("simulate", "--error-type", "network", "--answers-at", "3", "--json")
    too_late = call("simulate", "--error-type", "network", "--answers-at", "3", "--max-attempts", "2", "--json")

    assert (0, True, "network-retry", 3) == (
        recovered.code,
        *(recovered.fields[name] for name in ("success", "strategy", "attempts")),
    )
    assert (1, "exhausted", 2) == (too_late.code, *(too_late.fields[name] for name in ("strategy", "attempts")))


def test_verbose_shows_every_measure_and_the_error(call: Call) -> None:
    """Each measure is shown with how it ended."""
    out = call("simulate", "--error-type", "authentication", "--verbose").out

    assert "→ auth-token-refresh: retry attempts-exhausted" in out
    assert "→ auth-token-refresh: alert done" in out
    assert "Final Error: simulated authentication error" in out


def test_the_same_each_time_and_nothing_is_left_behind(call: Call) -> None:
    """Chance is fixed, time is virtual, and the log is as it was."""
    before = logging.getLogger("holdfast").level

    first, second = (call("simulate", "--error-type", "rate_limit").out for _ in range(2))

    assert first == second
    assert before == logging.getLogger("holdfast").level


@pytest.mark.parametrize(
    "arguments",
    [[], ["--error-type", "weather"], ["--error-type", "network", "--max-attempts", "0"]],
    ids=["no-type", "unknown-type", "no-attempts"],
)
def test_bad_usage_ends_with_2(call: Call, arguments: list[str]) -> None:
    """An error type is needed and has to be one of those listed."""
    assert 2 == call("simulate", *arguments).code
