"""Another plan for an execution that runs: what has begun stays as it is, what has not may change, and otherwise nothing does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from holdfast.contract import ActionDefinition, ApiCatalogEntry
from holdfast.errors import BadInput, UnknownExecution
from holdfast.plans.authentication import Source, held_as
from holdfast.plans.frozen import FunctionRules, thaw
from holdfast.ports.rows import ActionState, RunState
from holdfast.recovery.providing import Provided, provide
from holdfast.recovery.replacing import Proposal, replace_plan
from tests.recovery.bench import (
    DIE,
    EXECUTION,
    OTHER,
    REMOVED,
    TIMEOUT,
    Bench,
    action,
    definition,
    frozen,
)

if TYPE_CHECKING:
    from holdfast.plans.frozen import Frozen
    from holdfast.plans.replacement import Replacement

PENDING, COMPLETED = ActionState.PENDING, ActionState.COMPLETED
FIRST = [action("a"), action("b", "a"), action("c", "b")]


def proposal(plan: Frozen) -> Proposal:
    """A frozen plan as somebody proposes it."""
    document = json.loads(plan.body)
    return Proposal(
        plan=thaw(plan.body).plan,
        definitions={key: ActionDefinition.from_wire(value) for key, value in document["definitions"].items()},
        functions={name: FunctionRules(name=name, **rules) for name, rules in document["functions"].items()},
        entries={key: ApiCatalogEntry.from_wire(value) for key, value in document["catalog"].items()},
        source="new.json",
    )


def propose(bench: Bench, plan: Frozen) -> Replacement:
    """Put another plan in the place of the one that runs."""
    return bench.transact(
        lambda tx: replace_plan(tx, bench.steps, plans=bench.plans, execution_id=EXECUTION, proposal=proposal(plan))
    )


def refusal(bench: Bench, plan: Frozen) -> list[str]:
    """Why a plan is refused; whatever stood in the database stands there still."""
    before = bench.execution().document, bench.states(), bench.row("a")
    with pytest.raises(BadInput) as refused:
        propose(bench, plan)
    assert before == (bench.execution().document, bench.states(), bench.row("a"))
    return [str(problem) for problem in refused.value.problems]


def begun(plan: Frozen | None = None, script: dict[str, list[object]] | None = None) -> Bench:
    """An execution whose first action is done, and whose second is due."""
    bench = Bench(script)
    bench.start(plan or frozen(FIRST))
    bench.run_once()
    return bench


def test_what_has_not_begun_may_change_come_and_go() -> None:
    """The rest of the plan is done as the new one says, and what is done already is not done again."""
    bench = begun()
    new = [action("n", "a"), action("a"), action("b", "a"), action("d", "b", uses="other", inputs={"x": 1})]

    found = propose(bench, frozen(new))
    bench.run()

    assert (("n", "d"), ("c",), ()) == (found.added, found.removed, found.changed)
    assert {"n": COMPLETED, "a": COMPLETED, "b": COMPLETED, "d": COMPLETED} == bench.states()
    assert ["n", "a", "b", "d"] == list(bench.states())  # in the order of the new plan
    assert 1 == len(bench.calls("a"))
    assert RunState.COMPLETED is bench.ended()


def test_it_is_told_what_was_replaced() -> None:
    """One event says which actions came, went and changed, and which document replaced which."""
    bench = begun()
    old = bench.execution().document

    propose(bench, frozen([action("a"), action("b", "a"), action("c", "b", inputs={"x": 2}), action("d")]))

    (event,) = bench.events("plan.replaced")
    assert (["d"], [], ["c"]) == (event.data["added"], event.data["removed"], event.data["changed"])
    assert (old, bench.execution().document) == (event.data["oldDigest"], event.data["newDigest"])


def test_the_same_plan_again_changes_nothing() -> None:
    """Twice is once."""
    bench = begun()
    new = frozen([action("a"), action("b", "a")])
    propose(bench, new)

    again = propose(bench, new)

    assert ((), (), ()) == (again.added, again.removed, again.changed)
    assert 1 == len(bench.events("plan.replaced"))


@pytest.mark.parametrize(
    ("new", "definitions", "told"),
    [
        pytest.param([action("b"), action("c", "b")], [], "actions: action 'a' has begun and is not", id="missing"),
        pytest.param([action("a", inputs={"x": 1}), *FIRST[1:]], [], "changes how it is planned", id="inputs"),
        pytest.param([action("a", uses="b"), *FIRST[1:]], [], "changes how it is planned, its definition", id="other"),
        pytest.param(FIRST, [definition("a", timeout=9)], "changes its definition", id="definition"),
        pytest.param([*FIRST, action("z", alternative="a")], [], "what it waits for or stands in for", id="alternative"),
    ],
)  # fmt: skip
def test_what_has_begun_may_not_change(
    new: list[dict[str, object]], definitions: list[ActionDefinition], told: str
) -> None:
    """A new plan that leaves out or changes what has begun is refused whole."""
    bench = begun()

    found = refusal(bench, frozen(new, definitions))

    assert told in found[0]
    assert found[0].startswith("new.json: ")
    bench.run()
    assert RunState.COMPLETED is bench.ended()


def test_every_reason_is_told_at_once() -> None:
    """Another plan's id, an action that is gone and one that is changed are one error."""
    bench = begun()
    bench.run_once()
    other = json.loads(frozen([action("b", "c"), action("c")]).body)
    other["plan"]["id"] = "99999999-9999-4999-8999-999999999999"
    body = json.dumps(other, sort_keys=True, separators=(",", ":"))

    found = refusal(bench, type(frozen(FIRST))(digest="x", body=body))

    assert [True, True, True] == [
        any(text in one for one in found) for text in ("is another plan", "'a' has begun", "'b' has begun")
    ]


@pytest.mark.parametrize("how", ["done", "cancelled"])
def test_an_execution_that_has_ended_keeps_its_plan(how: str) -> None:
    """Nothing is put in the place of a plan that is over."""
    bench = begun()
    if how == "cancelled":
        bench.cancel()
    bench.run()

    (told,) = refusal(bench, frozen([*FIRST, action("d", "c")]))

    assert ("has completed" if how == "done" else "was cancelled") in told


def test_an_execution_that_is_ending_keeps_its_plan() -> None:
    """While attempts in flight are awaited, the plan is over as well."""
    bench = Bench()
    bench.start(frozen([action("a"), action("z")]))
    step = bench.begin_attempt()
    bench.cancel()

    (told,) = refusal(bench, frozen([action("a"), action("z"), action("d")]))

    assert "is ending" in told
    bench.settle(step, {"id": "x"})
    assert RunState.CANCELLED is bench.ended()


def test_nobody_is_replaced_in_an_unknown_execution() -> None:
    """An unknown id is named."""
    with pytest.raises(UnknownExecution):
        propose(Bench(), frozen(FIRST))


def test_an_attempt_in_flight_ends_under_the_new_plan() -> None:
    """What a worker performs while the plan is replaced settles as it would have, and what follows is the new plan's."""
    bench = Bench()
    bench.start(frozen(FIRST))
    step = bench.begin_attempt()

    propose(bench, frozen([action("a"), action("n", "a", inputs={"id": "${a.output.id}"})]))
    bench.settle(step, {"id": "from a"})
    bench.run()

    assert {"a": COMPLETED, "n": COMPLETED} == bench.states()
    assert "from a" == bench.calls("n")[0].parts["a"]["output"]["id"]  # type: ignore[index]  # an output
    assert RunState.COMPLETED is bench.ended()


def test_an_attempt_whose_worker_dies_is_taken_up_under_the_new_plan() -> None:
    """A crash after the replacement loses nothing, and the repeat has the same key."""
    bench = Bench({"a": [DIE]})
    bench.start(frozen(FIRST, [definition("a", keyed=True)]))
    bench.perform(bench.take())

    propose(bench, frozen([action("a"), action("n", "a")], [definition("a", keyed=True)]))
    bench.run()

    assert 1 == len({call.attempt.key for call in bench.calls("a")})
    assert 2 == len(bench.calls("a"))
    assert RunState.COMPLETED is bench.ended()


def test_a_question_is_answered_under_the_new_plan() -> None:
    """What waits for a person goes on waiting, and the answer takes effect."""
    bench = begun(script={"a": [TIMEOUT]})
    assert ActionState.ASKING is bench.row("a").state

    propose(bench, frozen([action("a"), action("n", "a")]))
    bench.answer("happened", output={"id": "a1"})
    bench.run()

    assert {"a": COMPLETED, "n": COMPLETED} == bench.states()


def test_an_alternative_that_was_called_upon_has_begun() -> None:
    """Between the failure and its alternative's first attempt, the alternative may not be taken away."""
    plan = [action("a", alternative="other"), action("slow"), action("other", "slow")]
    bench = Bench({"a": [REMOVED]})
    bench.start(frozen(plan))
    bench.run_once()
    assert (PENDING, True) == (bench.row("other").state, bench.row("other").is_activated)

    found = refusal(bench, frozen([plan[0], plan[1], action("other", "slow", inputs={"x": 1})]))

    assert "action 'other' has begun" in found[0]


def test_what_the_catalog_said_stays_for_what_has_begun() -> None:
    """A catalog that has changed in the meantime neither refuses the new plan nor changes the actions that have begun."""
    bench = begun(frozen(FIRST, catalog={"quirks": {"requiresUserAgent": "old"}}))
    new = frozen([*FIRST, action("d", "c")], catalog={"quirks": {"requiresUserAgent": "new"}})

    propose(bench, new)

    digest = bench.execution().document
    plan = thaw(bench.read(lambda s: s.document(digest)))
    told = {name: one.entry.quirks.requires_user_agent for name, one in plan.actions.items() if one.entry}
    assert {"a": "old", "b": "old", "c": "new", "d": "new"} == told


def test_the_rules_of_a_function_that_has_begun_may_not_change() -> None:
    """A function that is registered otherwise than before is another action."""
    plan = [action("a", uses="f"), action("b", "a")]
    bench = begun(frozen(plan, functions=[FunctionRules(name="f")]))

    (told,) = refusal(bench, frozen(plan, functions=[FunctionRules(name="f", repeatable=True)]))

    assert "action 'a' has begun, and the new plan changes its definition" in told


@pytest.mark.parametrize("what", ["probe", "refresh"])
def test_what_belongs_to_an_action_that_has_begun_may_not_change(what: str) -> None:
    """Its probe and the refresh of its credential are part of it: they may be needed yet."""
    made = [
        definition("a", probe="find", credential="TOKEN"),
        definition("find", "GET"),
        definition("renew", refreshes="TOKEN"),
    ]
    bench = begun(frozen([action("a"), action("b", "a")], made))
    made[1 if what == "probe" else 2] = (
        definition("find", "GET", timeout=9) if what == "probe" else definition("renew", refreshes="TOKEN", timeout=9)
    )

    (told,) = refusal(bench, frozen([action("a"), action("b", "a")], made))

    assert ("its probe" if what == "probe" else "how its credential is refreshed") in told


def test_what_was_not_noted_of_an_attempt_in_flight_cannot_be_expected() -> None:
    """A worker notes of a large output only what the old plan looks at: the new one may not look at more of it."""
    bench = Bench()
    bench.start(frozen(FIRST))
    bench.begin_attempt()

    (told,) = refusal(
        bench, frozen(FIRST, validations=[{"name": "x", "reference": "${a.output.id}", "operator": "exists"}])
    )

    assert "only what the old validations read is at hand, not ${a.output.id}" in told


def test_a_plan_whose_rest_is_taken_away_is_complete() -> None:
    """When everything that has begun is done and nothing else is planned any more, the execution ends."""
    bench = Bench()
    bench.start(frozen([action("a"), action("b", "a")]))
    step = bench.begin_attempt()
    propose(bench, frozen([action("a")]))

    bench.settle(step, {"id": "x"})

    assert RunState.COMPLETED is bench.ended()


def test_what_is_expected_may_change() -> None:
    """The new plan's expected outcome decides."""
    bench = begun()
    wanted = {"name": "right", "reference": "${a.output.id}", "operator": "equals", "value": "something else"}

    propose(bench, frozen(FIRST, validations=[wanted]))
    bench.run()

    assert RunState.FAILED is bench.ended()


NAMES = ("a", "b", "c", "d", "e")


@st.composite
def plans(draw: st.DrawFn) -> list[dict[str, object]]:
    """A plan of some of five actions, each waiting for some of those before it, with inputs that may differ."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(sorted))
    return [
        action(
            name,
            *[one for one in names[:at] if draw(st.booleans())],
            inputs={"x": 1} if draw(st.integers(0, 4)) == 0 else {},
            goes_on=draw(st.integers(0, 4)) == 0,
        )
        for at, name in enumerate(names)
    ]


@given(plans(), st.lists(st.tuples(st.integers(0, 4), plans()), max_size=4), st.randoms(use_true_random=False))
def test_whatever_is_proposed_what_has_begun_sees_no_difference(
    first: list[dict[str, object]], edits: list[tuple[int, list[dict[str, object]]]], chance: object
) -> None:
    """Random plans in the place of one another, at any moment: begun actions keep what they are, nothing is done twice, every execution ends."""
    outcomes = [{"id": "x"}, {"id": "x"}, DIE]
    bench = Bench(
        {name: [chance.choice(outcomes) for _ in range(2)] for name in NAMES}  # type: ignore[attr-defined]  # a Random
    )
    keyed = [definition(name, keyed=True) for name in NAMES]
    bench.start(frozen(first, keyed))
    planned = {str(one["id"]): one for one in first}
    for moves, wanted in edits:
        for _ in range(moves):
            step = bench.steps.take("w")
            if step is not None:
                bench.perform(step)
        has_begun = {name: planned[name] for name, state in bench.states().items() if state is not PENDING}
        is_running = bench.execution().state is RunState.RUNNING
        new = {str(one["id"]): one for one in wanted}
        # Of a plan's own digest nothing is asked: the same again is accepted, also at the end.
        is_same = bench.execution().document == frozen(wanted, keyed).digest
        may_be = is_same or (is_running and all(new.get(name) == one for name, one in has_begun.items()))
        try:
            propose(bench, frozen(wanted, keyed))
        except BadInput:
            assert not may_be
        else:
            assert may_be
            planned = new
        assert set(planned) == set(bench.states())

    bench.run()

    assert RunState.COMPLETED is bench.ended()
    for name in planned:
        calls = bench.calls(name)
        assert 1 == len({call.attempt.key for call in calls})
        assert [planned[name]["inputs"]] * len(calls) == [dict(call.action.inputs) for call in calls]
        assert 1 == len(bench.attempts(name))


def with_key(name: str = "b", *, key: str = "KEY") -> ActionDefinition:
    """A definition that asks its user for a key."""
    authentication = {"type": "api_key", "header": "X-Key", "value": key, "valueFrom": "user_input"}
    return ActionDefinition.from_wire({**definition(name).to_wire(), "authentication": authentication})


def set_own(bench: Bench, name: str) -> None:
    """Let a person provide a key for this execution alone."""
    row = held_as(name, Source.OWN, execution=EXECUTION)
    provided = Provided(sealed=b"sealed")
    bench.transact(lambda tx: provide(tx, bench.steps, row=row, provided=provided, generation=None))


def secrets(bench: Bench) -> list[str]:
    """The credentials there are."""
    return [row.name for row in bench.read(lambda snapshot: snapshot.credentials(limit=9))]


@pytest.mark.parametrize(
    "replacement", [pytest.param([], id="none"), pytest.param([with_key("c", key="K2")], id="another")]
)
def test_a_secret_that_the_new_plan_does_not_ask_for_is_forgotten(replacement: list[ActionDefinition]) -> None:
    """What somebody entrusted to an execution is gone at its end, whatever the plan that ended asks for."""
    bench = begun(frozen(FIRST, [with_key("c")]))
    set_own(bench, "KEY")
    set_own(bench, "K2")
    assert 2 == len(secrets(bench))

    propose(bench, frozen([*FIRST, action("d", "c")], replacement))
    bench.run()

    assert RunState.COMPLETED is bench.ended()
    assert [] == secrets(bench)


def test_a_plan_that_asks_for_more_waits_for_it() -> None:
    """An execution whose new plan needs a person's key pauses until that is there, and fails nothing."""
    bench = begun(frozen([*FIRST]))

    propose(bench, frozen(FIRST, [with_key("c")]))
    bench.run_now()

    assert {"a": COMPLETED, "b": COMPLETED, "c": ActionState.SCHEDULED} == bench.states()
    [asked] = bench.read(lambda snapshot: snapshot.asked_for(EXECUTION))
    assert "KEY" in (asked.question or "")
    set_own(bench, "KEY")
    bench.run()
    assert RunState.COMPLETED is bench.ended()


def test_the_old_document_goes_unless_another_execution_runs_it() -> None:
    """Nothing would ever erase it: purging an execution erases the document that it runs."""
    first, second, third = (frozen([*FIRST, action("d", "c", inputs={"x": n})]) for n in range(3))
    bench = begun(first)
    bench.start(second, OTHER)

    def kept() -> list[bool]:
        found = []
        for plan in (first, second, third):
            try:
                found.append(bool(bench.read(lambda snapshot, plan=plan: snapshot.document(plan.digest))))
            except KeyError:
                found.append(False)
        return found

    propose(bench, second)
    after_one = kept()
    propose(bench, third)

    assert ([False, True, False], [False, True, True]) == (after_one, kept())


def test_a_plan_that_older_releases_do_not_know_is_left_to_newer_workers() -> None:
    """The contract of the execution grows with the new plan, and never shrinks: an older worker would carry it out wrongly."""
    bench = begun(frozen(FIRST))
    before = bench.execution().contract

    propose(bench, frozen(FIRST, [with_key("c")]))
    grown = bench.execution().contract
    propose(bench, frozen(FIRST))

    assert (1, 2, 2) == (before, grown, bench.execution().contract)


def test_secrets_written_out_in_the_new_plan_are_kept_sealed() -> None:
    """What the new definitions held in clear rests sealed under the name that stands in their place."""
    bench = begun(frozen(FIRST))
    given = replace(proposal(frozen([*FIRST, action("d", "c")])), secrets={"~literal/x": b"sealed"})

    bench.transact(lambda tx: replace_plan(tx, bench.steps, plans=bench.plans, execution_id=EXECUTION, proposal=given))

    kept = bench.read(lambda snapshot: snapshot.credential("~literal/x"))
    assert kept is not None
    assert b"sealed" == kept.sealed
