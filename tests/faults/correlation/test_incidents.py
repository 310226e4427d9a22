"""Incidents: many faults become one thing, which begins once, ends once and does not flap."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from holdfast.faults.correlation.causes import IncidentKind as Kind
from holdfast.faults.correlation.fault_window import FaultWindow
from holdfast.faults.correlation.incidents import Change, ChangeKind, Incident, Incidents, Reading
from holdfast.faults.correlation.settings import Correlation
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Outcome, Verdict
from tests.faults.correlation.faults_seen import seen

OPENED, UPDATED, RESOLVED = ChangeKind.OPENED, ChangeKind.UPDATED, ChangeKind.RESOLVED


def refused(at: str) -> Verdict:
    """A connection that nobody took."""
    return seen(C.NETWORK_CONNECTION_REFUSED, at=at, rule="exception:refused", outcome=Outcome.NOT_EXECUTED)


def unresolved(at: str) -> Verdict:
    """A name that could not be resolved."""
    return seen(C.NETWORK_CONNECTION_REFUSED, at=at, rule="exception:name-resolution", outcome=Outcome.NOT_EXECUTED,
                fingerprint=f"dns-{at}")  # fmt: skip


def storm(
    window: FaultWindow, *verdicts: Verdict, count: int, begin: float = 0.0, every_s: float = 0.01
) -> list[Change]:
    """So many rounds of these faults, one after the other."""
    changes: list[Change] = []
    for number in range(count):
        for verdict in verdicts:
            changes += window.record(verdict, begin + number * every_s)
    return changes


def kinds(changes: list[Change]) -> list[tuple[ChangeKind, Kind, str]]:
    """What happened to which incident."""
    return [(change.kind, change.incident.kind, change.incident.name) for change in changes]


# --- one dependency ---


def test_a_dependency_beyond_its_baseline_is_an_incident() -> None:
    """The twentieth error of a dependency that usually has none opens an incident at once, with a cause in words, an example and members."""
    window = FaultWindow()

    before = storm(window, seen(at="crm"), count=19)
    changes = storm(window, seen(at="crm", message="crm is down"), count=1, begin=1.0)

    assert before == []
    assert kinds(changes) == [(OPENED, Kind.DEPENDENCY, "crm")]
    incident = changes[0].incident
    assert (incident.since_s, incident.last_s, incident.count, incident.members) == (1.0, 1.0, 20, ("crm",))
    assert incident.cause == "crm fails more than usual: 20 times in 60 s, usually 0"
    assert (incident.example, incident.fingerprint) == ("it broke", "2:api_unexpected_status-crm")


def test_what_is_usual_is_no_incident() -> None:
    """A dependency that always fails fifteen times a minute is an incident only at three times that."""
    window = FaultWindow()
    usual = storm(window, seen(at="crm"), count=400, every_s=4.0)

    more = storm(window, seen(at="crm"), count=25, begin=1_600.0, every_s=1.0)
    storming = storm(window, seen(at="crm"), count=60, begin=1_625.0, every_s=0.1)

    assert (usual, more) == ([], [])
    assert kinds(storming) == [(OPENED, Kind.DEPENDENCY, "crm")]
    assert storming[0].incident.in_window >= 40
    assert 13 <= storming[0].incident.usual <= 18


def test_what_was_usual_an_hour_ago_is_so_no_more() -> None:
    """Quiet windows count for the baseline, also those in which nobody looked."""
    window = FaultWindow()
    storm(window, seen(at="crm"), count=400, every_s=4.0)

    changes = storm(window, seen(at="crm"), count=25, begin=1_600.0 + 3_600.0)

    assert kinds(changes) == [(OPENED, Kind.DEPENDENCY, "crm")]
    assert changes[0].incident.usual < 1


def test_an_incident_is_resolved_when_it_was_quiet_for_long_enough() -> None:
    """Two minutes after the errors have left the window, it is over, even if nobody looked in between; and it is told once."""
    window = FaultWindow()
    storm(window, seen(at="crm"), count=20)

    too_early = window.look(60.19 + 119.0)
    changes = window.look(60.19 + 120.01)

    assert too_early == ()
    assert kinds(list(changes)) == [(RESOLVED, Kind.DEPENDENCY, "crm")]
    assert (window.open, window.resolved) == ((), (changes[0].incident,))
    assert not changes[0].incident.is_open
    assert window.look(500.0) == ()


def test_a_new_storm_within_the_quiet_time_is_the_same_incident() -> None:
    """Errors that come back before it was quiet for two minutes go on with the incident that is there."""
    window = FaultWindow()
    first = storm(window, seen(at="crm"), count=20)
    window.look(100.0)

    again = storm(window, seen(at="crm"), count=20, begin=150.0)

    assert again == []
    assert [change.kind for change in window.look(205.0)] == [UPDATED]
    (incident,) = window.open
    assert (incident.id, incident.count) == (first[0].incident.id, 40)


def test_a_long_storm_is_told_again_as_it_doubles_and_not_more_than_once_a_minute() -> None:
    """An open incident is told of again when its errors have doubled."""
    window = FaultWindow()

    changes = storm(window, seen(at="crm"), count=3_000, every_s=0.1)

    assert [change.kind for change in changes] == [OPENED, UPDATED, UPDATED, UPDATED]
    times = [change.incident.last_s for change in changes]
    assert all(later - earlier >= 60 for earlier, later in itertools.pairwise(times))


def test_half_a_day_of_it_is_the_new_normal() -> None:
    """A dependency that fails the same way for hours has that as its baseline, and its incident ends."""
    window = FaultWindow()

    changes = storm(window, seen(at="crm"), count=8 * 60 * 30, every_s=2.0)

    assert kinds(changes)[0] == (OPENED, Kind.DEPENDENCY, "crm")
    assert kinds(changes)[-1] == (RESOLVED, Kind.DEPENDENCY, "crm")
    assert changes[-1].incident.last_s > 2 * 3_600


# --- one cause at many dependencies ---


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        pytest.param(unresolved, Kind.NAME_RESOLUTION, "the names of 4 dependencies cannot be resolved", id="dns"),
        pytest.param(refused, Kind.CONNECTIVITY, "4 dependencies cannot be reached", id="egress"),
        pytest.param(
            lambda at: seen(C.VALIDATION_FAILED, at=at), Kind.OWN_SIDE, "look at what was deployed last", id="deploy"
        ),
        pytest.param(
            lambda at: seen(C.AUTH_INVALID, at=at), Kind.CREDENTIAL, "credentials for 4 dependencies", id="credentials"
        ),
    ],
)
def test_one_cause_at_many_dependencies_is_one_incident(make, kind: Kind, words: str) -> None:  # type: ignore[no-untyped-def]  # a function of a name
    """Ten thousand errors of one cause at four dependencies are one incident, and none for each dependency."""
    window = FaultWindow()

    changes = storm(window, *(make(f"api-{n}") for n in range(4)), count=2_500, every_s=0.001)

    assert kinds(changes)[0] == (OPENED, kind, "")
    assert {change.incident.kind for change in changes} == {kind}
    window.look(2.5)
    (incident,) = window.open
    assert (incident.count, incident.members_total) == (10_000, 4)
    assert incident.members == ("api-0", "api-1", "api-2", "api-3")
    assert words in incident.cause


def test_a_refused_credential_is_an_incident_of_its_own() -> None:
    """Errors that name the same credential are about the credential, at one dependency or at several."""
    window = FaultWindow()
    verdicts = [seen(C.AUTH_EXPIRED, at=f"api-{n}", credential="SHOP_TOKEN") for n in range(2)]

    changes = storm(window, *verdicts, count=30)

    assert kinds(changes) == [(OPENED, Kind.CREDENTIAL, "SHOP_TOKEN")]
    assert "'SHOP_TOKEN' is refused" in changes[0].incident.cause


def test_two_dependencies_with_the_same_cause_are_two_incidents() -> None:
    """Below three dependencies nothing says that the cause lies between them and us."""
    window = FaultWindow()

    changes = storm(window, refused("a"), refused("b"), count=30)

    assert sorted(kinds(changes)) == [(OPENED, Kind.DEPENDENCY, "a"), (OPENED, Kind.DEPENDENCY, "b")]


def test_the_wider_incident_absorbs_the_narrower() -> None:
    """An incident of one dependency ends in the one that explains it as soon as others show the same cause."""
    window = FaultWindow()
    first = storm(window, refused("a"), count=20)

    changes = storm(window, refused("a"), refused("b"), refused("c"), count=10, begin=10.0, every_s=1.0)

    assert kinds(first) == [(OPENED, Kind.DEPENDENCY, "a")]
    assert kinds(changes) == [(OPENED, Kind.CONNECTIVITY, ""), (RESOLVED, Kind.DEPENDENCY, "a")]
    assert changes[1].incident.into == changes[0].incident.id
    assert [incident.kind for incident in window.open] == [Kind.CONNECTIVITY]


def test_a_dependency_with_few_faults_is_no_member() -> None:
    """One or two faults of a cause at a dependency can be chance: they neither make it a member nor a wider incident."""
    window = FaultWindow()
    few = storm(window, refused("c"), count=2)

    changes = storm(window, refused("a"), refused("b"), count=30, begin=1.0)
    changes += storm(window, refused("d"), count=20, begin=2.0)

    assert few == []
    assert [(kind, what) for kind, what, _ in kinds(changes)][:3] == [
        (OPENED, Kind.DEPENDENCY),
        (OPENED, Kind.DEPENDENCY),
        (OPENED, Kind.CONNECTIVITY),
    ]
    assert changes[2].incident.members == ("a", "b", "d")


def test_errors_of_another_kind_stay_an_incident_of_their_own() -> None:
    """A dependency that fails in its own way during an outage of all is told beside it, once the outage does not explain it."""
    window = FaultWindow()
    outage = storm(window, refused("a"), refused("b"), refused("c"), count=20)

    own = storm(window, seen(at="a"), count=19, begin=1.0)
    more = storm(window, seen(at="a"), count=10, begin=2.0)

    assert [(kind, what) for kind, what, _ in kinds(outage)] == [(OPENED, Kind.CONNECTIVITY)]
    assert own == []
    assert kinds(more) == [(OPENED, Kind.DEPENDENCY, "a")]
    over = [change.incident for change in window.look(500.0)]
    assert [(incident.kind, incident.into) for incident in over] == [(Kind.CONNECTIVITY, None), (Kind.DEPENDENCY, None)]


def test_of_two_across_dependencies_the_one_with_more_members_stays() -> None:
    """Where names fail at some and connections at all of those and more, it is one outage."""
    window = FaultWindow()
    names = storm(window, *map(unresolved, "abc"), count=10)

    changes = storm(window, *map(refused, "abcd"), count=10, begin=1.0)
    changes += window.look(20.0)

    assert kinds(names) == [(OPENED, Kind.NAME_RESOLUTION, "")]
    assert kinds(changes) == [(OPENED, Kind.CONNECTIVITY, ""), (RESOLVED, Kind.NAME_RESOLUTION, "")]


def test_a_narrower_one_across_dependencies_does_not_open_inside_a_wider() -> None:
    """Names that fail at dependencies which cannot be reached anyway are part of that outage."""
    window = FaultWindow()
    storm(window, *map(refused, "abcd"), count=10)

    assert storm(window, *map(unresolved, "abc"), count=10, begin=1.0) == []


def test_more_incidents_than_allowed_wait_for_a_place() -> None:
    """With all places taken, a further one opens when another has ended."""
    window = FaultWindow(Correlation(incidents_max=1, quiet_s=1.0, window_s=10.0))
    storm(window, seen(at="a"), count=20)

    crowded = storm(window, seen(at="b"), count=200, every_s=0.1)

    assert kinds(crowded) == [(RESOLVED, Kind.DEPENDENCY, "a"), (OPENED, Kind.DEPENDENCY, "b")]


def test_ids_of_incidents_tell_processes_apart() -> None:
    """Two processes that see the same at the same moment name their incidents differently; the same process names them alike."""
    found = [storm(FaultWindow(seed=seed), seen(), count=20)[0].incident.id for seed in ("1", "2", "1")]

    assert found[0] == found[2] != found[1]


def test_after_a_clock_was_set_back_incidents_are_dated_by_it() -> None:
    """Moments are told as the clock has them now."""
    window = FaultWindow()
    storm(window, seen(), count=5, begin=1e9)

    changes = storm(window, seen(), count=15, begin=1_000.0)

    assert changes[0].incident.since_s == pytest.approx(1_000.0, abs=0.2)


# --- never flapping, whatever the counts do ---

SETTINGS = Correlation(errors_min=10, quiet_s=30.0, update_s=20.0, window_s=10.0, incidents_max=3)
KEYS = [(Kind.DEPENDENCY, "a"), (Kind.DEPENDENCY, "b"), (Kind.CONNECTIVITY, ""), (Kind.NAME_RESOLUTION, "")]


class CountsThatRiseAndFall(RuleBasedStateMachine):
    """Any readings at any times; a list of what was told is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.incidents = Incidents(SETTINGS)
        self.now = 0.0
        self.ever = dict.fromkeys(KEYS, 0)
        self.told: list[tuple[float, Change]] = []

    @rule(
        pause_s=st.sampled_from([0.0, 0.5, 5.0, 29.9, 30.0, 100.0]),
        counts=st.lists(st.integers(0, 30), min_size=4, max_size=4),
        fits=st.booleans(),
        members=st.sets(st.sampled_from("abcd"), min_size=1),
    )
    def look(self, pause_s: float, counts: list[int], fits: bool, members: set[str]) -> None:
        """Some time later, everything stands somehow."""
        self.now += pause_s
        readings = []
        for key, count in zip(KEYS, counts, strict=True):
            self.ever[key] += count
            mine = (key[1],) if key[1] else tuple(sorted(members))
            readings.append(
                Reading(kind=key[0], name=key[1], count=count, ever=self.ever[key], limit=10.0, usual=0.0, members=mine,
                        members_total=len(mine), fits=fits or bool(key[1]))
            )  # fmt: skip
        for change in self.incidents.step(self.now, readings, newest_s=self.now):
            self.told.append((self.now, change))

    def of(self, incident: Incident) -> list[tuple[float, Change]]:
        """What was told of one incident."""
        return [(now, change) for now, change in self.told if change.incident.id == incident.id]

    @invariant()
    def each_has_one_beginning_and_one_end(self) -> None:
        """An incident is opened once, then updated, then resolved once; what is open is what was opened and not resolved."""
        ids = dict.fromkeys(change.incident.id for _, change in self.told)
        for found in ids:
            story = [change.kind for _, change in self.told if change.incident.id == found]
            assert story[0] is OPENED
            assert story.count(OPENED) == 1
            assert RESOLVED not in story[:-1]
        ended = {change.incident.id for _, change in self.told if change.kind is RESOLVED}
        assert {incident.id for incident in self.incidents.open} == set(ids) - ended
        assert len(self.incidents.open) <= SETTINGS.incidents_max

    @invariant()
    def none_ends_before_its_quiet_time(self) -> None:
        """What is resolved had lasted for the quiet time, or says what absorbed it."""
        for now, change in self.told:
            if change.kind is RESOLVED and change.incident.into is None:
                assert now - change.incident.since_s >= SETTINGS.quiet_s
            if change.incident.into is not None:
                assert any(other.incident.id == change.incident.into for _, other in self.told)

    @invariant()
    def openings_of_the_same_are_apart(self) -> None:
        """The same dependency opens again no sooner than the quiet time after it opened, unless a wider incident came between."""
        for key in KEYS[:2]:
            mine = [(now, change) for now, change in self.told if (change.incident.kind, change.incident.name) == key]
            for (begun, _), (_, ended), (again, _) in _stories(mine):
                assert again - begun >= SETTINGS.quiet_s or ended.incident.into is not None

    @invariant()
    def updates_are_apart(self) -> None:
        """Nobody is told of an open incident more often than set."""
        for incident in self.incidents.open:
            times = [now for now, _ in self.of(incident)]
            assert all(later - earlier >= SETTINGS.update_s for earlier, later in itertools.pairwise(times))


def _stories(told: list[tuple[float, Change]]) -> list[tuple[tuple[float, Change], ...]]:
    rest = [(now, change) for now, change in told if change.kind is not UPDATED]
    return [tuple(rest[n : n + 3]) for n in range(0, len(rest) - 2, 2)]


CountsThatRiseAndFall.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCountsThatRiseAndFall = CountsThatRiseAndFall.TestCase
