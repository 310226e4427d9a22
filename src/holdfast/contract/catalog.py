"""What is known of one API: the catalog entry and its parts (spec 000 §4.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.contract.checks import Flag, Maybe, Text, Whole, Word, number_check
from holdfast.contract.model import WireModel
from holdfast.contract.scalars import URL, DurationMs
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy

__all__ = [
    "ApiBackoff",
    "ApiCatalogEntry",
    "ApiErrorMapping",
    "ApiHealthCheck",
    "ApiIdempotency",
    "ApiQuirks",
    "ApiRateLimitConfig",
    "ApiRecoveryStrategy",
    "HeaderPattern",
    "RateLimitDetection",
    "RateLimitExtraction",
]


class HeaderPattern(WireModel):
    """A response header whose value gives an error away."""

    name: Text = Field(description="The header's name.")
    pattern: Text = Field(description="A regular expression for its value.")


class ApiErrorMapping(WireModel):
    """A rule from an API's own way of failing to a category; all conditions given must hold."""

    pattern: Maybe[Text] = Field(default=None, description="A regular expression for the error message.")
    status: Maybe[Whole] = Field(default=None, description="The HTTP status.")
    header: Maybe[HeaderPattern] = Field(default=None, description="A header that gives the error away.")
    category: Word[ErrorCategory] = Field(description="The category such an error belongs to.")
    retryable: Flag = Field(description="Whether the bare repeat of the same request may be tried.")
    backoff_strategy: Maybe[Word[Literal["exponential", "linear", "custom"]]] = Field(
        default=None, description="How waits grow for this error."
    )


class RateLimitDetection(WireModel):
    """How to see that an answer means "too many requests"."""

    status_codes: tuple[Whole, ...] = Field(description="HTTP statuses that mean it.")
    headers: tuple[Text, ...] = Field(description="Headers that mean it.")
    body_patterns: Maybe[tuple[Text, ...]] = Field(
        default=None, description="Regular expressions for the body that mean it."
    )


class RateLimitExtraction(WireModel):
    """Where the numbers of the limit stand in an answer."""

    limit_header: Maybe[Text] = Field(default=None, description="Header with the number of requests allowed.")
    remaining_header: Maybe[Text] = Field(default=None, description="Header with the number of requests left.")
    reset_header: Maybe[Text] = Field(default=None, description="Header with the moment the limit opens again.")
    reset_format: Maybe[Word[Literal["unix_seconds", "unix_ms", "iso8601"]]] = Field(
        default=None, description="How that moment is written."
    )


class ApiBackoff(WireModel):
    """How to wait once the limit is hit."""

    type: Word[Literal["exponential", "linear", "respect_reset"]] = Field(
        description="How waits grow, or that the reset is awaited."
    )
    initial_delay: Maybe[DurationMs] = Field(default=None, description="The first wait, in milliseconds.")
    max_delay: Maybe[DurationMs] = Field(default=None, description="The longest wait, in milliseconds.")


class ApiRateLimitConfig(WireModel):
    """How an API limits requests, and how that is seen, read and respected."""

    detection: RateLimitDetection = Field(description="How to see that the limit was hit.")
    extraction: RateLimitExtraction = Field(description="Where the numbers stand.")
    backoff_strategy: ApiBackoff = Field(description="How to wait.")


class ApiQuirks(WireModel):
    """Where an API leaves the usual road."""

    success_with_error_body: Flag = Field(default=False, description="Answers 200 with the error in the body.")
    error_content_type: Maybe[Text] = Field(default=None, description="Content type of errors, if it differs.")
    empty_response_on_204: Flag = Field(default=True, description="A 204 has an empty body.")
    binary_error_responses: Flag = Field(default=False, description="Errors may be binary data.")
    non_standard_json_content_type: Maybe[Text] = Field(
        default=None, description="The content type it uses for JSON, if unusual."
    )
    requires_user_agent: Maybe[Text] = Field(default=None, description="The User-Agent it insists on.")
    max_response_size: Maybe[Annotated[int, number_check(whole=True, above=0)]] = Field(
        default=None, description="The largest answer to expect, in bytes."
    )


class ApiHealthCheck(WireModel):
    """How to see whether an API is there."""

    endpoint: Text = Field(description="What to ask.")
    expected_status: Whole = Field(description="The HTTP status of a healthy answer.")
    timeout: DurationMs = Field(description="How long to wait for it, in milliseconds.")


class ApiIdempotency(WireModel):
    """Ours. That an API honours idempotency keys, and how."""

    header: Text = Field(description="The request header that carries the key.")
    key_lifetime: Maybe[DurationMs] = Field(
        default=None, description="How long the API remembers a key, in milliseconds."
    )
    replays_errors: Maybe[Flag] = Field(
        default=None, description="Whether a remembered failure is answered again for the same key."
    )


class ApiRecoveryStrategy(WireModel):
    """Ours. A vendor's own way of recovery; all conditions given must hold."""

    category: Maybe[Word[ErrorCategory]] = Field(default=None, description="The category of the failure.")
    status: Maybe[Whole] = Field(default=None, description="The HTTP status.")
    code: Maybe[Text] = Field(default=None, description="The API's own error code.")
    pattern: Maybe[Text] = Field(default=None, description="A regular expression for the error message.")
    header: Maybe[HeaderPattern] = Field(default=None, description="A header of the answer.")
    body_pattern: Maybe[Text] = Field(default=None, description="A regular expression for the answer's body.")
    strategy: Word[RecoveryStrategy] = Field(description="What to do.")
    delay: Maybe[DurationMs] = Field(default=None, description="How long to wait before it, in milliseconds.")
    reason: Maybe[Text] = Field(default=None, description="Why, for people; shown in the timeline.")


class ApiCatalogEntry(WireModel):
    """Everything known about how one API behaves."""

    api_id: Text = Field(description="The API's name in the catalog.")
    name: Text = Field(description="The API's name for people.")
    version: Text = Field(description="The version of the API this is about.")
    base_url: URL = Field(description="Where the API's addresses begin.")
    error_mappings: tuple[ApiErrorMapping, ...] = Field(description="Rules from its errors to categories.")
    rate_limiting: Maybe[ApiRateLimitConfig] = Field(default=None, description="How it limits requests.")
    quirks: ApiQuirks = Field(description="Where it leaves the usual road.")
    health_check: Maybe[ApiHealthCheck] = Field(default=None, description="How to see whether it is there.")
    notes: Maybe[Text] = Field(default=None, description="Remarks for people.")

    idempotency: Maybe[ApiIdempotency] = Field(default=None, description="Ours. How it honours idempotency keys.")
    recovery_strategies: Maybe[tuple[ApiRecoveryStrategy, ...]] = Field(
        default=None, description="Ours. Its own ways of recovery; the first that fits counts."
    )
