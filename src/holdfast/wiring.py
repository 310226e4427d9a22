"""The composition root: the only place that knows adapters. Settings and an address go in, a `Hold` comes out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets as randomness
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.adapters.files.outputs import FileOutputs
from holdfast.adapters.http.integrations import integration
from holdfast.adapters.http.transport import Httpx2Transport
from holdfast.adapters.sealing.fernet import FernetSealer
from holdfast.adapters.sql.database import database_id, open_engine, parse_url, prepare
from holdfast.adapters.sql.steps import LeaseSettings, SqlSteps
from holdfast.adapters.sql.store import open_store
from holdfast.adapters.sql.worker_lock import WorkerLock
from holdfast.adapters.system.clock import SystemClock
from holdfast.adapters.system.vitals import Vitals
from holdfast.decisions.facts import Bounds
from holdfast.drivers.perform import Limits, Performer
from holdfast.errors import EngineMismatch, StoreError
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.hold import AsyncHold, EventLimits, Hold, Parts, Registry
from holdfast.hold.admission import Admission
from holdfast.hold.health import HealthTerms, HealthWatch, OwnCheck
from holdfast.hold.knowing import KnownApis
from holdfast.recovery.answer import CredentialTerms
from holdfast.recovery.gate import Gate, GateBounds
from holdfast.recovery.retention import Keeper, Retention
from holdfast.recovery.turn import Plans
from holdfast.recovery.worker import Worker, WorkerSettings
from holdfast.settings import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import sqlalchemy as sa

    from holdfast.adapters.sql.store import PostgresStore, SqliteStore
    from holdfast.faults.health_checks import HealthResult
    from holdfast.ports.clock import Clock
    from holdfast.ports.http import Transport
    from holdfast.ports.outputs import Outputs
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Store
    from holdfast.settings import Settings

__all__ = ["open_async", "open_hold"]


def open_hold(
    url: str | None = None, *, worker: bool = True, catalog: str | None = None, settings: Settings | None = None
) -> Hold:
    """Open a database and return the door to it; see `holdfast.open`."""
    return Hold(lambda: open_async(url, catalog=catalog, settings=settings), worker=worker)


async def open_async(
    url: str | None = None,
    *,
    catalog: str | None = None,
    settings: Settings | None = None,
    environ: Mapping[str, str] | None = None,
    create: bool = True,
    adopt_engine: bool = False,
) -> AsyncHold:
    """Open a database for an asyncio program.

    `url` and `catalog` beat the settings; without `settings` they are loaded from `holdfast.toml` and the environment. Unless `create`, a
    database that is not there is an error; `adopt_engine` makes the settings' engine this database's (see `agree_on_engine`).

    Raises:
        BadInput: the address, the catalog or a setting is wrong.
        MissingExtra: PostgreSQL without its driver.
        EngineMismatch: other processes keep their steps in this database with another engine.
        StoreError: the database cannot be used.
    """
    settings = settings or load()
    address = parse_url(url or settings.database.url)
    engine, clock = make_engine(address, settings), SystemClock()
    store = await make_store(engine, settings, clock=clock, create=create, adopt_engine=adopt_engine)
    apis = await make_apis(store, settings, directory=catalog, clock=clock)
    place = Place.of(address, settings)
    steps = make_steps(store, engine, name=place.worker, settings=settings)
    transport = make_transport(settings)
    registry, outputs = Registry(), make_outputs(place, engine)
    environ = os.environ if environ is None else environ
    performer = make_performer(
        transport, registry, environ=environ, outputs=outputs, place=place, clock=clock, settings=settings
    )
    plans = Plans()
    worker = make_worker(
        store, steps, plans=plans, performer=performer, clock=clock, place=place, outputs=outputs, settings=settings
    )
    performer.hand_late_answers_to(worker.settle_late)

    async def close() -> None:
        await transport.close()
        await store.close()
        place.leave()

    parts = Parts(
        store=store,
        steps=steps,
        plans=plans,
        clock=clock,
        outputs=outputs,
        worker=worker,
        apis=apis,
        ships_entries=settings.catalog.shipped,
        health=make_health(store, settings, apis=apis, plans=plans, transport=transport, clock=clock),
        environ=environ,
        database=place.database,
        deployment=settings.deployment.name,
        event_limits=event_limits_of(settings),
        actions_max=settings.plan.actions_max,
        plan_size_max_bytes=settings.plan.size_max_bytes,
        takeover_after_s=settings.worker.takeover_after_s,
        admission=Admission(store, clock=clock, most=settings.worker.executions_max),
        registry=registry,
        claim_worker_place=place.claim,
        leave_worker_place=place.leave,
        require_secrets=place.sealer.check,
        sealer=place.sealer,
        close=close,
    )
    return AsyncHold(parts)


def make_performer(
    transport: Transport,
    registry: Registry,
    *,
    environ: Mapping[str, str],
    outputs: Outputs,
    place: Place,
    clock: Clock,
    settings: Settings,
) -> Performer:
    """Return what makes attempts."""
    return Performer(
        transport=transport,
        functions=registry.functions,
        environ=environ,
        outputs=outputs,
        sealer=place.sealer,
        clock=clock,
        limits=limits_of(settings),
        authenticators=registry.authenticators,
        overruns_max=settings.worker.overruns_max,
    )


def make_engine(address: sa.URL, settings: Settings) -> sa.Engine:
    """Return the way to the database."""
    return open_engine(
        address,
        synchronous=settings.database.synchronous,
        busy_timeout_s=settings.database.busy_timeout_s,
        pool_size=settings.postgres.pool_size,
    )


async def make_store(
    engine: sa.Engine, settings: Settings, *, clock: Clock, create: bool, adopt_engine: bool
) -> SqliteStore | PostgresStore:
    """Return the store on a database that is up to date and agrees with us on who keeps the steps."""
    # A migration may have to wait for workers: not on the caller's event loop.
    await asyncio.to_thread(prepare, engine, create=create)
    store = open_store(engine, clock=clock.now, pool_size=settings.postgres.pool_size)
    try:
        await agree_on_engine(store, settings, adopt=adopt_engine)
    except BaseException:
        await store.close()
        raise
    return store


async def make_apis(
    store: SqliteStore | PostgresStore, settings: Settings, *, directory: str | None, clock: Clock
) -> KnownApis:
    """Return what is known of APIs: what comes with Holdfast, unless it is switched off, the database's entries, and the directory's over them."""
    try:
        return await KnownApis.load(
            store,
            directory=directory or settings.catalog.directory,
            shipped=settings.catalog.shipped,
            clock=clock,
            every_s=settings.catalog.reload_interval_s,
        )
    except BaseException:
        await store.close()
        raise


def make_health(
    store: Store, settings: Settings, *, apis: KnownApis, plans: Plans, transport: Httpx2Transport, clock: Clock
) -> HealthWatch:
    """Return what asks APIs whether they are well."""
    return HealthWatch(
        store=store,
        apis=apis,
        plans=plans,
        transport=transport,
        clock=clock,
        draw=random.Random().random,  # noqa: S311 - spreads checks, keeps no secret
        terms=health_terms_of(settings),
        own=own_checks_of(settings),
    )


def make_transport(settings: Settings) -> Httpx2Transport:
    """Return what sends requests."""
    return Httpx2Transport(
        connect_timeout_s=settings.http.connect_timeout_s,
        pool_connections_max=settings.http.pool_connections_max,
        redirects_max=settings.http.redirects_max,
    )


def make_outputs(place: Place, engine: sa.Engine) -> FileOutputs:
    """Return where large outputs are kept: in a directory that belongs to this database alone."""
    return FileOutputs(place.home.absolute() / "outputs" / (place.shelf or database_id(engine)))


def make_worker(
    store: Store,
    steps: Steps,
    *,
    plans: Plans,
    performer: Performer,
    clock: Clock,
    place: Place,
    outputs: Outputs,
    settings: Settings,
) -> Worker:
    """Return what carries out steps, and sees to it after each sweep that nothing is kept for too long."""
    keeper = Keeper(store, outputs, clock=clock, retention=retention_of(settings))
    vitals = Vitals(store, places=place.disks, clock=clock, has_own_clock=place.lock is None)
    return Worker(
        store,
        steps,
        plans=plans,
        performer=performer,
        clock=clock,
        draw=random.Random().random,  # noqa: S311 - spreads waits, keeps no secret
        settings=worker_settings_of(settings, name=place.worker),
        can_perform=performer.can_perform,
        after_sweep=keeper.look,
        gate=Gate(vitals, gate_bounds_of(settings)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a deployment lives: its directory, its database as it is shown, the worker's name, its secrets, and the lock of a SQLite file.

    `shelf` is the directory under `outputs` that belongs to this database alone: two databases may share a `home`, and neither may take the
    other's files for orphans. A SQLite file's is its own name; None where the database has to be asked.
    """

    home: Path
    database: str
    worker: str
    sealer: FernetSealer
    lock: WorkerLock | None
    shelf: str | None

    @classmethod
    def of(cls, address: sa.URL, settings: Settings) -> Place:
        """Return the place that an address and the settings make."""
        host = socket.gethostname()
        if address.get_backend_name() == "sqlite":
            file = Path(str(address.database))
            sealer = FernetSealer(key=settings.secret.key, key_file=file.parent / "secret.key")
            return cls(
                home=file.parent,
                database=str(file),
                worker=f"{host}-{os.getpid()}",
                sealer=sealer,
                lock=WorkerLock(file),
                shelf=file.name,
            )
        return cls(
            home=Path(settings.data.directory),
            database=address.render_as_string(hide_password=True),
            worker=f"{host}-{os.getpid()}-{randomness.token_hex(4)}",
            sealer=FernetSealer(key=settings.secret.key, key_file=None),
            lock=None,
            shelf=None,
        )

    @property
    def disks(self) -> tuple[Path, ...]:
        """Where files of ours stand: the large outputs, and with SQLite the database beside them."""
        return (self.home,)

    def claim(self) -> None:
        """Become the worker of this place; raises WorkerAlreadyRunning where only one may be."""
        if self.lock:
            self.lock.acquire()

    def leave(self) -> None:
        """Let another worker in."""
        if self.lock:
            self.lock.release()


def make_steps(store: Store, engine: sa.Engine, *, name: str, settings: Settings) -> Steps:
    """Return the engine that the settings ask for; `auto` is the lease table on both databases (docs/decisions/0010)."""
    worker = settings.worker
    if settings.worker.engine == "dbos":
        # Imported only here: DBOS costs 0.3 s to import, which users of a SQLite file should not pay.
        from holdfast.adapters.dbos import steps as dbos_steps  # noqa: PLC0415

        dbos_steps.prepare(engine)
        how = dbos_steps.DbosSettings(
            worker=name,
            concurrency=worker.concurrency,
            poll_interval_s=worker.poll_interval_s,
            heartbeat_interval_s=worker.heartbeat_interval_s,
            takeover_after_s=worker.takeover_after_s,
        )
        return dbos_steps.DbosSteps(store, engine=engine, settings=how)
    lease = LeaseSettings(
        worker=name,
        concurrency=worker.concurrency,
        poll_interval_s=worker.poll_interval_s,
        heartbeat_interval_s=worker.heartbeat_interval_s,
        takeover_after_s=worker.takeover_after_s,
    )
    return SqlSteps(store, engine=engine, lease=lease)


async def agree_on_engine(store: Store, settings: Settings, *, adopt: bool) -> None:
    """See to it that all processes on one database keep their steps with one engine: the first to come notes it, the others keep to it.

    While nothing lives, another engine may take the database over by just being used; else only by `adopt`, after which a sweep moves the steps.

    Raises:
        EngineMismatch: the database's engine is another one, and executions live.
    """
    wanted = "dbos" if settings.worker.engine == "dbos" else "sql"
    found, is_busy = await store.read(lambda snapshot: (snapshot.fact("engine"), snapshot.count_live(most=1) > 0))
    if found == wanted:
        return
    if found is not None and is_busy and not adopt:
        raise EngineMismatch(found=found, wanted=wanted)
    with contextlib.suppress(StoreError):  # one that may not be written can be looked at all the same
        await store.transact(lambda tx: tx.put_fact("engine", wanted))


def gate_bounds_of(settings: Settings) -> GateBounds:
    """Return when a worker takes no work, as the settings have it."""
    return GateBounds(
        disk_free_min_fraction=settings.worker.disk_free_min_fraction, clock_skew_max_s=settings.worker.clock_skew_max_s
    )


def worker_settings_of(settings: Settings, *, name: str) -> WorkerSettings:
    """Return how the worker works, as the settings have it."""
    return WorkerSettings(
        name=name,
        bounds=bounds_of(settings),
        crashes_max=settings.worker.crashes_max,
        credentials=CredentialTerms(
            refresh_ahead_s=settings.credentials.refresh_ahead_s,
            question_timeout_s=settings.credentials.question_timeout_s,
        ),
        sweep_interval_s=settings.sweep.interval_s,
        routes=routes_of(settings),
        egress=settings.worker.egress_id or socket.gethostname(),
        external_grace_s=settings.external.grace_s,
    )


def routes_of(settings: Settings) -> dict[ErrorCategory, RecoveryStrategy]:
    """Return the routes that the deployment prescribes, by category."""
    prescribed = {category: getattr(settings.routes, category.value) for category in ErrorCategory}
    return {category: RecoveryStrategy(word) for category, word in prescribed.items() if word is not None}


def retention_of(settings: Settings) -> Retention:
    """Return how long things are kept, as the settings have it; 0 is for ever."""
    retention = settings.retention
    return Retention(
        executions_s=retention.executions_s or None, letters_s=retention.dead_letters_s or None, batch=retention.batch
    )


def bounds_of(settings: Settings) -> Bounds:
    """Return the bounds of recovery as the settings have them."""
    recovery = settings.recovery
    return Bounds(
        attempts_per_action_max=recovery.attempts_per_action_max,
        attempts_per_execution_max=recovery.attempts_per_execution_max,
        attempts_per_category_max=recovery.attempts_per_category_max,
        refreshes_per_action_max=recovery.refreshes_per_action_max,
        probes_max=recovery.probes_per_action_max,
        questions_max=recovery.questions_per_action_max,
        elapsed_max_s=recovery.elapsed_max_s,
        retry_after_max_s=recovery.retry_after_max_s,
        timeout_multiplier=recovery.timeout_multiplier,
        timeout_max_s=recovery.timeout_max_s,
        backoff_initial_s=recovery.backoff_initial_s,
        backoff_multiplier=recovery.backoff_multiplier,
        backoff_max_s=recovery.backoff_max_s,
        answer_within_s=settings.questions.answer_within_s,
    )


def health_terms_of(settings: Settings) -> HealthTerms:
    """Return how APIs are asked whether they are well, as the settings have it."""
    health = settings.health
    return HealthTerms(
        enabled=health.enabled,
        interval_s=health.interval_s,
        timeout_s=health.timeout_s,
        concurrency=health.concurrency,
        results_max=health.results_max,
    )


def own_checks_of(settings: Settings) -> dict[str, OwnCheck]:
    """Return the health checks of the integrations that have one. An integration is made when it is first asked."""

    def check(integration_id: str) -> Callable[[], Awaitable[HealthResult]]:
        return lambda: integration(integration_id, settings=settings).acheck_health()

    return {
        name: OwnCheck(interval_s=declared.health_check.interval_s, perform=check(name))
        for name, declared in settings.integrations.items()
        if declared.health_check is not None
    }


def event_limits_of(settings: Settings) -> EventLimits:
    """Return the bounds of an event as the settings have them."""
    return EventLimits(size_max_bytes=settings.events.size_max_bytes, depth_max=settings.events.depth_max)


def limits_of(settings: Settings) -> Limits:
    """Return the size limits as the settings have them."""
    return Limits(
        response_size_max_bytes=settings.http.response_size_max_bytes,
        inline_output_max_bytes=settings.http.inline_output_max_bytes,
        trace_body_max_bytes=settings.http.trace_body_max_bytes,
    )
