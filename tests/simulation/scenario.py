"""What one seed stands for: random plans, what their APIs will do, and what goes wrong around them. Pure; the same seed, the same scenario.

First in the simulation's story (`scenario → world and fleet → invariants`). It knows nothing of how a scenario is played.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from holdfast.contract import ActionDefinition, ApiCatalogEntry, ExecutionPlan
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.plans.frozen import Frozen, freeze
from holdfast.recovery.replacing import Proposal
from tests.simulation.surroundings import (
    HOST,
    CredentialScript,
    authentication_wire,
    draw_credential,
    draw_own,
    draw_pace,
    draw_shared,
    environ_of,
    rewrite,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.simulation.surroundings import PaceScript

__all__ = ["ActionScript", "Chaos", "ExecutionScript", "Kind", "Scenario", "draw_scenario"]

EPOCH = "2026-01-01T00:00:00.000Z"
DAY_S = 86_400.0

# What a call may meet, beside working. `_done` did its work before the answer went wrong, `_lost` did not. The number is a weight.
TROUBLES: Mapping[str, int] = {
    "forbidden": 1,
    "burst": 5,
    "burst_silent": 3,
    "daily": 2,
    "daily_silent": 1,
    "daily_absurd": 1,
    "timeout_done": 5,
    "timeout_lost": 4,
    "refused": 5,
    "reset_done": 3,
    "reset_lost": 3,
    "broken_done": 2,
    "page_done": 2,
    "page_lost": 2,
    "error_done": 3,
    "error_lost": 4,
    "busy": 2,
    "busy_done": 2,
    "busy_lost": 2,
    "removed": 3,
    "invalid": 2,
    "conflict": 1,
    "stopped_done": 1,
    "stopped_lost": 1,
}
# What conditions may find; most often a yes, so that plans go on.
FLAGS: tuple[object, ...] = (True, True, True, "true", "true", False, "false", None, 1, "yes")
PROBE_TROUBLES = ("error_lost", "timeout_lost", "refused", "burst")
USERS = {"": "", "one": str(uuid.UUID(int=1, version=4)), "two": str(uuid.UUID(int=2, version=4))}
METHODS = {"get": "GET", "put": "PUT"}
KINDS: Mapping[str, int] = {"get": 3, "put": 3, "keyed": 4, "short_keyed": 2, "replaying": 2, "probed": 4, "unsafe": 4}
PRESCRIBED = [strategy.value for strategy in RecoveryStrategy if strategy is not RecoveryStrategy.REFRESH_THEN_RETRY]
RETRIED = [
    category.value
    for category in ErrorCategory
    if category not in (ErrorCategory.USER_CANCELLED, ErrorCategory.AUTH_INVALID)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What the world honours for an action. `key_lifetime_s` None: forever."""

    name: str
    has_key: bool = False
    key_lifetime_s: float | None = None
    replays_errors: bool = False
    has_probe: bool = False
    has_effect: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionScript:
    """What the world does with one action: `troubles` in order, then it works; with `is_lasting` the last trouble stays."""

    id: str
    kind: Kind
    troubles: tuple[str, ...]
    is_lasting: bool
    probe_troubles: tuple[str, ...]
    wait_s: float
    credential: str | None
    timeout_s: float
    flag: object = True
    """What conditions of other actions read in its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionScript:
    """One execution: its frozen plan, what the world does with its actions, who cancels it and when.

    `external` names the executor outside that performs it; `proposal` is the plan that somebody puts in its place at `replace_s`.
    """

    id: str
    frozen: Frozen
    actions: Mapping[str, ActionScript]
    tenant: str
    priority: int
    start_s: float
    cancel_s: float | None
    own: CredentialScript | None = None
    external: str | None = None
    replace_s: float | None = None
    proposal: Proposal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """Budgets of what goes wrong around the plans, and how likely each is at a turn of the scheduler."""

    kills: int = 0
    crashes_of_all: int = 0
    false_deaths: int = 0
    duplicates: int = 0
    losses: int = 0
    store_failures: int = 0
    likelihood: float = 0.03

    @property
    def is_calm(self) -> bool:
        """Whether nothing goes wrong but the APIs."""
        return not (self.kills or self.crashes_of_all or self.false_deaths or self.duplicates or self.losses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that is drawn before the first step."""

    seed: int
    executions: tuple[ExecutionScript, ...]
    credentials: tuple[CredentialScript, ...]
    chaos: Chaos
    workers: int
    concurrency: int
    silence: float
    environ: Mapping[str, str] = field(default_factory=dict)
    answer_within_s: float = 0.0


def draw_scenario(seed: int) -> Scenario:
    """Draw the scenario of a seed."""
    dice = random.Random(seed)
    credentials = tuple(draw_credential(dice, f"CRED_{index}") for index in range(dice.choice((0, 1, 1, 2))))
    count = dice.choice((1, 2, 2, 3, 4))
    pace = draw_pace(random.Random(f"pace {seed}"))
    executions = tuple(draw_execution(dice, index, credentials=credentials, pace=pace) for index in range(count))
    credentials = (*credentials, *(execution.own for execution in executions if execution.own is not None))
    return Scenario(
        seed=seed,
        executions=executions,
        credentials=credentials,
        chaos=draw_chaos(dice),
        workers=dice.choice((1, 2, 2, 3)),
        concurrency=dice.choice((1, 2, 4, 8)),
        silence=dice.choice((0.0, 0.0, 0.15, 1.0)),
        environ=environ_of(credentials),
        answer_within_s=random.Random(f"patience {seed}").choice((0.0, 0.0, 300.0, 604_800.0)),
    )


def draw_chaos(dice: random.Random) -> Chaos:
    """A third of the seeds are calm, a third only crash, a third know everything."""
    mood = dice.random()
    if mood < 0.3:
        return Chaos()
    if mood < 0.6:
        return Chaos(
            kills=dice.randint(1, 4), crashes_of_all=dice.randint(0, 2), likelihood=dice.choice((0.02, 0.08, 0.2))
        )
    return Chaos(
        kills=dice.randint(0, 3),
        crashes_of_all=dice.randint(0, 1),
        false_deaths=dice.randint(0, 3),
        duplicates=dice.randint(0, 4),
        losses=dice.randint(0, 3),
        store_failures=dice.choice((0, 0, 2)),
        likelihood=dice.choice((0.02, 0.08, 0.2)),
    )


def draw_execution(
    dice: random.Random, index: int, *, credentials: tuple[CredentialScript, ...], pace: PaceScript | None
) -> ExecutionScript:
    """Draw a plan and what becomes of it."""
    execution_id = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    # Dice of their own: what plans ask of people, and what others have to do with them, leaves everything else about a seed as it was.
    people, others = random.Random(f"people {execution_id}"), random.Random(f"others {execution_id}")
    external = "outside" if others.random() < 0.12 else None
    own = None if external else draw_own(others, execution_id, tag=index)
    if external:
        credentials = ()
    names = [f"a{number}" for number in range(dice.choice((1, 2, 3, 4, 4, 5, 6, 8, 12)))]
    trouble = dice.choice((0.1, 0.4, 0.8))
    scripts = {name: draw_action(dice, name, credentials=credentials, trouble=trouble) for name in names}
    alternatives = draw_alternatives(dice, names)
    planned = [draw_planned(dice, name, names=names, tag=index, alternatives=alternatives) for name in names]
    scripts["spare"] = draw_action(others, "spare", credentials=credentials, trouble=trouble)
    scripts = {name: replace(script, flag=people.choice(FLAGS)) for name, script in scripts.items()}
    for wire in planned:
        draw_entrance(people, wire)
    if own is not None:
        scripts = {
            name: replace(one, credential=own.name) if others.random() < 0.5 else one for name, one in scripts.items()
        }
    shared = draw_shared(others, {name: scripts[name].kind.name for name in names}, pace=pace)
    for wire in planned:
        wire["actionDefinitionId"] = shared.get(str(wire["id"]), wire["actionDefinitionId"])
    scripts = {name: replace(one, credential=None) if name in shared else one for name, one in scripts.items()}
    definitions, entries = draw_definitions(
        dice, scripts, tag=index, credentials=(*credentials, *((own,) if own else ())), shared=shared, pace=pace
    )
    tenant = dice.choice(("", "one", "two"))
    wires = {"id": execution_id, "created_by": USERS[tenant]}
    plan = ExecutionPlan.from_wire(plan_wire(wires, planned, dice), source="simulation")
    replaced = plan_wire(wires, rewrite(others, planned, spare="spare", tag=index), others)
    frozen = freeze(plan, definitions, functions={}, entries=entries, external=external)
    cancel_s = dice.random() * 60 if dice.random() < 0.12 else None
    return ExecutionScript(
        id=execution_id,
        frozen=frozen,
        actions=scripts,
        tenant=tenant,
        priority=dice.randint(0, 2),
        start_s=dice.choice((0.0, 0.0, dice.random() * 20)),
        cancel_s=others.random() * 5000 if cancel_s is None and others.random() < 0.04 else cancel_s,
        own=own,
        external=external,
        replace_s=others.choice((0.0, others.random(), others.random() * 60, others.random() * 5000))
        if others.random() < 0.3
        else None,
        proposal=Proposal(
            plan=ExecutionPlan.from_wire(replaced, source="simulation"),
            definitions=definitions,
            functions={},
            entries=entries,
            source="simulation",
        ),
    )


def draw_action(
    dice: random.Random, name: str, *, credentials: tuple[CredentialScript, ...], trouble: float
) -> ActionScript:
    """Draw what an action is and what its API does."""
    kind = draw_kind(dice)
    count = dice.choice((1, 1, 2, 3, 6)) if dice.random() < trouble else 0
    troubles = tuple(dice.choices(tuple(TROUBLES), weights=tuple(TROUBLES.values()), k=count))
    return ActionScript(
        id=name,
        kind=kind,
        troubles=troubles,
        is_lasting=bool(troubles) and dice.random() < 0.25,
        probe_troubles=tuple(dice.choice(PROBE_TROUBLES) for _ in range(dice.choice((0, 0, 0, 1, 2, 6)))),
        wait_s=dice.choice((1.0, 7.5, 30.0, 300.0)),
        credential=dice.choice(credentials).name if credentials and dice.random() < 0.6 else None,
        timeout_s=dice.choice((2.0, 10.0, 90.0)),
    )


def draw_kind(dice: random.Random) -> Kind:
    """Draw what makes a repeat of an action safe, if anything does."""
    name = dice.choices(tuple(KINDS), weights=tuple(KINDS.values()))[0]
    match name:
        case "get":
            return Kind(name=name, has_effect=False)
        case "keyed":
            return Kind(name=name, has_key=True)
        case "short_keyed":
            return Kind(
                name=name, has_key=True, key_lifetime_s=dice.choice((20.0, 120.0)), has_probe=dice.random() < 0.5
            )
        case "replaying":
            return Kind(name=name, has_key=True, replays_errors=True)
        case "probed":
            return Kind(name=name, has_probe=True)
        case _:
            return Kind(name=name)


def draw_alternatives(dice: random.Random, names: list[str]) -> dict[str, str]:
    """Draw who stands in for whom: later actions for earlier ones, chains included, no action for two."""
    free = list(names[1:])
    chosen: dict[str, str] = {}
    for position, name in enumerate(names[:-1]):
        behind = [other for other in free if names.index(other) > position]
        if behind and dice.random() < 0.2:
            chosen[name] = dice.choice(behind)
            free.remove(chosen[name])
    return chosen


def draw_planned(
    dice: random.Random, name: str, *, names: list[str], tag: int, alternatives: Mapping[str, str]
) -> dict[str, object]:
    """Draw an action of the plan: what it depends on, what it references, what happens when it fails."""
    position = names.index(name)
    stand_ins = set(alternatives.values())
    # An alternative depends on nothing its primary does not: it may have to run at any time.
    earlier = [] if name in stand_ins else [other for other in names[:position] if other not in stand_ins]
    dependencies = sorted(dice.sample(earlier, dice.randint(0, min(3, len(earlier)))))
    inputs: dict[str, object] = {"place": f"e{tag}-{name}"}
    for other in dependencies:
        if dice.random() < 0.4:
            inputs[f"from_{other}"] = f"${{{other}.output.id}}"
    handling: dict[str, object] = {"continueOnFailure": dice.random() < 0.15}
    if dice.random() < 0.15:
        handling["fallbackValue"] = {"id": "fallback"}
    if name in alternatives:
        handling["alternativeActionId"] = alternatives[name]
    planned: dict[str, object] = {
        "id": name,
        "actionDefinitionId": f"d{tag}_{name}",
        "inputs": inputs,
        "dependencies": dependencies,
        "errorHandling": handling,
    }
    if dice.random() < 0.2:
        categories = dice.sample([category.value for category in ErrorCategory], dice.choice((1, 3, 6)))
        recovery = {category: dice.choice(PRESCRIBED) for category in categories}
        planned["recovery"] = recovery
        if "fallback" in recovery.values():
            handling["fallbackValue"] = {"id": "fallback"}
    return planned


def draw_entrance(dice: random.Random, planned: dict[str, object]) -> None:
    """Draw where people and conditions come in: before an action, and after it failed without having done anything."""
    dependencies = planned["dependencies"]
    assert isinstance(dependencies, list)
    if dependencies and dice.random() < 0.3:
        planned["condition"] = {
            "if": f"${{{dice.choice(dependencies)}.output.flag}}",
            "then": "execute",
            "else": dice.choice(("skip", "skip", "fail")),
        }
    if "recovery" not in planned and dice.random() < 0.25:
        asked_about = ("api_unexpected_status", "validation_failed", "state_inconsistent", "network_connection_refused")
        planned["recovery"] = dict.fromkeys(asked_about, "ask-person")
    if dice.random() < 0.15:
        timeout = dice.choice(({}, {"timeout": 5_000}, {"timeout": 100_000}, {"timeout": 3_600_000}))
        planned["userConfirmation"] = {"required": True, "title": "May it?", "message": "", **timeout}


def draw_definitions(
    dice: random.Random,
    scripts: Mapping[str, ActionScript],
    *,
    tag: int,
    credentials: tuple[CredentialScript, ...],
    shared: Mapping[str, str],
    pace: PaceScript | None,
) -> tuple[dict[str, ActionDefinition], dict[str, ApiCatalogEntry]]:
    """Write the definitions of all actions, of their probes and of what renews credentials, and the catalog entries of their APIs."""
    definitions: dict[str, ActionDefinition] = {}
    entries: dict[str, ApiCatalogEntry] = {}
    by_name = {credential.name: credential for credential in credentials}
    for script in scripts.values():
        key = shared.get(script.id)
        if key is None:
            define(dice, script, tag=tag, credentials=by_name, definitions=definitions, entries=entries)
        elif key not in definitions and pace is not None:
            url, method = f"{HOST}/do/{{place}}", METHODS.get(script.kind.name, "POST")
            wire = definition_wire(key, url, method=method, timeout_s=script.timeout_s, policy=draw_policy(dice))
            definitions[key] = ActionDefinition.from_wire({**wire, "rateLimit": pace.wire()}, source="simulation")
    for credential in credentials:
        if credential.source == "environment":
            definitions[f"refresh_{credential.name}"] = refresher(credential)
    return definitions, entries


def define(
    dice: random.Random,
    script: ActionScript,
    *,
    tag: int,
    credentials: Mapping[str, CredentialScript],
    definitions: dict[str, ActionDefinition],
    entries: dict[str, ApiCatalogEntry],
) -> None:
    """Write the definition of an action, that of its probe, and the catalog entry of its API."""
    kind, key, place = script.kind, f"d{tag}_{script.id}", f"e{tag}/{script.id}"
    method = METHODS.get(kind.name, "POST")
    wire = definition_wire(
        key, f"{HOST}/do/{place}", method=method, timeout_s=script.timeout_s, policy=draw_policy(dice)
    )
    if script.credential:
        wire["authentication"] = authentication_wire(credentials[script.credential])
    if kind.has_key and kind.key_lifetime_s is None and not kind.replays_errors:
        wire["idempotency"] = {"header": "Idempotency-Key"}
    if kind.key_lifetime_s is not None or kind.replays_errors:
        entries[key] = entry_of(kind)
    if kind.has_probe:
        probe_key = f"p{tag}_{script.id}"
        wire["probe"] = {
            "actionDefinitionId": probe_key,
            "inputs": {"place": place},
            "happenedIf": {"reference": "${probe.output.happened}", "operator": "equals", "value": "true"},
        }
        probe = definition_wire(probe_key, f"{HOST}/probe/{place}", method="GET", timeout_s=5.0, policy=policy_wire(1))
        definitions[probe_key] = ActionDefinition.from_wire(probe, source="simulation")
    definitions[key] = ActionDefinition.from_wire(wire, source="simulation")


def entry_of(kind: Kind) -> ApiCatalogEntry:
    """Write what the catalog knows of an API that honours keys in its own way."""
    idempotency: dict[str, object] = {"header": "Idempotency-Key", "replaysErrors": kind.replays_errors}
    if kind.key_lifetime_s is not None:
        idempotency["keyLifetime"] = round(kind.key_lifetime_s * 1000)
    wire = {
        "apiId": "simulated",
        "name": "Simulated",
        "version": "1.0.0",
        "baseUrl": HOST,
        "errorMappings": [],
        "quirks": {},
        "idempotency": idempotency,
    }
    return ApiCatalogEntry.from_wire(wire, source="simulation")


def refresher(credential: CredentialScript) -> ActionDefinition:
    """Write the action that renews a credential."""
    url = f"{HOST}/refresh/{credential.name}"
    wire = definition_wire(
        f"refresh_{credential.name}", url, method="POST", timeout_s=credential.timeout_s, policy=policy_wire(2)
    )
    return ActionDefinition.from_wire(
        {**wire, "refreshes": credential.name, "tokenPath": "access_token"}, source="simulation"
    )


def draw_policy(dice: random.Random) -> dict[str, object]:
    """Draw a retry policy."""
    listed = dice.choice((RETRIED, [], dice.sample(RETRIED, 4)))
    return {**policy_wire(dice.choice((1, 2, 3, 5))), "retryableErrors": listed, "jitter": dice.random() < 0.5}


def policy_wire(attempts_max: int) -> dict[str, object]:
    """Write a retry policy."""
    return {
        "maxAttempts": attempts_max,
        "initialDelay": 500,
        "maxDelay": 8000,
        "backoffMultiplier": 2,
        "retryableErrors": RETRIED,
        "jitter": False,
    }


def definition_wire(
    key: str, url: str, *, method: str, timeout_s: float, policy: dict[str, object]
) -> dict[str, object]:
    """Write an action definition."""
    return {
        "id": key,
        "name": key,
        "description": "simulated",
        "version": "1.0.0",
        "endpoint": {"url": url, "method": method, "headers": {}, "timeout": round(timeout_s * 1000)},
        "inputSchema": {},
        "outputSchema": {},
        "retryPolicy": policy,
        "knownErrors": [],
        "examples": [],
    }


def plan_wire(told: Mapping[str, str], planned: list[dict[str, object]], dice: random.Random) -> dict[str, object]:
    """Write a plan; now and then with an expected outcome."""
    validations = []
    if dice.random() < 0.15:
        wanted = dice.choice(planned)["id"]
        validations.append({"name": "has an id", "reference": f"${{{wanted}.output.id}}", "operator": "exists"})
    return {
        "id": told["id"],
        "name": "simulated",
        "description": "simulated",
        "intent": {"original": "-", "interpreted": "-", "confidence": 1},
        "actions": planned,
        "expectedOutcome": {"description": "-", "validations": validations},
        "metadata": {
            "createdAt": EPOCH,
            "estimatedDuration": 1000,
            "tags": [],
            **({"createdBy": told["created_by"]} if told["created_by"] else {}),
        },
    }
