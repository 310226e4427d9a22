"""What is personal in inputs and outputs: which fields, what they hold, and values and texts without them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from holdfast.contract import ActionDefinition
from holdfast.plans.definition_check import check_definition
from holdfast.plans.findings import Findings
from holdfast.plans.frozen import thaw
from holdfast.plans.personal import PERSONAL, eraser, personal_of
from tests.recovery.bench import action, definition, frozen

ANSWER = {"id": 7, "Email": "ada@x.org", "items": [{"customer": {"name": "Ada", "city": "Ulm"}}], "name": "a lamp"}


def marked(*names: str, of: str = "pay", **changes: object) -> ActionDefinition:
    """A definition with personal fields."""
    return ActionDefinition.from_wire({**definition(of, **changes).to_wire(), "personal": list(names)})  # type: ignore[arg-type]  # its own keywords


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        pytest.param(["email"], {"Email": PERSONAL}, id="whatever its case"),
        pytest.param(["nobody"], {}, id="absent"),
        pytest.param([], {}, id="none"),
        pytest.param(["items"], {"items": PERSONAL}, id="a whole part"),
        pytest.param(
            ["customer.name"],
            {"items": [{"customer": {"name": PERSONAL, "city": "Ulm"}}]},
            id="a path, through a list",
        ),
        pytest.param(
            ["name"],
            {"items": [{"customer": {"name": PERSONAL, "city": "Ulm"}}], "name": PERSONAL},
            id="a name at any depth",
        ),
    ],
)
def test_marked_fields_are_replaced_and_nothing_else(names: list[str], changes: dict[str, object]) -> None:
    """A name stands for a field at any depth, a path for one that it leads to; the value that was given stays as it is."""
    before = json.dumps(ANSWER)

    masked = personal_of(names).masked(ANSWER)

    assert {**ANSWER, **changes} == masked
    assert before == json.dumps(ANSWER)


def test_values_are_the_texts_and_numbers_under_marked_fields() -> None:
    """Values come once, the longest first; true, false and null say nothing of a person."""
    value = {"who": {"name": "Ada", "age": 36, "ok": True, "note": None, "again": "Ada"}, "name": "lamp"}

    assert ("Ada", "36") == personal_of(["who"]).values(value)


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner))
)
def test_what_is_masked_has_no_values_left(value: object) -> None:
    """Whatever its shape, a masked value holds nothing under its marked fields but the mark."""
    personal = personal_of(["a", "b.c"])

    assert {PERSONAL} >= set(personal.values(personal.masked(value)))


def test_texts_are_rewritten_where_they_quote() -> None:
    """Values go from texts in every form they may be quoted in, also inside JSON, which stays JSON."""
    erase = eraser(["Ada Lovelace", "42"])
    data = {
        "message": 'no "Ada Lovelace"',
        "url": "https://x.org/Ada%20Lovelace?q=Ada+Lovelace",
        "n": 42,
        "Ada Lovelace": 1,
    }

    changed = json.loads(erase(json.dumps(data)))

    assert f"hello {PERSONAL}, 42" == erase("hello Ada Lovelace, 42")
    assert {
        "message": f'no "{PERSONAL}"',
        "url": f"https://x.org/{PERSONAL}?q={PERSONAL}",
        "n": 42,
        PERSONAL: 1,
    } == changed


def test_words_of_ours_stay_whatever_somebody_is_called() -> None:
    """Somebody called like a state, a method or an action makes no row unreadable."""
    data = {
        "status": "running",
        "method": "POST",
        "actionId": "running",
        "timestamp": "2026-01-01",
        "message": "running 2026",
    }

    changed = json.loads(eraser(["running", "POST", "2026"])(json.dumps(data)))

    assert {**data, "message": f"{PERSONAL} {PERSONAL}"} == changed


def test_inputs_and_outputs_in_texts_lose_their_fields_too() -> None:
    """A value too short to be looked for in texts goes from the inputs that an event carries."""
    erase = eraser([], personal=personal_of(["age"]))

    assert {"inputs": {"age": PERSONAL, "n": 36}} == json.loads(erase('{"inputs": {"age": 36, "n": 36}}'))


@pytest.mark.parametrize(
    ("reference", "covered"),
    [
        pytest.param("${find.output.customer.email}", True, id="a field"),
        pytest.param("${find.output.customer}", False, id="a part that holds one"),
        pytest.param("${find.output.id}", False, id="another"),
    ],
)
def test_what_is_given_on_stays_personal_under_another_name(reference: str, covered: bool) -> None:
    """An input that references a personal output is personal, and fields inside what is given on keep being so; also in probes."""
    definitions = [
        marked("email", of="find"),
        definition("send", probe="look", probe_inputs={"who": "${self.inputs.to}"}),
    ]
    definitions.append(definition("look", "GET"))
    plan = thaw(frozen([action("find"), action("send", "find", inputs={"to": reference})], definitions).body)

    personal = plan.actions["send"].personal

    assert covered == personal.marks(("to",))
    assert personal.marks(("to", "email"))
    assert covered == plan.probes["send"].personal.marks(("who",))
    assert not plan.actions["find"].personal.marks(("to",))


@pytest.mark.parametrize("name", ["", "a b", ".a", "a..b", "x" * 201])
def test_names_that_name_nothing_are_refused(name: str) -> None:
    """A personal field without a usable name is a problem of the definition, told with all others."""
    findings = Findings("d")

    check_definition(marked(name, "fine.name"), findings)

    assert ["personal"] == [problem.path for problem in findings.problems]
