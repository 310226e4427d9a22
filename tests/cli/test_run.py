"""`run`, `resume`, `executions` and `dead-letters` on a real database and a real API, in one process."""

from __future__ import annotations

import json
import sys
from typing import cast

import pytest

import holdfast
from holdfast.errors import BadInput
from tests.cli.conftest import Call, OpenShop
from tests.cli.shop import GONE_WRONG, UNANSWERED, come_back_in

ID = "7d1f6a2c-0000-4000-8000-000000000001"


def test_a_plan_that_completes_ends_with_0(call: Call, open_shop: OpenShop) -> None:
    """A run shows what happened line by line, says how it ended and what to try next, and exits with 0."""
    files = open_shop()

    ended = call("run", *files.arguments, "--id", ID)

    assert 0 == ended.code
    assert "attempt 1 of shop.order" in ended.out
    assert f"execution {ID} completed" in ended.out
    assert f"why {ID}" in ended.out
    assert "\x1b" not in ended.out


def test_with_json_standard_output_has_the_state_only(call: Call, open_shop: OpenShop) -> None:
    """With --json, standard output is the ExecutionState and the timeline goes to standard error."""
    files = open_shop()

    ended = call("run", *files.arguments, "--json")

    assert "completed" == ended.fields["status"]
    assert "plan completed" in ended.err


def test_a_plan_that_fails_ends_with_1_and_a_dead_letter(call: Call, open_shop: OpenShop) -> None:
    """A failed run exits with 1, and everything known about the failure is a dead letter that can be listed and shown."""
    files = open_shop(GONE_WRONG)

    ended = call("run", *files.arguments, "--id", ID)

    assert 1 == ended.code
    assert f"dead-letters show {ID} order" in ended.out
    listed = call("dead-letters", "list", "--execution", ID[:8], "--json")
    assert ["order"] == [letter["actionId"] for letter in json.loads(listed.out)]
    shown = call("dead-letters", "show", ID, "order", "--json")
    assert (0, ID) == (shown.code, shown.fields["executionId"])
    assert 1 == call("dead-letters", "show", ID, "another").code


def test_a_question_ends_the_run_with_3_and_its_answer_goes_on(call: Call, open_shop: OpenShop) -> None:
    """When only a person can tell, the run exits with 3 and says how to answer; after the answer, resume completes it."""
    files = open_shop(UNANSWERED, is_keyed=False, timeout_ms=300)

    ended = call("run", *files.arguments, "--id", ID)

    assert 3 == ended.code
    assert f"executions answer {ID} happened|again|give-up --action order" in ended.out
    assert 3 == call("resume", ID[:6]).code
    assert 2 == call("executions", "answer", ID, "perhaps").code
    answered = call("executions", "answer", ID, "happened", "--output", '{"id": "ord_1"}', "--by", "ada")
    assert (0, True) == (answered.code, f"resume {ID}" in answered.out)
    assert 0 == call("resume", ID).code
    assert 1 == call("executions", "answer", ID, "again").code


def test_a_long_wait_ends_the_run_with_3(call: Call, open_shop: OpenShop) -> None:
    """When nothing is due within --wait-max, the run exits with 3 and says from when on it can go on."""
    files = open_shop(come_back_in(3600))

    ended = call("run", *files.arguments, "--id", ID, "--wait-max", "5")

    assert 3 == ended.code
    assert f"resume {ID}" in ended.out
    assert "UTC on" in ended.out


def test_a_short_wait_is_waited_for(call: Call, open_shop: OpenShop) -> None:
    """A wait within --wait-max is part of the run, and the summary says what was decided."""
    files = open_shop(come_back_in(1))

    ended = call("run", *files.arguments)

    assert 0 == ended.code
    assert "api_unexpected_status → " in ended.out


def test_the_same_id_is_the_same_execution(call: Call, open_shop: OpenShop) -> None:
    """Running the same plan with the same id again calls nothing again."""
    files = open_shop()
    call("run", *files.arguments, "--id", ID)

    again = call("run", *files.arguments, "--id", ID)

    listed = call("executions", "list", "--json").json
    assert (0, 1) == (again.code, len(listed))  # type: ignore[arg-type]  # a list
    assert 1 == again.out.count("attempt 1 of shop.order")


def test_detach_prints_the_id_and_leaves(call: Call, open_shop: OpenShop) -> None:
    """With --detach, the execution is durable and nothing of it has run."""
    files = open_shop()

    ended = call("run", *files.arguments, "--id", ID, "--detach")

    assert (0, f"{ID}\n") == (ended.code, ended.out)
    listed = call("resume", "--json")
    assert [(ID, "running")] == [(row["id"], row["state"]) for row in json.loads(listed.out)]
    assert 0 == call("resume", "--all").code
    assert "completed" == call("executions", "show", ID, "--json").fields["status"]


def test_cancel_ends_with_0_once_and_with_1_after_that(call: Call, open_shop: OpenShop) -> None:
    """A live execution can be cancelled once; resuming a cancelled one is a negative result."""
    files = open_shop()
    call("run", *files.arguments, "--id", ID, "--detach")

    first, second = call("executions", "cancel", ID), call("executions", "cancel", ID, "--json")

    assert (0, 1, False) == (first.code, second.code, second.fields["cancelled"])
    assert 1 == call("resume", ID).code


def test_why_tells_the_rule_and_the_raw_events(call: Call, open_shop: OpenShop) -> None:
    """`why` names the rule of each decision and the ways turned down; with --json it gives the events as recorded."""
    files = open_shop(come_back_in(1))
    call("run", *files.arguments, "--id", ID)

    told, raw = call("why", ID[:4], "order"), call("why", ID, "--json")

    assert "rule " in told.out
    assert "not retry-policy: " in told.out
    events = json.loads(raw.out)
    assert ("plan.execute.started", "plan.execute.completed") == (events[0]["type"], events[-1]["type"])


def test_an_abbreviation_of_several_ids_lists_them(call: Call, open_shop: OpenShop) -> None:
    """An id may be abbreviated to four letters as long as it stands for one execution; otherwise all of them are named."""
    files = open_shop()
    other = ID[:-1] + "2"
    for one in (ID, other):
        call("run", *files.arguments, "--id", one, "--detach")

    ended = call("why", ID[:8])

    assert 2 == ended.code
    assert ID in ended.err
    assert other in ended.err


def test_an_abbreviation_has_at_least_four_letters(call: Call, open_shop: OpenShop) -> None:
    """Three letters are no id, even if only one execution begins with them."""
    files = open_shop()
    call("run", *files.arguments, "--id", ID, "--detach")

    short, enough = call("why", ID[:3]), call("why", ID[:4])

    assert (2, 0) == (short.code, enough.code)


def test_warnings_do_not_keep_a_run_from_starting(call: Call, open_shop: OpenShop) -> None:
    """What `validate` warns of, `run` says on standard error, and starts all the same; standard output stays the result's."""
    files = open_shop()
    files.plan.write_text(files.plan.read_text().replace('"dependencies": []', '"dependencies": [], "agent": "nobody"'))

    warned = [line for line in call("validate", *files.arguments).out.splitlines() if line.startswith("warning: ")]
    ended = call("run", *files.arguments, "--json")
    detached = call("run", *files.arguments, "--detach")

    assert 1 == len(warned)
    assert warned == [line for line in ended.err.splitlines() if line.startswith("warning: ")]
    assert (0, "completed") == (ended.code, ended.fields["status"])
    assert ([*warned], 1) == (detached.err.splitlines(), len(detached.out.splitlines()))


def test_python_checks_a_plan_without_starting_it(call: Call, open_shop: OpenShop) -> None:
    """`hold.check` returns the warnings, raises all problems, and starts nothing."""
    files = open_shop()
    files.plan.write_text(files.plan.read_text().replace('"dependencies": []', '"dependencies": [], "agent": "nobody"'))

    with holdfast.open("sqlite:///.holdfast/holdfast.db", worker=False) as hold:
        warnings = hold.check(files.plan, [files.actions])
        with pytest.raises(BadInput, match="no definition"):
            hold.check(files.plan)

    assert ["actions[0].agent"] == [warning.path for warning in warnings]
    assert [] == call("executions", "list", "--json").json


def test_several_executions_are_a_list(call: Call, open_shop: OpenShop) -> None:
    """`resume --all --json` prints a list, also of one execution and of none; one that is named is an object."""
    files = open_shop(come_back_in(1))
    call("run", *files.arguments, "--id", ID, "--detach")

    one, none = call("resume", "--all", "--json"), call("resume", "--all", "--json")

    assert [ID] == [state["id"] for state in cast("list[dict[str, object]]", one.json)]
    assert [] == none.json
    assert ID == call("resume", ID, "--json").fields["id"]


@pytest.mark.parametrize("command", ["validate", "run"])
@pytest.mark.parametrize("kind", ["action", "authenticator"])
def test_a_name_belongs_to_one_function(
    call: Call, open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch, command: str, kind: str
) -> None:
    """Two modules that register one name are refused, with the name and both modules; the same function twice is one function."""
    files = open_shop()
    monkeypatch.setattr("sys.path", [*sys.path])
    text = f'import holdfast\nhold = holdfast.open(worker=False)\n@hold.{kind}("my.order")\ndef order(request): return {{}}\n'
    names = ["first_orders_module", "second_orders_module", "third_orders_module"]
    for name in names:
        files.plan.with_name(f"{name}.py").write_text(text)
    files.plan.with_name(f"{names[2]}.py").write_text(f"from {names[0]} import hold\n")

    refused = call(command, *files.arguments, "--import", names[0], "--import", names[1])
    shared = call(command, *files.arguments, "--import", names[0], "--import", names[2])

    loaded = [sys.modules.pop(name) for name in names]
    for module in loaded[:2]:
        module.hold.close()
    assert (2, 0) == (refused.code, shared.code)
    assert f"{names[1]}: registers the {kind} 'my.order', which {names[0]} registers already" in refused.err


def test_functions_of_an_imported_module_are_actions(
    call: Call, open_shop: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--import finds the functions that a module registered with its own hold."""
    files = open_shop()
    files.plan.write_text(files.plan.read_text().replace('"shop.order"', '"my.order"'))
    monkeypatch.setattr("sys.path", [*sys.path])
    module = files.plan.with_name("my_orders_module.py")
    module.write_text(
        "import holdfast\n"
        'hold = holdfast.open("sqlite:///mine.db", worker=False)\n'
        '@hold.action("my.order")\n'
        "def order(amount):\n"
        '    return {"id": f"mine_{amount}"}\n'
    )

    ended = call("run", str(files.plan), "--import", "my_orders_module", "--json")

    sys.modules.pop("my_orders_module").hold.close()
    assert (0, "completed") == (ended.code, ended.fields["status"])
    assert '"mine_3"' in ended.out.replace("\\", "")
