"""Circles and ways in plans: any graph of dependencies is judged rightly, whatever its size."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given as for_all, strategies as st

from holdfast.errors import BadInput
from holdfast.plans.check import Checked, check
from tests.plans.samples import action_wire as action, given, judged, plan


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Dependencies by position, each on earlier actions only."""
    size = draw(st.integers(2, 12))
    return [sorted(draw(st.sets(st.integers(0, index - 1)))) if index else [] for index in range(size)]


def plan_of(graph: list[list[int]]) -> object:
    """A plan with these dependencies; each action also refers to all that it depends on, far ones included."""
    reach: list[set[int]] = []
    for dependencies in graph:
        reach.append(set(dependencies).union(*(reach[one] for one in dependencies if one < len(reach))))
    return plan(
        *(
            action(
                f"n{index}",
                *(f"n{one}" for one in dependencies),
                inputs={f"i{one}": f"${{n{one}.output}}" for one in reach[index]},
            )
            for index, dependencies in enumerate(graph)
        )
    )


@for_all(graphs())
def test_any_plan_without_circles_passes(graph: list[list[int]]) -> None:
    """Dependencies that only point back are accepted, with references to whatever came before."""
    assert isinstance(judged(plan_of(graph)), Checked)


@for_all(graphs(), st.data())
def test_an_edge_back_is_refused_with_a_real_circle(graph: list[list[int]], data: st.DataObject) -> None:
    """A dependency on something later is refused, and the circle that is shown is there."""
    later = data.draw(st.integers(1, len(graph) - 1))
    way = [later]
    while graph[way[-1]]:
        way.append(data.draw(st.sampled_from(graph[way[-1]])))
    earlier = way[-1]
    if earlier == later:
        return
    graph[earlier] = [later]
    the_plan = plan(
        *(action(f"n{index}", *(f"n{one}" for one in dependencies)) for index, dependencies in enumerate(graph))
    )

    problems = judged(the_plan)

    assert isinstance(problems, list)
    assert 1 == len(problems)
    shown = problems[0].rpartition("circle: ")[2].split(" → ")
    assert shown[0] == shown[-1]
    assert all(int(after[1:]) in graph[int(before[1:])] for before, after in itertools.pairwise(shown))


@for_all(graphs(), st.data())
def test_a_reference_needs_a_way_through_dependencies(graph: list[list[int]], data: st.DataObject) -> None:
    """A reference is accepted exactly when dependencies lead to what it reads."""
    reader, read = data.draw(st.tuples(*[st.integers(0, len(graph) - 1)] * 2))
    reach: set[int] = set()
    waiting = list(graph[reader])
    while waiting:
        one = waiting.pop()
        reach.add(one)
        waiting.extend(graph[one])
    the_plan = plan(
        *(
            action(
                f"n{index}",
                *(f"n{one}" for one in dependencies),
                inputs={"x": f"${{n{read}.output}}"} if index == reader else {},
            )
            for index, dependencies in enumerate(graph)
        )
    )

    assert (read in reach) == isinstance(judged(the_plan), Checked)


def test_a_long_chain_is_judged_without_recursion() -> None:
    """Ten thousand actions in a row pass, the last reading the first; closed to a ring they are one circle."""
    chain = [action(f"n{index}", *([f"n{index - 1}"] if index else [])) for index in range(10_000)]
    chain[-1]["inputs"] = {"x": "${n0.output}"}
    ring = [{**chain[0], "dependencies": ["n9999"]}, *chain[1:]]

    with pytest.raises(BadInput) as refused:
        check(plan(*ring), given())

    assert isinstance(judged(plan(*chain)), Checked)
    assert 1 == len(refused.value.problems)
