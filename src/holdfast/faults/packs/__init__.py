"""Protocol packs: what codes mean in dialects that many APIs share.

One file per protocol or dialect, each a table with its sources. They come after what is known of the one API at hand
and before the generic reading of words and statuses. Which packs are asked follows from the structure of the answer,
so that a word of one dialect is not read by the rules of another.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.faults.evidence import Evidence
from holdfast.faults.fault import BodyKind, Fault
from holdfast.faults.packs import (
    aws,
    azure,
    edges,
    frameworks,
    google,
    graphql,
    health_and_directories,
    json_rpc,
    kubernetes,
    oauth,
    problem,
    search_engines,
)
from holdfast.faults.packs.table import Match, best_of

_AWS_HEADERS = frozenset(
    {"x-amzn-errortype", "x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id", "x-amz-bucket-region"}
)


def match_packs(fault: Fault, evidence: Evidence) -> Match | None:
    """The first dialect that knows what the answer says; `None` when none does."""
    value = evidence.value
    if isinstance(value, dict):
        found = _of_object(fault, evidence, value)
    elif fault.body_kind in {BodyKind.HTML, BodyKind.TEXT}:
        found = _of_text(fault, evidence)
    else:
        found = edges.match(fault, evidence)
    return found or _of_headers(fault, evidence)


def _of_object(fault: Fault, evidence: Evidence, value: Mapping[object, object]) -> Match | None:
    error = value.get("error")
    found: Match | None = None
    if isinstance(error, dict):
        found = _of_error(evidence, value, error)
    elif isinstance(error, str):
        found = oauth.match(fault, evidence, error)
    elif "errors" in value:
        found = _of_errors(evidence, value["errors"])
    elif value.get("kind") == "Status":
        found = kubernetes.match(evidence, value.get("reason"))
    elif "schemas" in value and "scimType" in value:
        found = best_of(evidence.named, health_and_directories.SCIM_TYPES, pack="scim")
    elif value.get("resourceType") == "OperationOutcome":
        found = best_of(evidence.named, health_and_directories.FHIR_ISSUES, pack="fhir")
    elif "type" in value:
        found = problem.match(value.get("type"))
    # A framework's own body has one meaning; the codes around it may have several.
    found = found or frameworks.match(value, fault.status or 0)
    if found is None and _is_amazons(fault, value):
        found = best_of((*_error_types(fault), *evidence.named), aws.CODES, pack="aws")
    return found


def _of_error(evidence: Evidence, value: Mapping[object, object], error: Mapping[object, object]) -> Match | None:
    if "jsonrpc" in value:
        return json_rpc.match(error)
    if "root_cause" in error:
        return best_of(evidence.named, search_engines.TYPES, pack="search")
    return google.match(evidence, error) or _of_microsoft(evidence, error)


def _of_microsoft(evidence: Evidence, error: Mapping[object, object]) -> Match | None:
    code = error.get("code")
    # OData codes are words in camel case; an `innererror` may be more exact.
    if isinstance(code, str) and not code.isupper() and "_" not in code[:8] and "type" not in error:
        return best_of(evidence.named, azure.CODES, pack="azure")
    return None


def _of_errors(evidence: Evidence, errors: object) -> Match | None:
    first = errors[0] if isinstance(errors, list) and errors else None
    if isinstance(first, dict) and isinstance(first.get("extensions"), dict):
        return best_of(evidence.named, graphql.CODES, pack="graphql")
    return None


def _is_amazons(fault: Fault, value: Mapping[object, object]) -> bool:
    if "__type" in value:
        return True
    for name, _ in fault.headers:  # noqa: SIM110 - a generator costs more than the search
        if name.lower() in _AWS_HEADERS:
            return True
    return False


def _error_types(fault: Fault) -> tuple[str, ...]:
    """`x-amzn-ErrorType: ThrottlingException:http://internal.amazon.com/…`."""
    return tuple([value.partition(":")[0] for value in fault.header_values("x-amzn-errortype")])


def _of_text(fault: Fault, evidence: Evidence) -> Match | None:
    if evidence.value is None and evidence.codes and evidence.text.lstrip("\ufeff \r\n\t").startswith("<"):
        # S3 and its many imitators, EC2, SQS, Azure Storage: one flat list of texts.
        return best_of(
            evidence.named,
            azure.CODES if _is_microsofts(fault) else aws.CODES,
            pack="azure" if _is_microsofts(fault) else "aws",
        )
    return edges.match(fault, evidence)


def _is_microsofts(fault: Fault) -> bool:
    return any(name.lower().startswith("x-ms-") for name, _ in fault.headers)


def _of_headers(fault: Fault, evidence: Evidence) -> Match | None:
    if fault.status in {400, 401, 403}:
        return oauth.match_challenge(fault, evidence)
    return best_of(_error_types(fault), aws.CODES, pack="aws")
