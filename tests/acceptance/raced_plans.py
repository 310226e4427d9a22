"""What the raced storm is made of: an API whose token endpoints rotate and revoke, and plans that wait for people, tokens, turns, executors."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from tests.acceptance.storm import CALLS_FAULTED_MAX, action, definition, plan_of
from tests.planted import planted

__all__ = [
    "CREDENTIALS",
    "DEFINITIONS",
    "ENVIRON",
    "EXECUTOR",
    "PACE",
    "TOKEN_USES",
    "Report",
    "ignored",
    "random_plan",
    "reports",
    "scenario",
    "share",
]

CREDENTIALS = ("crm", "erp")
TOKEN_USES = 6
"""A token of `crm` dies of its use, one of `erp` of its age: the first is renewed after a refusal, the second mostly ahead of it."""
TOKEN_LIFE_S = 2
PACE = (4, 1000)
"""Calls of the paced action in a window of so many milliseconds."""
EXECUTOR = "outside"
ENVIRON = {
    "HOLDFAST_SECRET_KEY": planted("the-key-of-the-storm"),
    **{f"{name.upper()}_SECRET": planted(f"{name}-client-secret") for name in CREDENTIALS},
    **{f"{name.upper()}_REFRESH": planted(f"{name}-refresh") for name in CREDENTIALS},
}
KEYED: dict[str, object] = {"idempotency": {"header": "Idempotency-Key"}}


def behind(name: str) -> dict[str, object]:
    """A keyed action behind a token that a machine renews."""
    grant = {
        "type": "oauth2",
        "clientId": f"client of {name}",
        "clientSecret": f"env:{name.upper()}_SECRET",
        "refreshToken": f"env:{name.upper()}_REFRESH",
        "tokenUrl": f"@/oauth/{name}",
        "scope": [],
        "credential": name,
    }
    return definition(name, "POST", f"/{name}/{{order}}/{{name}}", authentication=grant, **KEYED)


PROBE = {
    "actionDefinitionId": "seek",
    "inputs": {"order": "${self.inputs.order}", "name": "${self.inputs.name}"},
    "happenedIf": {"reference": "${probe.output.id}", "operator": "exists"},
}
DEFINITIONS = (
    definition("look", "GET", "/look/{order}/{name}/{flag}"),
    definition("keyed", "POST", "/keyed/{order}/{name}", **KEYED),
    definition("unsafe", "POST", "/unsafe/{order}/{name}"),
    definition("probed", "POST", "/probed/{order}/{name}", probe=PROBE),
    definition("seek", "GET", "/probed/{order}/{name}"),
    definition(
        "paced",
        "POST",
        "/paced/{order}/{name}",
        rateLimit={"requests": PACE[0], "window": PACE[1], "scope": "global"},
        **KEYED,
    ),
    *(behind(name) for name in CREDENTIALS),
)


def scenario(rng: random.Random, *, faults: bool) -> dict[str, object]:
    """The API: answers get lost everywhere, most of all where only a probe or a person can tell what that means."""

    def drawn(percent: float) -> list[int]:
        found = [call for call in range(1, CALLS_FAULTED_MAX) if rng.random() * 100 < percent]
        return found[:1000] or [CALLS_FAULTED_MAX]

    def troubles(lost: float) -> list[dict[str, object]]:
        if not faults:
            return []
        # The first calls are lost in every storm, on either side of their effect.
        return [
            {"kind": "reset_before_effect", "calls": [2, 4, 6, *drawn(lost)][:1000]},
            {"kind": "reset_after_effect", "calls": [1, 3, 5, *drawn(lost)][:1000]},
            {"kind": "status", "calls": drawn(3), "status": 503, "body": {"error": "busy"}},
        ]

    def route(name: str, method: str = "POST", **more: object) -> dict[str, object]:
        facts = {"name": name, "method": method, "path": f"/{name}/{{order}}/{{name}}", "body": {"id": "{id}"}}
        return {**facts, "business_id": "{path.order}/{path.name}", **more}

    keyed = {"idempotency_header": "Idempotency-Key"}
    credentials = {
        name: {
            "access_token": planted(f"{name}-access"),
            "refresh_token": ENVIRON[f"{name.upper()}_REFRESH"],
            "client_id": f"client of {name}",
            "client_secret": ENVIRON[f"{name.upper()}_SECRET"],
            "expired_at_start": True,
            "revokes_on_reuse": True,
            **({"expires_after_uses": TOKEN_USES} if name == "crm" else {"expires_after_s": TOKEN_LIFE_S}),
        }
        for name in CREDENTIALS
    }
    look = {"name": "look", "method": "GET", "path": "/look/{order}/{name}/{flag}", "body": {"flag": "{path.flag}"}}
    endpoints = [
        {
            "name": f"token {name}",
            "method": "POST",
            "path": f"/oauth/{name}",
            "refreshes": True,
            # The second answer is always lost: a person is asked in every storm, however short.
            "faults": [
                {"kind": "reset_after_effect", "calls": [2, *drawn(10)][:1000]},
                {"kind": "status", "calls": drawn(5), "status": 503, "body": {"error": "busy"}},
            ]
            if faults
            else [],
        }
        for name in CREDENTIALS
    ]
    routes = [
        look,
        route("keyed", faults=troubles(2), **keyed),
        route("unsafe", faults=troubles(18)),
        route("probed", faults=troubles(18)),
        route("paced", faults=troubles(2), **keyed),
        *(route(name, faults=troubles(2), credential=name, **keyed) for name in CREDENTIALS),
        {**route("unsafe", "GET", found_by="unsafe"), "name": "find"},
        {**route("probed", "GET", found_by="probed"), "name": "seek"},
        *endpoints,
    ]
    return {"credentials": credentials, "routes": routes}


def random_plan(rng: random.Random, order: str) -> dict[str, object]:
    """Three to seven actions after a look at two flags; some are asked about, some left out where a flag is false, some both."""
    is_outside = rng.random() < 0.2
    # A name tells its flag, so that whoever looks at the rows afterwards knows what was true.
    looks = [f"look{index}{rng.choice(('true', 'false'))}" for index in range(2)]
    actions = [action(order, name, "look", ()) for name in looks]
    for look, one in zip(looks, actions, strict=True):
        one["inputs"] = {"order": order, "name": look, "flag": "true" if look.endswith("true") else "false"}
    names: list[str] = []
    for index in range(rng.randint(3, 7)):
        kind = rng.choices(("keyed", "unsafe", "probed", "paced", *CREDENTIALS), weights=(1, 4, 2, 2, 3, 2))[0]
        if is_outside:
            kind = rng.choice(("keyed", "unsafe"))
        name = f"n{index}"
        when = rng.choice(looks) if rng.random() < 0.25 else None
        needs = {*rng.sample(names, rng.randint(0, min(2, len(names)))), *([when] if when else [])}
        one = action(order, name, kind, sorted(needs), continueOnFailure=rng.random() < 0.8)
        if when is not None:
            one["condition"] = {"if": f"${{{when}.output.flag}}", "then": "execute", "else": "skip"}
        if rng.random() < 0.3:
            one["userConfirmation"] = confirmation(rng)
        actions.append(one)
        names.append(name)
    plan = plan_of(order, actions)
    plan["metadata"]["tags"] = [EXECUTOR] if is_outside else []  # type: ignore[index]  # it is a dictionary
    return plan


def confirmation(rng: random.Random) -> dict[str, object]:
    """A question before the action: with as long as it takes, or with a moment or three seconds."""
    asked = {"required": True, "title": "Storm", "message": "May it?"}
    return {**asked, **({} if rng.random() < 0.3 else {"timeout": rng.choice((300, 800, 1500, 3000))})}


def share(*parts: object) -> float:
    """A number from 0 to 1 that follows from the parts, so that everybody draws the same."""
    return int.from_bytes(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(parts)).bytes[:4]) / 2**32


def ignored(execution: str, action_id: str) -> bool:
    """Whether nobody answers the question before an action, though it has a deadline: some people are on holiday."""
    return share(execution, action_id) < 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an executor says of an attempt, and how many seconds after it was asked."""

    after_s: float
    event: Mapping[str, object]


LOCATION = {"provider": "local", "path": "/srv/1", "size": 1, "checksum": "c", "contentType": "a/b", "metadata": {}}


def reports(request: Mapping[str, object]) -> list[Report]:
    """Everything the executor will say of one attempt, the truth first: it may come late, never, or be contradicted. The same for whoever asks."""
    about = {name: request[name] for name in ("executionId", "actionId", "attemptNumber")}
    lot = share(*about.values())
    inputs = request["inputs"]
    assert isinstance(inputs, dict)
    result = {"status": "success", "output": {}, "outputLocation": LOCATION}
    output = {"id": "outside", "flag": inputs.get("flag", "")}
    done = {**about, "result": result, "fullOutput": output}
    error = {"category": "rate_limit_burst", "message": "Slow down", "retryable": True, "context": {}}
    failed = {**about, "error": error}
    if lot < 0.06:
        return []  # it says nothing, ever
    after_s = 1.2 + 10 * (lot - 0.06) if lot < 0.24 else 0.0
    is_done = not 0.8 <= lot
    told = [("action.execute.completed", done), ("action.execute.failed", failed)]
    if not is_done:
        told.reverse()
    both = [Report(after_s=after_s + 0.3 * at, event=event(kind, data)) for at, (kind, data) in enumerate(told)]
    return both if int(lot * 1000) % 3 == 0 else both[:1]


def event(kind: str, data: Mapping[str, object]) -> dict[str, object]:
    """An event from outside; its id follows from what it says."""
    identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {json.dumps(data, sort_keys=True)}"))
    return {"specversion": "1.0", "id": identity, "source": "/outside", "type": kind, "data": data}
