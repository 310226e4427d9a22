"""Whether a definition can be performed: its address, headers, authentication, patterns and limits.

Judges one definition by itself; what a plan makes of it is `holdfast.plans.check`'s to judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from holdfast.contract import ActionDefinition, ApiKeyAuthentication, BearerAuthentication
from holdfast.decisions.facts import Safety
from holdfast.errors import BadInput
from holdfast.faults.rules import compile_known_errors
from holdfast.plans.authentication import RESERVED, credential_of, variables_of
from holdfast.plans.authentication_check import check_further_authentication
from holdfast.plans.findings import Findings
from holdfast.plans.frozen import retry_settings
from holdfast.plans.outcome import flaw_of_comparison
from holdfast.plans.personal import flaws_of_names
from holdfast.plans.references import parse_reference, path_of
from holdfast.plans.request import HEADER_NAME, OF_THE_TRANSPORT, PARAMETER, header_flaw
from holdfast.plans.safety import safety_of
from holdfast.plans.schema_check import check_schemas

__all__ = ["check_as_probe", "check_definition", "missing_variables"]

TIMEOUT_MAX_MS = 86_400_000
RATE_REQUESTS_MAX = 100_000
RATE_WINDOW_MAX_MS = 31_536_000_000
SHOWN_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key"})
PROBE_PARTS = frozenset({"output", "status"})


def check_definition(definition: ActionDefinition, findings: Findings) -> None:
    """Note everything that keeps a definition from being performed."""
    check_address(definition, findings)
    check_headers(definition, findings)
    check_authentication(definition, findings)
    check_limits(definition, findings)
    check_refresh(definition, findings)
    check_probe(definition, findings)
    for flaw in flaws_of_names(definition.personal or ()):
        findings.refuse("personal", flaw)
    check_schemas(definition, findings)
    try:
        compile_known_errors([(known.pattern, known.category, None) for known in definition.known_errors], source="")
    except BadInput as err:
        for problem in err.problems:
            findings.refuse(problem.path, problem.message)


def check_address(definition: ActionDefinition, findings: Findings) -> None:
    """Note what is wrong with the address. It is not repeated in messages, since it may hold a password."""
    url = definition.endpoint.url
    path = "endpoint.url"
    if UNPRINTABLE.search(url):
        findings.refuse(path, "holds a space, a backslash or a control character. Percent-encode it.")
        return
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        findings.refuse(path, "is not an address that can be called")
        return
    if parts.scheme.lower() not in ("http", "https"):
        findings.refuse(path, f"must begin with http:// or https://, not {parts.scheme}:")
    elif not host:
        findings.refuse(path, "names no host")
    if parts.username is not None or parts.password is not None:
        findings.refuse(
            path, "carries a user or password. Use authentication, which keeps secrets out of plans and logs."
        )
    if "#" in PARAMETER.sub("", url):
        findings.refuse(path, "has a fragment (#…), which is never sent. Leave it out.")
    # The end of a host name says whose machine it is; whoever fills it in would choose where the credential goes.
    if host and PARAMETER.search(host.rstrip(".").rpartition(".")[2]):
        if definition.authentication is not None:
            findings.refuse(
                path,
                "lets an input choose the host that the credential is sent to. Write the end of the host name out.",
            )
        else:
            findings.warn(path, "lets an input choose the host that is called")


def check_headers(definition: ActionDefinition, findings: Findings) -> None:
    """Note what is wrong with the static headers and with the names of those that are added."""
    seen: dict[str, str] = {}
    for name, value in definition.endpoint.headers.items():
        path = f"endpoint.headers[{name!r}]"
        lower = name.lower()
        if not HEADER_NAME.fullmatch(name):
            findings.refuse(
                "endpoint.headers", f"{name!r} is not the name of a header (letters, digits and !#$%&'*+-.^_`|~)"
            )
        elif lower in OF_THE_TRANSPORT:
            findings.refuse(path, "is set by the transport. Leave it out.")
        elif lower in seen:
            findings.refuse(path, f"is the same header as {seen[lower]!r}. Keep one of the two.")
        elif lower in SECRET_HEADERS and not PARAMETER.fullmatch(value):
            findings.warn(path, "looks like a credential and is stored with the plan. Use authentication instead.")
        seen.setdefault(lower, name)
        flaw = header_flaw(PARAMETER.sub("", value))
        if flaw is not None:
            findings.refuse(path, f"holds {flaw}")
        if (
            lower == "content-type"
            and "json" not in value.lower()
            and definition.endpoint.method in ("POST", "PUT", "PATCH")
        ):
            findings.warn(path, "does not say JSON, but the body will be JSON")
    if definition.idempotency is not None and not HEADER_NAME.fullmatch(definition.idempotency.header):
        findings.refuse("idempotency.header", "is not the name of a header")
    authentication = definition.authentication
    if isinstance(authentication, ApiKeyAuthentication) and not HEADER_NAME.fullmatch(authentication.header):
        findings.refuse("authentication.header", "is not the name of a header")


def check_authentication(definition: ActionDefinition, findings: Findings) -> None:
    """Note what keeps requests from being authenticated."""
    authentication = definition.authentication
    if authentication is None:
        return
    if (credential_of(definition) or "").startswith(RESERVED):
        findings.refuse(
            "authentication", f"names a credential that begins with {RESERVED}; such names are Holdfast's own"
        )
    if isinstance(authentication, BearerAuthentication | ApiKeyAuthentication):
        field, origin = secret_field(authentication)
        if origin != "env":
            if not (authentication.credential or getattr(authentication, field)).strip():
                findings.refuse(f"authentication.{field}", f"must name the secret ({field}From is {origin})")
        elif not variables_of(definition):
            findings.refuse(
                f"authentication.{field}",
                f"must be the name of an environment variable ({field}From is env), and not the secret itself",
            )
    else:
        check_further_authentication(authentication, findings)


def secret_field(authentication: BearerAuthentication | ApiKeyAuthentication) -> tuple[str, str]:
    """Return the field that tells the secret, and where it is said to come from."""
    if isinstance(authentication, BearerAuthentication):
        return "token", authentication.token_from
    return "value", authentication.value_from


def missing_variables(definition: ActionDefinition, environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return each secret of a definition whose variable is not set: its path, the variable, and how that may be shown.

    A secret that was written where its variable's name belongs is not repeated: only names in capitals are shown.
    """
    return [
        (
            f"authentication.{field}",
            name,
            f"the environment variable {name}"
            if SHOWN_VARIABLE.fullmatch(name)
            else "the environment variable named here",
        )
        for field, name in variables_of(definition).items()
        if not environ.get(name, "").strip()
    ]


def check_limits(definition: ActionDefinition, findings: Findings) -> None:
    """Note times that cannot be kept."""
    policy = definition.retry_policy
    if not 1 <= definition.endpoint.timeout <= TIMEOUT_MAX_MS:
        findings.refuse("endpoint.timeout", f"must be from 1 ms to {TIMEOUT_MAX_MS} ms (a day)")
    try:
        retry_settings(policy)
    except BadInput as err:
        findings.refuse("retryPolicy", "; ".join(f"{problem.path} {problem.message}" for problem in err.problems))
    if policy.max_delay < policy.initial_delay and policy.max_attempts > 1:
        findings.warn("retryPolicy.maxDelay", "is less than initialDelay, and caps the first wait as well")
    limit = definition.rate_limit
    if limit is None:
        return
    if limit.requests > RATE_REQUESTS_MAX:
        message = f"must be at most {RATE_REQUESTS_MAX:,}: so many moments are kept. Use a shorter window with fewer requests."
        findings.refuse("rateLimit.requests", message)
    if not 1 <= limit.window <= RATE_WINDOW_MAX_MS:
        findings.refuse("rateLimit.window", f"must be from 1 ms to {RATE_WINDOW_MAX_MS} ms (a year)")


def check_refresh(definition: ActionDefinition, findings: Findings) -> None:
    """Note what keeps a refresh action from refreshing."""
    if definition.refreshes is None:
        if definition.token_path is not None:
            findings.warn("tokenPath", "has no meaning without refreshes")
        return
    if not definition.refreshes:
        findings.refuse("refreshes", "must name a credential")
    if definition.token_path is None:
        findings.refuse(
            "tokenPath", "is missing; it says where the new token stands in the output, such as access_token"
        )
    elif not path_of(definition.token_path):
        findings.refuse("tokenPath", "must be a path such as access_token or data.tokens[0].value")
    if credential_of(definition) == definition.refreshes:
        findings.refuse(
            "refreshes", f"goes in a circle: refreshing {definition.refreshes!r} needs {definition.refreshes!r} itself"
        )


def check_probe(definition: ActionDefinition, findings: Findings) -> None:
    """Note what is wrong with how a probe is asked and read; which definition asks is looked at elsewhere."""
    probe = definition.probe
    if probe is None:
        return
    for name, value in probe.inputs.items():
        reference = parse_reference(value)
        path = f"probe.inputs.{name}"
        if reference is None:
            if looks_like_reference(value):
                findings.refuse(
                    path, "is not a reference that can be read. A probe reads ${self.inputs.name} or ${self.key}."
                )
        elif not (
            reference.action == "self"
            and ((reference.part == "inputs" and reference.path) or (reference.part == "key" and not reference.path))
        ):
            findings.refuse(
                path, f"{reference.text} cannot be read by a probe. It reads ${{self.inputs.name}} or ${{self.key}}."
            )
    condition = probe.happened_if
    reference = parse_reference(condition.reference)
    if reference is None or reference.action != "probe" or reference.part not in PROBE_PARTS:
        findings.refuse(
            "probe.happenedIf.reference", "must be a value of the probe's own answer, such as ${probe.output.id}"
        )
    flaw = flaw_of_comparison(condition.operator, condition.value)
    if flaw is not None:
        findings.refuse("probe.happenedIf.value", flaw)


def check_as_probe(definition: ActionDefinition, *, asked_by: Findings) -> None:
    """Note when the action that a probe performs could do something itself."""
    is_harmless = safety_of(definition, has_key=False) is Safety.READ_ONLY or definition.repeatable is True
    if not is_harmless:
        asked_by.refuse(
            "probe.actionDefinitionId",
            f"{definition.id!r} may have side effects; a probe must only look (GET, or declared repeatable: true)",
        )


def looks_like_reference(value: object) -> bool:
    """Whether somebody meant a value to be a reference as a whole."""
    return isinstance(value, str) and value.strip().startswith("${") and value.strip().endswith("}")
