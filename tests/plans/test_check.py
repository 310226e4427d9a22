"""Whether a plan can be performed: for each thing that is refused, the neighbour that passes."""

from __future__ import annotations

from urllib.parse import quote_plus

import pytest

from holdfast.catalog import Catalog
from holdfast.contract import ApiCatalogEntry
from holdfast.plans.check import Checked
from holdfast.plans.frozen import FunctionRules, freeze, thaw
from tests.plans.samples import (
    ACTIONS_FILE,
    action_wire as action,
    definition_wire as define,
    judged,
    passed,
    plan,
)
from tests.planted import MARK, PASSWORD

GET = {"type": "bearer", "token": "SHOP_TOKEN", "tokenFrom": "env"}
REFRESH = {"endpoint__method": "POST", "refreshes": "SHOP_TOKEN", "tokenPath": "access_token"}
PROBE = {
    "actionDefinitionId": "shop.find",
    "inputs": {"order": "${self.inputs.order}"},
    "happenedIf": {"reference": "${probe.output.id}", "operator": "exists"},
}


def alternative(name: str) -> dict[str, object]:
    """Error handling that names an alternative."""
    return {"continueOnFailure": False, "alternativeActionId": name}


def when(reference: str) -> dict[str, object]:
    """A condition on a value."""
    return {"if": reference, "then": "execute", "else": "skip"}


def only(problems: Checked | list[str], *, path: str, words: str) -> bool:
    """Whether there is exactly one problem, at this place and saying this."""
    assert isinstance(problems, list), "it passed"
    return len(problems) == 1 and problems[0].startswith(f"plan.json: {path}: ") and words in problems[0]


@pytest.mark.parametrize(
    "the_plan",
    [
        pytest.param(plan(), id="empty"),
        pytest.param(plan(action("a")), id="one"),
        pytest.param(plan(action("a"), action("b", "a", inputs={"x": "${a.output}"})), id="reference-to-dependency"),
        pytest.param(
            plan(
                action("a"), action("b", "a"), action("c", "b", inputs={"x": "${a.status}", "y": "${b.error.message}"})
            ),
            id="reference-far",
        ),
        pytest.param(plan(action("a", errorHandling=alternative("b")), action("b")), id="alternative"),
        pytest.param(
            plan(
                action("a", errorHandling=alternative("x")),
                action("b", "a", errorHandling=alternative("x")),
                action("x"),
            ),
            id="shared-alternative",
        ),
        pytest.param(plan(action("with-dash and space")), id="dash-in-id"),
        pytest.param(plan(action("a" * 200)), id="longest-id"),
        pytest.param(plan(action("a", actionDefinitionId="shop.get@1.0.0")), id="version"),
        pytest.param(
            plan(action("a", userConfirmation={"required": False, "title": "", "message": ""})), id="no-question"
        ),
        pytest.param(
            plan(action("a", userConfirmation={"required": True, "title": "Pay?", "message": "", "timeout": 60_000})),
            id="question",
        ),
        pytest.param(
            plan(action("a"), action("b", "a"), action("c", "b", condition=when("${a.error.retryable}"))),
            id="condition-on-an-error-further-up",
        ),
        pytest.param(plan(action("a", recovery={"network_timeout": "ask-person"})), id="known-strategy"),
        pytest.param(plan(action("a", inputs={"x": "costs $5 {net}"})), id="braces"),
    ],
)
def test_a_sound_plan_passes_without_warnings(the_plan: object) -> None:
    """What hangs together is accepted silently."""
    assert () == passed(the_plan).warnings


@pytest.mark.parametrize(
    ("the_plan", "path", "words"),
    [
        pytest.param(plan(action("a"), action("a")), "actions[1].id", "actions[0] already", id="duplicate-id"),
        pytest.param(plan(action("")), "actions[0].id", "is empty", id="empty-id"),
        pytest.param(plan(action("a" * 201)), "actions[0].id", "the limit is 200", id="long-id"),
        pytest.param(plan(action("a\nb")), "actions[0].id", "control character", id="control-in-id"),
        pytest.param(
            plan(action("a", actionDefinitionId="shop.gte")),
            "actions[0].actionDefinitionId",
            "mean 'shop.get'?",
            id="typo",
        ),
        pytest.param(
            plan(action("a", actionDefinitionId="shop.get@2.0.0")),
            "actions[0].actionDefinitionId",
            "there is 1.0.0",
            id="version",
        ),
        pytest.param(
            plan(action("a"), action("b", "aa")),
            "actions[1].dependencies[0]",
            "no action 'aa'",
            id="unknown-dependency",
        ),
        pytest.param(plan(action("a", "a")), "actions[0].dependencies[0]", "itself", id="self"),
        pytest.param(plan(action("a"), action("b", "a", "a")), "actions[1].dependencies[1]", "twice", id="twice"),
        pytest.param(
            plan(action("a", "b"), action("b", "a")), "actions[0].dependencies", "circle: a → b → a", id="circle"
        ),
        pytest.param(
            plan(action("a", errorHandling=alternative("nn"))),
            "actions[0].errorHandling.alternativeActionId",
            "no action 'nn'",
            id="unknown-alternative",
        ),
        pytest.param(
            plan(action("a", errorHandling=alternative("a"))),
            "actions[0].errorHandling.alternativeActionId",
            "itself",
            id="own-alternative",
        ),
        pytest.param(
            plan(action("a", errorHandling=alternative("b")), action("b", errorHandling=alternative("a"))),
            "actions[0].errorHandling.alternativeActionId",
            "circle: a → b → a",
            id="alternatives-in-circle",
        ),
        pytest.param(
            plan(action("a", errorHandling=alternative("b")), action("b", "a")),
            "actions[0]",
            "a → b → a",
            id="waits-for-primary",
        ),
        pytest.param(
            plan(action("a", errorHandling=alternative("c")), action("b", "a"), action("c", "b")),
            "actions[0]",
            "wait for each other for ever",
            id="waits-for-primary-indirectly",
        ),
        pytest.param(
            plan(action("a"), action("b", inputs={"x": "${a.output.id}"})),
            "actions[1].inputs.x",
            "no dependency",
            id="not-a-dependency",
        ),
        pytest.param(
            plan(action("a", inputs={"x": "${a.output.id}"})), "actions[0].inputs.x", "itself", id="own-output"
        ),
        pytest.param(
            plan(action("a", inputs={"x": "${z.output.id}"})),
            "actions[0].inputs.x",
            "no action",
            id="unknown-reference",
        ),
        pytest.param(
            plan(action("a"), action("b", "a", inputs={"x": "${a.result.id}"})),
            "actions[1].inputs.x",
            "output, status and error",
            id="unknown-part",
        ),
        pytest.param(
            plan(action("a"), action("b", "a", inputs={"x": "${a.status.id}"})),
            "actions[1].inputs.x",
            "one word",
            id="inside-status",
        ),
        pytest.param(
            plan(action("a-1"), action("b", "a-1", inputs={"x": "${a-1.output.id}"})),
            "actions[1].inputs.x",
            "no dash",
            id="dash",
        ),
        *(
            pytest.param(
                plan(
                    action(
                        "a", userConfirmation={"required": True, "title": "", "message": "", "timeout": milliseconds}
                    )
                ),
                "actions[0].userConfirmation.timeout",
                words,
                id=f"question-{words.split()[0]}",
            )
            for milliseconds, words in ((0, "no time"), (2**53 - 1, "hundred years"))
        ),
        *(
            pytest.param(
                plan(action("a"), action("b", "a", condition=when(text))), "actions[1].condition.if", words, id=label
            )
            for label, text, words in (
                ("condition-on-a-whole-output", "${a.output}", "the whole output, which is never true or false"),
                ("condition-on-a-status", "${a.status}", "a word, which is never true or false"),
                ("condition-on-an-unknown-action", "${zz.output.ok}", "no action"),
                ("condition-on-an-unknown-part", "${a.outputs.ok}", "output, status and error"),
                ("condition-on-itself", "${b.output.ok}", "the action itself"),
            )
        ),
        pytest.param(
            plan(action("a"), action("b", condition=when("${a.output.ok}"))),
            "actions[1].condition.if",
            "is no dependency of this action",
            id="condition-out-of-reach",
        ),
        pytest.param(
            plan(action("a"), validations=({"name": "v", "reference": "${b.output.id}", "operator": "exists"},)),
            "expectedOutcome.validations[0].reference",
            "no action",
            id="validation-of-unknown",
        ),
        pytest.param(
            plan(
                action("a"),
                validations=({"name": "v", "reference": "${a.output.id}", "operator": "matches", "value": "("},),
            ),
            "expectedOutcome.validations[0].value",
            "not valid in RE2",
            id="validation-pattern",
        ),
        pytest.param(
            plan(action("a"), validations=({"name": "v", "reference": "${a.output.id}", "operator": "equals"},)),
            "expectedOutcome.validations[0].value",
            "is missing",
            id="validation-without-value",
        ),
    ],
)
def test_refuses_a_plan_with_the_place_and_the_reason(the_plan: object, path: str, words: str) -> None:
    """One thing wrong with a plan is one problem, which names the place."""
    assert only(judged(the_plan), path=path, words=words), judged(the_plan)


def test_waiting_through_an_alternative_that_may_be_skipped_is_found() -> None:
    """An action that waits for an alternative, whose primary waits for that action, would hang: it is refused."""
    the_plan = plan(action("a", "y"), action("q", "a", errorHandling=alternative("y")), action("y"))

    problems = judged(the_plan)

    assert only(problems, path="actions[0]", words="a → y → q → a"), problems


def test_all_problems_are_told_at_once_by_file() -> None:
    """A plan and definitions with several faults are refused with all of them, each with its file."""
    the_plan = plan(action("a", "nobody", inputs={"x": "${gone.output}"}), action("b", actionDefinitionId="nothing"))

    problems = judged(the_plan, define(endpoint__url="ftp://shop.example/", endpoint__timeout=0))

    assert [
        "plan.json: actions[0].dependencies[0]",
        "plan.json: actions[0].inputs.x",
        "plan.json: actions[1].actionDefinitionId",
        "actions.json: [0].endpoint.url",
        "actions.json: [0].endpoint.timeout",
    ] == [": ".join(problem.split(": ")[:2]) for problem in problems]


@pytest.mark.parametrize("count", [pytest.param(3, id="at-the-limit"), pytest.param(4, id="beyond")])
def test_a_plan_has_at_most_so_many_actions(count: int) -> None:
    """The limit of actions belongs to the allowed."""
    the_plan = plan(*(action(f"a{index}") for index in range(count)))

    result = judged(the_plan, actions_max=3)

    assert (count <= 3) == isinstance(result, Checked)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"endpoint__url": "http://{tenant}.shop.example:8080/a?b=c"}, id="tenant"),
        pytest.param({"endpoint__headers": {"X-Tenant": "{tenant}", "Accept": "text/plain"}}, id="header"),
        pytest.param(
            {"knownErrors": [{"pattern": "no (stock|room)", "category": "validation_failed", "suggestion": ""}]},
            id="pattern",
        ),
        pytest.param({"authentication": GET}, id="bearer"),
        pytest.param({"endpoint__timeout": 86_400_000}, id="longest-timeout"),
    ],
)
def test_a_sound_definition_passes_without_warnings(changes: dict[str, object]) -> None:
    """What can be performed is accepted silently."""
    assert (
        ()
        == passed(plan(action("a", inputs={"tenant": "t1"})), define(**changes), environ={"SHOP_TOKEN": "s"}).warnings
    )


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        pytest.param({"endpoint__url": "ftp://shop.example/a"}, "endpoint.url", "http:// or https://", id="scheme"),
        pytest.param(
            {"endpoint__url": f"https://me:{quote_plus(PASSWORD)}@shop.example/"},
            "endpoint.url",
            "user or password",
            id="userinfo",
        ),
        pytest.param({"endpoint__url": "https://shop.example/a#b"}, "endpoint.url", "fragment", id="fragment"),
        pytest.param({"endpoint__url": "https:shop.example"}, "endpoint.url", "no host", id="no-host"),
        pytest.param({"endpoint__url": " https://shop.example/"}, "endpoint.url", "space", id="space"),
        pytest.param(
            {"endpoint__url": "https://{tenant}/", "authentication": GET},
            "endpoint.url",
            "choose the host",
            id="any-host",
        ),
        pytest.param({"endpoint__headers": {"A B": "x"}}, "endpoint.headers", "name of a header", id="header-name"),
        pytest.param(
            {"endpoint__headers": {"Content-Length": "5"}},
            "endpoint.headers['Content-Length']",
            "transport",
            id="length",
        ),
        pytest.param(
            {"endpoint__headers": {"x": "1", "X": "2"}}, "endpoint.headers['X']", "same header", id="header-twice"
        ),
        pytest.param({"idempotency": {"header": "A:"}}, "idempotency.header", "name of a header", id="key-header"),
        pytest.param(
            {"knownErrors": [{"pattern": "(", "category": "validation_failed", "suggestion": ""}]},
            "knownErrors[0].pattern",
            "RE2",
            id="re",
        ),
        pytest.param({"endpoint__timeout": 86_400_001}, "endpoint.timeout", "a day", id="timeout"),
        pytest.param({"retryPolicy__maxDelay": 10**12}, "retryPolicy", "max_delay_s", id="delay"),
        pytest.param(
            {"authentication": {"type": "custom", "handler": " "}},
            "authentication.handler",
            "registered function",
            id="custom",
        ),
        pytest.param(
            {"authentication": {**GET, "token": "", "tokenFrom": "user_input"}},
            "authentication.token",
            "must name the secret",
            id="asked-for",
        ),
        pytest.param(
            {"authentication": {**GET, "token": "a b"}},
            "authentication.token",
            "not the secret itself",
            id="no-variable",
        ),
        pytest.param({"refreshes": "SHOP_TOKEN"}, "tokenPath", "is missing", id="no-token-path"),
        pytest.param({"refreshes": "T", "tokenPath": "a..b"}, "tokenPath", "must be a path", id="bad-token-path"),
        pytest.param({"authentication": GET, **REFRESH}, "refreshes", "circle", id="refresh-circle"),
        pytest.param(
            {"probe": {**PROBE, "actionDefinitionId": "nope"}},
            "probe.actionDefinitionId",
            "no definition",
            id="no-probe",
        ),
        pytest.param(
            {"probe": {**PROBE, "inputs": {"order": "${a.output.id}"}}},
            "probe.inputs.order",
            "self.inputs",
            id="probe-reads-others",
        ),
        pytest.param({"probe": {**PROBE, "inputs": {}}}, "probe.inputs", "{order}", id="probe-without-input"),
        pytest.param(
            {"probe": {**PROBE, "happenedIf": {"reference": "${a.output.id}", "operator": "exists"}}},
            "probe.happenedIf.reference",
            "probe's own answer",
            id="probe-of-others",
        ),
    ],
)
def test_refuses_a_definition_with_the_place_and_the_reason(changes: dict[str, object], path: str, words: str) -> None:
    """One thing wrong with a definition is one problem, with its file and place; secrets are not repeated."""
    finder = define("shop.find", endpoint__url="https://shop.example/{order}")

    problems = judged(plan(action("a", inputs={"tenant": "t", "order": "o"})), define(**changes), finder)

    assert isinstance(problems, list)
    assert [f"{ACTIONS_FILE}: [0].{path}"] == [": ".join(problem.split(": ")[:2]) for problem in problems]
    assert words in problems[0]
    assert MARK not in problems[0]


@pytest.mark.parametrize("value", [pytest.param("a\r\nB: c", id="line-break"), pytest.param("€", id="beyond-latin-1")])
def test_refuses_static_headers_that_cannot_be_sent(value: str) -> None:
    """A header value that would break out of its line is refused where it is written."""
    problems = judged(plan(action("a")), define(endpoint__headers={"X-A": value}))

    assert isinstance(problems, list)
    assert any(problem.startswith("actions.json: [0].endpoint.headers['X-A']: ") for problem in problems)


@pytest.mark.parametrize(
    ("environ", "is_fine"),
    [
        pytest.param({"SHOP_TOKEN": "s"}, True, id="set"),
        pytest.param({}, False, id="unset"),
        pytest.param({"SHOP_TOKEN": " "}, False, id="blank"),
        pytest.param(None, True, id="not-asked"),
    ],
)
def test_names_the_variable_that_is_missing_and_the_action(environ: dict[str, str] | None, is_fine: bool) -> None:
    """A secret whose variable is missing or empty is told by the variable's name and the action's, once."""
    result = judged(plan(action("a"), action("b")), define(authentication=GET), environ=environ)

    expected = "actions.json: [0].authentication.token: the environment variable SHOP_TOKEN is not set or empty; action 'a' and 1 more need it"
    assert is_fine == isinstance(result, Checked)
    assert is_fine or [expected] == result


def test_a_secret_in_the_place_of_a_variable_is_not_shown() -> None:
    """Who writes the secret where its variable's name belongs does not find it in the message."""
    problems = judged(plan(action("a")), define(authentication={**GET, "token": "sk_live_51Habc"}), environ={})

    assert isinstance(problems, list)
    assert "sk_live_51Habc" not in "".join(problems)


@pytest.mark.parametrize(
    ("inputs", "path"),
    [
        pytest.param({}, "actions[0].inputs", id="missing"),
        pytest.param({"id": ".."}, "actions[0].inputs", id="dots"),
        pytest.param({"id": ""}, "actions[0].inputs", id="empty"),
    ],
)
def test_refuses_parameters_that_no_input_can_fill(inputs: dict[str, object], path: str) -> None:
    """Each {param} of a URL needs an input that can stand there."""
    with_parameter = define(endpoint__url="https://shop.example/things/{id}")

    problems = judged(plan(action("a", inputs=inputs)), with_parameter)

    assert only(problems, path=path, words="{id}"), problems
    assert isinstance(judged(plan(action("a", inputs={"id": 7})), with_parameter), Checked)


def test_brings_the_definitions_of_probes_and_refreshers() -> None:
    """What a plan's failures may need is frozen with it: its probes, and the refresh action of each credential it uses; nothing else."""
    create = define("shop.create", endpoint__method="POST", authentication=GET, probe=PROBE)
    finder = define("shop.find", endpoint__url="https://shop.example/{order}")
    others = (
        define("shop.refresh", **REFRESH),
        define("other.refresh", **{**REFRESH, "refreshes": "OTHER"}),
        define("unused"),
    )
    the_plan = plan(action("a", actionDefinitionId="shop.create", inputs={"order": "1"}))

    checked = passed(the_plan, create, finder, *others)
    thawed = thaw(freeze(the_plan, checked.definitions, functions={}, entries=checked.entries).body)

    assert {"shop.create", "shop.find", "shop.refresh"} == set(checked.definitions)
    assert ({"SHOP_TOKEN"}, {"a"}) == (set(thawed.refreshers), set(thawed.probes))
    assert thawed.actions["a"].rules.can_refresh


def test_a_probe_must_only_look() -> None:
    """A probe with side effects of its own is refused."""
    create = define("shop.create", endpoint__method="POST", probe={**PROBE, "inputs": {}})

    problems = judged(
        plan(action("a", actionDefinitionId="shop.create")), create, define("shop.find", endpoint__method="POST")
    )

    assert isinstance(problems, list)
    assert ["actions.json: [0].probe.actionDefinitionId: 'shop.find' may have side effects"] == [
        problem.split(";")[0] for problem in problems
    ]


def test_a_probe_reads_inputs_that_are_there() -> None:
    """An action without the input that its probe asks by is refused."""
    create = define("shop.create", endpoint__method="POST", probe=PROBE)

    problems = judged(plan(action("a", actionDefinitionId="shop.create")), create, define("shop.find"))

    assert only(problems, path="actions[0].inputs", words="has no 'order'"), problems


def test_two_refresh_actions_of_one_credential_are_refused() -> None:
    """It must be clear which action renews a credential; two versions of one action are clear."""
    user = define(authentication=GET)
    first, second = define("r1", **REFRESH), define("r2", **REFRESH)

    problems = judged(plan(action("a")), user, first, second)
    checked = passed(plan(action("a")), user, first, define("r1", version="1.10.0", **REFRESH))

    assert isinstance(problems, list)
    assert [
        "actions.json: [2].refreshes: 'SHOP_TOKEN' is refreshed by 'r1' (actions.json at [1]) already. Keep one."
    ] == problems
    assert "1.10.0" == checked.definitions["r1"].version


def test_a_refresh_action_cannot_read_other_actions() -> None:
    """A parameter of a refresh action needs a literal in the plan: a reference has no value while a credential is being renewed."""
    refresh = define("r", endpoint__url="https://shop.example/{client}", **REFRESH)
    user = define(authentication=GET)

    bare = judged(plan(action("a")), user, refresh)
    planned = judged(plan(action("r", actionDefinitionId="r", inputs={"client": "c"}), action("a")), user, refresh)

    assert isinstance(bare, list)
    assert bare[0].startswith("actions.json: [1].endpoint: {client} has no value")
    assert isinstance(planned, Checked)


def test_a_name_is_a_function_or_a_definition() -> None:
    """A name that means two things is refused; a function alone is fine."""
    functions = {"shop.get": FunctionRules(name="shop.get"), "crm.sync": FunctionRules(name="crm.sync")}

    problems = judged(plan(action("a")), functions=functions)

    assert only(problems, path="actions[0].actionDefinitionId", words="both"), problems
    assert isinstance(judged(plan(action("a", actionDefinitionId="crm.sync")), functions=functions), Checked)


@pytest.mark.parametrize(
    ("the_plan", "definitions", "place"),
    [
        pytest.param(plan(action("a", phase="one")), (), "plan.json: actions[0].phase", id="phase"),
        pytest.param(plan(action("a", checkpoint="both")), (), "plan.json: actions[0].checkpoint", id="checkpoint"),
        pytest.param(
            plan(action("a", errorHandling=alternative("b")), action("b"), action("c", "b")),
            (),
            "plan.json: actions[2].dependencies[0]",
            id="depends-on-alternative",
        ),
        pytest.param(
            plan(action("a"), action("b", "a", inputs={"x": "id ${a.output.id}"})),
            (),
            "plan.json: actions[1].inputs.x",
            id="embedded",
        ),
        pytest.param(
            plan(action("a")),
            (define(outputSchema={"x": "integer"}, examples=[{"name": "one", "input": {}, "output": {"x": "many"}}]),),
            "actions.json: [0].examples[0].output.x",
            id="example",
        ),
        pytest.param(
            plan(action("a")),
            (define(retryPolicy__maxAttempts=2, retryPolicy__initialDelay=5, retryPolicy__maxDelay=4),),
            "actions.json: [0].retryPolicy.maxDelay",
            id="delays",
        ),
        pytest.param(
            plan(action("a")),
            (define(endpoint__headers={"Authorization": "Bearer x"}),),
            "actions.json: [0].endpoint.headers['Authorization']",
            id="secret",
        ),
    ],
)
def test_warns_of_what_has_no_effect(the_plan: object, definitions: tuple[dict[str, object], ...], place: str) -> None:
    """What is accepted and not acted upon is told."""
    warnings = passed(the_plan, *definitions).warnings

    assert [True] == [str(warning).startswith(f"{place}: ") for warning in warnings], warnings


def test_finds_catalog_entries_by_name_and_by_address() -> None:
    """An action's API is the one it names, else the one whose address it begins with; a name without an entry finds none."""
    entry = ApiCatalogEntry.from_wire(
        {
            "apiId": "shop",
            "name": "Shop",
            "version": "1",
            "baseUrl": "https://shop.example",
            "errorMappings": [],
            "quirks": {},
        }
    )
    named = define("named", endpoint__url="https://elsewhere.example/", apiId="shop")
    unknown = define("unknown", apiId="nobody")
    the_plan = plan(*(action(name, actionDefinitionId=name) for name in ("named", "unknown", "shop.get")))

    checked = passed(the_plan, named, unknown, define(), catalog=Catalog([entry]))

    assert {"named": entry, "shop.get": entry} == checked.entries
