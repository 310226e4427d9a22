"""SIGKILL at every step boundary of the demo's plan, with real processes: restarted, it ends completed, and nothing was done twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from holdfast.testing import Ledger
from tests.acceptance.fleet import BOUNDARIES, Fleet
from tests.acceptance.invariants import rows, violations
from tests.acceptance.onboarding_world import ATTEMPTS, CALLS, OnboardingWorld

MATRIX = tuple(f"{attempt}/{boundary}" for attempt in ATTEMPTS for boundary in BOUNDARIES)
# In everyday runs each boundary of the protocol is met at least once, and each attempt once just after its call, where the most is at stake.
SPREAD = (
    "create_customer/perform/1/delivered",
    "create_customer/refresh/1/answered",
    "create_customer/perform/2/settling",
    "provision_workspace/perform/1/settled",
    "provision_workspace/perform/2/answered",
    "charge_card/perform/1/answered",
    "charge_card/perform/2/sending",
    "enrich_v1/perform/1/claiming",
    "send_welcome/perform/2/answered",
    "activate/perform/1/claimed",
)
UNSAFE = "ledger_entry/perform/1"
EFFECTS = {
    "refresh_token": 1,
    "create_customer": 1,
    "provision_workspace": 1,
    "charge_card": 1,
    "send_welcome": 1,
    "ledger_entry": 1,
    "activate": 1,
}
ROUTE_OF = {"refresh": "refresh_token"}
# The answer that said when to come back dies with the process: nobody can know what it said.
FORGOTTEN_RETRY_AFTER = ("provision_workspace/perform/1/answered", "provision_workspace/perform/1/settling")


def kill_and_resume(world: OnboardingWorld, fleet: Fleet, point: str) -> tuple[Counter[str], str]:
    """Run until the worker has killed itself at `point`, then let another one go on; returns what was in flight, by route, and the status."""
    world.start()
    fleet.start(world.worker(kill_at=point)).wait_until_killed()
    in_flight = Counter(
        ROUTE_OF.get(str(purpose), str(action))
        for action, purpose in rows(world.database, "select action, purpose from attempts where outcome is null")
    )
    fleet.start(world.worker())
    return in_flight, world.wait()


def report(point: str, fleet: Fleet, in_flight: Counter[str], ledger: Ledger) -> None:
    """End the second worker and print how quickly it went on."""
    said = fleet.started[-1].stop()
    extra = sum(route.calls for route in ledger.routes.values()) - sum(CALLS.values())
    print(
        f"{point}: first claim after {said.get('first_claim_s')} s; in flight {sum(in_flight.values())}, calls beyond the usual {extra}"
    )


def assert_exact(world: OnboardingWorld, in_flight: Counter[str], *, point: str) -> None:
    """Each side effect once, no call too many, the ledger exact."""
    ledger = world.ledger()
    calls = {name: route.calls for name, route in ledger.routes.items() if name in CALLS}
    too_many = {name: count for name, count in calls.items() if count > CALLS[name] + in_flight[name]}
    told = [
        violation
        for violation in ledger.violations
        if point not in FORGOTTEN_RETRY_AFTER or violation.kind != "early_retry"
    ]

    # A token is given out per call; asking twice is harmless by the definition's own word (`repeatable`), and counted in `too_many`.
    assert {name: route.effects for name, route in ledger.routes.items() if route.effects} == {
        **EFFECTS,
        "refresh_token": calls["refresh_token"],
    }
    assert too_many == {}
    assert told == []
    assert violations(world.database) == {}
    assert rows(world.database, "select state from executions") == [("completed",)]
    assert rows(world.database, "select count(*) from dead_letters") == [(0,)]


def assert_resumes(directory: Path, point: str) -> None:
    """The whole experiment for one boundary at which the plan can go on by itself."""
    with OnboardingWorld(directory) as world, Fleet(directory) as fleet:
        in_flight, status = kill_and_resume(world, fleet, point)

        assert status == "completed", fleet.complaints()
        report(point, fleet, in_flight, world.ledger())
        assert_exact(world, in_flight, point=point)


def asks(point: str) -> bool:
    """Whether a death at this boundary leaves a question that only a person can answer."""
    attempt, _, boundary = point.rpartition("/")
    return attempt == UNSAFE and boundary in ("claimed", "sending", "answered", "settling")


@pytest.mark.parametrize("point", SPREAD)
def test_a_plan_survives_sigkill_at_a_step_boundary(point: str, tmp_path: Path) -> None:
    """A worker killed at any step boundary costs at most one extra call of what was in flight, and no side effect happens twice."""
    assert_resumes(tmp_path, point)


@pytest.mark.long
@pytest.mark.parametrize("point", [point for point in MATRIX if point not in SPREAD and not asks(point)])
def test_a_plan_survives_sigkill_at_every_step_boundary(point: str, tmp_path: Path) -> None:
    """The whole matrix: there is no boundary at which a death loses or repeats anything."""
    assert_resumes(tmp_path, point)


@pytest.mark.parametrize("boundary", ["answered", pytest.param("settling", marks=pytest.mark.long)])
def test_a_death_after_an_unsafe_call_leaves_it_to_a_person(boundary: str, tmp_path: Path) -> None:
    """What can neither be repeated nor recognised is never called again: the execution waits, and goes on with the person's answer."""
    point = f"{UNSAFE}/{boundary}"
    with OnboardingWorld(tmp_path) as world, Fleet(tmp_path) as fleet:
        in_flight, status = kill_and_resume(world, fleet, point)

        assert status == "paused_for_confirmation", fleet.complaints()
        assert world.ledger().route("ledger_entry").calls == 1
        assert rows(world.database, "select action, answer from questions") == [("ledger_entry", None)]

        world.answer("happened", output=world.look_up_ledger_entry())

        assert world.wait() == "completed", fleet.complaints()
        report(point, fleet, in_flight, world.ledger())
        assert world.ledger().route("ledger_entry").calls == 1
        assert_exact(world, in_flight, point=point)


@pytest.mark.parametrize("boundary", ["sending", pytest.param("claimed", marks=pytest.mark.long)])
def test_a_death_before_an_unsafe_call_is_not_guessed_at_either(boundary: str, tmp_path: Path) -> None:
    """Nobody can tell a call that was about to be made from one that was: a person looks, finds nothing, and has it done again."""
    point = f"{UNSAFE}/{boundary}"
    with OnboardingWorld(tmp_path) as world, Fleet(tmp_path) as fleet:
        in_flight, status = kill_and_resume(world, fleet, point)

        assert status == "paused_for_confirmation", fleet.complaints()
        assert world.ledger().route("ledger_entry").calls == 0

        world.answer("again")

        assert world.wait() == "completed", fleet.complaints()
        report(point, fleet, in_flight, world.ledger())
        assert world.ledger().route("ledger_entry").calls == 1
        assert_exact(world, in_flight, point=point)
