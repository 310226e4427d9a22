"""Whether a plan hangs together by itself: ids, dependencies, alternatives, references, and what this release does not have yet.

Knows nothing of definitions; `holdfast.plans.check` brings the two together.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from holdfast.contract import ExecutionPlan, PlannedAction
from holdfast.plans.definition_check import looks_like_reference
from holdfast.plans.findings import Findings
from holdfast.plans.graph import find_circles, unreached
from holdfast.plans.outcome import flaw_of_comparison
from holdfast.plans.recovery_check import check_recovery
from holdfast.plans.references import Reference, parse_reference

__all__ = ["check_plan"]

ID_MAX = 200
FORBIDDEN_IN_ID = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
EMBEDDED = re.compile(r"\$\{([a-zA-Z0-9_]+)\.[a-zA-Z0-9_.\[\]]+\}")
PARTS = ("output", "status", "error")
CONFIRMATION_MAX_MS = 3_155_760_000_000
LETTERS = "letters A-Z and a-z, digits and _ (no dash, no space)"

Stage = Literal["done", "own", "end"]
Node = tuple[Stage, str]


def check_plan(plan: ExecutionPlan, findings: Findings) -> None:
    """Note everything that is wrong with a plan whatever its definitions say."""
    first = check_ids(plan, findings)
    known = first.keys()
    for position, action in enumerate(plan.actions):
        here = findings.at(f"actions[{position}]")
        check_dependencies(action, known, here)
        check_alternative(action, known, here)
        check_inputs(action, known, here)
        check_condition(action, known, here)
        check_confirmation(action, here)
        check_availability(action, here)
        check_recovery(action, here)
    check_circles(plan, first, findings)
    check_reach(plan, first, findings)
    check_alternatives_as_dependencies(plan, findings)
    for index, validation in enumerate(plan.expected_outcome.validations):
        here = findings.at(f"expectedOutcome.validations[{index}]")
        check_reference(validation.reference, known, findings=here, path="reference")
        flaw = flaw_of_comparison(validation.operator, validation.value)
        if flaw is not None:
            here.refuse("value", flaw)


def check_ids(plan: ExecutionPlan, findings: Findings) -> dict[str, int]:
    """Return the position of each id, having noted ids that cannot be."""
    first: dict[str, int] = {}
    for position, action in enumerate(plan.actions):
        path = f"actions[{position}].id"
        if not action.id:
            findings.refuse(path, "is empty; every action needs a name of its own")
        elif len(action.id) > ID_MAX:
            findings.refuse(path, f"has {len(action.id)} characters; the limit is {ID_MAX}")
        elif FORBIDDEN_IN_ID.search(action.id):
            findings.refuse(path, "holds a control character")
        at = first.setdefault(action.id, position)
        if at != position:
            findings.refuse(
                path, f"{shortened(action.id)} is the id of actions[{at}] already; every action needs its own"
            )
    return first


def check_dependencies(action: PlannedAction, known: Collection[str], findings: Findings) -> None:
    """Note dependencies on nothing, on itself, and those that stand twice."""
    seen: set[str] = set()
    for index, name in enumerate(action.dependencies):
        path = f"dependencies[{index}]"
        if name == action.id:
            findings.refuse(path, "is the action itself, which would wait for ever")
        elif name not in known:
            findings.refuse(path, f"no action {shortened(name)} in this plan.{findings.meant(name, known)}")
        elif name in seen:
            findings.refuse(path, f"{shortened(name)} stands here twice")
        seen.add(name)


def check_alternative(action: PlannedAction, known: Collection[str], findings: Findings) -> None:
    """Note an alternative that is not there."""
    name = action.error_handling.alternative_action_id
    path = "errorHandling.alternativeActionId"
    if name == action.id:
        findings.refuse(path, "is the action itself; an alternative is another action")
    elif name is not None and name not in known:
        findings.refuse(path, f"no action {shortened(name)} in this plan.{findings.meant(name, known)}")


def check_inputs(action: PlannedAction, known: Collection[str], findings: Findings) -> None:
    """Note references that name nothing, and warn of those that are taken for plain text."""
    for name, value in action.inputs.items():
        path = f"inputs.{name}"
        if looks_like_reference(value):
            check_reference(str(value), known, findings=findings, path=path)
            continue
        if isinstance(value, str) and any(found[1] in known for found in EMBEDDED.finditer(value)):
            findings.warn(
                path,
                "has a reference inside a longer text; it is sent as it stands. A reference must be the whole input.",
            )


def check_reference(text: str, known: Collection[str], *, findings: Findings, path: str) -> Reference | None:
    """Return the reference that a text is, having noted what is wrong with it."""
    reference = parse_reference(text)
    if reference is None:
        example = "${action.output.items[0].id}"
        findings.refuse(
            path, f"{shortened(text)} is no reference. It looks like {example}; its names consist of {LETTERS}."
        )
        return None
    if reference.action not in known:
        findings.refuse(
            path, f"{shortened(text)} names no action of this plan.{findings.meant(reference.action, known)}"
        )
    if reference.part not in PARTS:
        findings.refuse(path, f"{shortened(text)} asks for {reference.part!r}; an action has output, status and error")
    elif reference.part == "status" and reference.path:
        findings.refuse(path, f"{shortened(text)} looks into the status, which is one word")
    return reference


def check_condition(action: PlannedAction, known: Collection[str], findings: Findings) -> None:
    """Note a condition that names nothing, or nothing that could be true or false."""
    if action.condition is None:
        return
    text = action.condition.if_
    reference = check_reference(text, known, findings=findings, path="condition.if")
    if reference is not None and reference.part in PARTS and not reference.path:
        example = "${action.output.approved}"
        whole = "the status, a word" if reference.part == "status" else f"the whole {reference.part}"
        findings.refuse(
            "condition.if",
            f"{shortened(text)} is {whole}, which is never true or false. Name a value inside, such as {example}.",
        )


def check_confirmation(action: PlannedAction, findings: Findings) -> None:
    """Note a confirmation that cannot be given."""
    asked = action.user_confirmation
    if asked is None or not asked.required or asked.timeout is None:
        return
    if asked.timeout > CONFIRMATION_MAX_MS:
        findings.refuse(
            "userConfirmation.timeout",
            f"{asked.timeout} ms is more than a hundred years; leave it out to wait as long as it takes.",
        )
    elif asked.timeout == 0:
        findings.refuse(
            "userConfirmation.timeout",
            "leaves no time to answer: the action would be rejected at once. Leave it out to wait as long as it takes.",
        )


def check_availability(action: PlannedAction, findings: Findings) -> None:
    """Note what a plan may ask for and this release does not do, so that nothing is ignored in silence."""
    for field, value in (
        ("phase", action.phase),
        ("agent", action.agent),
        ("checkpoint", action.checkpoint),
    ):
        if value is not None:
            findings.warn(field, "has no effect in this release")


def check_circles(plan: ExecutionPlan, first: Mapping[str, int], findings: Findings) -> None:
    """Note actions that would wait for each other for ever."""
    told: set[frozenset[str]] = set()
    for circle in find_circles(waits(plan, first)):
        actions = list(dict.fromkeys(name for _, name in circle))
        if len(actions) == 1 or frozenset(actions) in told:
            continue
        told.add(frozenset(actions))
        stages = {stage for stage, _ in circle}
        start = min(range(len(actions)), key=lambda index: first[actions[index]])
        around = actions[start:] + actions[:start]
        way = " → ".join(shortened(name, quoted=False) for name in [*around, around[0]])
        position = first[around[0]]
        if stages == {"done"} and all(
            is_alternative_step(plan, first, pair) for pair in zip(around, [*around[1:], around[0]], strict=True)
        ):
            findings.refuse(
                f"actions[{position}].errorHandling.alternativeActionId", f"alternatives go in a circle: {way}"
            )
        elif all(is_dependency_step(plan, first, pair) for pair in zip(around, [*around[1:], around[0]], strict=True)):
            findings.refuse(f"actions[{position}].dependencies", f"dependencies go in a circle: {way}")
        else:
            message = (
                f"these would wait for each other for ever, since an alternative waits for what it replaces: {way}"
            )
            findings.refuse(f"actions[{position}]", message)


def is_dependency_step(plan: ExecutionPlan, first: Mapping[str, int], pair: tuple[str, str]) -> bool:
    """Whether the second action is a dependency of the first."""
    return pair[1] in plan.actions[first[pair[0]]].dependencies


def is_alternative_step(plan: ExecutionPlan, first: Mapping[str, int], pair: tuple[str, str]) -> bool:
    """Whether the second action is the alternative of the first."""
    return plan.actions[first[pair[0]]].error_handling.alternative_action_id == pair[1]


def waits(plan: ExecutionPlan, first: Mapping[str, int]) -> dict[Node, list[Node]]:
    """Return what may have to be waited for. Each action has three stages:

    - `done`: it ran, and so did the alternatives that took over; waits for the `end` of its dependencies and for `done` of its alternative.
    - `own`: it ran or never will; an alternative also waits until each action that could call upon it has.
    - `end`: dependents may go on.

    `done` does not wait for who calls upon it: that has happened by then, which is why two actions, one after the other, may share an alternative.
    """
    edges: dict[Node, list[Node]] = {}
    actions = [action for position, action in enumerate(plan.actions) if first[action.id] == position]
    for action in actions:
        name, other = action.id, action.error_handling.alternative_action_id
        dependencies: list[Node] = [
            ("end", one) for one in dict.fromkeys(action.dependencies) if one in first and one != name
        ]
        handed: list[Node] = [("done", other)] if other is not None and other in first and other != name else []
        edges["done", name] = dependencies + handed
        edges["own", name] = [("done", name)]
        edges["end", name] = [("own", name)]
    for action in actions:
        other = action.error_handling.alternative_action_id
        if other is not None and other in first and other != action.id:
            edges["own", other].append(("own", action.id))
    return edges


def check_reach(plan: ExecutionPlan, first: Mapping[str, int], findings: Findings) -> None:
    """Note references to actions that need not have finished by then."""
    edges = {
        name: [one for one in plan.actions[at].dependencies if one in first and one != name]
        for name, at in first.items()
    }
    far = [
        (action.id, reference.action, f"actions[{position}].{place}", reference.text)
        for position, action, place, reference in references_of(plan)
        if reference.action in first and reference.action not in action.dependencies
    ]
    missing = unreached(edges, [(action, target) for action, target, _, _ in far if action != target])
    for action, target, path, text in far:
        if action == target:
            findings.refuse(path, f"{shortened(text)} refers to the action itself, which has no output yet")
        elif (action, target) in missing:
            findings.refuse(
                path,
                f"{shortened(text)} reads {shortened(target)}, which is no dependency of this action. Add it to dependencies.",
            )


def references_of(plan: ExecutionPlan) -> Iterator[tuple[int, PlannedAction, str, Reference]]:
    """Yield all references in inputs and conditions, with position, action and place inside the action."""
    for position, action in enumerate(plan.actions):
        places = [(f"inputs.{name}", value) for name, value in action.inputs.items()]
        if action.condition is not None:
            places.append(("condition.if", action.condition.if_))
        for place, value in places:
            reference = parse_reference(value)
            if reference is not None:
                yield position, action, place, reference


def check_alternatives_as_dependencies(plan: ExecutionPlan, findings: Findings) -> None:
    """Warn of dependencies on actions that usually never run."""
    replaces: dict[str, str] = {}
    for action in plan.actions:
        if action.error_handling.alternative_action_id is not None:
            replaces.setdefault(action.error_handling.alternative_action_id, action.id)
    for position, action in enumerate(plan.actions):
        for index, name in enumerate(action.dependencies):
            if name in replaces and name != action.id:
                message = (
                    f"{shortened(name)} only runs when {shortened(replaces[name])} fails, and is skipped otherwise."
                    f" Depend on {shortened(replaces[name])}: references to it read the alternative's output once that took over."
                )
                findings.warn(f"actions[{position}].dependencies[{index}]", message)


def shortened(name: str, *, quoted: bool = True) -> str:
    """Return a name for a message, not longer than sixty characters."""
    shown = name if len(name) <= 60 else name[:60] + "…"
    return repr(shown) if quoted else shown
