"""Whether a plan can be performed with what is at hand: definitions, functions, catalog, environment. Everything wrong is told at once.

The gate before `holdfast.plans.frozen`: what passes here freezes and thaws. It looks at data only; nothing is called and no secret is shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from holdfast.catalog.entries import Catalog
from holdfast.contract import ActionDefinition, ApiCatalogEntry, ExecutionPlan, PlannedAction
from holdfast.errors import BadInput, Problem
from holdfast.plans.authentication import Grant, Source, credential_of, grant_of, source_of
from holdfast.plans.definition_check import check_as_probe, check_definition, missing_variables
from holdfast.plans.files import Definitions, SourcedDefinition
from holdfast.plans.findings import Findings
from holdfast.plans.frozen import FunctionRules, match_definition
from holdfast.plans.plan_check import check_plan
from holdfast.plans.recovery_check import check_recovery_means
from holdfast.plans.references import parse_reference
from holdfast.plans.request import Extras, UnusableRequest, build_request, parameters_of
from holdfast.plans.schema_check import check_values, usable

__all__ = ["Checked", "check"]

ACTIONS_MAX = 10_000
"""The default of the setting `plan.actions_max`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A plan that can be performed, with what `freeze` takes.

    `definitions` holds those of the plan's actions by what the plan writes (`id` or `id@version`), those of their probes, and those that refresh
    a credential of theirs; `entries` the catalog's entry for each of these keys that has one. `warnings` did not keep it from passing.
    """

    plan: ExecutionPlan
    definitions: Mapping[str, ActionDefinition]
    entries: Mapping[str, ApiCatalogEntry]
    warnings: tuple[Problem, ...] = ()


def check(
    plan: ExecutionPlan,
    definitions: Definitions,
    *,
    functions: Mapping[str, FunctionRules] | None = None,
    catalog: Catalog | None = None,
    environ: Mapping[str, str] | None = None,
    authenticators: Collection[str] | None = None,
    actions_max: int = ACTIONS_MAX,
    plan_source: str = "plan",
) -> Checked:
    """Return the plan with everything it needs, or refuse it.

    Args:
        plan: the plan, as read.
        definitions: all that were given, by id and version (`read_definitions`, `sourced`); those that the plan does not use are not looked at.
        functions: the registered Python functions by name.
        catalog: what is known of APIs.
        environ: the environment in which it will run; without it, no variable is missed.
        authenticators: the registered functions that authenticate requests; without it, none is missed.
        actions_max: the most actions a plan may have.
        plan_source: the file or argument the plan came from, for the messages.

    Raises:
        BadInput: the plan cannot be performed; every problem is listed with its file and path.
        MissingExtra: there are patterns, and RE2 is not installed.
    """
    findings = Findings(plan_source)
    if len(plan.actions) > actions_max:
        findings.refuse(
            "actions", f"has {len(plan.actions):,} actions; the limit is {actions_max:,} (setting plan.actions_max)"
        )
        raise BadInput(findings.problems)
    check_plan(plan, findings)
    use = Use(plan, definitions, functions=functions or {}, findings=findings)
    use.look_up_actions()
    use.look_up_probes()
    use.look_up_refreshers()
    use.check_grants()
    use.check_authenticators(authenticators)
    use.check_definitions()
    use.check_inputs()
    use.check_recovery()
    if environ is not None:
        use.check_variables(environ)
    entries = use.entries(catalog)
    if findings.problems:
        raise BadInput(in_order(findings.problems))
    found = {key: one.definition for key, one in use.found.items()}
    return Checked(plan=plan, definitions=found, entries=entries, warnings=tuple(in_order(findings.warnings)))


def in_order(problems: list[Problem]) -> list[Problem]:
    """Return problems without repetitions, those of one file together, files in order of their first."""
    unique = dict.fromkeys(problems)
    sources = {source: at for at, source in enumerate(dict.fromkeys(problem.source for problem in unique))}
    return sorted(unique, key=lambda problem: sources[problem.source])


class Use:
    """The definitions that a plan uses, looked up one after the other."""

    def __init__(
        self,
        plan: ExecutionPlan,
        definitions: Definitions,
        *,
        functions: Mapping[str, FunctionRules],
        findings: Findings,
    ) -> None:
        self.plan = plan
        self.functions = functions
        self.findings = findings
        self.given = definitions
        self.by_key = {key: one.definition for key, one in definitions.items()}
        self.versions: dict[str, list[str]] = {}
        for name, version in definitions:
            self.versions.setdefault(name, []).append(version)
        self.found: dict[str, SourcedDefinition] = {}
        self.refreshers: dict[str, str] = {}

    def look_up(self, wanted: str) -> SourcedDefinition | None:
        """Return the definition of that name, if there is one."""
        known = self.found.get(wanted)
        if known is not None:
            return known
        name = wanted.rpartition("@")[0]
        if wanted not in self.versions and name not in self.versions:
            return None
        definition = match_definition(wanted, self.by_key)
        return None if definition is None else self.given[definition.id, definition.version]

    def look_up_actions(self) -> None:
        """Find what each action is."""
        for position, action in enumerate(self.plan.actions):
            wanted = action.action_definition_id
            path = f"actions[{position}].actionDefinitionId"
            one = self.look_up(wanted)
            if wanted in self.functions:
                if one is not None:
                    message = (
                        f"{wanted!r} is both a registered function and a definition ({one.place}). Rename one of them."
                    )
                    self.findings.refuse(path, message)
            elif one is None:
                self.findings.refuse(path, self.unknown(wanted))
            else:
                self.found[wanted] = one

    def unknown(self, wanted: str) -> str:
        """Return what to say of a name that means nothing."""
        name, at, version = wanted.rpartition("@")
        if at and name in self.versions:
            there = ", ".join(sorted(self.versions[name])[:10])
            return f"{name!r} has no version {version!r}; there is {there}"
        if not self.given and not self.functions:
            return f"no definition of {wanted!r}: none were given. Name their files with --actions."
        near = self.findings.meant(wanted, self.versions.keys() | self.functions.keys())
        return f"no definition and no registered function {wanted!r}.{near}"

    def look_up_probes(self) -> None:
        """Find what asks whether an action happened."""
        for one in list(self.found.values()):
            probe = one.definition.probe
            if probe is None:
                continue
            here = self.findings.at(one.path, source=one.source)
            wanted = probe.action_definition_id
            asking = self.look_up(wanted)
            if wanted in self.functions:
                here.refuse("probe.actionDefinitionId", f"{wanted!r} is a registered function; a probe is a definition")
            elif asking is None:
                here.refuse("probe.actionDefinitionId", self.unknown(wanted))
            else:
                check_as_probe(asking.definition, asked_by=here)
                self.found[wanted] = asking
                schemas = usable(asking.definition.input_schema)
                check_values(probe.inputs, schemas, findings=here.at("probe.inputs"))
                for name in sorted(parameters_of(asking.definition) - probe.inputs.keys()):
                    here.refuse("probe.inputs", f"{{{name}}} in the request of {wanted!r} has no input")

    def look_up_refreshers(self) -> None:
        """Find what renews the credentials that the plan's actions use."""
        planned = {action.action_definition_id for action in self.plan.actions}
        credentials = {
            name: None for key, one in self.found.items() if key in planned and (name := credential_of(one.definition))
        }
        for credential in credentials:
            # A version that the plan names comes before the newest.
            named = {key: one for key, one in self.found.items() if one.definition.refreshes == credential}
            ids = {one.definition.id for one in named.values()}
            others = dict.fromkeys(
                key[0]
                for key, one in self.given.items()
                if one.definition.refreshes == credential and key[0] not in ids
            )
            for name in others:
                newest = self.look_up(name)
                if newest is not None and newest.definition.refreshes == credential:
                    named[name] = newest
            self.found.update(named)
            different = list({one.key: one for one in named.values()}.values())
            for other in different[1:]:
                here = self.findings.at(other.path, source=other.source)
                here.refuse(
                    "refreshes",
                    f"{credential!r} is refreshed by {different[0].definition.id!r} ({different[0].place}) already. Keep one.",
                )
            if named:
                self.refreshers[credential] = next(iter(named))

    def check_grants(self) -> None:
        """Note credentials that would be renewed in two ways, and keys of single persons that a machine would renew for all."""
        grants: dict[str, tuple[Grant, str]] = {}
        for one in self.found.values():
            name, here = credential_of(one.definition) or "", self.findings.at(one.path, source=one.source)
            if source_of(one.definition) is Source.OWN and name in self.refreshers:
                here.refuse(
                    "authentication", f"{name!r} is one person's own (user_input); nothing can refresh it for all"
                )
            grant = grant_of(one.definition)
            if grant is None:
                continue
            known, place = grants.setdefault(name, (grant, one.place))
            if known != grant:
                message = (
                    f"{name!r} is fetched in another way already ({place}). Give one of them a credential of its own."
                )
                here.refuse("authentication", message)
            if name in self.refreshers:
                message = (
                    f"{name!r} is renewed by its token endpoint and by {self.refreshers[name]!r} as well. Keep one."
                )
                here.refuse("authentication", message)

    def check_authenticators(self, registered: Collection[str] | None) -> None:
        """Warn of functions that this process does not have; a worker may."""
        for one in self.found.values() if registered is not None else ():
            handler = getattr(one.definition.authentication, "handler", None)
            if handler is not None and registered is not None and handler not in registered:
                message = (
                    f"no authenticator {handler!r} is registered here; a worker must have it: --import your.module"
                )
                self.findings.at(one.path, source=one.source).warn("authentication.handler", message)

    def check_definitions(self) -> None:
        """Judge each definition in use by itself."""
        for one in {one.key: one for one in self.found.values()}.values():
            check_definition(one.definition, self.findings.at(one.path, source=one.source))

    def check_inputs(self) -> None:
        """Match inputs with what requests, probes and refreshes take from them."""
        for position, action in enumerate(self.plan.actions):
            path = f"actions[{position}].inputs"
            one = self.found.get(action.action_definition_id)
            if one is None:
                function = self.functions.get(action.action_definition_id)
                if function is not None:
                    check_values(action.inputs, usable(function.input_schema), findings=self.findings.at(path))
                continue
            check_values(action.inputs, usable(one.definition.input_schema), findings=self.findings.at(path))
            self.check_request(action, one.definition, path=path)
            self.check_probe_inputs(action, one.definition, path=path)
        for key in self.refreshers.values():
            self.check_refresher(key)

    def check_recovery(self) -> None:
        """Warn of prescribed strategies without means."""
        for position, action in enumerate(self.plan.actions):
            wanted = action.action_definition_id
            one = self.found.get(wanted)
            if one is not None or wanted in self.functions:
                here = self.findings.at(f"actions[{position}]")
                check_recovery_means(action, one.definition if one else None, refreshed=self.refreshers, findings=here)

    def check_request(self, action: PlannedAction, definition: ActionDefinition, *, path: str) -> None:
        """Try whether the inputs make a request, with something harmless in the place of what is not known yet."""
        missing = sorted(parameters_of(definition) - action.inputs.keys())
        for name in missing:
            self.findings.refuse(
                path, f"{{{name}}} in the request of {action.action_definition_id!r} has no input {name!r}"
            )
        literals = {name: value for name, value in action.inputs.items() if parse_reference(value) is None}
        if missing:
            return
        inputs = {name: literals.get(name, "1") for name in action.inputs}
        extras = Extras(secret=None, key="key", idempotency_header=None, timeout_s=1.0, response_size_max_bytes=1)
        try:
            build_request(definition, inputs, extras=extras)
        except UnusableRequest as err:
            self.findings.refuse(path, f"do not make a request: {err.reason}")
        except ValueError:
            pass  # an address that cannot be read was told where it stands

    def check_probe_inputs(self, action: PlannedAction, definition: ActionDefinition, *, path: str) -> None:
        """Note what a probe would read from an action's inputs and not find."""
        if definition.probe is None:
            return
        for value in definition.probe.inputs.values():
            reference = parse_reference(value)
            if reference is None or reference.part != "inputs" or not reference.path:
                continue
            name = str(reference.path[0])
            if name not in action.inputs:
                message = (
                    f"has no {name!r}, which the probe of {action.action_definition_id!r} reads ({reference.text})"
                )
                self.findings.refuse(path, message)

    def check_refresher(self, key: str) -> None:
        """Note parameters that a refresh action has no literal input for: when it refreshes, no other action's output is at hand."""
        one = self.found[key]
        planned = next((action for action in self.plan.actions if action.action_definition_id == key), None)
        literals = (
            {name for name, value in planned.inputs.items() if parse_reference(value) is None} if planned else set()
        )
        for name in sorted(parameters_of(one.definition) - literals):
            here = self.findings.at(one.path, source=one.source)
            here.refuse(
                "endpoint", f"{{{name}}} has no value when {one.definition.refreshes!r} is refreshed; write it out"
            )

    def check_variables(self, environ: Mapping[str, str]) -> None:
        """Note secrets whose variable is not set; each variable once, where it is named first."""
        wanting: dict[str, list[str]] = {}
        places: dict[str, tuple[str, str]] = {}
        for key, one in self.found.items():
            for path, name, shown in missing_variables(one.definition, environ):
                wanting.setdefault(name, []).append(key)
                places.setdefault(name, (path, shown))
        for name, keys in wanting.items():
            one, (path, shown) = self.found[keys[0]], places[name]
            actions = [action.id for action in self.plan.actions if action.action_definition_id in keys]
            if not actions:
                who = f"{keys[0]!r}, which the plan's actions rely on, needs it"
            elif len(actions) == 1:
                who = f"action {actions[0]!r} needs it"
            else:
                who = f"action {actions[0]!r} and {len(actions) - 1} more need it"
            self.findings.at(one.path, source=one.source).refuse(path, f"{shown} is not set or empty; {who}")

    def entries(self, catalog: Catalog | None) -> dict[str, ApiCatalogEntry]:
        """Return the catalog's entry of each definition in use: the one that `apiId` names, else the one of its address."""
        entries: dict[str, ApiCatalogEntry] = {}
        if catalog is None:
            return entries
        for key, one in self.found.items():
            api_id = one.definition.api_id
            entry = catalog.entry(api_id) if api_id is not None else catalog.match(one.definition.endpoint.url)
            if entry is not None:
                entries[key] = entry
        return entries
