"""What packs read beside their tables: pages, windows, challenges, frameworks."""

from __future__ import annotations

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from holdfast.faults.packs import edges, frameworks
from tests.faults.samples import answer

NOT, UNKNOWN = "not_executed", "unknown"
HTML, TEXT = "text/html", "text/plain"


def page(status: int, words: str, **headers: str) -> Fault:
    """A page of something in between."""
    return answer(
        status, f"<html><head><title>{words}</title></head><body></body></html>", content_type=HTML, **headers
    )


def line(status: int, words: str, **headers: str) -> Fault:
    """A plain line of something in between."""
    return answer(status, words, content_type=TEXT, **headers)


def nginx(status: int, reason: str, name: str = "nginx/1.24.0") -> Fault:
    """nginx's own page."""
    heading = f"{status} {reason}"
    body = f"<html><head><title>{heading}</title></head><body><center><h1>{heading}</h1></center><hr><center>{name}</center></body></html>"
    return answer(status, body, content_type=HTML)


@pytest.mark.parametrize(
    ("fault", "rule", "category", "outcome"),
    [
        pytest.param(
            nginx(503, "Service Temporarily Unavailable"), "pack:nginx/503", "api_unexpected_status", NOT, id="limit"
        ),
        pytest.param(
            nginx(408, "Request Time-out", "openresty"), "pack:nginx/408", "network_timeout", NOT, id="slow-request"
        ),
        pytest.param(nginx(502, "Bad Gateway"), "generic:502", "api_unexpected_status", UNKNOWN, id="nginx-502"),
        pytest.param(
            page(403, "x", cf_mitigated="challenge"), "pack:edges/challenge", "auth_invalid", NOT, id="challenge"
        ),
        pytest.param(page(503, "Just a moment..."), "pack:edges/challenge", "auth_invalid", NOT, id="challenge-page"),
        pytest.param(
            answer(408, server="awselb/2.0"), "pack:edges/request-not-received", "network_timeout", NOT, id="alb-408"
        ),
        pytest.param(page(503, "503", server="awselb/2.0"), "pack:alb/503", "api_unexpected_status", NOT, id="alb-503"),
        pytest.param(
            page(504, "504", server="awselb/2.0"), "generic:504", "api_unexpected_status", UNKNOWN, id="alb-504"
        ),
        pytest.param(
            line(503, "no healthy upstream"), "pack:edges/not-forwarded", "api_unexpected_status", NOT, id="envoy"
        ),
        pytest.param(
            line(503, "upstream connect error or disconnect/reset before headers. reset reason: overflow"),
            "pack:edges/not-forwarded",
            "api_unexpected_status",
            NOT,
            id="envoy-overflow",
        ),
        pytest.param(
            line(503, "upstream connect error or disconnect/reset before headers. reset reason: remote reset"),
            "pack:edges/upstream",
            "api_unexpected_status",
            UNKNOWN,
            id="envoy-reset",
        ),
        pytest.param(line(403, "RBAC: access denied"), "pack:edges/envoy-denied", "auth_invalid", NOT, id="envoy-rbac"),
        pytest.param(line(401, "Jwt is expired"), "pack:edges/envoy-expired", "auth_expired", NOT, id="envoy-jwt"),
        pytest.param(
            line(429, "local_rate_limited"), "pack:edges/envoy-limit", "rate_limit_burst", NOT, id="envoy-limit"
        ),
        pytest.param(page(404, "No such app"), "pack:edges/no-site", "api_endpoint_removed", NOT, id="heroku"),
        pytest.param(
            page(500, "Fastly error: unknown domain x"),
            "pack:edges/unknown-domain",
            "api_unexpected_status",
            NOT,
            id="fastly",
        ),
        pytest.param(
            page(520, "x | 999: y", server="cloudflare"),
            "generic:520",
            "api_unexpected_status",
            UNKNOWN,
            id="other-number",
        ),
    ],
)
def test_knows_what_stands_in_between(fault: Fault, rule: str, category: str, outcome: str) -> None:
    """A proxy's own answer says whether the request got through."""
    verdict = classify(fault)

    assert (rule, category, outcome) == (verdict.rule, verdict.category, verdict.outcome)


@pytest.mark.parametrize("status", [pytest.param(status, id=str(status)) for status in edges._NGINX])
def test_every_page_of_nginx_is_known(status: int) -> None:
    """Each status that nginx answers by itself has one cause."""
    assert classify(nginx(status, "x")).rule == f"pack:nginx/{status}"


@pytest.mark.parametrize("status", [pytest.param(status, id=str(status)) for status in edges._ALB])
def test_every_page_of_a_balancer_is_known(status: int) -> None:
    """Each status that Amazon's balancer answers by itself has one cause."""
    assert classify(page(status, "x", server="awselb/2.0")).rule == f"pack:alb/{status}"


@pytest.mark.parametrize(
    ("code", "meaning"), [pytest.param(code, meaning, id=code) for code, meaning in frameworks._APIGEE]
)
def test_every_fault_of_apigee_is_known(code: str, meaning: object) -> None:
    """A gateway's fault names the policy that refused."""
    verdict = classify(
        answer(
            503, {"fault": {"faultstring": "x", "detail": {"errorcode": f"{code}x" if code.endswith(".") else code}}}
        )
    )

    assert verdict.rule.startswith("pack:frameworks/apigee-") or meaning.name == "unavailable"  # type: ignore[attr-defined]  # a Meaning


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"fault": {"faultstring": "x", "detail": "text"}}, id="no-object"),
        pytest.param({"fault": {"faultstring": "x", "detail": {"errorcode": "other.thing"}}}, id="other-code"),
        pytest.param({"fault": "x"}, id="no-fault"),
    ],
)
def test_another_fault_is_not_apigees(body: object) -> None:
    """What only looks like a gateway's fault is read by the other rules."""
    assert not classify(answer(400, body)).rule.startswith("pack:")


@pytest.mark.parametrize(
    ("body", "category"),
    [
        pytest.param({"detail": "Not Found"}, "api_endpoint_removed", id="starlette"),
        pytest.param({"detail": "Not found."}, "state_inconsistent", id="django-record"),
        pytest.param(
            {"timestamp": 1, "status": 404, "error": "Not Found", "path": "/x"}, "api_endpoint_removed", id="spring"
        ),
        pytest.param(
            {"timestamp": 1, "status": 404, "error": "Not Found", "path": "/x", "message": "no customer 5"},
            "state_inconsistent",
            id="spring-application",
        ),
        pytest.param(
            {"kind": "Status", "reason": "NotFound", "message": "pods x not found"}, "state_inconsistent", id="pod"
        ),
        pytest.param(
            {"kind": "Status", "reason": "NotFound", "message": "the server could not find the requested resource"},
            "api_endpoint_removed",
            id="kubernetes-route",
        ),
    ],
)
def test_tells_a_frameworks_404_from_an_applications(body: object, category: str) -> None:
    """A router's own 404 is an unknown route, the application's an unknown record."""
    assert category == classify(answer(404, body)).category


def test_a_gateway_asks_for_a_token_where_it_has_no_route() -> None:
    """Amazon's gateway says so of paths it does not know."""
    fault = answer(
        403, {"message": "Missing Authentication Token"}, x_amzn_ErrorType="MissingAuthenticationTokenException"
    )

    assert classify(fault).category == "api_endpoint_removed"


def test_a_namespaces_quota_of_objects_is_no_throttle() -> None:
    """Waiting frees no objects."""
    body = {"kind": "Status", "reason": "Forbidden", "message": "forbidden: exceeded quota: compute"}

    assert (classify(answer(403, body)).category, classify(answer(403, {"kind": "Status", "reason": 5})).category) == (
        "validation_failed",
        "auth_invalid",
    )


@pytest.mark.parametrize(
    ("quota_id", "category"),
    [
        pytest.param("RequestsPerDayPerProject", "rate_limit_daily", id="day"),
        pytest.param("RequestsPerMinutePerUser", "rate_limit_burst", id="minute"),
        pytest.param(5, "rate_limit_burst", id="no-text"),
    ],
)
def test_reads_which_quota_google_names(quota_id: object, category: str) -> None:
    """The id of the quota tells its window, whatever else is said."""
    details = [5, {"reason": "x"}, {"violations": [7, {"quotaId": quota_id}]}]
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "x", "details": details}}

    assert category == classify(answer(429, body)).category


@pytest.mark.parametrize(
    ("words", "category"),
    [
        pytest.param("x", "auth_expired", id="says-nothing"),
        pytest.param("expired or revoked", "auth_expired", id="both"),
        pytest.param("revoked", "auth_invalid", id="revoked"),
        pytest.param("the refresh token is invalid", "auth_invalid", id="refresh-token"),
        pytest.param("invalid api key", "auth_invalid", id="static"),
    ],
)
def test_renews_a_token_first_unless_that_is_excluded(words: str, category: str) -> None:
    """OAuth has one word for expired, revoked and malformed tokens."""
    by_body = classify(answer(401, {"error": "invalid_token", "error_description": words}))
    by_header = classify(answer(401, WWW_Authenticate=f'Bearer error="invalid_token", error_description="{words}"'))

    assert (category, category) == (by_body.category, by_header.category)


def test_an_expired_device_code_needs_a_person() -> None:
    """At the token endpoint, what expired is the code that a person was to confirm."""
    fault = answer(400, {"error": "expired_token"})
    at_endpoint = classify(
        Fault(**{name: getattr(fault, name) for name in fault.__slots__} | {"url": "https://a.example/oauth/token"})
    )

    assert (False, True) == (at_endpoint.retryable, classify(fault).retryable)
