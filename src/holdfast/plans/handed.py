"""A failed call as a plan of one action: what a handover makes of a function with its arguments, or of an HTTP request. Pure.

The plan is written as anybody could have written it, except for the arguments: they may be any JSON, which inputs of a plan are not, and stand beside
it in the frozen document. Whatever of a request could be a secret is refused; only the name of a credential comes to rest.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from holdfast.contract import ActionDefinition, ExecutionPlan
from holdfast.contract.json_text import json_flaw, read_json, write_json
from holdfast.errors import BadInput, Problem
from holdfast.faults.redact import is_sensitive, redact_text
from holdfast.guards.handable import SECRET_NAMES
from holdfast.plans.authentication import VARIABLE
from holdfast.plans.request import OF_THE_TRANSPORT
from holdfast.policies.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.handover import FailedCall, FailedRequest

__all__ = ["ACTION", "arguments_of", "definition_of", "plan_of"]

ACTION = "call"
"""The id of the plan's one action."""
NAMESPACE = uuid.UUID("a5b0c1de-5e6b-4c7e-9a53-0d4a2f0c9e11")
"""Plans of one name have one id, derived under this namespace (RFC 9562 §5.5)."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
WITH_BODY = ("POST", "PUT", "PATCH")
OWN_HEADERS = OF_THE_TRANSPORT | {"host", "accept-encoding", "user-agent", "content-type", "keep-alive"}
"""Whoever sends the request anew says these by itself."""
ESCAPES = str.maketrans({"{": "%7B", "}": "%7D"})
"""In a definition's address, braces would be parameters."""


def plan_of(call: FailedCall) -> ExecutionPlan:
    """Return the plan. The same call makes the same plan, whenever it is asked for."""
    at = call.began_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    words = f"Go on with a call of {call.action} that the policy {call.policy} gave up"
    return ExecutionPlan.from_wire(
        {
            "id": str(uuid.uuid5(NAMESPACE, json.dumps(call.action))),
            "name": call.action,
            "description": words,
            "intent": {"original": words, "interpreted": words, "confidence": 1},
            "actions": [
                {
                    "id": ACTION,
                    "actionDefinitionId": call.action,
                    "inputs": {},
                    "dependencies": [],
                    "errorHandling": {"continueOnFailure": False},
                }
            ],
            "expectedOutcome": {"description": "The call has succeeded.", "validations": []},
            "metadata": {"createdAt": at, "estimatedDuration": 0, "tags": ["handover"]},
        },
        source=f"handover of {call.action!r}",
    )


def arguments_of(call: FailedCall, *, size_max_bytes: int) -> dict[str, object]:
    """Return the arguments of a call as JSON has them, none of them shared with the program.

    Raises:
        BadInput: some are not JSON or are secrets by their names, or all together are too large; every one is listed, no value is repeated.
    """
    source = f"handover of {call.action!r}"
    given = dict(call.arguments) if call.request is None else dict(body_of(call.request, source=source))
    problems = [
        Problem(
            source=source,
            path=name,
            message=f"{flaw}. Call it with plain values, or with an id that stands for the rest",
        )
        for name, value in given.items()
        if (flaw := json_flaw(value))
    ]
    if problems:
        raise BadInput(problems)
    text = write_json(given, source=source)
    if len(text) > size_max_bytes:
        message = f"its arguments take {len(text):,} bytes as JSON; the limit is {size_max_bytes:,} (setting plan.size_max_bytes)"
        raise BadInput([Problem(source=source, path="", message=message)])
    kept = read_json(text, source=source)
    assert isinstance(kept, dict), "it was written from one"
    message = "looks like a secret, and would come to rest in clear. Let the function read it where it is kept"
    problems = [Problem(source=source, path=path, message=message) for path in secrets_in(kept)]
    if problems:
        raise BadInput(problems)
    return kept


def secrets_in(arguments: Mapping[str, object]) -> list[str]:
    """Return where values stand under a name that says they are secret; a function's own parameters were looked at when it was decorated."""
    found: list[str] = []
    waiting: list[tuple[str, object]] = [("", arguments)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, list):
            waiting += [(f"{path}[{place}]", one) for place, one in enumerate(value)]
        if not isinstance(value, dict):
            continue
        for name, one in value.items():
            inside = f"{path}.{name}" if path else name
            if one and name.casefold().replace("-", "_") in SECRET_NAMES:
                found.append(inside)
            else:
                waiting.append((inside, one))
    return sorted(found)


def body_of(request: FailedRequest, *, source: str) -> Mapping[str, object]:
    """Return the members of a JSON body; none where there is no body.

    Raises:
        BadInput: it is no JSON object.
    """
    if request.method not in WITH_BODY:
        return {}
    try:
        value = read_json(request.body or b"", source=source)
    except BadInput as err:
        raise BadInput(
            [Problem(source=source, path="body", message="is not JSON, which is all that can rest")]
        ) from err
    if not isinstance(value, dict):
        raise BadInput([Problem(source=source, path="body", message="is no JSON object; a durable request has one")])
    return value


def definition_of(call: FailedCall) -> ActionDefinition:
    """Return what a durable attempt sends.

    Raises:
        BadInput: the request cannot be repeated by somebody else, or a secret of it would come to rest; every reason is listed.
    """
    request = call.request
    assert request is not None, "a call of a function needs no definition"
    source = f"handover of {call.action!r}"
    problems = [
        Problem(source=source, path=path, message=message)
        for path, message in (*flaws_of_request(request), *flaws_of_headers(request))
    ]
    if problems:
        raise BadInput(problems)
    retry = Retry()
    wire: dict[str, object] = {
        "id": call.action,
        "name": call.action,
        "description": f"A request that the policy {call.policy} gave up.",
        "version": "1.0.0",
        "endpoint": {
            "url": request.url.partition("#")[0].translate(ESCAPES),
            "method": request.method,
            "headers": {name: value for name, value in request.headers if is_kept(name, request)},
            "timeout": max(1, round(request.timeout_s * 1000)),
        },
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": {
            "maxAttempts": retry.attempts_max,
            "initialDelay": round(retry.initial_delay_s * 1000),
            "maxDelay": round(retry.max_delay_s * 1000),
            "backoffMultiplier": retry.multiplier,
            "retryableErrors": sorted(category.value for category in retry.categories),
            "jitter": True,
        },
        "knownErrors": [],
        "examples": [],
        **authentication_of(request),
        **({"idempotency": {"header": request.key_header}} if request.key_header and call.key else {}),
        # A method that repeats by itself says so already; nobody's word makes it less.
        **({"repeatable": True} if call.repeatable else {}),
    }
    return ActionDefinition.from_wire(wire, source=source)


def flaws_of_request(request: FailedRequest) -> list[tuple[str, str]]:
    """Return what in the address, the method or the body cannot be kept."""
    found: list[tuple[str, str]] = []
    if request.method not in METHODS:
        found.append(("method", f"{request.method} cannot be made durably; {', '.join(METHODS)} can"))
    if request.method in WITH_BODY and not request.body:
        found.append(("body", f"is empty; a durable {request.method} has a JSON object. Send {{}}"))
    if request.method not in WITH_BODY and request.body:
        found.append(("body", f"a durable {request.method} has none"))
    parts = urlsplit(request.url)
    if parts.username is not None or parts.password is not None:
        found.append(("url", "carries a user or password, which would come to rest in clear"))
    names = [name for name, value in parse_qsl(parts.query) if value and is_sensitive(name)]
    found += [
        ("url", f"the query's {name!r} looks like a secret, which would come to rest in clear. Send it as a header")
        for name in names
    ]
    return found


def flaws_of_headers(request: FailedRequest) -> list[tuple[str, str]]:
    """Return which headers cannot be kept. A credential has to be named, and there can be one."""
    found: list[tuple[str, str]] = []
    secrets = secret_headers(request)
    if len(secrets) > 1:
        found.append(("headers", f"{', '.join(name for name, _ in secrets)}: only one header may carry a credential"))
    if secrets and request.credential is None:
        name = secrets[0][0]
        message = f"{name} carries a credential, which never comes to rest. Name the environment variable that holds it: credential='NAME'"
        found.append(("headers", message))
    if request.credential is not None and not VARIABLE.fullmatch(request.credential):
        found.append(("credential", "must be the name of an environment variable, and not the secret itself"))
    if secrets and secrets[0][0].lower() == "authorization" and secrets[0][1].partition(" ")[0].lower() != "bearer":
        found.append(
            ("headers", "Authorization is not of the kind Bearer, the only one that can be named by a variable")
        )
    for name, value in request.headers:
        if not is_kept(name, request):
            continue
        if redact_text(value) != value:
            found.append(("headers", f"the value of {name} looks like a secret, which would come to rest in clear"))
        elif "{" in value:
            found.append(("headers", f"the value of {name} has a brace, which would be read as a parameter"))
    return found


def secret_headers(request: FailedRequest) -> list[tuple[str, str]]:
    """Return the headers that carry credentials. The idempotency key is none, whatever its header is called."""
    key = (request.key_header or "").lower()
    return [
        (name, value)
        for name, value in request.headers
        if name.lower() != key and name.lower() not in OWN_HEADERS and is_sensitive(name)
    ]


def is_kept(name: str, request: FailedRequest) -> bool:
    """Whether a header is written into the definition."""
    lower = name.lower()
    return lower != (request.key_header or "").lower() and lower not in OWN_HEADERS and not is_sensitive(name)


def authentication_of(request: FailedRequest) -> dict[str, object]:
    """Return how a durable request proves who it is: by what the worker finds in the named variable."""
    if request.credential is None:
        return {}
    secrets = secret_headers(request)
    name = secrets[0][0] if secrets else "Authorization"
    if name.lower() == "authorization":
        return {"authentication": {"type": "bearer", "token": request.credential, "tokenFrom": "env"}}
    return {"authentication": {"type": "api_key", "header": name, "value": request.credential, "valueFrom": "env"}}
