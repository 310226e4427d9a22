"""Every row of every pack decides when its code comes in the shape that the dialect documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from holdfast.faults.meanings import DONE, Meaning, Weight, read_meaning
from holdfast.faults.packs import (
    aws,
    azure,
    edges,
    google,
    graphql,
    health_and_directories,
    json_rpc,
    kubernetes,
    oauth,
    problem,
    search_engines,
)
from tests.faults.samples import answer

Shape = Callable[[str], Fault]


def _google(code: str) -> Fault:
    return answer(403, {"error": {"code": 403, "errors": [{"domain": "global", "reason": code}]}})


def _search(code: str) -> Fault:
    return answer(400, {"error": {"root_cause": [{"type": code, "reason": "r x"}], "type": code}, "status": 400})


SHAPES: dict[str, tuple[object, Shape, int]] = {
    "google": (google.REASONS, _google, 403),
    "states": (google.STATES, lambda code: answer(400, {"error": {"code": 400, "status": code.upper()}}), 400),
    "aws": (aws.CODES, lambda code: answer(400, {"__type": f"com.example#{code}", "message": "x y"}), 400),
    "azure": (azure.CODES, lambda code: answer(409, {"error": {"code": code.capitalize(), "message": "x y"}}), 409),
    "oauth": (oauth.ERRORS, lambda code: answer(400, {"error": code, "error_description": "x y"}), 400),
    "graphql": (graphql.CODES, lambda code: answer(200, {"errors": [{"extensions": {"code": code}}]}), 200),
    "kubernetes": (kubernetes.REASONS, lambda code: answer(409, {"kind": "Status", "reason": code}), 409),
    "search": (search_engines.TYPES, _search, 400),
    "scim": (
        health_and_directories.SCIM_TYPES,
        lambda code: answer(400, {"schemas": ["urn:x"], "scimType": code, "status": "400"}),
        400,
    ),
    "fhir": (
        health_and_directories.FHIR_ISSUES,
        lambda code: answer(409, {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}),
        409,
    ),
    "problem": (
        problem.TYPES,
        lambda code: answer(409, {"type": f"https://iana.org/assignments/http-problem-types#{code}", "title": "x y"}),
        409,
    ),
    "vercel": (edges.VERCEL, lambda code: answer(500, "x", content_type="text/plain", x_vercel_error=code), 500),
    "squid": (edges.SQUID, lambda code: answer(503, "x", content_type="text/html", x_squid_error=f"{code} 0"), 503),
}
# Codes that another rule of the same dialect reads before the table.
_ELSEWHERE = {("kubernetes", "forbidden")}


def _rows() -> Iterator[object]:
    for pack, (rows, shape, status) in SHAPES.items():
        for code, meaning in rows.items():  # type: ignore[attr-defined]  # the tables above
            if (pack, code) not in _ELSEWHERE and not (pack == "problem" and code.startswith("urn")):
                yield pytest.param(shape(code), meaning, status, id=f"{pack}-{code}")


@pytest.mark.parametrize(("fault", "meaning", "status"), list(_rows()))
def test_every_row_decides(fault: Fault, meaning: Meaning, status: int) -> None:
    """A code of the table gets the category that its row says, and the pack is named as the rule."""
    expected = None if meaning is DONE else read_meaning(meaning, status, rule="")

    verdict = classify(fault)

    if expected is not None and meaning.weight is Weight.EXACT and meaning.name != "invalid-token":
        assert expected.category == verdict.category
        assert verdict.rule.startswith("pack:")
    elif expected is not None:
        assert expected.category == verdict.category


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, id=code.rpartition(":")[2])
        for code in (
            "urn:ietf:params:acme:error:badNonce",
            "urn:ietf:params:acme:error:rateLimited",
            "urn:ietf:params:acme:error:orderNotReady",
        )
    ],
)
def test_knows_the_problems_of_certificate_authorities(code: str) -> None:
    """ACME's problem types (RFC 8555 §6.7) are read by their whole name."""
    assert classify(answer(400, {"type": code, "detail": "x y"})).rule.startswith("pack:problem/")


@pytest.mark.parametrize(
    ("number", "meaning"), [pytest.param(n, meaning, id=str(n)) for n, meaning in json_rpc.NUMBERS.items()]
)
def test_every_number_of_json_rpc_decides(number: int, meaning: Meaning) -> None:
    """The reserved numbers mean the same in every service that speaks JSON-RPC."""
    verdict = classify(answer(200, {"jsonrpc": "2.0", "id": 1, "error": {"code": number, "message": "x y"}}))

    expected = read_meaning(meaning, 200, rule="")
    assert expected is not None
    assert expected.category == verdict.category


@pytest.mark.parametrize(
    ("code", "meaning"), [pytest.param(code, meaning, id=code) for code, meaning in edges.CLOUDFLARE.items()]
)
def test_every_code_of_cloudflare_decides(code: str, meaning: Meaning) -> None:
    """The number on Cloudflare's page says whether the request reached the origin."""
    status = int(code) if int(code) < 600 else 530
    page = f"<!DOCTYPE html><html><title>x | {code}: y</title><body>Error code {code}, cloudflare</body></html>"

    verdict = classify(answer(status, page, content_type="text/html", server="cloudflare"))

    expected = read_meaning(meaning, status, rule="")
    assert expected is not None
    assert (f"pack:cloudflare/{code}", expected.category, expected.outcome) == (
        verdict.rule,
        verdict.category,
        verdict.outcome,
    )
