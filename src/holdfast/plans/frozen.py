"""A plan as it runs: frozen with its definitions at the start, identified by its digest, and never changed by a file that changes.

The document is JSON text (`plan`, `definitions`, `functions`, `catalog`), kept once per digest. `thaw` turns it into what the executor reads: one
`FrozenAction` per action with its rules, references and needs worked out. Both are pure; a worker keeps thawed plans in a bounded cache.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from holdfast.catalog.rules import compile_entry
from holdfast.contract import ActionDefinition, ApiCatalogEntry, CustomAuthentication, ExecutionPlan
from holdfast.decisions.facts import ActionRules, Safety
from holdfast.errors import ExecutionNewer
from holdfast.faults.rules import compile_known_errors
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.plans.advance import Needs
from holdfast.plans.authentication import Grant, Source, credential_of, grant_of, source_of
from holdfast.plans.condition import Condition
from holdfast.plans.contracts import contract_of
from holdfast.plans.personal import NOTHING, Personal, personal_of
from holdfast.plans.references import parse_reference
from holdfast.plans.safety import safety_of
from holdfast.plans.value_schema import compile_schemas
from holdfast.policies.retry import Jitter, Retry
from holdfast.ports.rows import CONTRACT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from holdfast.contract import PlannedAction, RetryPolicy, UserConfirmation
    from holdfast.faults.rules import ApiRules, KnownError
    from holdfast.plans.references import Reference
    from holdfast.plans.value_schema import Schemas

__all__ = [
    "PLAN_KEYS",
    "Frozen",
    "FrozenAction",
    "FrozenPlan",
    "FunctionRules",
    "contract_of",
    "credential_of",
    "freeze",
    "match_definition",
    "thaw",
]

GRANT_TIMEOUT_S = 30.0
GRANT_RETRIED = frozenset(
    {
        ErrorCategory.NETWORK_TIMEOUT,
        ErrorCategory.NETWORK_CONNECTION_REFUSED,
        ErrorCategory.API_UNEXPECTED_STATUS,
        ErrorCategory.API_RESPONSE_MALFORMED,
        ErrorCategory.RATE_LIMIT_BURST,
    }
)
"""What passes at a token endpoint; a refusal does not."""
PLAN_KEYS = {1: "plan", 2: "planOfContract2"}
"""Where the plan stands, by contract. Under a key that it does not know, a release that would carry a plan out wrongly finds none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRules:
    """What is known of a registered Python function: its name, whether it may be repeated, its time limit, its attempts, its personal
    fields, and what its inputs and the keys of its output must be (as in a definition)."""

    name: str
    repeatable: bool = False
    timeout_s: float = 300.0
    attempts_max: int = 3
    personal: tuple[str, ...] = ()
    input_schema: Mapping[str, str] = field(default_factory=dict)
    output_schema: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A frozen document: its digest (SHA-256 of the text), the text, and the contract that a worker must know to carry it out.

    `digest_before` is the digest under which the first release, which ignores some of it, would have kept the same plan.
    """

    digest: str
    body: str
    contract: int = 1
    digest_before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenAction:
    """One action with everything that its attempts and its failures need. One of `definition` (HTTP), `function` (Python), `grant` (a token) is set.

    `watched` are the references by which the plan's expected outcome and conditions look at its output; `confirmation` is the question to a person
    before it, if one is required. `personal` is what is personal in its inputs and outputs, by its own definition and by those of the actions that
    its inputs come from. `credential` is the name of its secret, `source` where that comes from; `handler` the function that authenticates its
    requests. `takes` and `gives` are what inputs and outputs must be.
    """

    id: str
    position: int
    definition_id: str
    definition: ActionDefinition | None
    function: FunctionRules | None
    inputs: Mapping[str, object]
    references: Mapping[str, Reference]
    needs: Needs
    rules: ActionRules
    idempotency_header: str | None = None
    credential: str | None = None
    source: Source | None = None
    grant: Grant | None = None
    api: ApiRules | None = None
    entry: ApiCatalogEntry | None = None
    known_errors: tuple[KnownError, ...] = ()
    fallback: Mapping[str, str] | None = None
    watched: tuple[Reference, ...] = ()
    personal: Personal = NOTHING
    condition: Condition | None = None
    confirmation: UserConfirmation | None = None
    takes: Schemas = field(default_factory=dict)
    gives: Schemas = field(default_factory=dict)

    @property
    def handler(self) -> str | None:
        """The registered function that authenticates its requests, if one does."""
        if self.source is not Source.FUNCTION or self.definition is None:
            return None
        authentication = self.definition.authentication
        return authentication.handler if isinstance(authentication, CustomAuthentication) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPlan:
    """A plan that runs. `refreshers` maps a credential to the action that renews it; `probes` an action to the one that tells whether it happened;
    `dependents` an action to those that wait for it."""

    plan: ExecutionPlan
    actions: Mapping[str, FrozenAction]
    refreshers: Mapping[str, FrozenAction] = field(default_factory=dict)
    probes: Mapping[str, FrozenAction] = field(default_factory=dict)
    dependents: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def needs(self) -> Mapping[str, Needs]:
        """What each action waits for."""
        return {action.id: action.needs for action in self.actions.values()}


def freeze(
    plan: ExecutionPlan,
    definitions: Mapping[str, ActionDefinition],
    *,
    functions: Mapping[str, FunctionRules],
    entries: Mapping[str, ApiCatalogEntry],
    external: str | None = None,
    arguments: Mapping[str, Mapping[str, object]] | None = None,
) -> Frozen:
    """Return the document of a checked plan with those of `definitions`, `functions` and catalog `entries` that it uses.

    `definitions` is keyed by what the plan writes (`id` or `id@version`); `entries` by the definition's key. `external` names the executor outside
    Holdfast that is to carry it out, if any. What an older release can carry out as well is written exactly as that release writes it.
    `arguments` are given for a call that was handed over: by action, further inputs that may be any JSON and hold no references.
    """
    used_functions = {
        name: rules for name, rules in functions.items() if any(a.action_definition_id == name for a in plan.actions)
    }
    are_told_more = any(
        rules.personal or rules.input_schema or rules.output_schema for rules in used_functions.values()
    )
    contract = contract_of(
        plan,
        definitions,
        entries=entries,
        external=external,
        are_functions_told_more=are_told_more,
        is_handed_over=arguments is not None,
    )
    document: dict[str, object] = {
        "definitions": {key: definition.to_wire() for key, definition in definitions.items()},
        "functions": {
            name: {
                "repeatable": rules.repeatable,
                "timeout_s": rules.timeout_s,
                "attempts_max": rules.attempts_max,
                # Only where it says something: a release that does not know it can go on with every other plan.
                **({"personal": list(rules.personal)} if rules.personal else {}),
                **({"input_schema": dict(rules.input_schema)} if rules.input_schema else {}),
                **({"output_schema": dict(rules.output_schema)} if rules.output_schema else {}),
            }
            for name, rules in used_functions.items()
        },
        # Examples are for those who write entries; an execution has no use for them.
        "catalog": {
            key: {name: value for name, value in entry.to_wire().items() if name != "examples"}
            for key, entry in entries.items()
        },
        **({} if arguments is None else {"arguments": {action: dict(given) for action, given in arguments.items()}}),
    }
    body = written(document, plan, contract=contract)
    before = None if contract == 1 else digest_of(written(document, plan, contract=1))
    return Frozen(digest=digest_of(body), body=body, contract=contract, digest_before=before)


def written(document: Mapping[str, object], plan: ExecutionPlan, *, contract: int) -> str:
    """Return the text of a document under a contract. ASCII only: a text may hold half a surrogate pair, which JSON can escape and no database
    stores."""
    whole = {**document, "format": contract, PLAN_KEYS[contract]: plan.to_wire()}
    return json.dumps(whole, sort_keys=True, separators=(",", ":"))


def digest_of(body: str) -> str:
    """Return the digest by which a document is known."""
    return hashlib.sha256(body.encode("ascii")).hexdigest()


def thaw(body: str) -> FrozenPlan:
    """Return the plan that a frozen document describes.

    Raises:
        ExecutionNewer: a newer release wrote it for itself alone.
    """
    document = json.loads(body)
    contract = int(document["format"])
    if contract > CONTRACT:
        raise ExecutionNewer(None, contract=contract, known=CONTRACT)
    plan = ExecutionPlan.from_wire(document[PLAN_KEYS[contract]], source="frozen plan")
    definitions = {key: ActionDefinition.from_wire(value, source=key) for key, value in document["definitions"].items()}
    functions = {
        name: FunctionRules(name=name, **{**rules, "personal": tuple(rules.get("personal", ()))})
        for name, rules in document["functions"].items()
    }
    entries = {key: ApiCatalogEntry.from_wire(value, source=key) for key, value in document["catalog"].items()}
    thawing = Thawing(
        plan=plan,
        definitions=definitions,
        functions=functions,
        entries=entries,
        primaries=primaries_of(plan),
        judged_outputs=judged_outputs(plan),
        arguments=document.get("arguments", {}),
        # The release before read schemas and did not keep to them; a plan that it accepted goes on as it was told.
        keeps_schemas=contract > 1,
    )
    actions = {planned.id: thawing.action(planned, position) for position, planned in enumerate(plan.actions)}
    probes = {action.id: probe for action in actions.values() if (probe := thawing.probe_of(action)) is not None}
    return FrozenPlan(
        plan=plan,
        actions=actions,
        refreshers=thawing.refreshers(),
        probes=probes,
        dependents=dependents_of(plan),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Thawing:
    """The parts of a document while actions are made from them."""

    plan: ExecutionPlan
    definitions: Mapping[str, ActionDefinition]
    functions: Mapping[str, FunctionRules]
    entries: Mapping[str, ApiCatalogEntry]
    primaries: Mapping[str, tuple[str, ...]]
    judged_outputs: Mapping[str, Sequence[Reference]]
    keeps_schemas: bool = False
    arguments: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def action(self, planned: PlannedAction, position: int) -> FrozenAction:
        """Make one action of the plan."""
        handling = planned.error_handling
        primaries = self.primaries.get(planned.id, ())
        references = {
            name: ref for name, value in planned.inputs.items() if (ref := parse_reference(value)) is not None
        }
        condition = condition_of(planned)
        read = [*references.values(), *([condition.reference] if condition else [])]
        needs = Needs(
            dependencies=tuple(planned.dependencies),
            outputs=tuple(dict.fromkeys(ref.action for ref in read if ref.part == "output")),
            primaries=primaries,
        )
        made = self.make(planned.action_definition_id, action_id=planned.id, inputs=planned.inputs, position=position)
        rules = ActionRules(
            safety=made.rules.safety,
            retry=made.rules.retry,
            timeout_s=made.rules.timeout_s,
            alternative=handling.alternative_action_id,
            has_fallback=handling.fallback_value is not None,
            # A plan cannot go on without what it calls critical; checking it has warned of the contradiction.
            continue_on_failure=handling.continue_on_failure and not planned.critical,
            is_critical=bool(planned.critical),
            credential=made.credential,
            can_refresh=made.source in (Source.GRANT, Source.PERSON, Source.OWN)
            or made.credential in self.refresher_keys(),
            has_probe=made.rules.has_probe,
            overrides=dict(planned.recovery or {}),
            key_lifetime_s=made.rules.key_lifetime_s,
            replays_errors=made.rules.replays_errors,
        )
        return FrozenAction(
            id=planned.id,
            position=position,
            definition_id=made.definition_id,
            definition=made.definition,
            function=made.function,
            inputs={**planned.inputs, **self.arguments.get(planned.id, {})},
            references=references,
            needs=needs,
            rules=rules,
            idempotency_header=made.idempotency_header,
            credential=made.credential,
            source=made.source,
            api=made.api,
            entry=made.entry,
            known_errors=made.known_errors,
            fallback=handling.fallback_value,
            watched=self.watched(planned.id),
            condition=condition,
            confirmation=planned.user_confirmation if asks_first(planned) else None,
            personal=self.personal(made.personal, references),
            takes=made.takes,
            gives=made.gives,
        )

    def personal(self, own: Personal, references: Mapping[str, Reference]) -> Personal:
        """Return what is personal in an action: what its definition says, and what it is given of others, under whatever name."""
        keys = {planned.id: planned.action_definition_id for planned in self.plan.actions}
        found = own
        for name, reference in references.items():
            key = keys.get(reference.action)
            if key is None:
                continue
            theirs = self.personal_names(key)
            found = found.also(theirs.names)
            if theirs.covers(reference.path):
                found = found.also((name,))
        return found

    def personal_names(self, key: str) -> Personal:
        """Return what a definition or a function says is personal."""
        function, definition = self.functions.get(key), self.definitions.get(key)
        names = function.personal if function else (definition.personal or ()) if definition else ()
        return personal_of(names)

    def watched(self, action: str) -> tuple[Reference, ...]:
        """Return what the expected outcome and conditions look at in the output of an action, also under the names of those it stands in for."""
        return tuple(ref for name in self.stands_in_for(action) for ref in self.judged_outputs.get(name, ()))

    def stands_in_for(self, action: str) -> tuple[str, ...]:
        """Return an action and those whose output it may become: what it is the alternative of, and so on up the chain."""
        found = {action: None}
        waiting = [action]
        while waiting:
            above = [name for name in self.primaries.get(waiting.pop(), ()) if name not in found]
            found.update(dict.fromkeys(above))
            waiting += above
        return tuple(found)

    def make(self, key: str, *, action_id: str, inputs: Mapping[str, object], position: int = 0) -> FrozenAction:
        """Make an action from its definition alone: what a refresh or a probe is, and the ground of a planned one."""
        references = {name: ref for name, value in inputs.items() if (ref := parse_reference(value)) is not None}
        function = self.functions.get(key)
        if function is not None:
            return FrozenAction(
                id=action_id,
                position=position,
                definition_id=key,
                definition=None,
                function=function,
                inputs=inputs,
                references=references,
                needs=Needs(),
                rules=function_rules(function),
                personal=self.personal_names(key),
                takes=compile_schemas(function.input_schema),
                gives=compile_schemas(function.output_schema),
            )
        definition, entry = self.definitions[key], self.entries.get(key)
        header = idempotency_header_of(definition, entry)
        api = compile_entry(entry, source=entry.api_id) if entry else None
        rules = ActionRules(
            safety=safety_of(definition, has_key=header is not None),
            retry=retry_settings(definition.retry_policy),
            timeout_s=definition.endpoint.timeout / 1000,
            has_probe=definition.probe is not None,
            key_lifetime_s=key_lifetime_of(entry),
            replays_errors=bool(entry and entry.idempotency and entry.idempotency.replays_errors),
        )
        return FrozenAction(
            id=action_id,
            position=position,
            definition_id=key,
            definition=definition,
            function=None,
            inputs=inputs,
            references=references,
            needs=Needs(),
            rules=rules,
            idempotency_header=header,
            credential=credential_of(definition),
            source=source_of(definition),
            api=api,
            entry=entry,
            known_errors=compile_known_errors(
                [(known.pattern, known.category, known.suggestion) for known in definition.known_errors], source=key
            ),
            personal=self.personal_names(key),
            takes=compile_schemas(definition.input_schema) if self.keeps_schemas else {},
            gives=compile_schemas(definition.output_schema) if self.keeps_schemas else {},
        )

    def refresher_keys(self) -> Mapping[str, str]:
        """Map each credential to the key of the definition that refreshes it; the first in the document's order wins."""
        keys: dict[str, str] = {}
        for key, definition in self.definitions.items():
            if definition.refreshes is not None:
                keys.setdefault(definition.refreshes, key)
        return keys

    def refreshers(self) -> Mapping[str, FrozenAction]:
        """Make what renews each credential: a grant, or a refresh action. One that stands in the plan as well lends its literal inputs."""
        grants = (grant_of(definition) for definition in self.definitions.values())
        made = {grant.credential: granting(grant) for grant in grants if grant is not None}
        for credential, key in self.refresher_keys().items():
            planned = next((a for a in self.plan.actions if a.action_definition_id == key), None)
            inputs = (
                {name: value for name, value in planned.inputs.items() if parse_reference(value) is None}
                if planned
                else {}
            )
            made[credential] = self.make(key, action_id=key, inputs=inputs)
        return made

    def probe_of(self, action: FrozenAction) -> FrozenAction | None:
        """Make the probe of an action, if its definition has one."""
        probe = action.definition.probe if action.definition else None
        if probe is None:
            return None
        made = self.make(probe.action_definition_id, action_id=action.id, inputs=probe.inputs)
        return replace(made, personal=self.probed(action.personal, made))

    def probed(self, personal: Personal, probe: FrozenAction) -> Personal:
        """Return what is personal in a probe: what is so in the action that it asks about, under the names the probe uses."""
        found = personal.also(probe.personal.names)
        given = [name for name, reference in probe.references.items() if personal.covers(reference.path)]
        return found.also(given)


def condition_of(planned: PlannedAction) -> Condition | None:
    """Return an action's condition; one that names nothing was refused when the plan was checked."""
    reference = parse_reference(planned.condition.if_) if planned.condition else None
    if planned.condition is None or reference is None:
        return None
    return Condition(reference=reference, otherwise=planned.condition.else_)


def asks_first(planned: PlannedAction) -> bool:
    """Whether a person has to say yes before an action is performed."""
    return planned.user_confirmation is not None and planned.user_confirmation.required


def judged_outputs(plan: ExecutionPlan) -> dict[str, list[Reference]]:
    """Return the references to outputs by which a plan decides under a lock, where no file is read, by action."""
    texts = [validation.reference for validation in plan.expected_outcome.validations]
    texts += [action.condition.if_ for action in plan.actions if action.condition is not None]
    found: dict[str, list[Reference]] = {}
    for text in dict.fromkeys(texts):
        reference = parse_reference(text)
        if reference is not None and reference.part == "output":
            found.setdefault(reference.action, []).append(reference)
    return found


def dependents_of(plan: ExecutionPlan) -> dict[str, list[str]]:
    """Return, for each action, those that name it as a dependency."""
    found: dict[str, list[str]] = {}
    for action in plan.actions:
        for name in action.dependencies:
            found.setdefault(name, []).append(action.id)
    return found


def primaries_of(plan: ExecutionPlan) -> dict[str, tuple[str, ...]]:
    """Return, for each alternative, the actions that name it."""
    found: dict[str, list[str]] = {}
    for action in plan.actions:
        name = action.error_handling.alternative_action_id
        if name is not None:
            found.setdefault(name, []).append(action.id)
    return {name: tuple(primaries) for name, primaries in found.items()}


def granting(grant: Grant) -> FrozenAction:
    """Return the action that asks a token endpoint: three attempts at what passes, with a half and one second between."""
    rules = ActionRules(
        safety=Safety.UNSAFE,
        retry=Retry(
            attempts_max=3,
            initial_delay_s=0.5,
            max_delay_s=10.0,
            multiplier=2.0,
            categories=GRANT_RETRIED,
            jitter=Jitter.PLUS_MINUS_10,
        ),
        timeout_s=GRANT_TIMEOUT_S,
    )
    return FrozenAction(
        id=grant.credential,
        position=0,
        definition_id=f"token:{grant.credential}",
        definition=None,
        function=None,
        inputs={},
        references={},
        needs=Needs(),
        rules=rules,
        grant=grant,
    )


def idempotency_header_of(definition: ActionDefinition, entry: ApiCatalogEntry | None) -> str | None:
    """Return the header that carries the idempotency key, where the definition, the API's entry or a declared header says it is honoured."""
    if definition.endpoint.method == "GET":
        return None
    if definition.idempotency is not None:
        return definition.idempotency.header
    declared = next((name for name in definition.endpoint.headers if name.lower() == "idempotency-key"), None)
    if declared is not None:
        return declared
    return entry.idempotency.header if entry and entry.idempotency else None


def key_lifetime_of(entry: ApiCatalogEntry | None) -> float | None:
    """Return how long the API recognises an idempotency key, in seconds; None when its entry does not say."""
    lifetime = entry.idempotency.key_lifetime if entry and entry.idempotency else None
    return None if lifetime is None else lifetime / 1000


def retry_settings(policy: RetryPolicy) -> Retry:
    """Map the wire's RetryPolicy onto ours without loss; wire `jitter: true` is full jitter."""
    initial_s = policy.initial_delay / 1000
    return Retry(
        attempts_max=policy.max_attempts,
        initial_delay_s=initial_s,
        max_delay_s=policy.max_delay / 1000,
        multiplier=float(policy.backoff_multiplier),
        categories=frozenset(policy.retryable_errors),
        jitter=Jitter.FULL if policy.jitter else Jitter.NONE,
    )


def function_rules(function: FunctionRules) -> ActionRules:
    """Return the rules of a Python function: our default attempts (1 s, doubling, at most 30 s, full jitter)."""
    settings = Retry(
        attempts_max=function.attempts_max, initial_delay_s=1.0, max_delay_s=30.0, multiplier=2.0, jitter=Jitter.FULL
    )
    return ActionRules(
        safety=safety_of(None, has_key=False, repeatable=function.repeatable),
        retry=settings,
        timeout_s=function.timeout_s,
    )


def match_definition(wanted: str, definitions: Mapping[tuple[str, str], ActionDefinition]) -> ActionDefinition | None:
    """Return the definition that a plan names as `id` (the newest version) or `id@version`. `definitions` is keyed by (id, version)."""
    name, at, version = wanted.rpartition("@")
    if at and (name, version) in definitions:
        return definitions[name, version]
    versions = [key for key in definitions if key[0] == wanted]
    if not versions:
        return None
    return definitions[max(versions, key=lambda key: version_order(key[1]))]


def version_order(version: str) -> tuple[tuple[int, str], ...]:
    """Return what versions are compared by: numbers part by part, however many digits they have."""
    parts = (part.lstrip("0") for part in version.split("."))
    return tuple((len(part), part) for part in parts)
