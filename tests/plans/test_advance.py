"""What an execution does next, over random plans: order, ends, and that everything is resolved exactly once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from holdfast.plans.advance import NOT_BEGUN, Needs, advance, output_of, resolution, why_skip
from holdfast.ports.rows import ActionRow, ActionState, RunState


def row(name: str, state: ActionState = ActionState.PENDING, **changes: object) -> ActionRow:
    """An action's row."""
    return ActionRow(execution="x", action=name, position=0, state=state, **changes)  # type: ignore[arg-type]  # the row's own fields


def rows_of(*given_rows: ActionRow) -> dict[str, ActionRow]:
    """Rows by name."""
    return {one.action: one for one in given_rows}


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Needs]:
    """Plans without circles: each action depends on earlier ones, and references some of those."""
    names = [f"a{number}" for number in range(draw(st.integers(1, 9)))]
    needs: dict[str, Needs] = {}
    for index, name in enumerate(names):
        before = draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3)) if index else []
        wanted = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        needs[name] = Needs(dependencies=tuple(before), outputs=tuple(wanted))
    # Later actions may be alternatives of earlier ones that they do not depend on and that do not depend on them.
    for index, name in enumerate(names[1:], 1):
        primary = draw(st.none() | st.sampled_from(names[:index]))
        if (
            primary is not None
            and not needs[name].dependencies
            and not any(name in one.dependencies for one in needs.values())
        ):
            needs[name] = replace(needs[name], primaries=(primary,))
    return needs


ENDINGS = ("completed", "fallback", "continue", "alternative")


@given(plans(), st.data())
def test_everything_is_resolved_once_in_order_and_it_ends(needs: dict[str, Needs], data: st.DataObject) -> None:
    """Whatever becomes of each action, dependencies come first, nothing runs twice, and the plan ends when all is resolved."""
    rows = rows_of(*(row(name) for name in needs))
    started: list[str] = []
    for _ in range(4 * len(needs) + 2):
        step = advance(rows, needs, closing=None)
        assert not set(step.ready) & {name for name, _ in step.skipped}
        for name, reason in step.skipped:
            assert rows[name].state is ActionState.PENDING
            rows[name] = replace(rows[name], state=ActionState.SKIPPED, reason=reason)
        for name in step.ready:
            assert name not in started
            assert all(resolution(one, rows) is not None for one in needs[name].dependencies)
            assert all(output_of(one, rows) is not None for one in needs[name].outputs)
            started.append(name)
            rows[name] = replace(rows[name], state=ActionState.RUNNING)
        running = [name for name, one in rows.items() if one.state is ActionState.RUNNING]
        if step.end is not None:
            assert not running
            break
        assert running, "it waits for nothing"
        finish(rows, needs, data.draw(st.sampled_from(running)), data.draw(st.sampled_from(ENDINGS)))
    assert all(one.state.is_final for one in rows.values())


def finish(rows: dict[str, ActionRow], needs: dict[str, Needs], name: str, ending: str) -> None:
    """End a running action in one of the ways an action can end."""
    stand_in = next(
        (one for one, need in needs.items() if name in need.primaries and not rows[one].state.is_final), None
    )
    if ending == "completed":
        rows[name] = replace(rows[name], state=ActionState.COMPLETED, output="{}")
    elif ending == "alternative" and stand_in is not None:
        rows[name] = replace(rows[name], state=ActionState.FAILED, absorbed="alternative", handed_to=stand_in)
        rows[stand_in] = replace(rows[stand_in], is_activated=True)
    else:
        output = "{}" if ending == "fallback" else None
        rows[name] = replace(
            rows[name], state=ActionState.FAILED, absorbed="fallback" if output else "continue", output=output
        )


@given(plans(), st.data(), st.sampled_from([RunState.FAILED, RunState.CANCELLED]))
def test_closing_starts_nothing_and_skips_what_has_not_begun(
    needs: dict[str, Needs], data: st.DataObject, closing: RunState
) -> None:
    """Once it is settled how an execution ends, nothing starts, and what waits is skipped."""
    rows = rows_of(*(row(name, data.draw(st.sampled_from(ActionState))) for name in needs))

    step = advance(rows, needs, closing=closing)

    waiting = {name for name, one in rows.items() if one.state in NOT_BEGUN}
    assert ((), closing, waiting) == (step.ready, step.end, {name for name, _ in step.skipped})
    assert all(("cancelled" in reason) is (closing is RunState.CANCELLED) for _, reason in step.skipped)


@given(plans(), st.data())
def test_what_is_skipped_is_all_that_follows(needs: dict[str, Needs], data: st.DataObject) -> None:
    """Looking again only where something changed finds what looking at everything until nothing changes finds."""
    states = st.sampled_from(
        [ActionState.PENDING] * 4 + [ActionState.COMPLETED, ActionState.SKIPPED, ActionState.FAILED]
    )
    rows = rows_of(*(row(name, data.draw(states)) for name in reversed(needs)))
    expected: dict[str, str] = {}
    for _ in needs:
        for name, one in rows.items():
            reason = why_skip(name, rows, needs=needs, skipped=expected)
            if one.state is ActionState.PENDING and name not in expected and reason is not None:
                expected[name] = reason

    assert set(expected) == {name for name, _ in advance(rows, needs, closing=None).skipped}


def test_skipping_resolves_what_comes_after() -> None:
    """One skipped action lets the next be judged in the same round."""
    rows = rows_of(row("a", ActionState.FAILED, absorbed="continue"), row("b"), row("c"))
    needs = {
        "a": Needs(),
        "b": Needs(dependencies=("a",), outputs=("a",)),
        "c": Needs(dependencies=("b",), outputs=("b",)),
    }

    step = advance(rows, needs, closing=None)

    assert ((), ["b", "c"], RunState.COMPLETED) == (step.ready, [name for name, _ in step.skipped], step.end)


@pytest.mark.parametrize(
    ("stand_in", "resolved"),
    [
        pytest.param(row("b", ActionState.COMPLETED, output="{}"), "b", id="completed"),
        pytest.param(row("b", ActionState.FAILED, absorbed="fallback", output="{}"), "b", id="fallback"),
        pytest.param(row("b", ActionState.RUNNING), None, id="running"),
        pytest.param(row("b", ActionState.SKIPPED), None, id="skipped"),
        pytest.param(row("b", ActionState.FAILED), None, id="failed"),
    ],
)
def test_an_action_is_resolved_where_its_alternative_is(stand_in: ActionRow, resolved: str | None) -> None:
    """An alternative that came to nothing resolves nothing."""
    rows = rows_of(row("a", ActionState.FAILED, absorbed="alternative", handed_to="b"), stand_in)

    found = resolution("a", rows)

    assert resolved == (found.action if found else None)
    assert resolved == (one.action if (one := output_of("a", rows)) else None)


def test_a_circle_of_alternatives_is_followed_only_so_far() -> None:
    """A circle that validation missed is no endless loop."""
    rows = rows_of(
        row("a", ActionState.FAILED, absorbed="alternative", handed_to="b"),
        row("b", ActionState.FAILED, absorbed="alternative", handed_to="a"),
    )

    assert None is resolution("a", rows)


def test_a_skipped_action_has_no_output() -> None:
    """It is resolved, and there is nothing to reference."""
    rows = rows_of(row("a", ActionState.SKIPPED))

    assert ("a", None) == (resolution("a", rows).action, output_of("a", rows))  # type: ignore[union-attr]  # it is resolved
