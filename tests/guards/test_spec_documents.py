"""The tests that the source documents list for retry and circuit breaker, under their names, against the documents' own settings."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import holdfast
from holdfast.errors import CircuitOpen, Exhausted
from holdfast.policies.breaker import CircuitState
from holdfast.testing import Chaos, chaos, controlled_world, recorded

REFUSED = ConnectionRefusedError("nobody listens")


class Service:
    """Answers from a list; an exception in it is raised."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0

    def __call__(self) -> object:
        """The next answer; "fine" after the last."""
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else "fine"
        if isinstance(answer, Exception):
            raise answer
        return answer


# --- document 004: RetryManager ---


def test_004_retry_manager_retries_on_transient_failures() -> None:
    """Two refused connections, then an answer."""
    service = Service(REFUSED, REFUSED, "answer")

    with controlled_world():
        assert "answer" == holdfast.policy("api", retry=holdfast.Retry.spec_004()).call(service)

    assert 3 == service.calls


def test_004_retry_manager_respects_max_attempts() -> None:
    """Three attempts and no fourth; the error counts them."""
    service = Service(*[REFUSED] * 9)

    with controlled_world(), pytest.raises(Exhausted, match="gave up after 3 attempts") as stopped:
        holdfast.policy("api", retry=holdfast.Retry.spec_004()).call(service)

    assert (3, "attempts-exhausted") == (service.calls, stopped.value.reason)
    assert stopped.value.__cause__ is REFUSED


def test_004_retry_manager_uses_exponential_backoff() -> None:
    """One second, then two, then four, and never more than thirty."""
    policy = holdfast.policy("api", retry=holdfast.Retry(attempts_max=8, jitter="none", budget=None))

    with controlled_world() as world, pytest.raises(Exhausted):
        policy.call(Service(*[REFUSED] * 9))

    assert [1, 2, 4, 8, 16, 30, 30] == world.slept


def test_004_retry_manager_throws_on_non_retryable_errors() -> None:
    """What would fail again is raised at once, as it is."""
    service = Service(ValueError("bad input"))

    with controlled_world() as world, pytest.raises(ValueError, match="bad input"):
        holdfast.policy("api", retry=holdfast.Retry.spec_004()).call(service)

    assert (1, []) == (service.calls, world.slept)


# --- documents 003 and 004: CircuitBreaker ---

PRESETS = [
    pytest.param(holdfast.Breaker.spec_003(), 60, 3, id="003"),
    pytest.param(holdfast.Breaker.spec_004(), 60, 2, id="004"),
]


@pytest.mark.parametrize(("breaker", "open_s", "successes"), PRESETS)
def test_004_circuit_breaker_opens_after_threshold_failures(
    breaker: holdfast.Breaker, open_s: float, successes: int
) -> None:
    """Five failures in a row open it, and the sixth call is not made."""
    service, policy = Service(*[REFUSED] * 9), holdfast.policy("api", breaker=breaker)
    with controlled_world():
        for _ in range(5):
            with pytest.raises(ConnectionRefusedError):
                policy.call(service)

        with pytest.raises(CircuitOpen) as rejected:
            policy.call(service)

    assert 5 == service.calls
    assert open_s == rejected.value.retry_after_s
    assert "ConnectionRefusedError: nobody listens" == rejected.value.last_failure


@pytest.mark.parametrize(("breaker", "open_s", "successes"), PRESETS)
def test_004_circuit_breaker_closes_after_successful_reset(
    breaker: holdfast.Breaker, open_s: float, successes: int
) -> None:
    """After its open time, as many successes as the document says close it."""
    service, policy = Service(*[REFUSED] * 5), holdfast.policy("api", breaker=breaker)
    with controlled_world() as world:
        for _ in range(5):
            with pytest.raises(ConnectionRefusedError):
                policy.call(service)
        world.advance(open_s)
        states = []
        for _ in range(successes):
            policy.call(service)
            states.append(policy.health().state)

    assert [CircuitState.HALF_OPEN] * (successes - 1) + [CircuitState.CLOSED] == states


@pytest.mark.parametrize(("breaker", "open_s", "successes"), PRESETS)
def test_004_circuit_breaker_transitions_through_states_correctly(
    breaker: holdfast.Breaker, open_s: float, successes: int
) -> None:
    """Closed, open, half open, open again after a failed probe, half open, closed: no other way round."""
    service = Service(*[REFUSED] * 6)
    policy = holdfast.policy("api", breaker=breaker)
    with controlled_world() as world, recorded(policy) as events:
        for _ in range(5):
            with pytest.raises(ConnectionRefusedError):
                policy.call(service)
        world.advance(open_s)
        with pytest.raises(ConnectionRefusedError):
            policy.call(service)
        world.advance(open_s)
        for _ in range(successes):
            policy.call(service)

    names = [event.name.removeprefix("circuit.") for event in events if event.name.startswith("circuit.")]
    assert ["opened", "half_opened", "opened", "half_opened", "closed"] == names


# --- document 001 ---


def test_001_should_open_circuit_after_threshold_failures() -> None:
    """Six calls to an endpoint that fails: the next one is turned away with words that say so."""
    service, policy = Service(*[REFUSED] * 9), holdfast.policy("primary-api", breaker=holdfast.Breaker.spec_001())
    with controlled_world():
        for _ in range(6):
            with pytest.raises((ConnectionRefusedError, CircuitOpen)):
                policy.call(service)

        with pytest.raises(CircuitOpen, match="Circuit 'primary-api' is open"):
            policy.call(service)

    assert 5 == service.calls


# --- integration, as documents 003 and 004 ask for it ---


def test_004_test_retry_with_real_api_calls() -> None:
    """A real server that resets the first connection and answers the second."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            first, _ = server.accept()
            first.close()
            second, _ = server.accept()
            with second:
                second.recv(1024)
                second.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        thread = threading.Thread(target=serve)
        thread.start()
        policy = holdfast.policy("api", retry=holdfast.Retry(), repeatable=True)

        @policy
        def fetch() -> bytes:
            with socket.create_connection(server.getsockname(), timeout=10) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                if not (answer := connection.recv(1024)):
                    raise ConnectionResetError("closed without an answer")
                return answer

        with controlled_world():
            answer = fetch()
        thread.join(timeout=10)

    assert answer.endswith(b"ok")


@pytest.mark.parametrize(
    "fault", [ConnectionRefusedError, ConnectionResetError, TimeoutError], ids=lambda kind: kind.__name__
)
def test_003_network_failure_simulation(fault: type[Exception]) -> None:
    """A third of the calls fail in the network; a call that may be repeated works all the same."""
    policy = holdfast.policy("api", retry=holdfast.Retry(attempts_max=10, budget=None), repeatable=True)
    service = Service()

    with controlled_world(), chaos(policy, Chaos(fault_rate=0.33, fault=fault), seed=1):
        answers = {policy.call(service) for _ in range(200)}

    assert ({"fine"}, 200) == (answers, service.calls)


def test_003_service_unavailability_handling() -> None:
    """While a service is down hardly anything is sent to it; once it is back, calls go through again by themselves."""
    policy = holdfast.policy("api", retry=holdfast.Retry(), breaker=holdfast.Breaker(), repeatable=True)
    service, reached, answered_at = Service(), 0, None
    with controlled_world() as world:
        for second in range(1_200):
            down = second < 600
            service.answers = [REFUSED] * 3 if down else []
            before = service.calls
            try:
                policy.call(service)
            except (Exhausted, CircuitOpen):
                reached += service.calls - before
            else:
                answered_at = second if answered_at is None else answered_at
            world.advance(1)

    assert reached <= 12
    assert answered_at is not None
    assert 600 <= answered_at <= 900
    assert CircuitState.CLOSED is policy.health().state


# --- load and errors together, as document 003 asks for it ---


def test_003_error_recovery_under_high_load() -> None:
    """Two thousand calls at once, each refused at first: all of them work in the end, with two attempts each and no more."""
    policy = holdfast.policy("api", retry=holdfast.Retry(budget=None))
    attempts: dict[int, int] = {}

    @policy
    async def fetch(number: int) -> int:
        attempts[number] = attempts.get(number, 0) + 1
        if attempts[number] == 1:
            raise REFUSED
        return number

    async def main() -> list[int]:
        return await asyncio.gather(*(fetch(number) for number in range(2_000)))

    with controlled_world(waits=False):
        answers = asyncio.run(main())

    assert list(range(2_000)) == answers
    assert {2} == set(attempts.values())


def test_003_performance_under_error_conditions() -> None:
    """While everything fails, repeats stay a fifth of the calls beside the floor: an outage does not get three times its load."""
    policy = holdfast.policy("api", retry=holdfast.Retry(initial_delay_s=0))
    service = Service(*[REFUSED] * 100_000)
    with controlled_world() as world:
        for _ in range(10_000):
            with pytest.raises(Exhausted):
                policy.call(service)
            world.advance(0.01)

    seconds, floor_per_s, at_first = 100, 3, 30
    assert 10_000 < service.calls <= 10_000 * 1.2 + seconds * floor_per_s + at_first


def test_003_retry_mechanism_scalability() -> None:
    """A thousand attempts are a thousand calls and one wait less, finite and never above the cap."""
    policy = holdfast.policy("api", retry=holdfast.Retry(attempts_max=1_000, budget=None))
    service = Service(*[REFUSED] * 2_000)

    with controlled_world() as world, pytest.raises(Exhausted):
        policy.call(service)

    assert (1_000, 999) == (service.calls, len(world.slept))
    assert max(world.slept) <= 30


def test_003_circuit_breaker_performance_impact() -> None:
    """A closed circuit lets calls of many threads run at once: none waits for another."""
    policy = holdfast.policy("api", breaker=holdfast.Breaker())
    together = threading.Barrier(8)

    @policy
    def call() -> int:
        return together.wait(timeout=30)

    with ThreadPoolExecutor(8) as pool:
        arrived = sorted(pool.map(lambda _: call(), range(8)))

    assert list(range(8)) == arrived
