"""Conditions in running plans: performed, skipped or failed, what follows from that, and all of it in the transaction that made it so."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from holdfast.plans.advance import Advance, advance
from holdfast.plans.frozen import thaw
from holdfast.ports.rows import ActionState, RunState
from holdfast.recovery import turn
from tests.recovery.bench import INVALID, REMOVED, TIMEOUT, Bench, action, definition, frozen, run

COMPLETED, FAILED, SKIPPED = ActionState.COMPLETED, ActionState.FAILED, ActionState.SKIPPED
WHEN = "${look.output.ok}"
LOOK = action("look")


@pytest.mark.parametrize(
    ("value", "otherwise", "state", "end"),
    [
        pytest.param(True, "skip", COMPLETED, RunState.COMPLETED, id="true"),
        pytest.param("true", "fail", COMPLETED, RunState.COMPLETED, id="word-true"),
        pytest.param(False, "skip", SKIPPED, RunState.COMPLETED, id="false-skips"),
        pytest.param("false", "fail", FAILED, RunState.FAILED, id="word-false-fails"),
        *(
            pytest.param(value, otherwise, FAILED, RunState.FAILED, id=f"{json.dumps(value)}-{otherwise}")
            for value in (None, 1, "TRUE", "yes", [])
            for otherwise in ("skip", "fail")
        ),
    ],
)
def test_a_condition_decides(value: object, otherwise: str, state: ActionState, end: RunState) -> None:
    """True performs the action, false does what `else` says, and anything else fails it."""
    plan = [LOOK, action("pay", "look", when=WHEN, otherwise=otherwise)]

    bench = run(plan, [], {"look": [{"ok": value}]})

    assert (state, end) == (bench.row().state, bench.ended())
    assert (state is COMPLETED) == bool(bench.calls("pay"))


def test_a_skipped_action_names_its_condition_and_the_value() -> None:
    """Somebody who asks why an action was left out is told the condition and what it was."""
    bench = run([LOOK, action("pay", "look", when=WHEN)], [], {"look": [{"ok": False}]})

    assert "its condition ${look.output.ok} is false" == bench.state().action_states["pay"].result.reason


def test_a_failed_condition_is_a_validation_error_without_recovery() -> None:
    """Nothing is attempted, nothing is recovered, and the plan's error says which condition failed it."""
    plan = [LOOK, action("pay", "look", when=WHEN, otherwise="fail", recovery={"validation_failed": "ask-person"})]

    bench = run(plan, [], {"look": [{"ok": False}]})

    error = bench.state().error
    assert ("validation_failed", "condition", "not_executed") == (error.category, error.context["rule"], error.outcome)
    assert ([], [], []) == (bench.attempts(), bench.questions(), bench.events("recovery.decided"))
    assert {"pay": "validation_failed"} == bench.letters()


@pytest.mark.parametrize(
    ("handling", "absorbed"),
    [
        pytest.param({"alternative": "other", "fallback": {"id": "x"}}, "alternative", id="alternative"),
        pytest.param({"fallback": {"id": "x"}, "goes_on": True}, "fallback", id="fallback"),
        pytest.param({"goes_on": True}, "continue", id="continue"),
    ],
)
@pytest.mark.parametrize("value", [False, "maybe"], ids=["false", "neither"])
def test_what_the_plan_provides_makes_up_for_a_failed_condition(
    handling: dict[str, object], absorbed: str, value: object
) -> None:
    """The alternative comes before the fallback value, and that before going on, as after any other failure."""
    plan = [LOOK, action("pay", "look", when=WHEN, otherwise="fail", **handling)]
    plan += [action("other")] if "alternative" in handling else []

    bench = run(plan, [], {"look": [{"ok": value}]})

    assert (absorbed, RunState.COMPLETED) == (bench.row().absorbed, bench.ended())
    assert ("alternative" in handling) == bool(bench.calls("other"))


def test_an_alternative_has_a_condition_of_its_own() -> None:
    """An alternative that its condition leaves out resolves nothing: what it stood in for has failed after all."""
    plan = [LOOK, action("pay", "look", alternative="other"), action("other", "look", when=WHEN)]

    bench = run(plan, [], {"look": [{"ok": False}], "pay": [REMOVED]})

    assert (SKIPPED, RunState.FAILED) == (bench.row("other").state, bench.ended())


def test_an_alternative_that_its_condition_fails_falls_back_on_the_primary() -> None:
    """The primary's own fallback value applies."""
    plan = [
        LOOK,
        action("pay", "look", alternative="other", fallback={"id": "x"}),
        action("other", "look", when=WHEN, otherwise="fail"),
    ]

    bench = run(plan, [], {"look": [{"ok": False}], "pay": [REMOVED]})

    assert ("fallback", RunState.COMPLETED) == (bench.row().absorbed, bench.ended())


def test_a_condition_reads_the_alternative_that_took_over() -> None:
    """A reference to an action whose alternative took over reads the alternative's output, in conditions too."""
    plan = [action("look", alternative="glance"), action("glance"), action("pay", "look", when=WHEN)]

    bench = run(plan, [], {"look": [REMOVED], "glance": [{"ok": True}]})

    assert COMPLETED is bench.row().state


@pytest.mark.parametrize(
    ("handling", "script"),
    [
        pytest.param({"when": "${first.output.ok}"}, {"first": [{"ok": False}]}, id="skipped"),
        pytest.param({"goes_on": True}, {"look": [INVALID]}, id="failed-and-gone-on"),
    ],
)
def test_a_condition_on_an_output_that_never_came_skips(
    handling: dict[str, object], script: dict[str, list[object]]
) -> None:
    """What depends on an output that is not there is skipped, with that reason, and not failed."""
    plan = [action("first"), action("look", "first", **handling), action("pay", "look", when=WHEN, otherwise="fail")]

    bench = run(plan, [], script)

    assert (SKIPPED, RunState.COMPLETED) == (bench.row().state, bench.ended())
    assert "it references the output of 'look', which has none" == bench.row().reason


def test_a_condition_on_an_error_is_judged_after_the_failure() -> None:
    """A plan can do one thing when an earlier action failed for a passing reason, and another when not."""
    plan = [
        action("look", goes_on=True),
        action("later", "look", when="${look.error.retryable}"),
    ]

    bench = run(plan, [], {"look": [INVALID]})

    assert "its condition ${look.error.retryable} is false" == bench.row("later").reason


@pytest.mark.parametrize("is_backwards", [False, True], ids=["in order", "backwards"])
def test_a_chain_of_conditions_is_decided_in_one_transaction(
    is_backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fallback value makes the next condition false; the plan ends with the call that began it, after a few looks at the whole plan."""
    names = ["look", *(f"a{n}" for n in range(60))]
    plan = [LOOK] + [
        action(name, before, when=f"${{{before}.output.ok}}", otherwise="fail", fallback={"ok": "false"})
        for before, name in pairwise(names)
    ]
    bench = Bench({"look": [{"ok": False}]})
    bench.start(frozen(plan[::-1] if is_backwards else plan))
    looks: list[object] = []

    def looked_at(rows: Any, needs: Any, *, closing: Any) -> Advance:
        looks.append(rows)
        return advance(rows, needs, closing=closing)

    monkeypatch.setattr(turn, "advance", looked_at)
    bench.run_once()

    assert (RunState.COMPLETED, 60) == (bench.ended(), len(bench.events("action.refused")))
    assert len(looks) < 10


def test_the_first_failed_condition_ends_the_plan_for_the_others() -> None:
    """Once the plan has failed, actions that were ready too are skipped for that reason, and not failed as well."""
    plan = [LOOK, *(action(name, "look", when=WHEN, otherwise="fail") for name in ("pay", "book"))]

    bench = run(plan, [], {"look": [{"ok": False}]})

    assert {"look": COMPLETED, "pay": FAILED, "book": SKIPPED} == bench.states()
    assert ["pay"] == list(bench.letters())


def test_what_a_condition_reads_in_a_large_output_is_noted_when_it_is_kept() -> None:
    """Conditions are watched, also under the names of those for which an action stands in, over two alternatives."""
    plan = [
        action("look", alternative="glance"),
        action("glance", alternative="peek"),
        action("peek"),
        action("pay", "look", when=WHEN),
    ]

    actions = thaw(frozen(plan).body).actions

    assert [True, True, True, False] == [
        "${look.output.ok}" in [ref.text for ref in actions[name].watched] for name in ("look", "glance", "peek", "pay")
    ]


def test_a_retried_action_is_not_judged_again() -> None:
    """A condition is judged once, before the first attempt: what is due again is not taken back."""
    pay = definition("pay", "PUT", attempts=2, retries=["network_timeout"])

    bench = run([LOOK, action("pay", "look", when=WHEN)], [pay], {"look": [{"ok": True}], "pay": [TIMEOUT]})

    assert (2, COMPLETED) == (len(bench.calls("pay")), bench.row().state)
