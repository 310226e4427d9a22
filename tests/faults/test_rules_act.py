"""Known errors and catalog rules: each field changes the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.errors import BadInput
from holdfast.faults.classify import classify
from holdfast.faults.patterns import compile_pattern
from holdfast.faults.rules import (
    ApiRules,
    ErrorMapping,
    HeaderRule,
    KnownError,
    Quirks,
    RateLimitRules,
    ResetFormat,
    compile_known_errors,
)
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Backoff, BackoffKind, Family
from tests.faults.samples import NOON, answer, raised

NOT, UNKNOWN, EXECUTED = "not_executed", "unknown", "executed"
LIMITS = RateLimitRules(
    status_codes=frozenset({403}),
    headers=("X-Slow-Down",),
    remaining_header="X-Left",
    limit_header="X-Limit",
    reset_header="X-Reset",
    reset_format=ResetFormat.UNIX_SECONDS,
    backoff=Backoff(kind=BackoffKind.RESPECT_RESET),
)


def pattern(text: str):
    """A compiled pattern."""
    return compile_pattern(text, source="test", path="")


def api(*mappings: ErrorMapping, limits: RateLimitRules | None = None, quirks: Quirks | None = None) -> ApiRules:
    """The rules of an API called crm."""
    return ApiRules(api_id="crm", mappings=mappings, rate_limiting=limits, quirks=quirks or Quirks())


def test_the_author_of_an_action_has_the_first_word() -> None:
    """A known error decides before catalog and status, and brings its suggestion."""
    known = [
        KnownError(pattern=pattern("nope"), category=C.AUTH_INVALID),
        KnownError(pattern=pattern("dup"), category=C.STATE_INCONSISTENT, suggestion="look it up"),
    ]
    mapping = ErrorMapping(category=C.RATE_LIMIT_BURST, retryable=True, statuses=frozenset({400}))

    verdict = classify(answer(400, {"message": "dup"}), known_errors=known, api=api(mapping))

    assert (C.STATE_INCONSISTENT, "look it up", "known-error[1]") == (
        verdict.category,
        verdict.suggestion,
        verdict.rule,
    )
    assert verdict.runners_up == ("catalog:crm/error-mappings[0]", "generic:400")


def test_a_known_error_keeps_the_category_it_names() -> None:
    """A stated wait of a day does not turn a declared burst limit into another category."""
    known = [KnownError(pattern=pattern("."), category=C.RATE_LIMIT_BURST)]

    verdict = classify(answer(429, {"message": "daily"}, Retry_After="86400"), known_errors=known)

    assert (C.RATE_LIMIT_BURST, 86400.0) == (verdict.category, verdict.retry_after_s)


@pytest.mark.parametrize(
    ("fault", "category", "outcome"),
    [
        pytest.param(raised("ReadTimeout", "bad"), C.VALIDATION_FAILED, UNKNOWN, id="a-timeout-stays-unknown"),
        pytest.param(
            answer(200, {"message": "bad"}, complete=False),
            C.VALIDATION_FAILED,
            UNKNOWN,
            id="a-cut-success-stays-unknown",
        ),
        pytest.param(answer(500, {"message": "bad"}), C.VALIDATION_FAILED, NOT, id="a-refusal-is-believed"),
        pytest.param(answer(500, {"message": "bad"}), C.STATE_INCONSISTENT, UNKNOWN, id="state-after-500"),
        pytest.param(answer(200, {"error": "bad"}), C.STATE_INCONSISTENT, UNKNOWN, id="state-after-200"),
        pytest.param(answer(200, '{"bad'), C.API_RESPONSE_MALFORMED, UNKNOWN, id="unreadable-200"),
    ],
)
def test_words_do_not_decide_whether_the_work_was_done(fault, category: C, outcome: str) -> None:
    """A rule names the category; the outcome follows the attempt, unless a whole answer says that it was refused."""
    known = [KnownError(pattern=pattern("bad"), category=category)]

    verdict = classify(fault, known_errors=known)

    assert (category, outcome) == (verdict.category, verdict.outcome)


def test_refuses_every_bad_known_error_at_once() -> None:
    """Patterns that RE2 does not know are bad input when they are loaded, each with its place."""
    with pytest.raises(BadInput) as refused:
        compile_known_errors(
            [("(", C.AUTH_INVALID, None), ("ok", C.AUTH_INVALID, None), ("(?=x)", C.AUTH_INVALID, None)],
            source="a.json",
        )

    assert ["knownErrors[0].pattern", "knownErrors[2].pattern"] == [problem.path for problem in refused.value.problems]


def test_compiles_known_errors_in_order() -> None:
    """Their order is kept, and so are category and suggestion."""
    known = compile_known_errors([("a", C.AUTH_INVALID, "mend"), ("b", C.AUTH_EXPIRED, None)], source="a.json")

    assert [("a", C.AUTH_INVALID, "mend"), ("b", C.AUTH_EXPIRED, None)] == [
        (k.pattern.source, k.category, k.suggestion) for k in known
    ]


FULL = ErrorMapping(
    category=C.AUTH_EXPIRED,
    retryable=False,
    pattern=pattern("bad"),
    statuses=frozenset({400}),
    header=HeaderRule(name="X-Kind", pattern=pattern("^a")),
)


@pytest.mark.parametrize(
    ("fault", "holds"),
    [
        pytest.param(answer(400, {"message": "bad"}, X_Kind="ab"), True, id="all"),
        pytest.param(answer(401, {"message": "bad"}, X_Kind="ab"), False, id="status-differs"),
        pytest.param(answer(400, {"message": "good"}, X_Kind="ab"), False, id="pattern-differs"),
        pytest.param(answer(400, {"message": "bad"}, X_Kind="ba"), False, id="header-differs"),
        pytest.param(answer(400, {"message": "bad"}), False, id="header-missing"),
    ],
)
def test_a_mapping_needs_every_condition(fault, holds: bool) -> None:
    """Status, pattern and header must all hold; then category and retryable are the mapping's."""
    verdict = classify(fault, api=api(FULL))

    assert holds == (verdict.rule == "catalog:crm/error-mappings[0]")
    assert holds == (verdict.category is C.AUTH_EXPIRED)


def test_a_mapping_says_whether_to_try_again() -> None:
    """`retryable` of a mapping comes before the default of its category, and an unrenewable login is a matter of security."""
    verdict = classify(answer(400, {"message": "bad"}, X_Kind="a"), api=api(FULL))

    assert (False, "SECURITY") == (verdict.retryable, verdict.family)


def test_a_mapping_prescribes_the_backoff() -> None:
    """The backoff of a mapping reaches the verdict."""
    mapping = ErrorMapping(
        category=C.API_UNEXPECTED_STATUS,
        retryable=True,
        statuses=frozenset({500}),
        backoff=Backoff(kind=BackoffKind.LINEAR),
    )

    assert Backoff(kind=BackoffKind.LINEAR) == classify(answer(500), api=api(mapping)).backoff


def test_a_pattern_alone_leaves_successes_alone() -> None:
    """A user's data on a 2xx is not searched for error words; an error in the body is."""
    rules = api(ErrorMapping(category=C.AUTH_EXPIRED, retryable=True, pattern=pattern("bad")))

    found = [classify(answer(200, body), api=rules).category for body in ({"name": "bad"}, {"error": "bad"})]

    assert [C.API_RESPONSE_MALFORMED, C.AUTH_EXPIRED] == found


@pytest.mark.parametrize(
    ("limits", "fault", "throttled"),
    [
        pytest.param(LIMITS, answer(403, X_Slow_Down="1"), True, id="header"),
        pytest.param(LIMITS, answer(403, X_Left="0"), True, id="none-left"),
        pytest.param(LIMITS, answer(403, X_Left="7"), False, id="some-left"),
        pytest.param(replace(LIMITS, headers=("X-Left",)), answer(403, X_Left="7"), False, id="listed-but-some-left"),
        pytest.param(LIMITS, answer(403), False, id="no-evidence"),
        pytest.param(LIMITS, answer(400, X_Slow_Down="1"), False, id="another-status"),
        pytest.param(replace(LIMITS, headers=()), answer(403), True, id="status-alone"),
        pytest.param(replace(LIMITS, headers=(), body_patterns=(pattern("calm"),)), answer(403), False, id="no-words"),
        pytest.param(replace(LIMITS, body_patterns=(pattern("calm"),)), answer(400, {"m": "calm"}), True, id="body"),
        pytest.param(
            replace(LIMITS, body_patterns=(pattern("calm"),)), answer(200, {"m": "calm"}), False, id="body-of-a-success"
        ),
        pytest.param(
            replace(LIMITS, body_patterns=(pattern("calm"),)),
            answer(200, {"error": "calm"}),
            True,
            id="error-in-a-success",
        ),
        pytest.param(replace(LIMITS, status_codes=frozenset({429})), answer(429), True, id="429-needs-no-evidence"),
        pytest.param(replace(LIMITS, body_patterns=(pattern("."),)), raised("ReadTimeout", "x"), False, id="no-answer"),
    ],
)
def test_recognises_throttling_as_the_catalog_says(limits: RateLimitRules, fault, throttled: bool) -> None:
    """Statuses, headers and body patterns together say what is a rate limit."""
    verdict = classify(fault, api=api(limits=limits))

    assert throttled == (verdict.rule == "catalog:crm/rate-limiting")


RESET = int(NOON.timestamp()) + 90


@pytest.mark.parametrize(
    ("reset_format", "value"),
    [
        pytest.param(ResetFormat.UNIX_SECONDS, str(RESET), id="seconds"),
        pytest.param(ResetFormat.UNIX_MS, str(RESET * 1000), id="milliseconds"),
        pytest.param(ResetFormat.ISO8601, "2026-03-02T12:01:30Z", id="iso"),
    ],
)
def test_reads_the_reset_in_the_format_of_the_catalog(reset_format: ResetFormat, value: str) -> None:
    """The moment at which the limit opens is a wait from the observation on."""
    rules = api(limits=replace(LIMITS, reset_format=reset_format))

    verdict = classify(answer(403, X_Left="0", X_Reset=value, X_Limit="5000"), api=rules)

    assert (90.0, Backoff(kind=BackoffKind.RESPECT_RESET)) == (verdict.retry_after_s, verdict.backoff)
    assert verdict.message == "HTTP 403 (limit 5000)"


def test_a_distant_reset_is_a_long_window() -> None:
    """A limit that opens in more than an hour is a daily one."""
    verdict = classify(answer(403, X_Left="0", X_Reset=str(RESET + 7200)), api=api(limits=LIMITS))

    assert C.RATE_LIMIT_DAILY == verdict.category


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [
        pytest.param(answer(429, X_Reset=str(RESET), Retry_After="5"), 5.0, id="retry-after-is-made-for-it"),
        pytest.param(answer(429, X_Reset=str(RESET), X_Left="3"), None, id="some-left"),
        pytest.param(answer(429, X_Reset=str(RESET)), 90.0, id="reset"),
        pytest.param(answer(429), None, id="nothing-stated"),
        pytest.param(answer(500, X_Reset=str(RESET)), None, id="not-throttled"),
    ],
)
def test_knows_which_wait_counts(fault, wait_s: float | None) -> None:
    """The reset of a limit counts only when throttled, when used up, and when nothing more exact was said."""
    assert wait_s == classify(fault, api=api(limits=LIMITS)).retry_after_s


def test_without_a_catalog_a_reset_header_means_nothing() -> None:
    """Seconds, milliseconds or a date: without its format a reset header cannot be read."""
    assert classify(answer(429, X_Reset=str(RESET))).retry_after_s is None


def test_binary_answers_are_not_searched_for_words() -> None:
    """An API known for binary errors is believed only where the content type promises text."""
    quirks = Quirks(binary_error_responses=True)
    mapping = ErrorMapping(category=C.AUTH_EXPIRED, retryable=True, pattern=pattern("bad"))

    found = [
        classify(answer(400, "bad", content_type=kind), api=api(mapping, quirks=q)).category
        for kind, q in (
            ("application/octet-stream", quirks),
            ("text/plain", quirks),
            ("application/octet-stream", Quirks()),
        )
    ]

    assert [C.VALIDATION_FAILED, C.AUTH_EXPIRED, C.AUTH_EXPIRED] == found


def test_an_error_type_on_a_success_is_no_sign_of_work_done() -> None:
    """A 2xx in the content type kept for errors may or may not have done the work."""
    quirks = Quirks(error_content_type="text/x-error")

    verdict = classify(answer(200, "boom", content_type="text/x-error"), api=api(quirks=quirks))

    assert (C.API_UNEXPECTED_STATUS, UNKNOWN) == (verdict.category, verdict.outcome)


EXPIRED = answer(401, {"message": "x"}, WWW_Authenticate='Bearer error="invalid_token"')


@pytest.mark.parametrize(
    ("renewable", "retryable", "family"),
    [
        pytest.param(None, True, Family.EXTERNAL, id="unknown"),
        pytest.param(True, True, Family.EXTERNAL, id="renewable"),
        pytest.param(False, False, Family.SECURITY, id="not-renewable"),
    ],
)
def test_a_credential_that_no_machine_renews_is_not_retried(
    renewable: bool | None, retryable: bool, family: Family
) -> None:
    """An expired credential of an API whose tokens only a person can renew needs that person."""
    verdict = classify(EXPIRED, api=ApiRules(api_id="crm", renewable=renewable))

    assert (C.AUTH_EXPIRED, retryable, family) == (verdict.category, verdict.retryable, verdict.family)


def test_a_mapping_knows_better_than_the_credential() -> None:
    """A rule of the entry says itself whether to repeat, and other failures are not about the credential."""
    mapping = ErrorMapping(category=C.AUTH_EXPIRED, retryable=True, statuses=frozenset({401}))
    rules = ApiRules(api_id="crm", renewable=False, mappings=(mapping,))

    assert classify(EXPIRED, api=rules).retryable
    assert classify(answer(503), api=rules).retryable


@pytest.mark.parametrize(
    ("checked", "notes"),
    [
        pytest.param("2025-05-06", ("what is known of crm was checked 300 days ago",), id="long-ago"),
        pytest.param("2025-09-03", (), id="180-days-are-fine"),
        pytest.param("2026-03-01", (), id="lately"),
        pytest.param("someday", (), id="no-date"),
        pytest.param(None, (), id="untold"),
    ],
)
def test_knowledge_that_is_old_is_noted(checked: str | None, notes: tuple[str, ...]) -> None:
    """A verdict by an entry that nobody checked for half a year says so."""
    assert notes == classify(answer(503), api=ApiRules(api_id="crm", date_checked=checked)).notes
