"""Graphs of waiting: whether anything waits for itself, shown as a circle, and what comes before what.

Pure arithmetic over hashable nodes, without recursion, in time linear in nodes and edges unless said otherwise. It knows no plans.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

__all__ = ["find_circles", "in_order", "unreached"]

N = TypeVar("N", bound=Hashable)

BATCH = 4096
"""Ancestors that `unreached` follows at a time, as bits of one number: memory stays at half a kilobyte per node."""


def find_circles(edges: Mapping[N, Sequence[N]]) -> list[list[N]]:
    """Return one circle for each knot of the graph: nodes in order, each with an edge to the next and the last to the first.

    A knot is a strongly connected component with a circle in it (R. Tarjan, "Depth-first search and linear graph algorithms", 1972). The
    circle is a shortest one through the knot's first node in the order of `edges`. Every node that an edge leads to must be a key.
    """
    position = {node: index for index, node in enumerate(edges)}
    circles = []
    for knot in knots(edges):
        start = min(knot, key=position.__getitem__)
        if len(knot) > 1 or start in edges[start]:
            circles.append(shortest_circle(start, edges, within=set(knot)))
    return sorted(circles, key=lambda circle: position[circle[0]])


def knots(edges: Mapping[N, Sequence[N]]) -> list[list[N]]:
    """Return the strongly connected components."""
    found: list[list[N]] = []
    number: dict[N, int] = {}
    low: dict[N, int] = {}
    stack: list[N] = []
    on_stack: set[N] = set()
    for root in edges:
        if root in number:
            continue
        work = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            following = next((other for other in rest if other not in number or other in on_stack), None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    found.append(popped_to(node, stack, on_stack=on_stack))
            elif following in number:
                low[node] = min(low[node], number[following])
            else:
                number[following] = low[following] = len(number)
                stack.append(following)
                on_stack.add(following)
                work.append((following, iter(edges[following])))
    return found


def popped_to(node: N, stack: list[N], *, on_stack: set[N]) -> list[N]:
    """Take nodes off the stack down to this one."""
    taken: list[N] = []
    while not taken or taken[-1] != node:
        taken.append(stack.pop())
        on_stack.discard(taken[-1])
    return taken


def shortest_circle(start: N, edges: Mapping[N, Sequence[N]], *, within: set[N]) -> list[N]:
    """Return a shortest way from a node back to itself; there is one."""
    came_from: dict[N, N] = {}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for following in edges[node]:
            if following == start:
                way = [node]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if following in within and following not in came_from:
                came_from[following] = node
                waiting.append(following)
    raise AssertionError("a knot leads back to each of its nodes")


def in_order(edges: Mapping[N, Sequence[N]]) -> list[N]:
    """Return the nodes such that each comes after all that its edges lead to; what cannot be reached so, because of circles, is left out."""
    dependents: dict[N, list[N]] = {node: [] for node in edges}
    open_count = {node: len(following) for node, following in edges.items()}
    for node, following in edges.items():
        for other in following:
            dependents[other].append(node)
    order: list[N] = []
    ready = deque(node for node, count in open_count.items() if count == 0)
    while ready:
        node = ready.popleft()
        order.append(node)
        for other in dependents[node]:
            open_count[other] -= 1
            if open_count[other] == 0:
                ready.append(other)
    return order


def unreached(edges: Mapping[N, Sequence[N]], pairs: Iterable[tuple[N, N]]) -> set[tuple[N, N]]:
    """Return those (node, target) of `pairs` where no way leads from the node to the target, circles and what hangs on them left out.

    Takes time proportional to the edges for each `BATCH` different targets.
    """
    asked = list(pairs)
    order = in_order(edges)
    targets = list(dict.fromkeys(target for _, target in asked))
    missing: set[tuple[N, N]] = set()
    for begin in range(0, len(targets), BATCH):
        bit = {target: 1 << index for index, target in enumerate(targets[begin : begin + BATCH])}
        reached: dict[N, int] = {}
        for node in order:
            bits = 0
            for following in edges[node]:
                bits |= reached[following] | bit.get(following, 0)
            reached[node] = bits
        missing.update(
            (node, target)
            for node, target in asked
            if target in bit and node in reached and not reached[node] & bit[target]
        )
    return missing
