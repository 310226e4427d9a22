"""The recovery engine around calls: document 001's tests, each kind of measure, and what goes wrong in the engine itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from holdfast.errors import BadInput, CircuitOpen, Exhausted
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.guards.alarm import Alert
from holdfast.guards.ambient import deadline, remaining_s
from holdfast.guards.engine import RecoveryEngine
from holdfast.guards.later_queue import Later, LaterQueue
from holdfast.guards.listening import Event
from holdfast.guards.policy import policy
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.policies.breaker import Breaker
from holdfast.policies.remedies import (
    Degrade,
    RaiseAlert,
    Repeat,
    Severity,
    TripCircuit,
    UseAlternative,
    UseCache,
    UseDefault,
)
from holdfast.policies.retry import Jitter, Retry
from tests.guards.recoveries import (
    Answers,
    HttpError,
    Kept,
    broken_remedy,
    cure,
    failing,
    judge,
    reading,
)
from tests.guards.virtual import VirtualWorld, virtual_world


@pytest.fixture(autouse=True)
def world() -> Iterator[VirtualWorld]:
    """Time passes only when somebody waits."""
    with virtual_world() as found:
        yield found


# --- the tests of document 001 ---


def test_classifies_network_errors_correctly() -> None:
    """A reset connection is labelled as network trouble and is worth a retry."""
    verdict = judge(ConnectionResetError("ECONNRESET: Connection reset by peer"))

    assert "network" in verdict.labels
    assert verdict.retryable


def test_classifies_rate_limit_errors() -> None:
    """A 429 is labelled as a rate limit."""
    assert "rate_limit" in judge(HttpError(429, "Too many requests")).labels


def test_does_not_retry_client_errors() -> None:
    """A 400 is no reason to repeat, and no strategy does."""
    calls = []
    engine = RecoveryEngine(judge=judge)

    def ask() -> None:
        calls.append(1)
        raise HttpError(400, "Bad Request")

    result = engine.run(reading(ask))

    assert not judge(HttpError(400, "Bad Request")).retryable
    assert (False, "none", 1) == (result.success, result.strategy, len(calls))


def test_recovers_from_transient_network_errors() -> None:
    """A call that was reset once is made again, by the strategy that retries."""
    result = RecoveryEngine().run(reading(failing(ConnectionResetError("ECONNRESET"))))

    assert result.success
    assert "retry" in result.strategy
    assert ("fine", 2) == (result.answer, result.attempts)


def test_uses_fallback_when_primary_fails() -> None:
    """When the first answers 500, the secondary API is asked."""
    engine = RecoveryEngine(judge=judge, alternatives={"secondary": lambda: "from elsewhere"})

    result = engine.recover(HttpError(500, "Internal Server Error"), reading(None))

    assert result.fallback_used
    assert (True, "from elsewhere", "server-error-circuit") == (result.success, result.answer, result.strategy)


def test_queues_when_primary_fails_and_there_is_no_fallback() -> None:
    """Without a secondary API the call is kept for later, and that is said truthfully."""
    engine = RecoveryEngine(judge=judge)

    result = engine.recover(HttpError(500, "Internal Server Error"), reading(None))

    assert (False, False, True) == (result.success, result.fallback_used, result.queued_for_later)
    assert 1 == len(engine.queue)  # type: ignore[arg-type]  # the one in memory


def test_opens_circuit_after_threshold_failures() -> None:
    """After enough failed calls the circuit is open, and further calls are turned away unsent."""
    crm = policy(
        "crm",
        breaker=Breaker(failures_consecutive=None, failure_ratio=None, categories={ErrorCategory.USER_CANCELLED: 9}),
    )
    sent: list[int] = []

    @crm
    def ask() -> None:
        sent.append(1)
        raise HttpError(503)

    engine = RecoveryEngine(judge=judge, circuits={"crm": crm})
    results = [engine.run(reading(ask)) for _ in range(6)]

    assert [False, False, False, False, True, False] == [result.circuit_tripped for result in results]
    assert 5 == len(sent)
    with pytest.raises(CircuitOpen, match="is open"):
        ask()


def test_moves_unrecoverable_errors_to_the_dead_letter_queue() -> None:
    """A failure that nobody knows is kept for a person, also when no attempts are left."""
    engine = RecoveryEngine()
    call = reading(None, method="POST", attempt=5)

    result = engine.recover(Exception("Persistent failure"), call)

    assert (False, True, False) == (result.success, result.queued_for_later, result.queue_is_durable)
    assert ("exhausted", 5) == (result.strategy, result.attempts)
    assert [("dead-letter", 300.0)] == [(one.queue, one.due_at_s - 1000.0) for one in LaterQueue.peek(engine.queue)]  # type: ignore[arg-type]  # the one in memory


# --- the waits and the measures ---


def test_waits_as_document_001_says(world: VirtualWorld) -> None:
    """Network trouble is repeated after 1 and 2 s; three attempts are the end."""
    result = RecoveryEngine(keep_exhausted=False).run(reading(failing(*[ConnectionResetError("x")] * 9)))

    assert [1.0, 2.0] == world.waits
    assert (False, "exhausted", 3, False, 3.0) == (
        result.success, result.strategy, result.attempts, result.queued_for_later, result.recovery_time_s,
    )  # fmt: skip


def test_rate_limits_are_waited_out_and_then_answered_from_the_cache(world: VirtualWorld) -> None:
    """After five attempts and five more seconds, the last good answer of the same call is given, and said to be degraded."""
    cache = Answers()
    engine = RecoveryEngine(judge=judge, cache=cache)
    engine.run(reading(lambda: "yesterday", key_inputs=("tenant-a",)))

    mine = engine.run(reading(failing(*[HttpError(429)] * 9), key_inputs=("tenant-a",)))
    theirs = engine.run(reading(failing(*[HttpError(429)] * 9), key_inputs=("tenant-b",)))

    assert [1.0, 3.0, 9.0, 27.0, 5.0] == world.waits[:5]
    assert (True, "yesterday", 5, True, True) == (
        mine.success, mine.answer, mine.attempts, mine.fallback_used, mine.degraded,
    )  # fmt: skip
    assert not theirs.success


def test_a_call_without_declared_inputs_is_kept_for_nobody() -> None:
    """Answers are kept only for calls that say what tells them apart."""
    cache = Answers()

    RecoveryEngine(cache=cache).run(reading(lambda: "secret"))

    assert {} == cache.kept


def test_answers_of_repeats_are_kept_and_lesser_ones_are_not() -> None:
    """What a repeat answered is a good answer; what a remedy made up is none."""
    cache = Answers()

    RecoveryEngine(cache=cache).run(reading(failing(ConnectionResetError("x")), key_inputs=(1,)))
    RecoveryEngine([cure(UseDefault(value=0))], cache=cache).run(reading(failing(ValueError()), key_inputs=(2,)))

    assert ["fine"] == list(cache.kept.values())


def test_alternatives_and_reduced_versions_get_the_arguments() -> None:
    """What stands in for a call is called with what the call was called with."""
    engine = RecoveryEngine(
        [cure(UseAlternative(name="other"), Degrade(reduced="less"))],
        alternatives={"other": failing(ConnectionError("too"))},
        reduced={"less": lambda name, *, short: (name, short)},
    )

    result = engine.run(RecoveryCall(failing(ConnectionError("x")), ("a",), {"short": True}, read_only=True))

    assert (True, ("a", True), False, True) == (
        result.success, result.answer, result.fallback_used, result.degraded,
    )  # fmt: skip


def test_what_is_not_there_is_told_and_passed_over() -> None:
    """A name that stands for nothing does not end a recovery; it says what is missing."""
    engine = RecoveryEngine(
        [
            cure(
                UseCache(),
                UseAlternative(name="nobody"),
                UseAlternative(name="address"),
                Degrade(reduced="nothing"),
                TripCircuit(threshold=1),
                Repeat(refresh_credential=True),
            )
        ],
        alternatives={"address": "https://b.example"},
        keep_exhausted=False,
    )

    results = [engine.run(reading(failing(ConnectionError("x")), credential=name)) for name in (None, "crm")]

    assert [
        "the engine has no cache",
        "no alternative is called 'nobody'",
        "'address' is an address, and the call is no request that could go there",
        "no reduced version is called 'nothing'",
        "no circuit is called 'crm'",
        "the call names no credential",
    ] == [one.why for one in results[0].tried]
    assert "'crm' has no refresher" == results[1].tried[-1].why


def test_a_call_without_key_says_so() -> None:
    """A look into the cache for a call without declared inputs says why it found nothing."""
    result = RecoveryEngine([cure(UseCache())], cache=Answers()).run(reading(failing(ValueError())))
    missed = RecoveryEngine([cure(UseCache())], cache=Answers()).run(reading(failing(ValueError()), key_inputs=()))

    assert "the call declares no key_inputs" == result.tried[0].why
    assert "no good answer of this call is kept" == missed.tried[0].why


def test_a_success_begins_the_count_of_a_circuit_anew(world: VirtualWorld) -> None:
    """Failures count towards a circuit only within the window, and only those since the last success."""
    tripped: list[tuple[str, float, str | None]] = []

    class Switch:
        def trip(self, because: str, seconds: float, *, key: str | None = None) -> None:
            tripped.append((because, seconds, key))

    engine = RecoveryEngine([cure(TripCircuit(threshold=2, window_s=10, open_s=7))], circuits={"crm": Switch()})
    bad = reading(failing(*[ConnectionError("x")] * 99), circuit_key="host-a")

    engine.run(bad)
    engine.run(reading(lambda: 1, circuit_key="host-a"))
    engine.run(bad)
    world.sleep(10.5)
    engine.run(bad)
    engine.run(reading(failing(ConnectionError("y")), circuit_key="host-b"))
    assert [] == tripped
    result = engine.run(bad)

    assert result.circuit_tripped
    assert [("2 calls within 10 s came to recovery", 7, "host-a")] == tripped


def test_a_circuit_is_named_by_the_measure() -> None:
    """A measure may open another circuit than the dependency's own."""
    shared = policy("shared", breaker=Breaker())
    engine = RecoveryEngine([cure(TripCircuit(threshold=1, circuit="shared"))], circuits={"shared": shared})

    assert engine.run(reading(failing(ConnectionError("x")))).circuit_tripped
    with pytest.raises(CircuitOpen):
        shared.call(lambda: 1)


def test_alerts_are_told_once_a_while(world: VirtualWorld, caplog: pytest.LogCaptureFixture) -> None:
    """The same alert is told once a minute, with the count of those held back; another dependency's is another alert."""
    told: list[Alert] = []
    engine = RecoveryEngine([cure(RaiseAlert(message="Help", severity=Severity.CRITICAL))], on_alert=told.append)

    for _ in range(4):
        engine.run(reading(failing(ConnectionError("password=hunter2"))))
    engine.run(reading(failing(ConnectionError("x")), dependency="erp"))
    world.sleep(60.0)
    engine.run(reading(failing(ConnectionError("x"))))

    assert [("crm", 0), ("erp", 0), ("crm", 3)] == [(alert.dependency, alert.repeated) for alert in told]
    assert ("Help", Severity.CRITICAL, "cure", "read") == (
        told[0].message, told[0].severity, told[0].remedy, told[0].operation,
    )  # fmt: skip
    assert "hunter2" not in told[0].error + caplog.text
    assert 3 == sum(record.message.startswith("alert.raised") for record in caplog.records)


def test_a_broken_alert_does_not_break_a_recovery() -> None:
    """Whoever hears alerts may fail: the next measure follows."""

    def shout(alert: Alert) -> None:
        raise RuntimeError(alert.message)

    result = RecoveryEngine([cure(RaiseAlert(), UseDefault(value=1))], on_alert=shout).run(
        reading(failing(ValueError()))
    )

    assert (True, ["failed", "answered"]) == (result.success, [one.ended for one in result.tried])


def test_events_are_told() -> None:
    """Listeners hear how recoveries end."""
    heard: list[Event] = []
    engine = RecoveryEngine(name="crm-recovery")
    engine.on("*", heard.append)

    engine.run(reading(failing(ConnectionResetError("x"))))
    engine.run(reading(failing(ValueError("x"))))

    assert [
        ("recovery.succeeded", "network-retry", "crm-recovery"),
        ("recovery.failed", "none", "crm-recovery"),
    ] == [(event.name, event.facts["strategy"], event.policy) for event in heard]


# --- safety ---


def test_a_write_of_unknown_outcome_is_neither_repeated_nor_sent_elsewhere() -> None:
    """A POST that may have been carried out is left to a person, with its outcome."""
    sent: list[int] = []
    engine = RecoveryEngine([cure(Repeat(), UseAlternative(name="b"))], alternatives={"b": lambda: sent.append(2)})

    def charge() -> None:
        sent.append(1)
        raise ConnectionResetError("x")

    result = engine.run(reading(charge, method="POST"))

    assert ([1], Outcome.UNKNOWN, False) == (sent, result.outcome, result.success)
    assert ["outcome-unknown", "outcome-unknown", "done"] == [one.ended for one in result.tried]


def test_plain_functions_are_not_repeated_without_a_word() -> None:
    """A function may be repeated only if its caller says so."""
    careful = RecoveryEngine().run(failing(ConnectionResetError("x")))
    told = RecoveryEngine().run(RecoveryCall(failing(ConnectionResetError("x")), repeatable=True))

    assert (False, 1) == (careful.success, careful.attempts)
    assert (True, 2) == (told.success, told.attempts)


def test_attempts_of_a_policy_inside_count() -> None:
    """A policy inside that gave up after three attempts leaves no attempts for the strategy, and its outcome is kept to."""
    inner = policy(
        "inner", retry=Retry(attempts_max=3, jitter=Jitter.NONE, initial_delay_s=0, budget=None), repeatable=True
    )
    calls: list[int] = []

    @inner
    def ask() -> None:
        calls.append(1)
        raise ConnectionResetError("x")

    result = RecoveryEngine().run(RecoveryCall(ask, repeatable=True))

    assert isinstance(result.error, Exhausted)
    assert (3, 3, "exhausted") == (len(calls), result.attempts, result.strategy)


def test_recovery_has_depth_one() -> None:
    """What fails inside a recovery is not recovered, by whichever engine."""
    inner = RecoveryEngine([cure(UseDefault(value="inner"))])
    seen: list[str] = []

    def other() -> str:
        result = inner.run(failing(ValueError("x")))
        seen.append(result.strategy)
        return str(result.unwrap())

    result = RecoveryEngine([cure(UseAlternative(name="other"))], alternatives={"other": other}).run(
        reading(failing(ConnectionError("x")))
    )

    assert (["none"], False) == (seen, result.success)
    assert inner.run(failing(ValueError("x"))).success


def test_clients_are_told_how_much_time_is_left(world: VirtualWorld) -> None:
    """During a recovery the remaining time is that of the strategy, or the caller's when that is shorter."""
    seen: list[float | None] = []
    engine = RecoveryEngine([cure(Repeat(attempts_max=2, jitter=Jitter.NONE), timeout_s=10)])

    def ask() -> None:
        seen.append(remaining_s())
        raise ConnectionResetError("x")

    engine.run(reading(ask))
    with deadline(4):
        engine.run(reading(ask))
    with deadline(0.5):
        late = engine.run(reading(ask))

    assert [None, 9.0, 4.0, 3.0, 0.5] == seen
    assert "time" == late.tried[0].ended
    assert [1.0, 1.0] == world.waits


def test_the_original_error_is_what_is_raised() -> None:
    """Without an answer, what went wrong at first is raised, with a note of what was done; the note is there once."""
    error = ConnectionResetError("first")
    result = RecoveryEngine().run(reading(failing(error, TimeoutError("second"), TimeoutError("third"))))

    for _ in range(2):
        with pytest.raises(ConnectionResetError) as caught:
            result.unwrap()

    assert error is caught.value
    assert [
        "holdfast: not recovered (exhausted) after 3 attempts, kept for later in memory; outcome unknown"
    ] == caught.value.__notes__


def test_a_result_says_in_words_what_it_is() -> None:
    """A result can be read by a person."""
    assert "answered by direct after 1 attempt" == str(RecoveryEngine().run(lambda: 1))
    assert "not recovered (none) after 1 attempt; outcome unknown" == str(RecoveryEngine().run(failing(ValueError())))


def test_interruptions_pass_through() -> None:
    """What is no failure of the call, such as Ctrl-C, is not recovered from."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RecoveryEngine([cure(UseDefault())]).run(interrupt)
    with pytest.raises(KeyboardInterrupt):
        RecoveryEngine([cure(UseAlternative(name="a"))], alternatives={"a": interrupt}).run(reading(failing(ConnectionError())))  # fmt: skip


# --- when the engine itself is broken ---


def test_a_broken_predicate_leaves_the_other_strategies() -> None:
    """A strategy whose predicate raises is passed over; the next one helps."""

    assert 1 == RecoveryEngine([broken_remedy(), cure(UseDefault(value=1))]).run(failing(ValueError())).answer


def test_a_broken_predicate_alone_is_a_system_error(caplog: pytest.LogCaptureFixture) -> None:
    """When nothing could be tried because of a defect, the result says so and has the original error; it is logged once a minute."""
    engine = RecoveryEngine([broken_remedy()])
    error = ValueError("mine")

    results = [engine.run(failing(error)) for _ in range(3)]

    assert [(False, "system_error", error)] * 3 == [(one.success, one.strategy, one.error) for one in results]
    assert 1 == sum("recovery.impaired" in record.message for record in caplog.records)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_broken_judge_is_a_system_error(*, is_async: bool) -> None:
    """A judge that raises hides nothing: the original error is in the result."""

    def judge_badly(error: BaseException) -> Verdict:
        raise RuntimeError

    engine, error = RecoveryEngine(judge=judge_badly), ValueError("mine")

    result = asyncio.run(engine.run_async(failing(error))) if is_async else engine.run(failing(error))  # type: ignore[arg-type]  # a plain function is fine too

    assert (False, "system_error", error, 1) == (result.success, result.strategy, result.error, result.attempts)


@pytest.mark.parametrize("is_local", [True, False], ids=["local", "remote"])
def test_a_broken_cache_is_no_trouble_of_the_call(*, is_local: bool) -> None:
    """A cache that raises neither spoils a good answer nor keeps a recovery from going on."""

    class Broken(Answers):
        def get(self, key: str) -> Kept | None:
            raise OSError(key)

        def put(self, key: str, value: object, *, keep_s: float) -> bool:
            raise OSError(key, value, keep_s)

    engine = RecoveryEngine([cure(UseCache(), UseDefault(value=1))], cache=Broken(is_local=is_local))

    good = engine.run(reading(lambda: 42, key_inputs=()))
    bad = engine.run(reading(failing(ValueError()), key_inputs=()))

    assert (42, 1) == (good.answer, bad.answer)
    assert ("failed", "OSError") == (bad.tried[0].ended, bad.tried[0].why)


def test_a_full_queue_keeps_nothing_and_says_so() -> None:
    """When there is no room, the result does not claim that the call is kept."""
    engine = RecoveryEngine(queue=LaterQueue(size_max=1))

    results = [engine.run(failing(Exception("x"))) for _ in range(2)]

    assert [True, False] == [result.queued_for_later for result in results]


def test_a_durable_place_is_told_as_one() -> None:
    """A call that a durable place took is kept for later, durably."""
    kept: list[Later] = []

    class Durable:
        durable = True

        def keep(self, later: Later) -> None:
            kept.append(later)

    engine = RecoveryEngine(queue=Durable())
    result = engine.run(failing(Exception("x")))

    assert (True, True, 1) == (result.queued_for_later, result.queue_is_durable, len(kept))
    with pytest.raises(BadInput, match="LaterQueue"):
        engine.redo()
