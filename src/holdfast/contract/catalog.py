"""What is known of one API: the catalog entry and its parts (spec 000 §4.1)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from holdfast.contract.checks import Flag, Json, Maybe, Number, Record, Text, Whole, Word, number_check
from holdfast.contract.model import WireModel
from holdfast.contract.scalars import URL, DurationMs
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.faults.verdict import Outcome

__all__ = [
    "ApiBackoff",
    "ApiCatalogEntry",
    "ApiCredential",
    "ApiDeprecation",
    "ApiErrorMapping",
    "ApiErrorShape",
    "ApiExample",
    "ApiHealthCheck",
    "ApiIdempotency",
    "ApiLinks",
    "ApiQuirks",
    "ApiQuotaReset",
    "ApiQuotaWindow",
    "ApiRateLimitConfig",
    "ApiRecoveryStrategy",
    "ApiWait",
    "ExpectedVerdict",
    "FieldPattern",
    "HeaderPattern",
    "RateLimitDetection",
    "RateLimitExtraction",
]


class HeaderPattern(WireModel):
    """A response header whose value gives an error away."""

    name: Text = Field(description="The header's name.")
    pattern: Text = Field(description="A regular expression for its value.")


class FieldPattern(WireModel):
    """Ours. A place in a JSON body whose value gives an error away."""

    path: Text = Field(
        description="Keys from the top, joined by dots; `*` stands for every element of a list or object."
    )
    pattern: Text = Field(description="A regular expression for the value, written as text.")


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

    codes: Maybe[tuple[Text, ...]] = Field(
        default=None, description="Ours. The API's own codes, any of them; whole and without regard to case."
    )
    statuses: Maybe[tuple[Whole, ...]] = Field(default=None, description="Ours. HTTP statuses, any of them.")
    field: Maybe[FieldPattern] = Field(default=None, description="Ours. A place in the JSON body that gives it away.")
    methods: Maybe[tuple[Text, ...]] = Field(default=None, description="Ours. Methods of the request, any of them.")
    url_pattern: Maybe[Text] = Field(default=None, description="Ours. A regular expression for the request's path.")
    outcome: Maybe[Word[Outcome]] = Field(
        default=None, description="Ours. Whether the side effect happened, where this error says so."
    )
    critical: Maybe[Flag] = Field(default=None, description="Ours. A person has to know at once.")
    reason: Maybe[Text] = Field(default=None, description="Ours. What it means and what to do, for people.")


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


class ApiErrorShape(WireModel):
    """Ours. Where an API's errors stand in its bodies, where the usual places are not enough."""

    codes: Maybe[tuple[Text, ...]] = Field(
        default=None, description="Paths of its codes, the most telling first; as in `FieldPattern`."
    )
    messages: Maybe[tuple[Text, ...]] = Field(default=None, description="Paths of its messages, the best first.")
    failure: Maybe[FieldPattern] = Field(
        default=None, description="What in a body says that it is an error although the status is a success."
    )


class ApiWait(WireModel):
    """Ours. A place where an API states how long to wait; one of `header`, `path` and `pattern`."""

    header: Maybe[Text] = Field(default=None, description="A header whose whole value is the wait.")
    path: Maybe[Text] = Field(default=None, description="A place in the JSON body; as in `FieldPattern`.")
    pattern: Maybe[Text] = Field(
        default=None, description="A regular expression for the error's text; its one group is the wait."
    )
    format: Word[
        Literal["seconds", "milliseconds", "minutes", "duration", "unix_seconds", "unix_ms", "iso8601", "http_date"]
    ] = Field(description="How it is written; `duration` is `6m0s`, `1h30m`, `PT5M` or `300ms`.")
    statuses: Maybe[tuple[Whole, ...]] = Field(
        default=None, description="Only with these statuses; else with every failure."
    )
    categories: Maybe[tuple[Word[ErrorCategory], ...]] = Field(
        default=None, description="Only for these categories; else for the two kinds of rate limit."
    )


class ApiQuotaReset(WireModel):
    """Ours. When a quota opens again, by the vendor's documentation."""

    time: Text = Field(description="The time of day, such as `00:00`.")
    time_zone: Text = Field(description="The zone of that time by its IANA name, such as `America/Los_Angeles`.")
    day: Maybe[Whole] = Field(default=None, description="The day of the month, for monthly quotas.")


class ApiQuotaWindow(WireModel):
    """Ours. One of an API's allowances: how long its window is, when it opens again and what an answer says about it."""

    name: Text = Field(description="What it is called, for people.")
    period: DurationMs = Field(description="The length of the window, in milliseconds.")
    limit: Maybe[Whole] = Field(default=None, description="How much is allowed in it, where it is the same for all.")
    aligned: Maybe[Flag] = Field(
        default=None, description="Windows begin at whole multiples of the period since midnight UTC."
    )
    reset: Maybe[ApiQuotaReset] = Field(default=None, description="When it opens again, if at a fixed time.")
    limit_header: Maybe[Text] = Field(default=None, description="Header with what is allowed.")
    usage_header: Maybe[Text] = Field(default=None, description="Header with what was used.")
    remaining_header: Maybe[Text] = Field(default=None, description="Header with what is left.")
    position: Maybe[Whole] = Field(
        default=None, description="Which of the header's numbers, separated by commas, is meant; the first is 0."
    )
    codes: Maybe[tuple[Text, ...]] = Field(default=None, description="Codes that say that this allowance is used up.")
    category: Maybe[Word[Literal["rate_limit_burst", "rate_limit_daily"]]] = Field(
        default=None, description="What running out of it is; else told by the period (over an hour is daily)."
    )


class ApiCredential(WireModel):
    """Ours. How callers prove who they are, and whether a machine can renew that."""

    kind: Word[Literal["api_key", "oauth2", "signature", "basic", "session", "jwt", "none"]] = Field(
        description="What kind of credential it takes."
    )
    renewable: Flag = Field(description="Whether a machine can renew it without a person.")
    lifetime: Maybe[DurationMs] = Field(default=None, description="How long it lasts, in milliseconds.")
    refresh_lifetime: Maybe[DurationMs] = Field(
        default=None, description="How long what renews it lasts, in milliseconds."
    )
    token_url: Maybe[Text] = Field(default=None, description="Where it is renewed.")
    notes: Maybe[Text] = Field(default=None, description="What a person has to know about it.")


class ApiDeprecation(WireModel):
    """Ours. How an API announces that something will go away."""

    headers: tuple[Text, ...] = Field(description="Headers that announce it; their presence is enough.")
    link: Maybe[Text] = Field(default=None, description="Where the vendor announces changes.")


class ApiLinks(WireModel):
    """Ours. The vendor's own pages."""

    errors: Maybe[Text] = Field(default=None, description="Its error codes.")
    rate_limits: Maybe[Text] = Field(default=None, description="Its limits.")
    authentication: Maybe[Text] = Field(default=None, description="Its credentials.")
    idempotency: Maybe[Text] = Field(default=None, description="How repeated requests are recognised.")
    status: Maybe[Text] = Field(default=None, description="Whether it is up.")


class ExpectedVerdict(WireModel):
    """Ours. What an example has to be classified as."""

    category: Word[ErrorCategory] = Field(description="Its category.")
    retryable: Maybe[Flag] = Field(default=None, description="Whether the bare repeat may work.")
    retry_after_s: Maybe[Number] = Field(default=None, description="The stated wait, in seconds; absent when none is.")
    outcome: Maybe[Word[Outcome]] = Field(default=None, description="Whether the side effect happened.")


class ApiExample(WireModel):
    """Ours. A failure as the API answers it; each one is a test of its entry."""

    title: Text = Field(description="What it shows.")
    method: Maybe[Text] = Field(default=None, description="The request's method; `POST` when absent.")
    url_path: Maybe[Text] = Field(default=None, description="The request's path.")
    status: Whole = Field(description="The HTTP status.")
    headers: Maybe[Record[Text]] = Field(default=None, description="The answer's headers.")
    body: Maybe[Json] = Field(default=None, description="The answer's body: text, or JSON as it is.")
    content_type: Maybe[Text] = Field(default=None, description="Its type; `application/json` when the body is JSON.")
    observed_at: Maybe[Text] = Field(
        default=None, description="When it came; waits count from then. 2026-03-02T10:00:00Z when absent."
    )
    expect: ExpectedVerdict = Field(description="What it is classified as.")
    source: Maybe[Text] = Field(default=None, description="The vendor's page it follows.")


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
    aliases: Maybe[tuple[Text, ...]] = Field(default=None, description="Ours. Other names it is looked up by.")
    kind: Maybe[Text] = Field(default=None, description="Ours. What it is for, such as `payments`.")
    extends: Maybe[Text] = Field(
        default=None,
        description="Ours. Another entry whose rules hold after its own; parts it lacks are taken from there.",
    )
    base_urls: Maybe[tuple[Text, ...]] = Field(
        default=None, description="Ours. Further addresses; a host may begin with `*.` for any name in that place."
    )
    error_shape: Maybe[ApiErrorShape] = Field(default=None, description="Ours. Where its errors stand.")
    waits: Maybe[tuple[ApiWait, ...]] = Field(
        default=None, description="Ours. Where it states waits beside Retry-After; the first that is readable counts."
    )
    quota_windows: Maybe[tuple[ApiQuotaWindow, ...]] = Field(default=None, description="Ours. Its allowances.")
    credential: Maybe[ApiCredential] = Field(default=None, description="Ours. What proves who calls.")
    deprecation: Maybe[ApiDeprecation] = Field(default=None, description="Ours. How it announces removals.")
    links: Maybe[ApiLinks] = Field(default=None, description="Ours. The vendor's pages.")
    examples: Maybe[tuple[ApiExample, ...]] = Field(default=None, description="Ours. Failures as it answers them.")
    date_checked: Maybe[Text] = Field(
        default=None,
        description="Ours. The day somebody last went over the entry, as YYYY-MM-DD; `source` says against what.",
    )
    source: Maybe[Text] = Field(default=None, description="Ours. What the entry was written from.")
