"""Every field of an entry acts: two entries that differ in nothing else make a difference that a user can see.

A field that is added to the schema has no row here and fails the first test. `PENDING` names the fields that are read and do not act yet, with
whose work makes them; it is to be empty.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple

import pytest

from holdfast.catalog import Catalog, recovery_override
from holdfast.catalog.examples import judge_examples
from holdfast.catalog.layers import DIRECTORY, Layer, Piece
from holdfast.catalog.strategies import with_advice
from holdfast.cli.catalog_pages import print_entry
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.faults.classify import classify, examine
from holdfast.faults.deprecations import deprecation_of
from holdfast.faults.fault import Fault
from holdfast.hold.health import check_of
from holdfast.plans.frozen import idempotency_header_of, key_lifetime_of
from tests.faults.samples import NOON, answer
from tests.plans.samples import definition, definition_wire

PENDING: dict[str, str] = {}

BASE = {
    "apiId": "crm",
    "name": "CRM",
    "version": "1",
    "baseUrl": "https://crm.example/v1",
    "errorMappings": [],
    "quirks": {},
}
RULE = {"codes": ["x"], "category": "validation_failed", "retryable": False}
LIMITS = {"detection": {"statusCodes": [429], "headers": []}, "extraction": {}, "backoffStrategy": {"type": "linear"}}
EXAMPLE = {"title": "t", "status": 400, "body": {"error": {"code": "x"}}, "expect": {"category": "validation_failed"}}
WINDOW = {"name": "day", "period": 86_400_000, "codes": ["x"]}
WAIT = {"header": "X-Wait", "format": "seconds"}
ADVICE = {"strategy": "ask-person"}
X = answer(400, {"error": {"code": "x", "message": "Boom"}})
BUSY = answer(429, {"error": {"code": "slow"}}, X_Wait="7", X_Left="0", X_Reset="1772452860", X_Limit="5,6", X_Slow="1")

Observe = Callable[[dict[str, object], "pytest.CaptureFixture[str]"], object]


def catalog(wire: dict[str, object]) -> Catalog:
    """A catalog with an entry, and one that it may build on."""
    other = BASE | {
        "apiId": "other",
        "baseUrl": "https://other.example",
        "errorMappings": [RULE | {"category": "auth_invalid"}],
    }
    pieces = tuple(Piece(wire=one, source="x.yaml") for one in (wire, other))
    return Catalog(layers=[Layer(name=DIRECTORY, pieces=pieces)])


def rules_of(wire: dict[str, object]):
    """The compiled rules of the entry."""
    return catalog(wire).rules("crm")


def judged(fault: Fault) -> Observe:
    """The verdict on a failure."""
    return lambda wire, _: str(astuple(classify(fault, api=rules_of(wire))))


def examined(fault: Fault) -> Observe:
    """Whether an answer is a failure, and which."""
    return lambda wire, _: str(examine(fault, api=rules_of(wire), expects_json=True))


def found(name: str) -> Observe:
    """The id of the entry that is found by a name or an address."""

    def observe(wire: dict[str, object], _: object) -> object:
        known = catalog(wire)
        return known.match_id(name) if "://" in name else (known.entry(name) is not None)

    return observe


def shown(wire: dict[str, object], capsys: pytest.CaptureFixture[str]) -> object:
    """What `catalog show` tells a person."""
    known = catalog(wire)
    print_entry(known, known.entry("crm"), {})
    return capsys.readouterr().out


def checked(wire: dict[str, object], _: object) -> object:
    """What a worker asks to see whether it is well."""
    return check_of(entry(wire), timeout_s=5)


def entry(wire: dict[str, object]) -> ApiCatalogEntry:
    """The entry."""
    return catalog(wire).entry("crm")


def advised(fault: Fault = X) -> Observe:
    """What it advises for a failure."""

    def observe(wire: dict[str, object], _: object) -> object:
        verdict = with_advice(entry(wire), classify(fault, api=rules_of(wire)), fault=fault)
        return recovery_override(entry(wire), verdict)

    return observe


def keyed(wire: dict[str, object], _: object) -> object:
    """The header of idempotency keys, how long one is known, and whether stored failures are answered again, as plans take them."""
    rules = rules_of(wire).idempotency
    made = definition("pay", endpoint=definition_wire()["endpoint"] | {"method": "POST"})
    return idempotency_header_of(made, entry(wire)), key_lifetime_of(entry(wire)), rules and rules.replays_errors


def announced(*headers: tuple[str, str]) -> Observe:
    """What answers announce."""
    return lambda wire, _: deprecation_of(headers, rules_of(wire), observed_at=NOON)


def verified(wire: dict[str, object], _: object) -> object:
    """What `catalog test` says of its examples."""
    return [(one.title, one.differences) for one in judge_examples(entry(wire), rules_of(wire))]


def renewed(wire: dict[str, object], _: object) -> object:
    """The verdict on an expired token."""
    return str(
        astuple(
            classify(answer(401, {"error": "invalid_token", "message": "The access token expired"}), api=rules_of(wire))
        )
    )


def rule(**more: object) -> dict[str, object]:
    """An entry with one rule."""
    return BASE | {"errorMappings": [RULE | more]}


def limits(part: str, **more: object) -> dict[str, object]:
    """An entry with limits."""
    return BASE | {"rateLimiting": LIMITS | {part: LIMITS[part] | more}}


def wait(**more: object) -> dict[str, object]:
    """An entry with a place of waits."""
    return BASE | {"waits": [WAIT | more]}


def window(**more: object) -> dict[str, object]:
    """An entry with an allowance."""
    return BASE | {"rateLimiting": LIMITS, "quotaWindows": [WINDOW | more]}


def example(**more: object) -> dict[str, object]:
    """An entry with an example."""
    return rule() | {"examples": [EXAMPLE | more]}


def part(name: str, **values: object) -> dict[str, object]:
    """An entry with a part."""
    return BASE | {name: values}


def quirk(name: str, value: object) -> dict[str, object]:
    """An entry with a quirk."""
    return BASE | {"quirks": {name: value}}


def without(wire: dict[str, object], *names: str) -> dict[str, object]:
    """The same without some parts."""
    return {name: value for name, value in wire.items() if name not in names}


SUCCESS = answer(200, {"ok": False, "error": "ratelimited"})
RESET = {"time": "00:00", "timeZone": "UTC"}
LEFT = {"remainingHeader": "X-Left", "codes": []}
IDEMPOTENCY = {"header": "Idempotency-Key"}
CHECK = {"endpoint": "/health", "expectedStatus": 200, "timeout": 5000}
TYPED = rule() | {"quirks": {"errorContentType": "application/x-error+json"}}
CREDENTIAL = {"kind": "oauth2", "renewable": True}
EXHAUSTED = answer(429, {"error": {"code": "x"}}, X_Left="0", X_Limit="5,6", X_Used="5,1")

ROWS: dict[str, tuple[dict[str, object], dict[str, object], Observe]] = {
    "apiId": (BASE, BASE | {"apiId": "crm2"}, found("crm")),
    "name": (BASE, BASE | {"name": "Other"}, shown),
    "version": (BASE, BASE | {"version": "2"}, found("crm@2")),
    "baseUrl": (BASE, BASE | {"baseUrl": "https://x.example"}, found("https://x.example/y")),
    "baseUrls": (BASE, BASE | {"baseUrls": ["https://x.example"]}, found("https://x.example/y")),
    "aliases": (BASE, BASE | {"aliases": ["customers"]}, found("customers")),
    "kind": (BASE, BASE | {"kind": "crm"}, shown),
    "notes": (BASE, BASE | {"notes": "Mind the gap."}, shown),
    "source": (BASE, BASE | {"source": "its pages"}, shown),
    "dateChecked": (BASE | {"dateChecked": "2026-03-01"}, BASE | {"dateChecked": "2020-01-01"}, judged(X)),
    "extends": (BASE, BASE | {"extends": "other"}, judged(X)),
    # rules
    "errorMappings": (BASE, rule(category="auth_invalid"), judged(X)),
    "errorMappings.pattern": (rule(pattern="Boom"), rule(pattern="other"), judged(X)),
    "errorMappings.status": (
        rule(status=400, category="auth_invalid"),
        rule(status=401, category="auth_invalid"),
        judged(X),
    ),
    "errorMappings.statuses": (
        rule(statuses=[400], category="auth_invalid"),
        rule(statuses=[401], category="auth_invalid"),
        judged(X),
    ),
    "errorMappings.codes": (rule(category="auth_invalid"), rule(codes=["y"], category="auth_invalid"), judged(X)),
    "errorMappings.methods": (rule(methods=["POST"]), rule(methods=["GET"]), judged(X)),
    "errorMappings.urlPattern": (rule(urlPattern="^"), rule(urlPattern="/other"), judged(X)),
    "errorMappings.header": (
        rule(header={"name": "X-Slow", "pattern": "1"}, codes=["slow"]),
        rule(codes=["slow"]),
        judged(answer(429, {"error": {"code": "slow"}})),
    ),
    "errorMappings.header.name": (
        rule(header={"name": "X-Slow", "pattern": "1"}, codes=["slow"]),
        rule(header={"name": "X-Other", "pattern": "1"}, codes=["slow"]),
        judged(BUSY),
    ),
    "errorMappings.header.pattern": (
        rule(header={"name": "X-Slow", "pattern": "1"}, codes=["slow"]),
        rule(header={"name": "X-Slow", "pattern": "2"}, codes=["slow"]),
        judged(BUSY),
    ),
    "errorMappings.field": (rule(field={"path": "error.code", "pattern": "y"}), rule(), judged(X)),
    "errorMappings.field.path": (
        rule(field={"path": "error.code", "pattern": "x"}),
        rule(field={"path": "error.other", "pattern": "x"}),
        judged(X),
    ),
    "errorMappings.field.pattern": (
        rule(field={"path": "error.code", "pattern": "x"}),
        rule(field={"path": "error.code", "pattern": "y"}),
        judged(X),
    ),
    "errorMappings.category": (rule(), rule(category="auth_invalid"), judged(X)),
    "errorMappings.retryable": (rule(), rule(retryable=True), judged(X)),
    "errorMappings.backoffStrategy": (rule(), rule(backoffStrategy="linear"), judged(X)),
    "errorMappings.outcome": (rule(outcome="executed"), rule(outcome="unknown"), judged(X)),
    "errorMappings.critical": (rule(), rule(critical=True), judged(X)),
    "errorMappings.reason": (rule(), rule(reason="Ask them."), judged(X)),
    # limits
    "rateLimiting": (BASE, limits("detection", statusCodes=[400]), judged(X)),
    "rateLimiting.detection": (limits("detection"), limits("detection", statusCodes=[400]), judged(X)),
    "rateLimiting.detection.statusCodes": (limits("detection"), limits("detection", statusCodes=[400]), judged(X)),
    "rateLimiting.detection.headers": (
        limits("detection", statusCodes=[403], headers=["X-A"]),
        limits("detection", statusCodes=[403], headers=["X-B"]),
        judged(answer(403, {"error": "no"}, X_B="1")),
    ),
    "rateLimiting.detection.bodyPatterns": (limits("detection"), limits("detection", bodyPatterns=["Boom"]), judged(X)),
    "rateLimiting.extraction": (
        limits("extraction"),
        limits("extraction", resetHeader="X-Reset", resetFormat="unix_seconds"),
        judged(BUSY),
    ),
    "rateLimiting.extraction.limitHeader": (
        limits("extraction"),
        limits("extraction", limitHeader="X-Limit"),
        judged(answer(429, {"error": {"message": "x"}}, X_Limit="5")),
    ),
    "rateLimiting.extraction.remainingHeader": (
        BASE | {"rateLimiting": LIMITS | {"detection": {"statusCodes": [403], "headers": ["X-No"]}}},
        BASE
        | {
            "rateLimiting": LIMITS
            | {"detection": {"statusCodes": [403], "headers": ["X-No"]}, "extraction": {"remainingHeader": "X-Left"}}
        },
        judged(answer(403, {"error": "no"}, X_Left="0")),
    ),
    "rateLimiting.extraction.resetHeader": (
        limits("extraction", resetHeader="X-Reset", resetFormat="unix_seconds"),
        limits("extraction", resetHeader="X-No", resetFormat="unix_seconds"),
        judged(BUSY),
    ),
    "rateLimiting.extraction.resetFormat": (
        limits("extraction", resetHeader="X-Reset", resetFormat="unix_seconds"),
        limits("extraction", resetHeader="X-Reset", resetFormat="unix_ms"),
        judged(BUSY),
    ),
    "rateLimiting.backoffStrategy": (
        limits("backoffStrategy"),
        limits("backoffStrategy", type="exponential"),
        judged(BUSY),
    ),
    "rateLimiting.backoffStrategy.type": (
        limits("backoffStrategy"),
        limits("backoffStrategy", type="exponential"),
        judged(BUSY),
    ),
    "rateLimiting.backoffStrategy.initialDelay": (
        limits("backoffStrategy"),
        limits("backoffStrategy", initialDelay=7),
        judged(BUSY),
    ),
    "rateLimiting.backoffStrategy.maxDelay": (
        limits("backoffStrategy"),
        limits("backoffStrategy", maxDelay=7),
        judged(BUSY),
    ),
    # quirks
    "quirks": (BASE, quirk("successWithErrorBody", True), examined(SUCCESS)),
    "quirks.successWithErrorBody": (BASE, quirk("successWithErrorBody", True), examined(SUCCESS)),
    "quirks.errorContentType": (
        BASE,
        quirk("errorContentType", "application/vnd.error+json"),
        examined(answer(200, {"a": 1}, content_type="application/vnd.error+json")),
    ),
    "quirks.emptyResponseOn204": (
        BASE,
        quirk("emptyResponseOn204", False),
        examined(answer(204, b"<no json>", content_type="text/html")),
    ),
    "quirks.binaryErrorResponses": (
        rule(codes=[], pattern="Boom", statuses=[400])
        | {"errorMappings": [without(RULE, "codes") | {"pattern": "Boom"}]},
        {
            **BASE,
            "errorMappings": [without(RULE, "codes") | {"pattern": "Boom"}],
            "quirks": {"binaryErrorResponses": True},
        },
        judged(answer(400, b"Boom", content_type="application/octet-stream")),
    ),
    "quirks.nonStandardJsonContentType": (
        BASE,
        quirk("nonStandardJsonContentType", "application/x-crm"),
        lambda w, c: str(examine(answer(200, b"no json", content_type="application/x-crm"), api=rules_of(w))),
    ),
    "quirks.requiresUserAgent": (BASE, quirk("requiresUserAgent", "me/1"), lambda w, c: rules_of(w).quirks.user_agent),
    "quirks.maxResponseSize": (BASE, quirk("maxResponseSize", 3), examined(answer(200, {"a": 1}))),
    # health
    "healthCheck": (BASE, part("healthCheck", **CHECK), checked),
    "healthCheck.endpoint": (part("healthCheck", **CHECK), part("healthCheck", **CHECK | {"endpoint": "/x"}), checked),
    "healthCheck.expectedStatus": (
        part("healthCheck", **CHECK),
        part("healthCheck", **CHECK | {"expectedStatus": 204}),
        checked,
    ),
    "healthCheck.timeout": (part("healthCheck", **CHECK), part("healthCheck", **CHECK | {"timeout": 1}), checked),
    # idempotency
    "idempotency": (BASE, part("idempotency", **IDEMPOTENCY), keyed),
    "idempotency.header": (part("idempotency", **IDEMPOTENCY), part("idempotency", header="X-Once"), keyed),
    "idempotency.keyLifetime": (
        part("idempotency", **IDEMPOTENCY),
        part("idempotency", **IDEMPOTENCY, keyLifetime=1),
        keyed,
    ),
    "idempotency.replaysErrors": (
        part("idempotency", **IDEMPOTENCY),
        part("idempotency", **IDEMPOTENCY, replaysErrors=True),
        keyed,
    ),
    # advice
    "recoveryStrategies": (BASE, BASE | {"recoveryStrategies": [ADVICE]}, advised()),
    "recoveryStrategies.category": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [ADVICE | {"category": "auth_invalid"}]},
        advised(),
    ),
    "recoveryStrategies.status": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [ADVICE | {"status": 500}]},
        advised(),
    ),
    "recoveryStrategies.code": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [ADVICE | {"code": "y"}]},
        advised(),
    ),
    "recoveryStrategies.pattern": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [ADVICE | {"pattern": "other"}]},
        advised(),
    ),
    "recoveryStrategies.header": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [ADVICE | {"header": {"name": "a", "pattern": "b"}}]},
        advised(),
    ),
    "recoveryStrategies.header.name": (
        BASE | {"recoveryStrategies": [ADVICE | {"header": {"name": "X-Slow", "pattern": "1"}}]},
        BASE | {"recoveryStrategies": [ADVICE | {"header": {"name": "X-Q", "pattern": "1"}}]},
        advised(BUSY),
    ),
    "recoveryStrategies.header.pattern": (
        BASE | {"recoveryStrategies": [ADVICE | {"header": {"name": "X-Slow", "pattern": "1"}}]},
        BASE | {"recoveryStrategies": [ADVICE | {"header": {"name": "X-Slow", "pattern": "2"}}]},
        advised(BUSY),
    ),
    "recoveryStrategies.bodyPattern": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [ADVICE | {"bodyPattern": "other"}]},
        advised(),
    ),
    "recoveryStrategies.strategy": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [{"strategy": "skip"}]},
        advised(),
    ),
    "recoveryStrategies.delay": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [ADVICE | {"delay": 5}]},
        advised(),
    ),
    "recoveryStrategies.reason": (
        BASE | {"recoveryStrategies": [ADVICE]},
        BASE | {"recoveryStrategies": [ADVICE | {"reason": "so"}]},
        advised(),
    ),
    # shape
    "errorShape": (
        rule(codes=["deep"]),
        rule(codes=["deep"]) | {"errorShape": {"codes": ["a.b"]}},
        judged(answer(400, {"a": {"b": "deep"}})),
    ),
    "errorShape.codes": (
        rule(codes=["deep"]),
        rule(codes=["deep"]) | {"errorShape": {"codes": ["a.b"]}},
        judged(answer(400, {"a": {"b": "deep"}})),
    ),
    "errorShape.messages": (BASE, part("errorShape", messages=["a.b"]), judged(answer(400, {"a": {"b": "In words."}}))),
    "errorShape.failure": (
        quirk("successWithErrorBody", True),
        quirk("successWithErrorBody", True) | {"errorShape": {"failure": {"path": "fine", "pattern": "^no$"}}},
        examined(answer(200, {"fine": "no"})),
    ),
    "errorShape.failure.path": (
        quirk("successWithErrorBody", True) | {"errorShape": {"failure": {"path": "fine", "pattern": "^no$"}}},
        quirk("successWithErrorBody", True) | {"errorShape": {"failure": {"path": "other", "pattern": "^no$"}}},
        examined(answer(200, {"fine": "no"})),
    ),
    "errorShape.failure.pattern": (
        quirk("successWithErrorBody", True) | {"errorShape": {"failure": {"path": "fine", "pattern": "^no$"}}},
        quirk("successWithErrorBody", True) | {"errorShape": {"failure": {"path": "fine", "pattern": "^yes$"}}},
        examined(answer(200, {"fine": "no"})),
    ),
    # waits
    "waits": (BASE, wait(), judged(BUSY)),
    "waits.header": (wait(), wait(header="X-No"), judged(BUSY)),
    "waits.path": (
        BASE | {"waits": [{"path": "other", "format": "seconds"}]},
        BASE | {"waits": [{"path": "wait", "format": "seconds"}]},
        judged(answer(429, {"wait": 7})),
    ),
    "waits.pattern": (
        BASE | {"waits": [{"pattern": "in ([0-9]{1,4}) suns", "format": "seconds"}]},
        BASE | {"waits": [{"pattern": "in ([0-9]{1,4}) moons", "format": "seconds"}]},
        judged(answer(429, {"message": "Again in 7 moons"})),
    ),
    "waits.format": (wait(), wait(format="minutes"), judged(BUSY)),
    "waits.statuses": (wait(), wait(statuses=[503]), judged(BUSY)),
    "waits.categories": (wait(), wait(categories=["auth_invalid"]), judged(BUSY)),
    # allowances
    "quotaWindows": (BASE | {"rateLimiting": LIMITS}, window(), judged(EXHAUSTED)),
    "quotaWindows.name": (window(), window(name="month"), shown),
    "quotaWindows.period": (window(), window(period=60_000), judged(EXHAUSTED)),
    "quotaWindows.limit": (
        window(usageHeader="X-Used", codes=[], limit=5),
        window(usageHeader="X-Used", codes=[], limit=9),
        judged(EXHAUSTED),
    ),
    "quotaWindows.aligned": (window(), window(aligned=True), judged(EXHAUSTED)),
    "quotaWindows.reset": (window(), window(reset=RESET), judged(EXHAUSTED)),
    "quotaWindows.reset.time": (window(reset=RESET), window(reset=RESET | {"time": "13:00"}), judged(EXHAUSTED)),
    "quotaWindows.reset.timeZone": (
        window(reset=RESET),
        window(reset=RESET | {"timeZone": "Asia/Tokyo"}),
        judged(EXHAUSTED),
    ),
    "quotaWindows.reset.day": (window(reset=RESET), window(reset=RESET | {"day": 9}), judged(EXHAUSTED)),
    "quotaWindows.limitHeader": (
        window(codes=[], usageHeader="X-Used"),
        window(codes=[], usageHeader="X-Used", limitHeader="X-Limit"),
        judged(EXHAUSTED),
    ),
    "quotaWindows.usageHeader": (
        window(codes=[], limitHeader="X-Limit"),
        window(codes=[], limitHeader="X-Limit", usageHeader="X-Used"),
        judged(EXHAUSTED),
    ),
    "quotaWindows.remainingHeader": (window(codes=[]), window(**LEFT), judged(EXHAUSTED)),
    "quotaWindows.position": (
        window(codes=[], limitHeader="X-Limit", usageHeader="X-Used"),
        window(codes=[], limitHeader="X-Limit", usageHeader="X-Used", position=1),
        judged(EXHAUSTED),
    ),
    "quotaWindows.codes": (window(codes=[]), window(), judged(EXHAUSTED)),
    "quotaWindows.category": (window(), window(category="rate_limit_burst"), judged(EXHAUSTED)),
    # credentials
    "credential": (BASE, part("credential", kind="oauth2", renewable=False), renewed),
    "credential.renewable": (
        part("credential", **CREDENTIAL),
        part("credential", kind="oauth2", renewable=False),
        renewed,
    ),
    "credential.kind": (part("credential", **CREDENTIAL), part("credential", **CREDENTIAL | {"kind": "jwt"}), shown),
    "credential.lifetime": (part("credential", **CREDENTIAL), part("credential", **CREDENTIAL, lifetime=60_000), shown),
    "credential.refreshLifetime": (
        part("credential", **CREDENTIAL),
        part("credential", **CREDENTIAL, refreshLifetime=60_000),
        shown,
    ),
    "credential.tokenUrl": (
        part("credential", **CREDENTIAL),
        part("credential", **CREDENTIAL, tokenUrl="https://x.example"),
        shown,
    ),
    "credential.notes": (part("credential", **CREDENTIAL), part("credential", **CREDENTIAL, notes="Ask Ada."), shown),
    # announcements
    "deprecation": (BASE, part("deprecation", headers=["X-Old"]), announced(("X-Old", "1"))),
    "deprecation.headers": (
        part("deprecation", headers=["X-Old"]),
        part("deprecation", headers=["X-No"]),
        announced(("X-Old", "1")),
    ),
    "deprecation.link": (
        part("deprecation", headers=["X-Old"]),
        part("deprecation", headers=["X-Old"], link="https://x.example"),
        announced(("X-Old", "1")),
    ),
    # pages
    "links": (BASE, part("links", errors="https://x.example/e"), shown),
    **{
        f"links.{name}": (BASE, part("links", **{name: "https://x.example/l"}), shown)
        for name in ("errors", "rateLimits", "authentication", "idempotency", "status")
    },
    # examples
    "examples": (rule(), example(), verified),
    "examples.title": (example(), example(title="u"), verified),
    "examples.status": (
        rule(status=400) | {"examples": [EXAMPLE]},
        rule(status=400) | {"examples": [EXAMPLE | {"status": 503}]},
        verified,
    ),
    "examples.method": (
        rule(methods=["GET"], category="auth_invalid") | {"examples": [EXAMPLE]},
        rule(methods=["GET"], category="auth_invalid") | {"examples": [EXAMPLE | {"method": "GET"}]},
        verified,
    ),
    "examples.urlPath": (
        rule(urlPattern="/a", category="auth_invalid") | {"examples": [EXAMPLE | {"urlPath": "/a"}]},
        rule(urlPattern="/a", category="auth_invalid") | {"examples": [EXAMPLE | {"urlPath": "/b"}]},
        verified,
    ),
    "examples.headers": (
        rule(category="auth_invalid", header={"name": "a", "pattern": "b"}) | {"examples": [EXAMPLE]},
        rule(category="auth_invalid", header={"name": "a", "pattern": "b"})
        | {"examples": [EXAMPLE | {"headers": {"a": "b"}}]},
        verified,
    ),
    "examples.body": (
        rule(category="auth_invalid") | {"examples": [EXAMPLE]},
        rule(category="auth_invalid") | {"examples": [EXAMPLE | {"body": {"error": {"code": "y"}}}]},
        verified,
    ),
    "examples.contentType": (
        TYPED | {"examples": [EXAMPLE | {"status": 200}]},
        TYPED | {"examples": [EXAMPLE | {"status": 200, "contentType": "application/x-error+json"}]},
        verified,
    ),
    "examples.observedAt": (
        example(status=429, headers={"Retry-After": "Mon, 02 Mar 2026 10:00:09 GMT"}),
        example(
            status=429, headers={"Retry-After": "Mon, 02 Mar 2026 10:00:09 GMT"}, observedAt="2026-03-02T10:00:05Z"
        ),
        verified,
    ),
    "examples.expect": (example(), example(expect={"category": "auth_invalid"}), verified),
    "examples.expect.category": (example(), example(expect={"category": "auth_invalid"}), verified),
    "examples.expect.retryable": (example(), example(expect=EXAMPLE["expect"] | {"retryable": True}), verified),
    "examples.expect.retryAfterS": (example(), example(expect=EXAMPLE["expect"] | {"retryAfterS": 5}), verified),
    "examples.expect.outcome": (example(), example(expect=EXAMPLE["expect"] | {"outcome": "executed"}), verified),
    "examples.source": (example(), example(source="https://x.example/page"), shown),
}


@pytest.mark.parametrize("field", ROWS)
def test_every_field_acts(field: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Two entries that differ in this field alone make a difference."""
    one, other, observe = ROWS[field]

    assert observe(one, capsys) != observe(other, capsys)
