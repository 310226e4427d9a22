# ruff: noqa: E501 - a query reads best on one line
"""What must hold after a raced storm, by the rows, by the other side's books, and by what everybody who took part was told. Nothing of the product decides here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.acceptance.invariants import rows
from tests.acceptance.raced_plans import CREDENTIALS, DEFINITIONS, PACE, TOKEN_USES

if TYPE_CHECKING:
    from holdfast.testing import Ledger
    from tests.acceptance.raced import Told, World

__all__ = ["Refreshes", "refreshes_of", "violations"]

PEOPLE = "asker-"
KINDS = [str(one["id"]) for one in DEFINITIONS]
CALLED = tuple(kind for kind in KINDS if kind not in ("seek", "look"))
REUSED = "refresh_token_reused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshes:
    """The books about one credential.

    `granted` counts the provider's successes, `reused` the replaced refresh tokens that came again, `used_up` the access tokens that served their
    time, `used` the tokens from people that were used, `lost` the refreshes whose answer may have been lost, `given` what people provided.
    """

    granted: int
    reused: int
    used_up: int
    lost: int
    given: int
    used: int


def violations(world: World) -> list[str]:
    """Everything that does not hold, in words."""
    ledger = world.ledger()
    assert ledger.requests_forgotten == 0, "the books are incomplete: make the storm smaller"
    checks = (
        winners(world.database, world.told),
        unwanted(world, ledger),
        too_early(world.database),
        doubled_refreshes(world),
        excessive_refreshes(world, ledger),
        overrun_windows(world),
        told_twice(world),
        second_effects(ledger),
        [f"a thread: {trouble}" for trouble in world.told.troubles],
    )
    return [f"{check}" for found in checks for check in found]


def winners(database: str, told: Told) -> Iterator[str]:
    """Exactly one answer per question: a person's, who was told so, or that of the deadline, of a late answer, or of the end."""
    won: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for win in told.wins:
        won[win.execution, win.action, win.kind].append((win.answer, win.by))
    query = "select execution, action, kind, answer, answered_by from questions where answered_at is not null"
    kept: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for execution, action, kind, answer, by in rows(database, query):
        key = (str(execution), str(action), "confirmation" if kind == "confirmation" else "doubt")
        if str(by).startswith(PEOPLE):
            kept[key].append((str(answer), str(by)))
    for key in {*won, *kept}:
        if sorted(won[key]) != sorted(kept[key]):
            yield f"question {key}: {won[key]} were told that they won, but the rows say {kept[key]}"
    for execution, action in rows(database, "select execution, action from questions where answered_at is null"):
        yield f"question about {action} of {execution} is open after the end"
    query = "select execution, count(*) from events where type = 'question.answered' group by execution, data having count(*) > 1"
    yield from (
        f"execution {execution}: an answer was announced {count} times" for execution, count in rows(database, query)
    )


def unwanted(world: World, ledger: Ledger) -> Iterator[str]:
    """What nobody confirmed, or what a false condition leaves out, is neither attempted nor called."""
    called = {tuple(record.path.split("/")[2:4]) for record in ledger.requests if record.route in CALLED}
    attempted = {
        (str(execution), str(action))
        for execution, action in rows(
            world.database, "select distinct execution, action from attempts where purpose = 'perform'"
        )
    }
    query = "select execution, action from questions where kind = 'confirmation' and answer = 'confirm'"
    confirmed = {(str(execution), str(action)) for execution, action in rows(world.database, query)}
    for execution, plan in world.plans.items():
        for one in actions_of(plan):
            name = str(one["id"])
            condition = one.get("condition")
            if condition is not None and "false.output" in str(condition["if"]):  # type: ignore[index]  # JSON
                why = "its condition is false"
            elif one.get("userConfirmation") is not None and (execution, name) not in confirmed:
                why = "nobody confirmed it"
            else:
                continue
            if (execution, name) in attempted or (str(plan["name"]), name) in called:
                yield f"{name} of {plan['name']} was begun although {why}"


def actions_of(plan: object) -> list[dict[str, object]]:
    """The actions of a plan document."""
    assert isinstance(plan, dict)
    found: list[dict[str, object]] = plan["actions"]
    return found


def too_early(database: str) -> Iterator[str]:
    """A confirmed action begins after its confirmation, by the store's clock."""
    query = (
        "select q.execution, q.action from questions q join attempts a on a.execution = q.execution and a.action = q.action"
        " where q.kind = 'confirmation' and a.started_at < q.answered_at"
    )
    yield from (f"{action} of {execution} began before it was confirmed" for execution, action in rows(database, query))


def refresh_rows(world: World, credential: str) -> dict[int, list[tuple[int, int | None, str | None, int]]]:
    """The refreshes of a credential by the generation that they replace: begun, settled, outcome, claims; in their order."""
    found: dict[int, list[tuple[int, int | None, str | None, int]]] = defaultdict(list)
    query = "select execution, action, generation, started_at, settled_at, outcome, claims from attempts where purpose = 'refresh' order by started_at"
    for execution, action, generation, began, settled, outcome, claims in rows(world.database, query):
        if world.kind_of(str(execution), str(action)) == credential:
            found[int(str(generation))].append((began, settled, outcome, claims))  # type: ignore[arg-type]  # microseconds
    return found


def doubled_refreshes(world: World) -> Iterator[str]:
    """One refresh per generation: the next one begins after the one before is over without a token, and a token that may be gone is sent twice at most."""
    for credential in CREDENTIALS:
        for generation, tried in refresh_rows(world, credential).items():
            where = f"{credential}, generation {generation}"
            for (_, settled, outcome, _), (began, *_) in pairwise(tried):
                if settled is None or began < settled:
                    yield f"{where}: a refresh began beside another"
                if outcome == "executed":
                    yield f"{where}: it was refreshed again after a success"
            uses = sum(claims for _, _, outcome, claims in tried if outcome != "not_executed")
            if uses > 2:
                yield f"{where}: its refresh token was sent {uses} times and more"


def refreshes_of(world: World, ledger: Ledger, credential: str) -> Refreshes:
    """Sum up the books about a credential."""
    route = f"token {credential}"
    accepted = Counter(record.auth for record in ledger.requests if record.route == credential and record.status != 401)
    by_generation = refresh_rows(world, credential)
    tried = [one for found in by_generation.values() for one in found]
    return Refreshes(
        granted=ledger.route(route).effects,
        reused=sum(one.kind == REUSED and one.route == route for one in ledger.violations),
        used_up=sum(count >= TOKEN_USES for count in accepted.values()),
        lost=sum(claims - 1 + (outcome == "unknown") for _, _, outcome, claims in tried),
        given=sum(name == credential for name, _ in world.told.provided),
        used=sum(
            name == credential and any(outcome == "executed" for _, _, outcome, _ in by_generation[generation + 1])
            for name, generation in world.told.provided
        ),
    )


def excessive_refreshes(world: World, ledger: Ledger) -> Iterator[str]:
    """A replaced refresh token comes again only where an answer may have been lost, and no token is fetched without need."""
    for credential in CREDENTIALS:
        books = refreshes_of(world, ledger, credential)
        if books.reused > books.lost:
            yield f"{credential}: replaced refresh tokens came more often than answers were lost: {books}"
        if credential == "crm" and books.granted > 1 + books.used_up + books.given + books.lost:
            yield f"{credential}: more tokens were fetched than had come to their end: {books}"
    twice = [one for one, count in Counter(world.told.provided).items() if count > 1]
    yield from (f"{name}: generation {generation} was replaced by two people" for name, generation in twice)


def overrun_windows(world: World) -> Iterator[str]:
    """No window of the paced definition holds more beginnings than it may."""
    query = "select execution, action, started_at from attempts where purpose = 'perform' order by started_at"
    began = [
        int(str(at))
        for execution, action, at in rows(world.database, query)
        if world.kind_of(str(execution), str(action)) == "paced" and not world.is_outside(str(execution))
    ]
    requests, window_ms = PACE
    for first, last in zip(began, began[requests:], strict=False):
        if last - first < window_ms * 1000:
            yield f"{requests + 1} paced calls began within {(last - first) / 1000:.0f} ms"


def told_twice(world: World) -> Iterator[str]:
    """An event takes effect once, whoever brings it how often; an attempt is settled by one event and corrected by one."""
    effective = Counter(one.event for one in world.told.receipts if one.result != "duplicate")
    yield from (f"event {event} took effect {count} times" for event, count in effective.items() if count > 1)
    for result in ("settled", "late"):
        settled = Counter(one.attempt for one in world.told.receipts if one.result == result)
        yield from (f"attempt {attempt}: {result} {count} times" for attempt, count in settled.items() if count > 1)
    query = (
        "select execution, data from events where type = 'event.received' group by execution, data having count(*) > 1"
    )
    yield from (f"an event was announced twice: {data}" for _, data in rows(world.database, query))
    received = {str(event) for (event,) in rows(world.database, "select event_id from inbox")}
    missing = {one.event for one in world.told.receipts} - received
    yield from (f"event {event} was acknowledged and is not in the inbox" for event in missing)


def second_effects(ledger: Ledger) -> Iterable[str]:
    """Every side effect happens once, and no other rule of the API is broken."""
    for route in ledger.routes.values():
        yield from (
            f"{route.route} {name} took effect {count} times"
            for name, count in route.effects_by_business_id.items()
            if count > 1
        )
    yield from (f"{one.kind}: {one.detail}" for one in ledger.violations if one.kind not in (REUSED, "second_effect"))
