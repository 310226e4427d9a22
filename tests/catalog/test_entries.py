"""Entries by id and by address, compiled into rules."""

from __future__ import annotations

import asyncio

import pytest

from holdfast.catalog import Catalog, compile_entry, recovery_override
from holdfast.catalog.strategies import with_advice
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.errors import BadInput
from holdfast.faults.classify import classify
from holdfast.faults.taxonomy import ErrorCategory as C, RecoveryStrategy
from holdfast.faults.verdict import Backoff, BackoffKind
from tests.faults.samples import answer


def entry(api_id: str = "crm", base_url: str = "https://crm.example/v1", **more: object) -> ApiCatalogEntry:
    """A catalog entry as it would stand in a file."""
    wire = {"apiId": api_id, "name": api_id, "version": "1", "baseUrl": base_url, "errorMappings": [], "quirks": {}}
    return ApiCatalogEntry.from_wire(wire | more)


LIMITS = {
    "detection": {"statusCodes": [403], "headers": ["X-Slow"], "bodyPatterns": ["calm"]},
    "extraction": {
        "limitHeader": "X-Limit",
        "remainingHeader": "X-Left",
        "resetHeader": "X-Reset",
        "resetFormat": "unix_ms",
    },
    "backoffStrategy": {"type": "linear", "initialDelay": 1500, "maxDelay": 60000},
}
LINEAR = Backoff(kind=BackoffKind.LINEAR, initial_delay_s=1.5, max_delay_s=60.0)


@pytest.mark.parametrize(
    ("url", "api_id"),
    [
        pytest.param("https://crm.example/v1/users?x=1", "crm", id="below"),
        pytest.param("https://crm.example/v1", "crm", id="exact"),
        pytest.param("https://crm.example/v1/admin/x", "admin", id="longest"),
        pytest.param("https://CRM.Example.:443/v1/x", "crm", id="host-case-and-default-port"),
        pytest.param("https://crm.example/V1/x", "root", id="path-case"),
        pytest.param("https://crm.example/v10/x", "root", id="whole-segments"),
        pytest.param("https://crm.example/v1/../x", "root", id="dot-segments"),
        pytest.param("https://crm.example//v1/./{id}", "crm", id="placeholder"),
        pytest.param("https://crm.example:8443/v1", None, id="port"),
        pytest.param("http://crm.example/v1", None, id="scheme"),
        pytest.param("https://other.example/v1", None, id="host"),
        pytest.param("https://crm.example.evil.example/v1", None, id="host-is-no-prefix"),
        pytest.param("ftp://crm.example/v1", None, id="not-http"),
        pytest.param("https://crm.example:x/", None, id="bad-port"),
        pytest.param("nonsense", None, id="no-address"),
    ],
)
def test_finds_the_api_of_an_address(url: str, api_id: str | None) -> None:
    """The longest base URL counts, by host and whole path segments."""
    catalog = Catalog(
        [entry("root", "https://crm.example"), entry("crm"), entry("admin", "https://crm.example/v1/admin/")]
    )

    found = catalog.match(url)

    assert api_id == (found and found.api_id)


def test_the_first_of_two_equal_addresses_counts() -> None:
    """Which of two entries answers for an address does not depend on chance."""
    found = Catalog([entry("b"), entry("a")]).match("https://crm.example/v1")

    assert found is not None
    assert found.api_id == "b"


def test_an_entry_without_a_web_address_matches_nothing() -> None:
    """The schema allows any URL; one that is not http is found by its id only."""
    catalog = Catalog([entry("files", "ftp://files.example")])

    assert (None, True) == (catalog.match("ftp://files.example/x"), catalog.rules("files") is not None)


def test_answers_by_id() -> None:
    """The specification's interface: an entry by id, and all ids."""
    crm = entry("crm")
    catalog = Catalog([crm, entry("a")])

    found = (
        asyncio.run(catalog.get_api_entry("crm")),
        asyncio.run(catalog.get_api_entry("x")),
        asyncio.run(catalog.get_all_apis()),
    )

    assert (crm, None, ["a", "crm"]) == found
    assert (crm, None, None) == (catalog.entry("crm"), catalog.entry("x"), catalog.rules("x"))


def test_refuses_two_entries_of_one_id_and_bad_patterns_at_once() -> None:
    """Everything that is wrong with the entries is told together."""
    bad = entry("bad", errorMappings=[{"pattern": "(", "category": "auth_invalid", "retryable": False}])

    with pytest.raises(BadInput) as refused:
        Catalog([entry("crm"), entry("crm"), bad])

    assert ["apiId", "errorMappings[0].pattern"] == [problem.path for problem in refused.value.problems]


def test_every_condition_of_a_mapping_acts() -> None:
    """Status, pattern, header, category and retryable of the entry arrive in the verdict."""
    mapping = {
        "pattern": "bad", "status": 400, "header": {"name": "X-Kind", "pattern": "^a"}, "category": "auth_expired", "retryable": False,
    }  # fmt: skip
    rules = compile_entry(entry(errorMappings=[mapping]))
    tries = [
        answer(400, {"m": "bad"}, X_Kind="a"), answer(401, {"m": "bad"}, X_Kind="a"), answer(400, {"m": "x"}, X_Kind="a"),
        answer(400, {"m": "bad"}, X_Kind="b"),
    ]  # fmt: skip

    verdicts = [classify(fault, api=rules) for fault in tries]

    assert [C.AUTH_EXPIRED, C.AUTH_INVALID, C.VALIDATION_FAILED, C.VALIDATION_FAILED] == [
        verdict.category for verdict in verdicts
    ]
    assert verdicts[0].retryable is False


@pytest.mark.parametrize(
    ("strategy", "category", "limits", "backoff"),
    [
        pytest.param("linear", "api_unexpected_status", None, Backoff(kind=BackoffKind.LINEAR), id="linear"),
        pytest.param(
            "exponential", "api_unexpected_status", LIMITS, Backoff(kind=BackoffKind.EXPONENTIAL), id="exponential"
        ),
        pytest.param("custom", "api_unexpected_status", LIMITS, LINEAR, id="custom-is-the-entrys-own"),
        pytest.param("custom", "api_unexpected_status", None, None, id="custom-without-one"),
        pytest.param(None, "rate_limit_burst", LIMITS, LINEAR, id="throttling"),
        pytest.param(None, "api_unexpected_status", LIMITS, None, id="nothing-said"),
        pytest.param(None, "rate_limit_burst", None, None, id="throttling-without-one"),
    ],
)
def test_the_backoff_of_a_mapping_acts(
    strategy: str | None, category: str, limits: object, backoff: Backoff | None
) -> None:
    """Each backoff strategy becomes the waits that the policy uses."""
    mapping = {"status": 500, "category": category, "retryable": True} | (
        {"backoffStrategy": strategy} if strategy else {}
    )
    more = {"rateLimiting": limits} if limits else {}

    verdict = classify(answer(500), api=compile_entry(entry(errorMappings=[mapping], **more)))

    assert backoff == verdict.backoff


@pytest.mark.parametrize(
    ("fault", "throttled"),
    [
        pytest.param(answer(403, X_Slow="1"), True, id="status-and-header"),
        pytest.param(answer(402, X_Slow="1"), False, id="another-status"),
        pytest.param(answer(403), False, id="no-header"),
        pytest.param(answer(403, X_Left="0"), True, id="remaining"),
        pytest.param(answer(400, {"m": "calm"}), True, id="body-pattern"),
    ],
)
def test_the_detection_of_rate_limits_acts(fault, throttled: bool) -> None:
    """Statuses, headers and body patterns of the entry recognise throttling."""
    verdict = classify(fault, api=compile_entry(entry(rateLimiting=LIMITS)))

    assert throttled == (verdict.category is C.RATE_LIMIT_BURST)


def test_the_extraction_of_rate_limits_acts() -> None:
    """Limit, reset and its format are read, and the backoff comes along."""
    rules = compile_entry(entry(rateLimiting=LIMITS))

    verdict = classify(answer(403, X_Left="0", X_Reset="1772452890000", X_Limit="5"), api=rules)

    assert (90.0, LINEAR, "HTTP 403 (limit 5)") == (verdict.retry_after_s, verdict.backoff, verdict.message)


def test_every_quirk_arrives() -> None:
    """Each quirk of the entry is what classification and the transport read."""
    wire = {
        "successWithErrorBody": True, "errorContentType": "a/b", "emptyResponseOn204": False, "binaryErrorResponses": True,
        "nonStandardJsonContentType": "text/json", "requiresUserAgent": "me", "maxResponseSize": 9,
    }  # fmt: skip

    quirks = compile_entry(entry(quirks=wire)).quirks

    assert (True, "a/b", False, True, "text/json", 9, "me") == (
        quirks.success_with_error_body, quirks.error_content_type, quirks.empty_response_on_204, quirks.binary_error_responses,
        quirks.json_content_type, quirks.response_size_max_bytes, quirks.user_agent,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "paths"),
    [
        pytest.param(
            {"errorMappings": [{"category": "auth_invalid", "retryable": False}]},
            ["e.errorMappings[0]"],
            id="no-condition",
        ),
        pytest.param(
            {"errorMappings": [{"status": 200, "category": "auth_invalid", "retryable": False}]},
            ["e.errorMappings[0]"],
            id="every-success",
        ),
        pytest.param(
            {
                "errorMappings": [
                    {
                        "header": {"name": "a", "pattern": "("},
                        "pattern": ")",
                        "category": "auth_invalid",
                        "retryable": False,
                    }
                ]
            },
            ["e.errorMappings[0].header.pattern", "e.errorMappings[0].pattern"],
            id="patterns",
        ),
        pytest.param(
            {
                "rateLimiting": {
                    **LIMITS,
                    "detection": {"statusCodes": [], "headers": [], "bodyPatterns": ["("]},
                    "extraction": {"resetHeader": "x"},
                }
            },
            ["e.rateLimiting.detection.bodyPatterns[0]", "e.rateLimiting.extraction.resetFormat"],
            id="rate-limiting",
        ),
        pytest.param(
            {
                "recoveryStrategies": [
                    {"pattern": "(", "strategy": "skip"},
                    {"bodyPattern": "[", "header": {"name": "X", "pattern": "*"}, "strategy": "skip"},
                ]
            },
            [
                "e.recoveryStrategies[0].pattern",
                "e.recoveryStrategies[1].bodyPattern",
                "e.recoveryStrategies[1].header.pattern",
            ],
            id="recovery",
        ),
    ],
)
def test_refuses_rules_that_cannot_work(more: dict[str, object], paths: list[str]) -> None:
    """A rule that matches everything, a success or nothing readable is refused when it is loaded."""
    with pytest.raises(BadInput) as refused:
        compile_entry(entry(**more), source="a.json", path="e")

    assert paths == [problem.path for problem in refused.value.problems]


VERDICT = classify(answer(400, {"code": "crm-17", "message": "name taken"}))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param({}, True, id="none"),
        pytest.param({"category": VERDICT.category.value}, True, id="category"),
        pytest.param({"category": "auth_expired"}, False, id="another-category"),
        pytest.param({"status": 400}, True, id="status"),
        pytest.param({"status": 401}, False, id="another-status"),
        pytest.param({"code": "crm-17"}, True, id="code"),
        pytest.param({"code": "CRM-17"}, False, id="another-code"),
        pytest.param({"pattern": "taken$"}, True, id="pattern"),
        pytest.param({"pattern": "^taken"}, False, id="another-pattern"),
        pytest.param({"status": 400, "code": "x"}, False, id="all-must-hold"),
    ],
)
def test_recovery_006_vendor_specific_strategy(condition: dict[str, object], holds: bool) -> None:
    """RECOVERY-006: the catalog's strategy for a code, status, category or message is found, with its wait and reason."""
    first = {**condition, "strategy": "alternative", "delay": 2500, "reason": "known trouble"}
    crm = entry(recoveryStrategies=[first, {"strategy": "give-up"}])

    found = recovery_override(crm, VERDICT)

    assert found is not None
    expected = (
        (RecoveryStrategy.ALTERNATIVE, 2.5, "known trouble", 0) if holds else (RecoveryStrategy.GIVE_UP, None, None, 1)
    )
    assert expected == (found.strategy, found.delay_s, found.reason, int(found.rule[-2]))


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="none"),
        pytest.param({"recoveryStrategies": [{"status": 1, "strategy": "skip"}]}, id="other"),
    ],
)
def test_recovery_006_without_advice(more: dict[str, object]) -> None:
    """Without a fitting strategy the general routes decide."""
    assert recovery_override(entry(**more), VERDICT) is None


ANSWER = answer(409, {"error": {"type": "ledger_locked", "message": "name taken"}}, X_Region="eu-west", X_Lock="held")


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        pytest.param({"header": {"name": "x-lock", "pattern": "^held$"}}, True, id="header"),
        pytest.param({"header": {"name": "X-Lock", "pattern": "free"}}, False, id="another-value"),
        pytest.param({"header": {"name": "X-Other", "pattern": ".*"}}, False, id="absent-header"),
        pytest.param({"bodyPattern": "ledger_locked"}, True, id="body"),
        pytest.param({"bodyPattern": "^ledger"}, False, id="another-body"),
        pytest.param(
            {"bodyPattern": "ledger", "header": {"name": "X-Region", "pattern": "eu"}, "status": 409}, True, id="all"
        ),
        pytest.param(
            {"bodyPattern": "ledger", "header": {"name": "X-Region", "pattern": "us"}}, False, id="all-must-hold"
        ),
        pytest.param({"bodyPattern": "ledger", "status": 500}, False, id="status-must-hold"),
    ],
)
def test_recovery_006_looks_at_headers_and_body(condition: dict[str, object], holds: bool) -> None:
    """RECOVERY-006: the catalog's strategy for a header or a body is found, from the verdict alone, once the answer has been looked at."""
    first = {**condition, "strategy": "wait-until"}
    crm = entry(recoveryStrategies=[first, {"strategy": "give-up"}])

    verdict = with_advice(crm, classify(ANSWER), fault=ANSWER)
    found = recovery_override(crm, verdict)

    assert found is not None
    assert (RecoveryStrategy.WAIT_UNTIL if holds else RecoveryStrategy.GIVE_UP) is found.strategy


def test_advice_about_an_answer_that_nobody_has_looked_at_does_not_hold() -> None:
    """A fault without an answer (a lost connection) fulfils no condition on headers or body."""
    crm = entry(recoveryStrategies=[{"bodyPattern": ".*", "strategy": "skip"}])

    assert recovery_override(crm, classify(ANSWER)) is None


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        pytest.param(b"x" * 65_530 + b"needle", True, id="at the end of what is read"),
        pytest.param(b"x" * 65_531 + b"needle", False, id="beyond"),
        pytest.param(b"\x00\xff\xfe" * 10 + b"needle", False, id="binary"),
        pytest.param(b"\xe2\x82" + b"needle", True, id="broken text"),
    ],
)
def test_only_the_beginning_of_a_body_is_searched(body: bytes, holds: bool) -> None:
    """Patterns see the first 64 KiB of a text, so that no answer can make a decision slow."""
    crm = entry(recoveryStrategies=[{"bodyPattern": "needle", "strategy": "skip"}])
    fault = answer(500, body, content_type="text/plain")

    assert ((0,) if holds else ()) == with_advice(crm, classify(fault), fault=fault).advice
