"""What no execution needs any more goes: secrets that plans wrote out, rate limits that nobody uses, and the secrets of one execution."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from holdfast.adapters.files.outputs import FileOutputs
from holdfast.contract import ActionDefinition
from holdfast.plans.authentication import LITERAL, own_rows
from holdfast.recovery.begin import begin
from holdfast.recovery.leftovers import forget_limits, forget_literals
from holdfast.recovery.providing import Provided, provide
from holdfast.recovery.purge import purge
from holdfast.recovery.retention import ORPHAN_INTERVAL_S, Keeper, Retention
from tests.recovery.bench import EXECUTION, OTHER, Bench, action, definition, frozen

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.plans.frozen import Frozen

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
SECRET = f"{LITERAL}{'ab' * 32}"


def granted(**changes: object) -> ActionDefinition:
    """A definition whose plan wrote its client's secret out."""
    authentication = {
        "type": "oauth2",
        "clientId": "me",
        "clientSecret": SECRET,
        "tokenUrl": "https://auth.example/token",
        "scope": [],
        "credential": "crm",
    }
    return ActionDefinition.from_wire({**definition("pay").to_wire(), "authentication": authentication, **changes})


def paced(scope: str = "global", *, window: int = 10_000) -> ActionDefinition:
    """A definition that may be called twice in a window. Its name looks like the end of a bucket's."""
    limit = {"requests": 2, "window": window, "scope": scope}
    name = "get 9/1ms global"
    return ActionDefinition.from_wire({**definition(name, "GET").to_wire(), "rateLimit": limit})


def begun(bench: Bench, plan: Frozen, execution: str = EXECUTION) -> None:
    """Start an execution whose plan brings its secret, and end it."""
    kept = {SECRET: b"sealed"}
    bench.transact(
        lambda tx: begin(tx, bench.steps, plans=bench.plans, execution_id=execution, frozen=plan, secrets=kept)
    )
    bench.run()


def names(bench: Bench) -> list[str]:
    """The credentials there are."""
    return [row.name for row in bench.read(lambda snapshot: snapshot.credentials(limit=99))]


def buckets(bench: Bench) -> int:
    """How many rate limits are kept."""
    return len(bench.read(lambda snapshot: snapshot.limits(after="", limit=99)))


async def test_a_secret_of_plans_goes_with_the_last_of_them(tmp_path: Path) -> None:
    """As long as one document names it, it stays; purging the last one forgets it, and no other credential."""
    bench, outputs = Bench(), FileOutputs(tmp_path)
    begun(bench, frozen([action("pay")], [granted()]))
    begun(bench, frozen([action("pay", inputs={"x": 1})], [granted()]), OTHER)

    await purge(bench.store, outputs, execution_id=EXECUTION)
    after_the_first = names(bench)
    await purge(bench.store, outputs, execution_id=OTHER)

    assert (["crm", SECRET], ["crm"]) == (after_the_first, names(bench))


async def test_a_secret_that_is_named_meanwhile_stays() -> None:
    """A plan that starts between the look and the lock keeps its secret."""
    bench = Bench()
    bench.transact(lambda tx: provide(tx, bench.steps, row=SECRET, provided=Provided(sealed=b"s"), generation=None))
    read = bench.store.read

    async def overtaken(work):  # type: ignore[no-untyped-def]  # as the store's own
        found = await read(work)
        begun(bench, frozen([action("pay")], [granted()]))
        return found

    bench.store.read = overtaken  # type: ignore[method-assign]  # the interleaving is what is tested

    assert 0 == await forget_literals(bench.store)
    bench.store.read = read  # type: ignore[method-assign]  # as it was
    assert SECRET in names(bench)


@pytest.mark.parametrize("scope", ["global", "per_user", "per_ip"])
async def test_a_limit_goes_when_its_window_and_a_day_are_over(scope: str) -> None:
    """Not before: what it counts may still matter."""
    bench = Bench()
    made = paced(scope, window=10 * 86_400_000)
    bench.start(frozen([action("a", uses=made.id)], [made]))
    bench.run()
    bench.clock.advance(11 * DAY.total_seconds())
    too_early = await forget_limits(bench.store)
    bench.clock.advance(1)

    gone = await forget_limits(bench.store)

    assert (0, 1, 0) == (too_early, gone, buckets(bench))


async def test_a_limit_that_is_used_again_meanwhile_stays() -> None:
    """A call that begins between the look and the lock keeps its place in the ring."""
    bench = Bench()
    plan = frozen([action("a", uses=paced().id)], [paced()])
    bench.start(plan)
    bench.run()
    bench.clock.advance(3 * DAY.total_seconds())
    transact = bench.store.transact

    async def overtaken(work):  # type: ignore[no-untyped-def]  # as the store's own
        bench.store.transact = transact  # type: ignore[method-assign]  # only the first one
        bench.start(plan, OTHER)
        bench.run_now()
        return await transact(work)

    bench.store.transact = overtaken  # type: ignore[method-assign]  # the interleaving is what is tested

    assert (0, 1) == (await forget_limits(bench.store), buckets(bench))


async def test_the_keeper_looks_once_an_hour(tmp_path: Path) -> None:
    """Without anybody asking for it, what nobody needs goes."""
    bench = Bench()
    bench.transact(lambda tx: provide(tx, bench.steps, row=SECRET, provided=Provided(sealed=b"s"), generation=None))
    keeper = Keeper(bench.store, FileOutputs(tmp_path), clock=bench.clock, retention=Retention())
    await keeper.look()
    before = names(bench)
    bench.clock.advance(ORPHAN_INTERVAL_S)

    await keeper.look()

    assert ([SECRET], []) == (before, names(bench))


async def test_purging_forgets_the_secrets_of_the_execution(tmp_path: Path) -> None:
    """What somebody entrusted to an execution goes with it, whoever set it and whatever the plan says; another's stays."""
    bench = Bench()
    begun(bench, frozen([action("find")]))
    for execution in (EXECUTION, OTHER):
        row = f"{own_rows(execution)}KEY"
        bench.transact(lambda tx, row=row: tx.save_credential(tx.lock_credential(row)))

    purged = await purge(bench.store, FileOutputs(tmp_path), execution_id=EXECUTION)

    assert 1 == purged.rows["credentials"]
    assert f"{own_rows(OTHER)}KEY" in names(bench)
    assert f"{own_rows(EXECUTION)}KEY" not in names(bench)
