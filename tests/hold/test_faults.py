"""Faults of all workers, folded from the journal: on both databases, in batches, from a moment on, and without missing any."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadInput
from holdfast.faults.correlation.causes import IncidentKind
from holdfast.faults.correlation.incidents import ChangeKind
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.hold import faults as journal
from holdfast.hold.faults import FaultReader, place_before, verdict_told
from holdfast.ports.rows import EventRow
from tests.hold.flow_plans import opened, plan, planned
from tests.outbox import LOOKS_MAX, is_caught_up

if TYPE_CHECKING:
    from holdfast.hold import Hold
    from holdfast.ports.store import Snapshot, Tx

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/h.db"
    return str(request.getfixturevalue("fresh_postgres_url"))


def failed(category: str, *, api: str = "crm", action: str = "order", **more: object) -> dict[str, object]:
    """What the journal says of a failed attempt."""
    error = {
        "category": category,
        "message": f"{api} failed",
        "retryable": True,
        "context": {"rule": "generic:x"},
        "outcome": "unknown",
        "apiId": api,
        "fingerprint": f"2:{category}-{api}",
        **more,
    }
    return {"actionId": action, "attemptNumber": 1, "error": error}


def note(hold: Hold, *told: dict[str, object], type_: str = "action.execute.failed", execution: str = "e-1") -> None:
    """Write failed attempts into the journal, in one transaction."""

    def write(tx: Tx) -> None:
        for data in told:
            tx.emit(execution, type_, data={"executionId": execution, **data})

    hold.call(hold.inner._parts.store.transact(write))
    catch_up(hold)


def catch_up(hold: Hold) -> None:
    """Wait until the outbox shows what was committed."""
    for _ in range(LOOKS_MAX):
        if hold.call(hold.inner.read(is_caught_up)):
            return
    raise AssertionError("the outbox is held up")


# --- through a real worker ---


def test_failed_attempts_of_all_executions_are_groups_and_one_incident(url: str) -> None:
    """Twenty-five executions that fail alike are one group and one incident, with the executions that they came from."""
    with opened(url) as hold:

        @hold.action("shop.order", attempts_max=1, repeatable=True)
        def order() -> None:
            raise ValueError("no such size: 'XXL'")

        started = [hold.start(plan(planned("order", "shop.order"))) for _ in range(25)]
        for execution in started:
            assert execution.wait(30).status == "failed"
        catch_up(hold)

        report = hold.faults()

    (group,) = report.groups
    assert (group.count, group.error, group.category) == (25, 0, C.VALIDATION_FAILED)
    assert {ids.execution_id for ids in group.ids} <= {execution.id for execution in started}
    assert len(group.ids) == 10
    assert report.totals.by_category == {C.VALIDATION_FAILED: 25}
    (incident,) = report.open
    assert (incident.kind, incident.count) == (IncidentKind.DEPENDENCY, 25)
    assert abs(incident.since_s - report.until.timestamp()) < 60


# --- what is written into the journal ---


def test_a_reader_goes_on_where_it_was(url: str) -> None:
    """Each failed attempt is counted once, over many readings and batches, whoever wrote it, and nothing else is."""
    with opened(url) as hold:
        reader = hold.call(hold.inner.fault_reader(since_s=3_600))
        journal_batch, journal.BATCH = journal.BATCH, 7
        try:
            totals = []
            for turn in range(3):
                told = [failed("api_unexpected_status", api=f"api-{n % 3}") for n in range(20)]
                note(hold, *told, execution=f"e-{turn}")
                note(hold, {"actionId": "a", "reason": "x"}, type_="action.skipped", execution=f"s-{turn}")
                hold.call(reader.read())
                totals.append(reader.report().totals.total)
            changes = hold.call(reader.read())
        finally:
            journal.BATCH = journal_batch
        report = reader.report()

    assert totals == [20, 40, 60]
    assert changes == ()
    assert report.totals.by_dependency == {"api-0": 21, "api-1": 21, "api-2": 18}


def test_a_refused_credential_is_one_incident_for_all_executions(url: str) -> None:
    """Refreshes that fail in many executions are one incident about the credential."""
    with opened(url) as hold:
        told = {**failed("auth_invalid", api="shop"), "credential": "SHOP_TOKEN", "isFinal": True}
        note(hold, *[told] * 30, type_="credential.refresh_failed")

        report = hold.faults(since_s=60)

    (incident,) = report.open
    assert (incident.kind, incident.name, incident.count) == (IncidentKind.CREDENTIAL, "SHOP_TOKEN", 30)


def test_only_what_happened_since_counts(url: str) -> None:
    """What failed before the moment asked for is not looked at."""
    with opened(url) as hold:
        note(hold, failed("api_unexpected_status"))
        store = hold.inner._parts.store
        now = hold.call(store.read(lambda snapshot: snapshot.now))
        later = FaultReader(store, since=now + timedelta(seconds=1), until=now + timedelta(seconds=2))

        hold.call(later.read())

        assert later.report().totals.total == 0
        assert hold.faults().totals.total == 1


def test_after_a_restore_a_reader_begins_anew(url: str) -> None:
    """A database that was restored from a copy has another history: the reader forgets what it knew and reads it."""
    with opened(url) as hold:
        reader = hold.call(hold.inner.fault_reader())
        note(hold, failed("api_unexpected_status"))
        hold.call(reader.read())
        hold.call(hold.inner._parts.store.transact(lambda tx: tx.put_fact("era", "1")))

        hold.call(reader.read())

        assert reader.report().totals.total == 1


def test_incidents_of_the_past_are_told_with_their_end(url: str) -> None:
    """A storm that ended within the time asked for is a resolved incident of the report."""
    with opened(url) as hold:
        store = hold.inner._parts.store
        note(hold, *[failed("api_unexpected_status")] * 20)
        now = hold.call(store.read(lambda snapshot: snapshot.now))
        reader = FaultReader(store, since=now - timedelta(hours=1), until=now)
        hold.call(reader.read())

        changes = reader._incidents.look(now.timestamp() + 1_000)
        reader._resolved.extend(change.incident for change in changes)

        assert [change.kind for change in changes] == [ChangeKind.RESOLVED]
        assert [incident.count for incident in reader.report().resolved] == [20]


@pytest.mark.parametrize("since_s", [0.5, 32 * 86_400.0, float("nan")])
def test_a_span_out_of_range_is_refused(tmp_path: Path, since_s: float) -> None:
    """One second to 31 days can be asked for."""
    with opened(f"sqlite:///{tmp_path}/h.db") as hold, pytest.raises(BadInput, match="31 days"):
        hold.faults(since_s=since_s)


# --- pure parts ---


def test_an_event_tells_a_verdict_as_far_as_it_goes() -> None:
    """What an older release did not write is what the category says."""
    whole = verdict_told(failed("auth_expired", statusCode=401, code="x", credential="c"))
    bare = verdict_told({"error": {"category": "network_timeout"}})

    assert whole is not None
    assert bare is not None
    assert (whole.api_id, whole.rule, whole.status, whole.code, whole.credential) == ("crm", "generic:x", 401, "x", "c")
    assert (bare.category, bare.api_id, bare.fingerprint, bare.rule) == (
        C.NETWORK_TIMEOUT,
        None,
        "holdfast:network_timeout",
        "",
    )


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"error": "x"},
        {"error": {}},
        {"error": {"category": "unheard_of"}},
        {"error": {"category": "auth_expired", "outcome": "?"}},
    ],
    ids=str,
)
def test_an_event_that_tells_nothing_is_passed_by(data: dict[str, object]) -> None:
    """An error of a newer release does not stop the reader."""
    assert verdict_told(data) is None


@dataclass
class Shelf:
    """Events with gaps, as halving sees them."""

    rows: list[EventRow]
    looks: int = 0

    def newest_event(self) -> tuple[int, datetime] | None:
        """The last of them."""
        return (self.rows[-1].sequence, self.rows[-1].time) if self.rows else None

    def event_from(self, sequence: int) -> EventRow | None:
        """The first that is not below."""
        self.looks += 1
        return next((row for row in self.rows if row.sequence >= sequence), None)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20)), max_size=60), st.integers(-5, 600))
def test_halving_finds_where_to_begin(gaps: list[tuple[int, int]], moment_s: int) -> None:
    """Nothing at the moment or later stands before the place that is found, it is the latest such place, and few events are looked at."""
    rows, sequence, at_s = list[EventRow](), 0, 0
    for step, pause_s in gaps:
        sequence, at_s = sequence + step, at_s + pause_s
        time = NOON + timedelta(seconds=at_s)
        rows.append(EventRow(sequence=sequence, id="", execution="", type="", time=time, data={}, xid=sequence))
    shelf, moment = Shelf(rows), NOON + timedelta(seconds=moment_s)

    found = place_before(cast("Snapshot", shelf), moment)

    before = [row.sequence for row in rows if row.time < moment]
    assert found == ((before[-1], before[-1]) if before else (0, 0))
    assert shelf.looks <= 12


def test_a_reader_on_one_loop_can_be_read_by_an_async_program(tmp_path: Path) -> None:
    """The async door has the same report."""
    from holdfast.settings import load
    from holdfast.wiring import open_async

    async def ask() -> int:
        hold = await open_async(settings=load(arguments={"database.url": f"sqlite:///{tmp_path}/h.db"}, environ={}))
        try:
            return (await hold.faults()).totals.total
        finally:
            await hold.close()

    assert asyncio.run(ask()) == 0
