"""Answers judged without a network: what is read of them, what they come to, and how much that may cost."""

from __future__ import annotations

import gzip
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from holdfast.adapters.clients.answers import BODY_JUDGED_MAX_BYTES, Body, decoded, judge_answer, wants_body
from holdfast.faults.rules import ApiRules, Quirks
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Verdict

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
SLACKISH = ApiRules(api_id="slackish", quirks=Quirks(success_with_error_body=True))
EMPTY = Body()
JSON = (("Content-Type", "application/json"),)
PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    " GZIP ": gzip.compress,
    "identity": lambda body: body,
    "": lambda body: body,
}


def judged(
    status: int,
    headers: tuple[tuple[str, str], ...] = (),
    *,
    body: Body = EMPTY,
    api: ApiRules | None = None,
) -> Verdict | None:
    """The verdict on an answer to a GET."""
    return judge_answer(
        status, headers, body=body, place="api", method="GET", url="http://a/", observed_at=NOW, api=api
    )


@pytest.mark.parametrize("status", [100, 101, 200, 201, 204, 206, 301, 302, 304, 307, 399])
def test_answers_below_400_are_no_failures(status: int) -> None:
    """Redirects and whatever else a client deals with itself are successes of the connection."""
    assert judged(status) is None


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 599, 999])
def test_answers_from_400_on_have_a_verdict(status: int) -> None:
    """Every status that says no is judged."""
    verdict = judged(status)

    assert verdict is not None
    assert verdict.status == status


def test_a_packed_body_is_understood() -> None:
    """The code in an error's body counts, packed or not."""
    body = gzip.compress(b'{"error": "rate_limited", "message": "slow down"}')
    headers = (*JSON, ("Content-Encoding", "gzip"))

    plain = judged(403, JSON, body=Body(prefix=b'{"error": "rate_limited", "message": "slow down"}'))
    packed = judged(403, headers, body=Body(prefix=body))

    assert plain is not None
    assert packed == plain
    assert packed.category is ErrorCategory.RATE_LIMIT_BURST


@pytest.mark.parametrize("encoding", PACKERS)
def test_bodies_are_unpacked_as_far_as_judging_needs_it(encoding: str) -> None:
    """A body of a few kilobytes that unpacks to megabytes costs no more than another."""
    bomb = PACKERS[encoding](b"0" * 5_000_000)

    assert decoded(bomb, encoding) == b"0" * BODY_JUDGED_MAX_BYTES


def test_bodies_in_raw_deflate_are_unpacked_too() -> None:
    """Some servers send deflate without zlib's frame."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)

    assert decoded(packer.compress(b"hello") + packer.flush(), "deflate") == b"hello"


@given(
    body=st.binary(max_size=200), encoding=st.sampled_from(["gzip", "deflate", "br", "zstd", "nonsense", "gzip, br"])
)
def test_no_body_breaks_the_unpacking(body: bytes, encoding: str) -> None:
    """Whatever a server claims to have packed, a body is bytes or nothing."""
    assert len(decoded(body, encoding)) <= BODY_JUDGED_MAX_BYTES


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip"])
def test_what_cannot_be_unpacked_says_nothing(encoding: str) -> None:
    """Then the status and the headers decide."""
    assert decoded(b"\x0b\x02\x80not it", encoding) == b""


@pytest.mark.parametrize(
    ("status", "content_type", "api", "wanted"),
    [
        (200, "application/json", None, False),
        (200, "application/json", ApiRules(api_id="plain"), False),
        (200, "application/json", SLACKISH, True),
        (200, "text/event-stream", SLACKISH, False),
        (200, None, SLACKISH, False),
        (302, "application/json", SLACKISH, False),
        (400, None, None, True),
        (503, "text/html", SLACKISH, True),
    ],
)
def test_bodies_of_successes_are_left_alone(
    status: int, content_type: str | None, api: ApiRules | None, wanted: bool
) -> None:
    """Only an API that is known to hide failures in its successes has them looked at."""
    assert wants_body(status, content_type, api=api) is wanted


def test_a_failure_that_is_hidden_in_a_success_is_found() -> None:
    """The catalog knows which APIs answer 200 and mean no."""
    body = Body(prefix=b'{"ok": false, "error": "ratelimited"}')

    verdict = judged(200, JSON, body=body, api=SLACKISH)

    assert verdict is not None
    assert verdict.category is ErrorCategory.RATE_LIMIT_BURST
    assert judged(200, JSON, body=body) is None
    assert judged(200, JSON, body=Body(prefix=b'{"ok": true}'), api=SLACKISH) is None


def test_a_success_that_is_too_long_to_be_an_error_is_one() -> None:
    """What was read of it is no whole JSON, and that is no failure."""
    assert judged(200, JSON, body=Body(prefix=b'{"ok": true, "items": [', whole=False), api=SLACKISH) is None


def test_a_success_that_was_cut_off_while_it_was_looked_at_is_a_failure() -> None:
    """Half an answer is none."""
    verdict = judged(200, JSON, body=Body(prefix=b'{"ok": tr', whole=False, cut=True), api=SLACKISH)

    assert verdict is not None
    assert verdict.category is ErrorCategory.API_RESPONSE_MALFORMED
