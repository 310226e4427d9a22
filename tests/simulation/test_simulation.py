"""Thousands of random plans, with APIs that fail and workers that die, under a virtual clock: what the protocol promises holds at every end.

A seed that breaks a promise prints its timeline; `python -m tests.simulation SEED` plays it again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from holdfast.decisions.decision import Move
from holdfast.faults.taxonomy import ErrorCategory
from tests.simulation.account import Coverage, play, story_of
from tests.simulation.engine import SimulatedStore
from tests.simulation.fleet import Fleet
from tests.simulation.virtual_time import VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK = 45
CHUNKS = 7
CHUNKS_LONG = 480
"""Seeds of 2.3 plans on average: 7 chunks are over 700 plans (what a test run can afford), 480 more are over 50,000."""


WANTED = {
    *(f"category {category}" for category in ErrorCategory),
    *(f"move {move}" for move in Move),
    *(
        f"strategy {name}"
        for name in (
            "refresh-then-retry",
            "wait-until",
            "wait-daily",
            "fallback",
            "skip",
            "roll-back",
            "retry-larger-timeout",
            "back-off",
            "probe",
            "alternative",
            "ask-person",
        )
    ),
    *(f"end {state}" for state in ("completed", "failed", "cancelled", "running")),
    *(f"absorbed {how}" for how in ("alternative", "fallback", "continue")),
    *(f"attempt {purpose}" for purpose in ("perform", "probe", "refresh")),
    *(f"outcome {outcome}" for outcome in ("executed", "not_executed", "unknown")),
    *(
        f"chaos {name}"
        for name in (
            "kills",
            "crashes_of_all",
            "false_deaths",
            "duplicates",
            "losses",
            "repairs",
            "store_failures",
            "cancels",
        )
    ),
    *(f"chaos answer {choice}" for choice in ("happened", "again", "give-up", "skip", "confirm", "reject", "too late")),
    *(f"chaos credential {choice}" for choice in ("provided", "given up", "not needed")),
    *(f"chaos outside event {result}" for result in ("settled", "late", "duplicate", "recorded")),
    *(f"chaos outside {what} lost" for what in ("requests", "answers")),
    *(f"chaos plans {what}" for what in ("replaced", "kept")),
    *(f"question closed by {who}" for who in ("somebody", "deadline", "closing", "late-answer")),
    *(f"question {kind}" for kind in ("confirmation", "outcome", "next")),
    *(
        f"event {name}"
        for name in (
            "action.refused",
            "action.paced",
            "attempt.answered_late",
            "attempt.reclaimed",
            "credential.asked",
            "credential.awaited",
            "credential.refreshed",
            "credential.refresh_failed",
            "plan.replaced",
            "rollback.requested",
            "step.repaired",
        )
    ),
    "dead letter worker-lost",
}
"""What the simulated worlds have to meet, by the names under which it is counted."""


@pytest.fixture(scope="module")
def store() -> Iterator[SimulatedStore]:
    """One database for all seeds of a process, wiped between them."""
    made = SimulatedStore(VirtualClock().now)
    yield made
    made._connection.close()
    made.engine.dispose()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What the sweep logs about lost steps is the simulation's own doing."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play_chunk(chunk: int, store: SimulatedStore) -> Coverage:
    """Play the seeds of a chunk, and stop at the first that breaks a promise, with its story."""
    coverage = Coverage()
    for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK):
        fleet, problems = play(seed, store=store)
        if problems:
            pytest.fail(story_of(fleet, problems), pytrace=False)
        coverage.add(fleet)
    return coverage


@pytest.mark.parametrize("chunk", range(CHUNKS), ids=lambda chunk: f"seeds-from-{chunk * CHUNK}")
def test_every_promise_holds_whatever_fails_and_whoever_dies(chunk: int, store: SimulatedStore) -> None:
    """Random plans end as they should, with every side effect made as often as allowed, whatever fails and whoever dies on the way."""
    coverage = play_chunk(chunk, store)

    assert CHUNK == coverage.counts["seeds"]


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(CHUNKS, CHUNKS + CHUNKS_LONG), ids=lambda chunk: f"seeds-from-{chunk * CHUNK}")
def test_every_promise_holds_over_fifty_thousand_plans(chunk: int, store: SimulatedStore) -> None:
    """The same for fifty thousand plans more."""
    coverage = play_chunk(chunk, store)

    assert CHUNK == coverage.counts["seeds"]


def test_the_simulation_meets_every_fault_every_way_out_and_every_kind_of_death(store: SimulatedStore) -> None:
    """Nothing that recovery can do and nothing that can happen to a worker is left out of the simulated worlds."""
    coverage = Coverage()
    for seed in range(200):
        fleet = Fleet(seed, store=store)
        fleet.play()
        coverage.add(fleet)

    assert set() == {name for name in WANTED if not coverage.counts[name]}


def test_the_same_seed_is_the_same_story(store: SimulatedStore) -> None:
    """A seed that fails once fails every time: nothing but the seed decides what happens."""
    first = [story_of(*play(seed, store=store)) for seed in range(40, 44)]

    second = [story_of(*play(seed, store=store)) for seed in range(40, 44)]

    assert first == second
