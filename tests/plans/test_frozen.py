"""Frozen plans: what is kept at the start of an execution."""

from __future__ import annotations

import json

import pytest
from hypothesis import given as for_all, strategies as st

from holdfast.contract import ActionDefinition, ExecutionPlan
from holdfast.decisions.facts import Safety
from holdfast.plans.frozen import Frozen, FunctionRules, freeze, match_definition, thaw
from tests.plans.samples import action_wire, definition, definition_wire, plan, plan_wire


def frozen(the_plan: ExecutionPlan, **more: object) -> Frozen:
    """A plan frozen with the definition it names."""
    settings: dict[str, object] = {"functions": {}, "entries": {}, **more}
    definitions = settings.pop("definitions", {"shop.get": definition()})
    return freeze(the_plan, definitions, **settings)


def turned(value: object) -> object:
    """The same JSON value with the keys of all objects the other way round."""
    if isinstance(value, dict):
        return {key: turned(inner) for key, inner in reversed(value.items())}
    return [turned(inner) for inner in value] if isinstance(value, list) else value


INPUTS = st.dictionaries(
    st.text(max_size=8), st.text(max_size=8) | st.integers(-(10**15), 10**15) | st.booleans(), max_size=5
)


@for_all(INPUTS)
def test_thawing_gives_back_what_was_frozen(inputs: dict[str, object]) -> None:
    """A frozen plan thaws to the same plan, definitions and inputs, whatever texts they hold; its text can be stored anywhere."""
    the_plan = plan(
        action_wire("a", inputs=inputs), action_wire("b", "a", inputs={"x": "${a.output.id}", "y": "${a.status}"})
    )

    made = frozen(the_plan)
    thawed = thaw(made.body)

    assert the_plan == thawed.plan
    assert (definition(), inputs) == (thawed.actions["a"].definition, thawed.actions["a"].inputs)
    assert (("a",), ("a",)) == (thawed.actions["b"].needs.dependencies, thawed.actions["b"].needs.outputs)
    assert made.body.isascii()
    assert made == frozen(thawed.plan)


@for_all(INPUTS)
def test_the_digest_does_not_depend_on_the_order_of_keys(inputs: dict[str, object]) -> None:
    """The same plan written in another order has the same digest."""
    document = plan_wire(action_wire("a", inputs=inputs), action_wire("b", "a"))
    same = ExecutionPlan.from_wire(turned(document))
    other = ActionDefinition.from_wire(turned(definition_wire()))

    assert frozen(ExecutionPlan.from_wire(document)).digest == frozen(same, definitions={"shop.get": other}).digest


@pytest.mark.parametrize(
    ("the_plan", "more"),
    [
        pytest.param(plan(action_wire("a", inputs={"x": 2})), {}, id="input"),
        pytest.param(plan(action_wire("a", inputs={"x": "1"})), {}, id="type-of-input"),
        pytest.param(plan(action_wire("b", inputs={"x": 1})), {}, id="id"),
        pytest.param(plan(action_wire("a", inputs={"x": 1}), action_wire("b")), {}, id="another-action"),
        pytest.param(plan(action_wire("a", inputs={"x": 1}, phase="p")), {}, id="our-field"),
        pytest.param(
            plan(action_wire("a", inputs={"x": 1})),
            {"definitions": {"shop.get": definition(endpoint__timeout=2)}},
            id="definition",
        ),
        pytest.param(
            plan(action_wire("a", inputs={"x": 1})),
            {"functions": {"shop.get": FunctionRules(name="shop.get")}},
            id="function",
        ),
    ],
)
def test_the_digest_changes_with_anything_that_matters(the_plan: ExecutionPlan, more: dict[str, object]) -> None:
    """Another plan, definition or function is another document."""
    assert frozen(plan(action_wire("a", inputs={"x": 1}))).digest != frozen(the_plan, **more).digest


def test_functions_that_the_plan_does_not_use_are_left_out() -> None:
    """Registering one more function does not make another plan."""
    the_plan = plan(action_wire("a"))

    assert frozen(the_plan) == frozen(the_plan, functions={"other": FunctionRules(name="other")})


def test_functions_thaw_with_their_rules() -> None:
    """What was said of a Python function at registration is kept."""
    rules = FunctionRules(name="crm.sync", repeatable=True, timeout_s=7.5, attempts_max=5)
    body = frozen(
        plan(action_wire("a", actionDefinitionId="crm.sync")), definitions={}, functions={"crm.sync": rules}
    ).body

    action = thaw(body).actions["a"]

    assert (rules, Safety.IDEMPOTENT, 7.5, 5) == (
        action.function,
        action.rules.safety,
        action.rules.timeout_s,
        action.rules.retry.attempts_max,
    )


@pytest.mark.parametrize(
    ("changes", "safety"),
    [
        pytest.param({}, Safety.READ_ONLY, id="get"),
        pytest.param({"repeatable": False}, Safety.UNSAFE, id="get-with-effects"),
        pytest.param({"endpoint__method": "PUT"}, Safety.IDEMPOTENT, id="put"),
        pytest.param({"endpoint__method": "DELETE", "repeatable": False}, Safety.UNSAFE, id="delete-with-effects"),
        pytest.param({"endpoint__method": "POST"}, Safety.UNSAFE, id="post"),
        pytest.param({"endpoint__method": "POST", "repeatable": True}, Safety.IDEMPOTENT, id="repeatable-post"),
        pytest.param({"endpoint__method": "POST", "idempotency": {"header": "K"}}, Safety.KEYED, id="keyed-post"),
        pytest.param(
            {"endpoint__method": "POST", "endpoint__headers": {"idempotency-key": ""}},
            Safety.KEYED,
            id="declared-header",
        ),
    ],
)
def test_what_makes_a_repeat_safe(changes: dict[str, object], safety: Safety) -> None:
    """The method decides, unless the definition says otherwise or a key is honoured."""
    body = frozen(plan(action_wire("a")), definitions={"shop.get": definition(**changes)}).body

    assert safety == thaw(body).actions["a"].rules.safety


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        pytest.param("x", "1.10.0", id="newest-by-number"),
        pytest.param("x@1.9.0", "1.9.0", id="exact"),
        pytest.param("x@2.0.0", None, id="unknown-version"),
        pytest.param("y", None, id="unknown"),
        pytest.param("a@b", "1.0.0", id="at-in-a-name"),
        pytest.param("big", f"1.0.{'9' * 5000}", id="absurd-version"),
    ],
)
def test_finds_the_version_that_a_plan_means(wanted: str, version: str | None) -> None:
    """`id` is the newest version by numbers, `id@version` that one."""
    versions = [
        ("x", "1.9.0"),
        ("x", "1.10.0"),
        ("x", "1.2.30"),
        ("a@b", "1.0.0"),
        ("big", "1.0.8"),
        ("big", f"1.0.{'9' * 5000}"),
    ]
    known = {(name, number): definition(name, version=number) for name, number in versions}

    found = match_definition(wanted, known)

    assert version == (found.version if found else None)


def test_the_document_names_its_format() -> None:
    """A later release can tell what it reads."""
    assert 1 == json.loads(frozen(plan(action_wire("a"))).body)["format"]
