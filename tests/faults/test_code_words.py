"""What codes mean by their words, when nobody knows the vendor."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults import meanings as m
from holdfast.faults.code_words import meaning_of_code, normal, words_of

EXAMPLES: tuple[tuple[m.Meaning | None, str], ...] = (
    (
        m.EXPIRED,
        "token_expired ExpiredToken JWT_EXPIRED session-expired auth.token.expired TOKENEXPIRED access_token_expired",
    ),
    (m.INVALID, "refresh_token_expired api_key_expired PasswordExpired license_expired invalid_grant token_revoked"),
    (
        m.INVALID,
        "InvalidAccessToken missing_api_key bad_credentials invalid_signature account_locked USER_DISABLED mfa_required",
    ),
    (m.INVALID, "insufficient_scope missing_permissions login_required CAPTCHA_REQUIRED"),
    (m.BAD_INPUT, "card_expired file_too_large max_tokens_exceeded string_length_limit_exceeded too_many_rows"),
    (
        m.STATE,
        "cursor_expired sync_token_expired link_expired etag_mismatch invalid_state_transition invalid_page_token version_conflict",
    ),
    (
        m.BURST,
        "rate_limited RATELIMITED rateLimitExceeded TooManyRequests throttled slow_down concurrency_limit_exceeded QueueFull",
    ),
    (m.DAILY, "daily_limit_exceeded MONTHLY_QUOTA_REACHED quota_exceeded usage_limit_reached"),
    (m.CREDIT, "insufficient_credits credit_balance_too_low billing_hard_limit_reached INSUFFICIENT_BALANCE"),
    (
        m.LOCKED,
        "resource_locked lock_timeout deadlock_detected concurrent_modification operation_in_progress TransactionConflict",
    ),
    (m.IN_PROGRESS, "request_in_progress idempotency_key_in_use"),
    (m.DUPLICATE, "already_exists name_taken DuplicateName email_already_registered item_name_in_use"),
    (m.DUPLICATE_ID, "job_already_exists duplicate_event"),
    (m.DONE, "already_captured order_already_paid entity_is_deleted"),
    (m.ROUTE, "unknown_method route_not_found method_deprecated model_not_found unsupported_api_version"),
    (m.MISSING, "not_found ResourceNotFound no_such_user unknown_item"),
    (m.OVERLOADED, "overloaded ServerBusy maintenance_mode at_capacity_exceeded"),
    (m.FULL, "disk_full insufficient_storage StorageQuotaExceeded"),
    (m.CONFIGURATION, "missing_configuration"),
    (m.TIMEOUT, "request_timeout gateway_timed_out DeadlineExceeded"),
    (m.UNAVAILABLE, "service_unavailable"),
    (m.BROKEN, "internal_error INTERNAL_SERVER_ERROR unexpected_error unknown_error"),
    (m.REQUEST, "invalid_request validation_error bad_request INVALID_ARGUMENT"),
    (m.CANCELLED, "request_cancelled cancelled_by_user"),
    (m.REFUSED_BUSINESS, "card_declined insufficient_funds payment_declined"),
    (m.RENEW_NONCE, "bad_nonce timestamp_out_of_window"),
    (m.SKEWED, "RequestTimeTooSkewed"),
    (None, "foo E0000047 x y-z 42"),
)


@pytest.mark.parametrize(
    ("code", "meaning"), [pytest.param(code, meaning, id=code) for meaning, codes in EXAMPLES for code in codes.split()]
)
def test_reads_a_code_by_its_words(code: str, meaning: m.Meaning | None) -> None:
    """Subject and predicate together say what went wrong, in any spelling."""
    assert meaning is meaning_of_code(code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("HTTPTimeoutError", {"http", "timeout", "server_error"}, id="capitals"),
        pytest.param("urn:x:errors:rateLimited", {"rate", "limit"}, id="urn"),
        pytest.param("https://x.example/probs/out-of-credit/", {"insufficient", "of", "credit"}, id="address"),
        pytest.param("com.example.auth#TokenExpired", {"token", "expired"}, id="namespace"),
        pytest.param("accessdenied", {"access", "denied"}, id="without-a-gap"),
        pytest.param("accessxyzdenied", {"accessxyzdenied"}, id="not-all-known"),
        pytest.param("OAuthTokenExpired", {"oauth", "token", "expired"}, id="oauth"),
        pytest.param("", set(), id="empty"),
    ],
)
def test_takes_a_code_apart(code: str, words: set[str]) -> None:
    """Whatever the spelling, the same words come out."""
    assert words == words_of(code)


@given(st.text(max_size=300))
def test_any_text_can_be_asked(code: str) -> None:
    """A code may be anything; what tables look for holds letters and digits only."""
    meaning_of_code(code)

    assert normal(code) == "" or normal(code).isalnum()


@given(st.sampled_from(["token_expired", "rate_limit_exceeded", "resource_locked", "daily_quota_exceeded"]), st.data())
def test_spelling_does_not_matter(code: str, data: st.DataObject) -> None:
    """Snake, kebab, camel and upper case mean the same."""
    words = code.split("_")
    forms = [code.upper(), "-".join(words), ".".join(words), "".join(map(str.capitalize, words)), "".join(words)]

    assert meaning_of_code(code) is meaning_of_code(data.draw(st.sampled_from(forms)))
