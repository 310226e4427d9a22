"""Verdicts as they are kept and told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from holdfast.recovery.detail import error_detail, verdict_json, verdict_of
from tests.recovery.bench import fault

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOTED = replace(
    fault("rate_limit_daily", quota_resets_in_s=60.0), notes=("the stated wait of 400 days is absurd", "old news")
)


def test_notes_and_documented_resets_are_kept() -> None:
    """What is known about a verdict survives the ledger, and a verdict kept by an earlier version has none."""
    old = {
        name: value
        for name, value in json.loads(verdict_json(NOTED)).items()
        if name not in {"notes", "quota_resets_in_s"}
    }

    assert NOTED == verdict_of(verdict_json(NOTED))
    assert replace(NOTED, notes=(), quota_resets_in_s=None) == verdict_of(json.dumps(old))


def test_rules_that_lost_are_kept_and_told_with_the_error() -> None:
    """What matched as well survives the ledger and stands in the platform's error; without any there is no such key."""
    close = replace(NOTED, runners_up=("catalog:shop/rate-limiting", "generic:429"))
    context = error_detail(close, observed_at=NOW).context

    assert close == verdict_of(verdict_json(close))
    assert context is not None
    assert context["runnersUp"] == "catalog:shop/rate-limiting; generic:429"
    assert "runnersUp" not in (error_detail(NOTED, observed_at=NOW).context or {})


def test_notes_are_told_with_the_error() -> None:
    """The platform's error carries them in its context; without notes there is no such key."""
    context = error_detail(NOTED, observed_at=NOW).context
    plain = error_detail(replace(NOTED, notes=()), observed_at=NOW).context

    assert context is not None
    assert context["notes"] == "the stated wait of 400 days is absurd; old news"
    assert plain is not None
    assert "notes" not in plain


def test_the_trail_is_kept_and_told_with_the_error() -> None:
    """The other side's name for the call survives the ledger and stands in the platform's error."""
    traced = replace(NOTED, trail=(("requestId", "req_1"), ("traceId", "t")))

    context = error_detail(traced, observed_at=NOW).context

    assert traced == verdict_of(verdict_json(traced))
    assert context is not None
    assert ("req_1", "t") == (context["requestId"], context["traceId"])
