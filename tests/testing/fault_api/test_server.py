"""The fake API over real sockets, with a real client: every way an answer can go wrong on the wire."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx2
import pytest

from holdfast.errors import BadInput
from holdfast.testing import FaultApi, ViolationKind, read_ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

GIVE_UP_S = 0.15


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    """A client that ignores the proxies of this machine and gives up soon."""
    with httpx2.Client(trust_env=False, timeout=5.0) as one:
        yield one


def _scenario(**fault: object) -> dict[str, object]:
    route: dict[str, object] = {
        "name": "charge",
        "method": "POST",
        "path": "/charges",
        "status": 201,
        "idempotency_header": "Idempotency-Key",
        "business_id": "{body.order}",
        "body": {"id": "ch_{id}"},
    }
    return {
        "routes": [
            {**route, "faults": [{"calls": [1], **fault}] if fault else []},
            {"name": "ping", "path": "/ping", "body": {"ok": True}},
        ]
    }


def _charge(client: httpx2.Client, api: FaultApi, *, timeout_s: float = 5.0) -> httpx2.Response:
    return client.post(f"{api.url}/charges", json={"order": "o1"}, headers={"Idempotency-Key": "k1"}, timeout=timeout_s)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "hang_before_effect"}, httpx2.ReadTimeout),
        ({"kind": "hang_after_effect"}, httpx2.ReadTimeout),
        ({"kind": "hang_after_effect", "seconds": 0}, httpx2.RemoteProtocolError),
        ({"kind": "reset_before_effect"}, httpx2.ReadError),
        ({"kind": "reset_after_effect"}, httpx2.ReadError),
        ({"kind": "truncate"}, httpx2.RemoteProtocolError),
    ],
    ids=lambda value: str(value.get("kind")) if isinstance(value, dict) else value.__name__,
)
def test_breaks_the_connection_as_scripted(
    client: httpx2.Client, fault: dict[str, object], error: type[Exception]
) -> None:
    """The client sees the scripted break; asking again under the same key gives the answer, and the work is done once."""
    with FaultApi(_scenario(**fault)) as api:
        with pytest.raises(error):
            _charge(client, api, timeout_s=GIVE_UP_S)
        again = _charge(client, api)
        ledger = api.ledger()

    was_done = "before" not in str(fault["kind"])
    assert (201, was_done) == (again.status_code, "Idempotent-Replayed" in again.headers)
    assert [was_done, not was_done] == [one.effect for one in ledger.requests]
    assert [fault["kind"], None] == [one.fault for one in ledger.requests]
    assert {"k1": 1} == ledger.route("charge").effects_by_key
    assert () == ledger.violations


def test_a_reset_is_a_reset() -> None:
    """A reset reaches the client as ECONNRESET, not as an orderly end."""
    with (
        FaultApi(_scenario(kind="reset_after_effect")) as api,
        socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection,
    ):
        connection.sendall(b"POST /charges HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")

        with pytest.raises(ConnectionResetError):
            connection.recv(100)


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "start"),
    [
        ({"kind": "garbage"}, 201, "application/json", b'{"id": "8f\x00'),
        ({"kind": "html"}, 200, "text/html; charset=utf-8", b"<!doctype html>"),
        ({"kind": "huge_body", "size_bytes": 300_000}, 201, "application/json", b'{"padding":"xxx'),
        ({"kind": "slow_body", "seconds": 0.1}, 201, "application/json", b'{"id":"ch_'),
    ],
    ids=["garbage", "html", "huge", "slow"],
)
def test_spoils_the_body_as_scripted(
    client: httpx2.Client, fault: dict[str, object], status: int, content_type: str, start: bytes
) -> None:
    """The work is done, but the answer is not what the client hoped for."""
    with FaultApi(_scenario(**fault)) as api:
        answer = _charge(client, api)

        assert (status, content_type) == (answer.status_code, answer.headers["Content-Type"])
        assert start == answer.content[: len(start)]
        assert fault.get("size_bytes", len(answer.content)) == len(answer.content)
        assert 1 == api.ledger().route("charge").effects


def test_a_slow_body_outlasts_an_impatient_client(client: httpx2.Client) -> None:
    """A body that trickles in can time out although the head came at once."""
    with FaultApi(_scenario(kind="slow_body", seconds=60)) as api, pytest.raises(httpx2.ReadTimeout):
        _charge(client, api, timeout_s=GIVE_UP_S)


def test_garbage_is_no_json(client: httpx2.Client) -> None:
    """What is called JSON here cannot be read as JSON."""
    with FaultApi(_scenario(kind="garbage")) as api, pytest.raises(ValueError, match=r"codec|Invalid|Expecting"):
        _charge(client, api).json()


def test_sends_the_client_elsewhere(client: httpx2.Client) -> None:
    """A redirect to another host is answered before any work."""
    with FaultApi(_scenario(kind="redirect", location="http://elsewhere.invalid/charges", status=307)) as api:
        answer = _charge(client, api)

        assert (307, "http://elsewhere.invalid/charges") == (answer.status_code, answer.headers["Location"])
        assert 0 == api.ledger().route("charge").effects


def test_sends_scripted_statuses_with_their_headers(client: httpx2.Client) -> None:
    """A 429 carries its Retry-After; coming back at once is a violation."""
    with FaultApi(
        _scenario(kind="status", status=429, headers={"Retry-After": "2"}, body={"error": "slow down"})
    ) as api:
        answer = _charge(client, api)
        _charge(client, api)

        assert (429, "2", {"error": "slow down"}) == (answer.status_code, answer.headers["Retry-After"], answer.json())
        assert [ViolationKind.EARLY_RETRY] == [one.kind for one in api.ledger().violations]


def test_answers_no_content_without_a_body(client: httpx2.Client) -> None:
    """A 204 has no body, and the connection goes on."""
    with FaultApi({"routes": [{"name": "drop", "method": "DELETE", "path": "/x", "status": 204}]}) as api:
        answers = [client.delete(f"{api.url}/x") for _ in range(2)]

    assert [(204, b"")] * 2 == [(one.status_code, one.content) for one in answers]


def test_keeps_connections_alive() -> None:
    """Two requests on one connection are both answered."""
    with FaultApi(_scenario()) as api, socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n" * 2)

        received = b""
        while received.count(b'{"ok":true}') < 2:
            chunk = connection.recv(4096)
            assert chunk
            received += chunk

    assert 2 == received.count(b"HTTP/1.1 200")


def test_counts_exactly_under_concurrency(client: httpx2.Client) -> None:
    """Many clients with one key make one effect; every call is counted."""
    with FaultApi(_scenario()) as api, ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: _charge(client, api).status_code, range(80)))

        assert [201] * 80 == statuses
        assert (80, 1, 79) == (
            api.ledger().route("charge").calls,
            api.ledger().route("charge").effects,
            api.ledger().route("charge").replays,
        )


def test_refuses_connections_until_opened(client: httpx2.Client) -> None:
    """The second port refuses, and serves the same routes once it is opened by a control call."""
    with FaultApi({**_scenario(), "refused": {"open_after_s": None}}) as api:
        with pytest.raises(httpx2.ConnectError):
            client.get(f"{api.refused_url}/ping")
        client.post(f"{api.url}/_control/open")

        assert {"ok": True} == client.get(f"{api.refused_url}/ping").json()
        assert 1 == api.ledger().route("ping").calls


def test_opens_the_refused_port_by_itself(client: httpx2.Client) -> None:
    """With nothing to wait for, the second port opens without being told."""
    with FaultApi({**_scenario(), "refused": {"open_after_s": 0, "since": "first_request"}}) as api:
        client.get(f"{api.url}/ping")
        retrying = httpx2.HTTPTransport(retries=5)
        with httpx2.Client(transport=retrying, trust_env=False) as patient:
            answer = patient.get(f"{api.refused_url}/ping")

    assert 200 == answer.status_code


def test_shows_and_forgets_the_ledger_over_http(client: httpx2.Client) -> None:
    """The ledger over HTTP equals the ledger in process; control calls do not appear in it; a reset empties it."""
    with FaultApi(_scenario()) as api:
        _charge(client, api)
        seen = read_ledger(api.url)
        client.post(f"{api.url}/_control/reset")

        assert 1 == seen.route("charge").effects
        assert ["charge"] == [one.route for one in seen.requests]
        assert () == read_ledger(api.url).requests
        assert 404 == client.get(f"{api.url}/_control/nothing").status_code


def test_lets_a_person_log_in_anew(client: httpx2.Client) -> None:
    """A refresh token that was handed out is good for a refresh; a credential that has none is an error."""
    with FaultApi({**_scenario(), "credentials": {"crm": {"refresh_token": "r0"}}}) as api:
        renewed = client.post(f"{api.url}/oauth/token", json={"refresh_token": api.authorise("crm")})

        assert 200 == renewed.status_code
        with pytest.raises(KeyError):
            api.authorise("nobody")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 9999999\r\n", b"413"),
        (b"Content-Length: -1\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n", b"411"),
    ],
    ids=["too large", "no number", "no length"],
)
def test_refuses_bodies_it_cannot_bound(head: bytes, status: bytes) -> None:
    """A request whose body is too large, or of unknown size, is refused and not counted."""
    with FaultApi(_scenario()) as api, socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        connection.sendall(b"POST /charges HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")

        assert b"HTTP/1.1 " + status == connection.recv(100)[:12]
        assert 0 == api.ledger().route("charge").calls


def test_stops_at_once_while_a_client_hangs(client: httpx2.Client) -> None:
    """Stopping does not wait for a hang to end, and leaves no thread serving."""
    with FaultApi(_scenario(kind="hang_after_effect", seconds=600)) as api, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_charge, client, api, timeout_s=30.0)
        arrived = threading.Event()
        while not api.ledger().requests:
            assert not arrived.wait(0.001)  # gives way to the other threads; the test's own time limit is the bound
        api.stop()

        assert isinstance(waiting.exception(timeout=10), httpx2.TransportError)
    assert [] == [one for one in threading.enumerate() if one.name == "fault-api"]


def test_a_hang_ends_when_the_client_goes() -> None:
    """A client that closes its side ends the hang at once: nothing is kept for nobody."""
    with (
        FaultApi(_scenario(kind="hang_before_effect", seconds=600)) as api,
        socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection,
    ):
        connection.sendall(b"POST /charges HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)

        assert b"" == connection.recv(100)


def test_says_when_a_port_is_taken() -> None:
    """A port that somebody else has is refused with its number."""
    with FaultApi(_scenario()) as api, pytest.raises(BadInput, match=str(api.port)):
        FaultApi(_scenario(), port=api.port).start()
