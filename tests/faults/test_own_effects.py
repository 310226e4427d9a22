"""Refusals that name this call's own effect, and those that do not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.capture import capture_answer
from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Outcome
from tests.faults.samples import NOON


def refused(
    status: int, body: object, *, url: str = "https://api.example.com/v1/things", method: str = "POST"
) -> Fault:
    """A refusal in JSON from an address."""
    return capture_answer(
        status,
        [("Content-Type", "application/json")],
        body=json.dumps(body).encode(),
        operation="things.create",
        observed_at=NOON,
        method=method,
        url=url,
    )


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refused(409, {"code": "task_already_exists", "message": "t-9"}), id="code-names-a-chosen-id"),
        pytest.param(refused(409, {"message": "Job nightly-9 already exists"}), id="words-name-a-job"),
        pytest.param(
            refused(409, {"code": "conflict", "message": 'X: {"e": "An item with the given id already exists"}'}),
            id="quoted",
        ),
        pytest.param(refused(422, {"message": "client_payment_id must be unique"}), id="client-id"),
        pytest.param(refused(409, {"message": "The retry key was already accepted"}), id="own-key"),
        pytest.param(
            refused(409, {"message": "Note n42 already exists"}, url="https://a.example/notes/n42", method="PUT"),
            id="put-to-an-id",
        ),
        pytest.param(
            refused(409, {"message": "A label already exists"}, url="https://a.example/parcels/7/buy"),
            id="bought-before",
        ),
        pytest.param(
            refused(
                400,
                {"code": "invalid_state", "message": "It has a status of captured"},
                url="https://a.example/holds/7/capture",
            ),
            id="status-is-the-wanted-one",
        ),
        pytest.param(
            refused(
                400, {"code": "unexpected_state", "message": "status is paid"}, url="https://a.example/bills/7/pay"
            ),
            id="odd-state",
        ),
        pytest.param(
            refused(400, {"message": "The call was already answered"}, url="https://a.example/calls/7/answer"),
            id="answered-before",
        ),
        pytest.param(
            refused(410, {"message": "The note was deleted"}, url="https://a.example/notes/7", method="DELETE"),
            id="deleted",
        ),
    ],
)
def test_says_that_the_work_was_done(fault: Fault) -> None:
    """A refusal that names what this call wanted to do is not called "not executed"."""
    verdict = classify(fault)

    assert (verdict.outcome, verdict.retryable) == (Outcome.EXECUTED, False)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(refused(409, {"message": "Job name already exists"}), id="name-of-a-job"),
        pytest.param(refused(409, {"message": "A user with this e-mail already exists"}), id="e-mail"),
        pytest.param(
            refused(409, {"message": "Zone home already exists"}, url="https://a.example/zones/home", method="PUT"),
            id="put-to-a-name",
        ),
        pytest.param(
            refused(409, {"message": "Note n42 already exists"}, url="https://a.example/notes/n43", method="PUT"),
            id="another-id",
        ),
        pytest.param(
            refused(
                409, {"code": "invalid_state", "message": "status is open"}, url="https://a.example/holds/7/capture"
            ),
            id="other-state",
        ),
        pytest.param(refused(409, {"code": "version_conflict", "message": "expected 3"}), id="version"),
        pytest.param(
            refused(400, {"message": "The call was already answered"}, url="https://a.example/calls/7"),
            id="answered-by-another",
        ),
        pytest.param(
            refused(410, {"message": "The note was deleted"}, url="https://a.example/notes/7"),
            id="deleted-is-not-created",
        ),
    ],
)
def test_leaves_other_refusals_undone(fault: Fault) -> None:
    """A duplicate by a natural key, or a state that this call did not want, says that this call did nothing."""
    assert classify(fault).outcome is Outcome.NOT_EXECUTED


def test_believes_no_server_that_its_state_is_odd() -> None:
    """An unexpected state behind a 500 is the server's own: what was done is unknown."""
    verdict = classify(refused(500, {"code": "unexpected_state"}))

    assert (verdict.category, verdict.outcome) == (C.API_UNEXPECTED_STATUS, Outcome.UNKNOWN)


@given(st.sampled_from(["job", "event", "document", "task"]), st.from_regex(r"[a-z]{2}[0-9]{1,6}", fullmatch=True))
def test_never_repeats_what_has_an_id_of_ours(kind: str, own: str) -> None:
    """Whatever the id, a record that was made under it is never made again."""
    verdict = classify(refused(409, {"message": f"The {kind} {own} already exists"}))

    assert (verdict.outcome, verdict.retryable) == (Outcome.EXECUTED, False)
