"""What stands between us and an API and answers in its place: proxies, load balancers, CDNs, hosting platforms.

Their pages and lines say something that no API can say: whether the request got through at all. Sources: the error
pages in the code of nginx, HAProxy, Envoy, Varnish, Squid and Apache; https://developers.cloudflare.com/support/troubleshooting/http-status-codes/,
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/troubleshooting-response-errors.html,
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html,
https://vercel.com/docs/errors and https://www.fastly.com/documentation/guides/.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from holdfast.faults import meanings as m
from holdfast.faults.evidence import Evidence
from holdfast.faults.fault import Fault
from holdfast.faults.packs.table import Match, best_of, table

_HEAD_MAX_CHARS = 1_500

CLOUDFLARE: Mapping[str, m.Meaning] = MappingProxyType(
    {
        "520": m.UNCERTAIN,
        "521": m.NOT_STARTED,
        "522": m.NOT_STARTED,
        "523": m.NOT_STARTED,
        "524": m.UNCERTAIN,
        "525": m.NOT_STARTED,
        "526": m.NOT_STARTED_STOP,
        "1000": m.NOT_STARTED_STOP,
        "1001": m.NOT_STARTED,
        "1002": m.NOT_STARTED_STOP,
        "1003": m.BAD_INPUT,
        "1004": m.NOT_STARTED_STOP,
        "1006": m.INVALID,
        "1007": m.INVALID,
        "1008": m.INVALID,
        "1009": m.INVALID,
        "1010": m.INVALID,
        "1011": m.INVALID,
        "1012": m.INVALID,
        "1013": m.BAD_INPUT,
        "1014": m.NOT_STARTED_STOP,
        "1015": m.BURST,
        "1016": m.NOT_STARTED,
        "1018": m.NOT_STARTED,
        "1019": m.UNCERTAIN,
        "1020": m.INVALID,
        "1023": m.NOT_STARTED,
        "1027": m.DAILY,
        "1033": m.NOT_STARTED,
        "1101": m.UNCERTAIN,
        "1102": m.UNCERTAIN,
        "1106": m.INVALID,
        "1200": m.BURST,
    }
)
VERCEL = table(
    (m.ROUTE, "DEPLOYMENT_NOT_FOUND NOT_FOUND DEPLOYMENT_DELETED RESOURCE_NOT_FOUND"),
    (m.INVALID, "DEPLOYMENT_BLOCKED DEPLOYMENT_DISABLED DEPLOYMENT_PAUSED"),
    (m.BURST, "FUNCTION_THROTTLED"),
    (
        m.UNCERTAIN,
        "FUNCTION_INVOCATION_FAILED FUNCTION_INVOCATION_TIMEOUT EDGE_FUNCTION_INVOCATION_FAILED EDGE_FUNCTION_INVOCATION_TIMEOUT",
    ),
    (
        m.UNCERTAIN,
        "MIDDLEWARE_INVOCATION_FAILED MIDDLEWARE_INVOCATION_TIMEOUT ROUTER_EXTERNAL_TARGET_ERROR NO_RESPONSE_FROM_FUNCTION",
    ),
    (m.NOT_STARTED, "ROUTER_EXTERNAL_TARGET_CONNECTION_ERROR DNS_HOSTNAME_NOT_FOUND DEPLOYMENT_NOT_READY_REDIRECTING"),
    (m.BAD_INPUT, "FUNCTION_PAYLOAD_TOO_LARGE REQUEST_HEADER_TOO_LARGE URL_TOO_LONG"),
)
SQUID = table(
    (m.NOT_STARTED, "ERR_CONNECT_FAIL ERR_DNS_FAIL ERR_CANNOT_FORWARD ERR_SECURE_CONNECT_FAIL"),
    (m.INVALID, "ERR_ACCESS_DENIED ERR_CACHE_ACCESS_DENIED"),
    (m.UNCERTAIN, "ERR_READ_TIMEOUT ERR_READ_ERROR ERR_ZERO_SIZE_OBJECT ERR_LIFETIME_EXP ERR_WRITE_ERROR"),
    (m.BAD_INPUT, "ERR_TOO_BIG ERR_INVALID_REQ ERR_INVALID_URL ERR_UNSUP_REQ"),
)

_CLOUDFLARE_CODE = re.compile(r"error code:? ?(\d{3,4})\b|\| (\d{3,4}):|\berror (1\d{3})\b|\b(1\d{3}) error\b")
_CHALLENGE = re.compile(
    r"just a moment|attention required|checking your browser|checking if the site connection is secure"
    r"|verify(?:ing)? you are (?:a )?human"
    r"|enable javascript and cookies|complete the security check|are you a robot|unusual traffic"
    r"|incapsula incident|request unsuccessful. incapsula"
    r"|press & hold|pardon our interruption|ddos protection by|captcha"
)
_PHRASES: tuple[tuple[re.Pattern[str], str, m.Meaning], ...] = (
    (
        re.compile(
            r"reset reason: (?:remote |local |transient )?connection timeout|reset reason: overflow"
            r"|delayed connect error"
            r"|no healthy upstream|no server is available to handle this request|backend is unhealthy|backend unhealthy"
            r"|max_conn reached|wasn.t able to connect to the origin|failed to establish a new connection"
            r"|cluster not found"
            r"|connect\(\) failed|failed to connect to (?:the )?(?:backend|upstream|origin)|no available server"
            r"|no backend available"
        ),
        "not-forwarded",
        m.NOT_STARTED,
    ),
    (
        re.compile(
            r"upstream connect error|upstream request timeout|upstream max stream duration|guru meditation"
            r"|backend fetch failed"
            r"|first byte timeout|backend read error|upstream prematurely closed"
            r"|the server returned an invalid or incomplete response"
            r"|invalid response from an upstream server|error reading from remote server"
        ),
        "upstream",
        m.UNCERTAIN,
    ),
    (
        re.compile(
            r"didn't send a complete request|server timeout waiting for the http request from the client"
            r"|did not produce a request within"
        ),
        "request-not-received",
        m.NOT_RECEIVED,
    ),
    (
        re.compile(
            r"rbac: access denied|jwt (?:verification fails|is missing|issuer is not configured|authentication)"
        ),
        "envoy-denied",
        m.INVALID,
    ),
    (re.compile(r"\bjwt is expired"), "envoy-expired", m.EXPIRED),
    (re.compile(r"local_rate_limited"), "envoy-limit", m.BURST),
    (re.compile(r"(?:account|developer) over (?:qps|queries per second)"), "gateway-limit", m.BURST),
    (re.compile(r"(?:account|developer) over rate"), "gateway-quota", m.DAILY),
    (re.compile(r"not configured to allow the http request method|supports only cachable requests"), "method", m.ROUTE),
    (re.compile(r"fastly error: unknown domain"), "unknown-domain", m.CONFIGURATION),
    (
        re.compile(r"no such app|there isn't a github pages site here|the specified bucket does not exist"),
        "no-site",
        m.ROUTE,
    ),
)


def match(fault: Fault, evidence: Evidence) -> Match | None:
    """Read the answer of something in between; `None` when the answer looks like an API's own."""
    status = fault.status or 0
    for name, known, pack in (("x-vercel-error", VERCEL, "vercel"), ("x-squid-error", SQUID, "squid")):
        stated = [value.split(" ")[0] for value in fault.header_values(name)]
        if stated and (found := best_of(stated, known, pack=pack)):
            return found
    server = " ".join(fault.header_values("server")).lower()
    if "challenge" in fault.header_values("cf-mitigated"):
        return "pack:edges/challenge", m.INVALID
    words = _words(evidence)
    if not words:
        return _of_bare(server, status)
    is_cloudflares = "cloudflare" in server or "cloudflare" in words or words.startswith("error code: ")
    if is_cloudflares and (found := _of_cloudflare(words)):
        return found
    if status >= 400 and evidence.page and _CHALLENGE.search(words):
        return "pack:edges/challenge", m.INVALID
    if found := _of_balancers(words, server, status):
        return found
    return next(((f"pack:edges/{rule}", meaning) for phrase, rule, meaning in _PHRASES if phrase.search(words)), None)


def is_challenge(page: str) -> bool:
    """Whether a page wants a person to prove that he is one."""
    return _CHALLENGE.search(page.lower()) is not None


def _words(evidence: Evidence) -> str:
    """The words of a page or of a plain line; an API's structured answer has none of an edge."""
    if evidence.page:
        return f"{evidence.message or ''} {evidence.page}"[:_HEAD_MAX_CHARS].lower()
    return evidence.text[:_HEAD_MAX_CHARS].lower() if evidence.value is None and not evidence.codes[1:] else ""


def _of_bare(server: str, status: int) -> Match | None:
    return (
        ("pack:edges/request-not-received", m.NOT_RECEIVED) if status == 408 and server.startswith("awselb") else None
    )


def _of_cloudflare(words: str) -> Match | None:
    for found in _CLOUDFLARE_CODE.finditer(words):
        code = next(part for part in found.groups() if part)
        if code in CLOUDFLARE:
            return f"pack:cloudflare/{code}", CLOUDFLARE[code]
    return None


def _of_balancers(words: str, server: str, status: int) -> Match | None:
    """The own pages of nginx and its kin, and of Amazon's balancers: each status has one cause."""
    own_nginx = ("nginx" in words[-200:] or "openresty" in words[-200:]) and str(status) in words[:60]
    if own_nginx and status in _NGINX:
        return f"pack:nginx/{status}", _NGINX[status]
    if server.startswith("awselb") and status in _ALB:
        return f"pack:alb/{status}", _ALB[status]
    return None


_NGINX: Mapping[int, m.Meaning] = MappingProxyType(
    {
        408: m.NOT_RECEIVED,
        413: m.BAD_INPUT,
        414: m.BAD_INPUT,
        429: m.BURST,
        494: m.BAD_INPUT,
        495: m.INVALID,
        496: m.INVALID,
        497: m.BAD_INPUT,
        # `limit_req` and `limit_conn` answer 503 unless told otherwise; a dead upstream is a 502 or 504.
        503: m.NOT_STARTED,
    }
)
_ALB: Mapping[int, m.Meaning] = MappingProxyType(
    {408: m.NOT_RECEIVED, 460: m.CANCELLED, 463: m.BAD_INPUT, 503: m.NOT_STARTED, 561: m.INVALID}
)
