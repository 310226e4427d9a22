"""What others say of a failure, and how much of it is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from holdfast.contract import ErrorCategory, ErrorDetail
from holdfast.faults.verdict import Outcome
from holdfast.recovery.told import REFUSED, verdict_told

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def detail(category: str = "network_timeout", **changes: object) -> ErrorDetail:
    """An error as it was told."""
    wire = {"category": category, "message": "m", "retryable": True, "context": {}, **changes}
    return ErrorDetail.from_wire(wire)


@pytest.mark.parametrize("category", ErrorCategory)
def test_without_an_outcome_only_refusals_did_nothing(category: ErrorCategory) -> None:
    """Throttling, credentials, a wrong request and a missing address come before the work; everything else may have happened."""
    refused = {
        "auth_expired",
        "auth_invalid",
        "rate_limit_burst",
        "rate_limit_daily",
        "validation_failed",
        "api_endpoint_removed",
    }

    verdict = verdict_told(detail(category.value), now=NOON, is_in_our_hands=False)

    assert ("not_executed" if category.value in refused else "unknown") == verdict.outcome


@given(
    category=st.sampled_from(list(ErrorCategory)),
    outcome=st.sampled_from([None, "not_executed", "unknown", "executed"]),
    text=st.text(max_size=2000),
    status=st.one_of(st.none(), st.integers()),
    seconds=st.one_of(st.none(), st.integers(-(10**9), 10**9)),
)
@pytest.mark.parametrize("is_ours", [pytest.param(True, id="our own"), pytest.param(False, id="another's")])
def test_nothing_is_believed_that_would_make_a_repeat_less_safe(  # noqa: PLR0917 - one for each thing that can be told
    category: ErrorCategory, outcome: str | None, text: str, status: int | None, seconds: int | None, is_ours: bool
) -> None:
    """Whatever is told: never surer than the teller, never surer than our own worker, bounded, storable, and no wait below zero."""
    told = ErrorDetail(
        category=category, message=text, retryable=True, context={}, outcome=outcome, status_code=status,
        code=text or None, suggestion=text, retry_after=None if seconds is None else NOON + timedelta(seconds=seconds),
    )  # fmt: skip

    verdict = verdict_told(told, now=NOON, is_in_our_hands=is_ours)

    if verdict.outcome is Outcome.NOT_EXECUTED:
        assert not is_ours
        assert outcome == "not_executed" or (outcome is None and category in REFUSED)
    if outcome == "executed":
        assert Outcome.EXECUTED is verdict.outcome
    assert (seconds is None) == (verdict.retry_after_s is None)
    assert (verdict.retry_after_s or 0) >= 0
    assert verdict.status is None or 100 <= verdict.status < 600
    for said in (verdict.message, verdict.code or "", verdict.suggestion or ""):
        assert len(said) <= 300
        assert "\x00" not in said
        said.encode()


def test_what_is_told_holds_no_secret() -> None:
    """A token in the words of an executor does not come to rest."""
    said = "Bearer abcdefgh12345678 was refused, api_key=qwertz123456"

    verdict = verdict_told(
        detail(message=said, code=said, suggestion=said, fingerprint=said), now=NOON, is_in_our_hands=False
    )

    assert "12345678" not in repr(verdict)
    assert "qwertz" not in repr(verdict)


def test_the_sender_does_not_choose_the_fingerprint() -> None:
    """Equal failures have equal fingerprints, whatever the sender says; different ones differ."""
    first = verdict_told(detail(fingerprint="1:x"), now=NOON, is_in_our_hands=False, place="pay")
    second = verdict_told(detail(fingerprint="1:y"), now=NOON, is_in_our_hands=False, place="pay")
    other = verdict_told(detail("auth_invalid"), now=NOON, is_in_our_hands=False, place="pay")

    assert first.fingerprint == second.fingerprint != other.fingerprint
