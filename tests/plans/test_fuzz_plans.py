"""Plans and definitions that nobody would write: whatever comes in, it is refused with one clear error, or it is carried out to an end."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING

from hypothesis import example, given, settings, strategies as st

from holdfast.contract import ActionDefinition
from holdfast.errors import BadInput
from holdfast.plans.files import read_definitions, read_plan
from holdfast.plans.frozen import freeze, thaw
from holdfast.ports.rows import ActionState, RunState
from tests.fuzz.targets import FUNCTIONS, is_clear, judged
from tests.plans.samples import action_wire, definition_wire, plan_wire
from tests.recovery.bench import BROKEN, DIE, INVALID, REMOVED, TIMEOUT, Bench

if TYPE_CHECKING:
    from pathlib import Path

CATEGORIES = ("network_timeout", "api_unexpected_status", "rate_limit_burst", "validation_failed")
WORDS = st.sampled_from(["a", "b", "c", "d", "e_1", "ü"])
SCHEMAS = st.dictionaries(
    st.sampled_from(["x", "y"]),
    st.sampled_from(["string?", "integer?", "object?", '{"type": ["string", "integer"]}?', "true?"]),
    max_size=2,
)


@st.composite
def definitions(draw: st.DrawFn, name: str) -> dict[str, object]:
    """A valid definition with any of its fields; `find` looks, and so can probe."""
    method = draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"])) if name != "find" else "GET"
    wire = definition_wire(name, endpoint__method=method)
    retries = {
        "maxAttempts": draw(st.integers(1, 4)),
        "initialDelay": draw(st.integers(0, 5_000)),
        "maxDelay": draw(st.integers(5_000, 60_000)),
        "backoffMultiplier": draw(st.integers(1, 5)),
        "retryableErrors": draw(st.lists(st.sampled_from(CATEGORIES), unique=True)),
        "jitter": draw(st.booleans()),
    }
    known = {"pattern": "(?i)nope", "category": draw(st.sampled_from(CATEGORIES)), "suggestion": "Wait."}
    limit = {"requests": draw(st.integers(1, 3)), "window": draw(st.integers(1, 60_000))}
    optional: dict[str, object] = {
        "retryPolicy": retries,
        "knownErrors": [known],
        "rateLimit": {**limit, "scope": draw(st.sampled_from(["global", "per_user", "per_ip"]))},
        "inputSchema": draw(SCHEMAS),
        "examples": [{"name": "one", "input": {"x": "1"}, "output": {"id": "2"}}],
        "repeatable": draw(st.booleans()),
        "idempotency": {"header": "Idempotency-Key"},
        "apiId": "shop",
    }
    if name != "find":
        happened = {"reference": "${probe.output.id}", "operator": "exists"}
        optional["probe"] = {"actionDefinitionId": "find", "inputs": {"key": "${self.key}"}, "happenedIf": happened}
    if name == "find":
        optional.pop("inputSchema")
        optional.pop("repeatable")
    chosen = draw(st.lists(st.sampled_from(sorted(optional)), unique=True))
    return {**wire, **{field: optional[field] for field in chosen}}


@st.composite
def plans(draw: st.DrawFn) -> tuple[dict[str, object], list[dict[str, object]]]:
    """A plan with its definitions; nearly all that are drawn are valid."""
    made = [draw(definitions(name)) for name in ("find", "one", "two")]
    names = draw(st.lists(WORDS, min_size=1, max_size=5, unique=True))
    referable = [name for name in names if name.isascii()]
    actions: list[dict[str, object]] = []
    for at, name in enumerate(names):
        before = [one for one in names[:at] if draw(st.booleans())]
        readable = [one for one in before if one in referable]
        values = st.integers() | st.text(max_size=5) | st.booleans()
        if readable:
            values |= st.sampled_from(readable).map(lambda one: f"${{{one}.output.id}}")
        handling: dict[str, object] = {"continueOnFailure": draw(st.booleans())}
        if draw(st.booleans()):
            handling["fallbackValue"] = {"id": "fallback"}
        if at + 1 < len(names) and draw(st.integers(0, 3)) == 0:
            handling["alternativeActionId"] = names[-1]
        actions.append(
            {
                "id": name,
                "actionDefinitionId": draw(st.sampled_from(["one", "two", "work", "one@1.0.0"])),
                "inputs": draw(st.dictionaries(st.sampled_from(["x", "y", "z"]), values, max_size=2)),
                "dependencies": before,
                "errorHandling": handling,
                "recovery": draw(
                    st.dictionaries(
                        st.sampled_from(CATEGORIES), st.sampled_from(["back-off", "alternative", "give-up"]), max_size=1
                    )
                ),
            }
        )
        if not actions[-1]["recovery"]:
            actions[-1].pop("recovery")
    checks = [{"name": "there", "reference": f"${{{one}.status}}", "operator": "exists"} for one in referable[:1]]
    return plan_wire(*actions, validations=tuple(checks)), made


OUTCOMES = st.lists(st.sampled_from([BROKEN, DIE, INVALID, REMOVED, TIMEOUT, {"id": "x"}, {}]), max_size=4)


@given(plans(), st.dictionaries(WORDS, OUTCOMES, max_size=3))
def test_a_plan_that_passes_comes_to_an_end(
    drawn: tuple[dict[str, object], list[dict[str, object]]], script: dict[str, list[object]]
) -> None:
    """Whatever its calls answer and whoever dies: a plan that was accepted ends, or waits for a person and ends with the answer."""
    plan, made = drawn
    passed = judged(plan, list(made))
    if isinstance(passed, BadInput):
        assert is_clear(passed)
        return
    frozen = freeze(passed.plan, passed.definitions, functions=FUNCTIONS, entries=passed.entries)
    assert passed.plan == thaw(frozen.body).plan
    bench = Bench({name: list(given) for name, given in script.items()})
    bench.start(frozen)

    bench.run()
    for _ in range(20):
        asking = [name for name, state in bench.states().items() if state is ActionState.ASKING]
        if bench.execution().state is not RunState.RUNNING or not asking:
            break
        give_up(bench, asking[0])
        bench.run()

    assert bench.ended() in {RunState.COMPLETED, RunState.FAILED}


def give_up(bench: Bench, action: str) -> None:
    """Answer one question."""
    from holdfast.recovery.answering import answer
    from tests.recovery.bench import EXECUTION

    bench.transact(
        lambda tx: answer(
            tx, bench.steps, plans=bench.plans, execution_id=EXECUTION, action_id=action, choice="give-up", by="ada", reason=None, output=None
        )
    )  # fmt: skip


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**320)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["${a.output.id}", "${", "{x}", "http://[", "\x00", "\ud800", "constructor", "__proto__", "a" * 5_000, "(a+)+$", "(?=x)"])
)  # fmt: skip
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: object) -> list[tuple[object, ...]]:
    """Every place in a document, as a path of keys and indexes."""
    found: list[tuple[object, ...]] = []
    left: list[tuple[tuple[object, ...], object]] = [((), value)]
    while left:
        path, here = left.pop()
        found.append(path)
        pairs = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
        left.extend(((*path, key), inner) for key, inner in pairs)
    return found


def mutated(draw: st.DrawFn, document: object) -> object:
    """The document with one place replaced, removed or added to."""
    document = copy.deepcopy(document)
    path = draw(st.sampled_from(places(document)))
    if not path:
        return draw(JUNK)
    at: object = document
    for key in path[:-1]:
        at = at[key]  # type: ignore[index]  # it led here
    match draw(st.sampled_from(["replace", "remove", "add"])):
        case "replace":
            at[path[-1]] = draw(JUNK)  # type: ignore[index]  # as above
        case "remove":
            del at[path[-1]]  # type: ignore[attr-defined]  # as above
        case _ if isinstance(at, dict):
            at[draw(st.text(max_size=8))] = draw(JUNK)
        case _:
            at.append(draw(JUNK))  # type: ignore[attr-defined]  # a list
    return document


@given(st.data(), plans(), st.integers(1, 4))
@settings(max_examples=150)
def test_a_mutated_plan_is_refused_or_passes(
    data: st.DataObject, drawn: tuple[dict[str, object], list[dict[str, object]]], times: int
) -> None:
    """Whatever is put into a plan or its definitions: the check never breaks, and what passes freezes and thaws as it was."""
    document: object = {"plan": drawn[0], "definitions": list(drawn[1])}
    for _ in range(times):
        document = mutated(data.draw, document)
    plan = document.get("plan") if isinstance(document, dict) else document
    made = document.get("definitions") if isinstance(document, dict) else None
    passed = judged(plan, made)
    if isinstance(passed, BadInput):
        assert is_clear(passed)
        return

    frozen = freeze(passed.plan, passed.definitions, functions=FUNCTIONS, entries=passed.entries)

    assert passed.plan == thaw(frozen.body).plan


@given(
    st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(["json", "yaml"]),
)
def test_any_bytes_are_a_plan_or_a_clear_refusal(tmp_path: Path, content: bytes, kind: str) -> None:
    """Whatever a file holds, reading it as a plan or as definitions ends with one error that names the file."""
    file = tmp_path / f"given.{kind}"
    file.write_bytes(content)
    refusals: list[BadInput] = []
    for read in (read_plan_of, read_definitions_of):
        try:
            read(file)
        except BadInput as refusal:
            refusals.append(refusal)

    assert refusals
    assert all(str(file) in problem.source for refusal in refusals for problem in refusal.problems)


def read_plan_of(file: Path) -> None:
    """Read a file as a plan."""
    read_plan(file, size_max_bytes=10_000)


def read_definitions_of(file: Path) -> None:
    """Read a file as definitions."""
    read_definitions([file], size_max_bytes=10_000)


def has_odd_breaks(value: object) -> bool:
    """Whether a value holds one of the three characters that YAML, but not JSON, takes for the end of a line; they have to be escaped there."""
    return not {"\x85", "\u2028", "\u2029"}.isdisjoint(json.dumps(value, ensure_ascii=False))


@given(plans())
@example((plan_wire(action_wire("a", actionDefinitionId="one", inputs={"x": "\x85"})), [definition_wire("one")]))
def test_json_and_yaml_say_the_same(tmp_path: Path, drawn: tuple[dict[str, object], list[dict[str, object]]]) -> None:
    """A plan and its definitions mean the same in both forms."""
    import yaml

    plan, made = drawn
    for kind, written in (
        ("json", json.dumps),
        ("yaml", lambda value: yaml.safe_dump(value, allow_unicode=not has_odd_breaks(value), sort_keys=False)),
    ):
        (tmp_path / f"plan.{kind}").write_text(written(plan), encoding="utf-8")
        (tmp_path / f"actions.{kind}").write_text(written(made), encoding="utf-8")

    as_json, as_yaml = (read_plan(tmp_path / f"plan.{kind}", size_max_bytes=10**6) for kind in ("json", "yaml"))
    of_json, of_yaml = (
        {
            key: one.definition
            for key, one in read_definitions([tmp_path / f"actions.{kind}"], size_max_bytes=10**6).items()
        }
        for kind in ("json", "yaml")
    )

    assert as_json == as_yaml
    assert of_json == of_yaml
    assert [ActionDefinition.from_wire(one) for one in made] == list(of_json.values())
