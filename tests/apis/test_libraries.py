"""Client libraries and the APIs they speak to."""

from __future__ import annotations

import pytest

from holdfast.apis.libraries import LIBRARIES, recognised
from holdfast.apis.shipped import shipped_id, shipped_rules
from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.classify import classify
from holdfast.guards.classifying import classify as classify_by_hand
from holdfast.guards.judging import Judge
from tests.faults.samples import NOON, raised
from tests.faults.test_carried_answers import made

# Answers as the libraries hang them on what they raise: (class, status, headers, body).
ANSWERS = (
    ("stripe._error.CardError", 402, {"Stripe-Should-Retry": "false"}, {"error": {"code": "card_declined", "type": "card_error", "message": "x"}}),
    ("openai.RateLimitError", 429, {}, {"error": {"code": "insufficient_quota", "type": "insufficient_quota", "message": "x"}}),
    ("anthropic.InternalServerError", 529, {}, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    ("googleapiclient.errors.HttpError", 403, {}, {"error": {"code": 403, "errors": [{"reason": "dailyLimitExceeded"}], "message": "x"}}),
    ("notion_client.errors.APIResponseError", 409, {}, {"object": "error", "code": "conflict_error", "message": "x"}),
    ("twilio.base.exceptions.TwilioRestException", 400, {}, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400}),
    ("hubspot.crm.contacts.exceptions.ApiException", 429, {}, {"status": "error", "policyName": "DAILY", "message": "x"}),
)  # fmt: skip


@pytest.mark.parametrize(("name", "api"), LIBRARIES.items())
def test_every_library_s_api_is_in_the_catalog(name: str, api: str) -> None:
    """No library points to an entry that is not there."""
    assert shipped_id(api) is not None, name


@pytest.mark.parametrize(
    ("name", "status", "headers", "body"), ANSWERS, ids=[one[0].partition(".")[0] for one in ANSWERS]
)
def test_an_exception_gets_the_verdict_of_its_answer(
    name: str, status: int, headers: dict[str, str], body: dict[str, object]
) -> None:
    """What a vendor's library raises for an answer is judged as the answer itself is."""
    import json

    exc = made(name, status_code=status, headers=headers, body=body)
    rules = shipped_rules(LIBRARIES[name.partition(".")[0]])
    assert rules is not None
    pairs = (*headers.items(), ("Content-Type", "application/json"))
    plain = capture_answer(
        status, pairs, body=json.dumps(body).encode(), operation="f", observed_at=NOON, api_id=rules.api_id
    )
    expected = classify(plain, api=rules)

    fault, found = recognised(capture_exception(exc, operation="f", observed_at=NOON))
    verdict = classify(fault, api=found)

    told = (verdict.category, verdict.retryable, verdict.outcome, verdict.rule, verdict.api_id)
    assert told == (expected.category, expected.retryable, expected.outcome, expected.rule, rules.api_id)


def test_policies_and_people_get_the_same_verdict() -> None:
    """Both a policy's judge and `holdfast.classify` know an API by its library."""
    exc = made(
        "stripe._error.InvalidRequestError", status_code=400, headers={}, body={"error": {"code": "x", "message": "y"}}
    )

    by_hand = classify_by_hand(exc)

    assert by_hand is not None
    assert "stripe" == by_hand.api_id == Judge("f").exception(exc).api_id


def test_an_api_that_was_named_stays() -> None:
    """Who says which API it is knows better than the name of a library."""
    exc = made("stripe._error.APIError", status_code=500)
    fault = capture_exception(exc, operation="f", observed_at=NOON, api_id="mine")

    assert recognised(fault) == (fault, None)


@pytest.mark.parametrize(
    "fault",
    [raised("stripe.APIConnectionError"), raised("acme.Error", "HTTP 503")],
    ids=["no-answer", "unknown-library"],
)
def test_leaves_other_faults_alone(fault: object) -> None:
    """Without an answer, or with a library that nobody knows, there is no entry."""
    assert recognised(fault) == (fault, None)  # type: ignore[arg-type]  # a fault


def test_a_wrapper_is_known_by_what_it_wraps() -> None:
    """The library of a cause counts where the exception's own is unknown."""
    error = made("shop.Failed")
    error.__cause__ = made("stripe._error.RateLimitError", status_code=429)

    fault, found = recognised(capture_exception(error, operation="f", observed_at=NOON))

    assert (fault.api_id, found is not None) == ("stripe", True)
