"""The fake API's sockets: HTTP/1.1 with keep-alive on the loopback interface, and the ways an answer can be spoiled on the wire.

What to answer is decided by `holdfast.testing.fault_api.world`; this module only receives, delivers, and owns the two ports.
Everything is bounded: connections, body sizes, idle time, hangs.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from holdfast.errors import BadInput, Problem
from holdfast.testing.fault_api.scenario import Scenario
from holdfast.testing.fault_api.scenario_file import load_scenario, parse_scenario
from holdfast.testing.fault_api.world import Delivery, Reply, Request, World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from holdfast.testing.fault_api.ledger import Ledger

__all__ = ["FaultApi"]

LOOPBACK = "127.0.0.1"
BODY_SIZE_MAX_BYTES = 1_048_576
CONNECTIONS_MAX = 512
IDLE_MAX_S = 60.0
POLL_S = 0.05
CHUNK_SIZE_BYTES = 65_536
SLOW_CHUNKS = 20
AUTHORISE = "/_control/authorise/"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST instead of FIN


class FaultApi:
    """A fake HTTP API on loopback that fails as its scenario says and keeps a ledger of what it saw.

    Use it as a context manager inside a test; it serves from threads of this process and leaves none behind.
    For a process of its own, see `FaultApiProcess`.

    `scenario` is a `Scenario`, a decoded JSON document, or the path of a JSON file. `port` and `refused_port` default to any free port.
    `environment` supplies the scenario's `env:NAME` values (default: the process's). `requests_max` bounds the requests that the ledger lists.

    Raises:
        BadInput: the scenario cannot be used, or a port is taken.
    """

    def __init__(
        self,
        scenario: Scenario | Mapping[str, object] | str | Path,
        *,
        port: int = 0,
        refused_port: int = 0,
        environment: Mapping[str, str] | None = None,
        requests_max: int = 10_000,
    ) -> None:
        match scenario:
            case Scenario():
                self.scenario = scenario
            case str() | Path():
                self.scenario = load_scenario(scenario, environment=environment)
            case _:
                self.scenario = parse_scenario(dict(scenario), environment=environment)
        self._wanted_ports = (port, refused_port)
        self._world = World(self.scenario, requests_max=requests_max)
        self._stop = threading.Event()
        self._open = threading.Event()
        self._ports_lock = threading.Lock()
        self._servers: list[_Server] = []
        self._threads: list[threading.Thread] = []

    def start(self) -> Self:
        """Take the ports and serve; returns itself. A stopped API cannot be started again.

        Raises:
            BadInput: a port is taken.
        """
        assert not self._servers, "started already"
        assert not self._stop.is_set(), "stopped already"
        self._world.reset(now_s=time.monotonic())
        main_port, refused_port = self._wanted_ports
        try:
            self._servers.append(_bind(self, main_port))
            if self.scenario.refused is not None:
                self._servers.append(_bind(self, refused_port))
        except BadInput:
            self.stop()
            raise
        self._servers[0].server_activate()
        self._servers[0].is_serving = True
        self._spawn(self._servers[0].serve_forever, POLL_S)
        if self.scenario.refused is not None:
            self._spawn(self._open_when_due)
        return self

    def stop(self) -> None:
        """Close both ports and every connection, and wait for the threads (bounded). Calling twice is safe."""
        with self._ports_lock:
            self._stop.set()
        for server in self._servers:
            if server.is_serving:
                server.shutdown()
            server.server_close()
            server.close_connections()
        for thread in self._threads:
            thread.join(timeout=5.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The main port."""
        return self._servers[0].server_port

    @property
    def url(self) -> str:
        """The main port's base URL, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def refused_port(self) -> int | None:
        """The port that refuses at first; None when the scenario has none."""
        return self._servers[1].server_port if len(self._servers) > 1 else None

    @property
    def refused_url(self) -> str | None:
        """The refusing port's base URL; the same routes are served there once it is open."""
        return None if self.refused_port is None else f"http://{LOOPBACK}:{self.refused_port}"

    def ledger(self) -> Ledger:
        """What was seen and done so far."""
        return self._world.ledger()

    def reset(self) -> None:
        """Forget everything seen, and give out the first tokens again. A refused port that is open stays open."""
        self._world.reset(now_s=time.monotonic())

    def open_refused_port(self) -> None:
        """Let the refused port accept connections from now on; returns when it does."""
        with self._ports_lock:
            if len(self._servers) > 1 and not self._stop.is_set():
                self._servers[1].server_activate()
        self._open.set()

    def authorise(self, credential: str) -> str:
        """Log in anew, as a person does whose tokens were revoked: a refresh token that stays good until it is used.

        Raises:
            KeyError: the scenario has no credential of this name with a refresh token.
        """
        token = self._world.authorise(credential)
        if token is None:
            raise KeyError(credential)
        return token

    def _spawn(self, run: object, *arguments: object) -> None:
        assert callable(run)
        thread = threading.Thread(target=run, args=arguments, daemon=True, name="fault-api")
        self._threads.append(thread)
        thread.start()

    def _open_when_due(self) -> None:
        while not self._stop.is_set() and not self._open.is_set():
            opens_at_s = self._world.opens_at_s()
            if opens_at_s is not None and time.monotonic() >= opens_at_s:
                break
            self._open.wait(POLL_S if opens_at_s is None else max(0.0, min(POLL_S, opens_at_s - time.monotonic())))
        with self._ports_lock:
            if self._stop.is_set():
                return
            self._servers[1].server_activate()
            self._servers[1].is_serving = True
        self._servers[1].serve_forever(POLL_S)

    def answer(self, request: Request) -> Reply:
        """Decide about one request; called by the connections."""
        return self._world.answer(request, now_s=time.monotonic(), now_at=datetime.now(UTC))

    def control(self, method: str, path: str) -> Reply:
        """Answer the fake API's own routes, which never reach the ledger."""
        match method, path:
            case "GET", "/_control/ledger":
                return _own(200, self.ledger().to_json())
            case "POST", "/_control/reset":
                self.reset()
                return _own(200, {"reset": True})
            case "POST", "/_control/open":
                self.open_refused_port()
                return _own(200, {"open": self.refused_port is not None})
            case "POST", _ if path.startswith(AUTHORISE):
                token = self._world.authorise(unquote(path.removeprefix(AUTHORISE)))
                return (
                    _own(200, {"refresh_token": token})
                    if token
                    else _own(404, {"error": {"code": "no_such_credential"}})
                )
        return _own(404, {"error": {"code": "no_such_control"}})

    def wait_unless_stopped(self, seconds: float) -> bool:
        """Wait; True when the API is being stopped."""
        return self._stop.wait(seconds)


def _own(status: int, value: object) -> Reply:
    return Reply(status=status, body=json.dumps(value).encode())


def _bind(api: FaultApi, port: int) -> _Server:
    try:
        return _Server(api, port)
    except (OSError, OverflowError) as err:
        raise BadInput(
            [
                Problem(
                    source=f"port {port}",
                    path="",
                    message=f"cannot be used: {err}; take another, or 0 for any free one",
                )
            ]
        ) from err


class _Server(ThreadingHTTPServer):
    """One port. It is bound when made, so the number is ours, but refuses connections until `server_activate`."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, api: FaultApi, port: int) -> None:
        super().__init__((LOOPBACK, port), _Connection, bind_and_activate=False)
        self.api = api
        self.is_serving = False
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        try:
            self.server_bind()
        except BaseException:
            self.server_close()
            raise

    def server_bind(self) -> None:
        # Not HTTPServer's: that one asks DNS for the name of this host, which can take seconds on a machine without a resolver.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def verify_request(self, request: object, client_address: object) -> bool:  # noqa: ARG002 - socketserver's signature
        with self._connections_lock:
            return len(self._connections) < CONNECTIONS_MAX

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection ended badly: that is what this server is for, so nothing is printed."""

    def add_connection(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.add(connection)

    def remove_connection(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)

    def close_connections(self) -> None:
        with self._connections_lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # closed by its own thread meanwhile


class _Connection(BaseHTTPRequestHandler):
    """One keep-alive connection; requests on it are answered one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "holdfast-fault-api"
    sys_version = ""
    timeout = IDLE_MAX_S
    disable_nagle_algorithm = True
    wbufsize = CHUNK_SIZE_BYTES
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.add_connection(self.connection)

    def finish(self) -> None:
        self.server.remove_connection(self.connection)
        try:
            super().finish()
        except OSError:
            return  # the client is gone; there is nobody to tell

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden argument
        """Print nothing: the ledger is the log."""

    def serve(self) -> None:
        parts = urlsplit(self.path)
        size = self._body_size()
        if size is None:
            return
        body = self.rfile.read(size)
        if len(body) < size:
            self.close_connection = True
            return
        if parts.path.startswith("/_control/"):
            self._deliver(self.server.api.control(self.command, parts.path))
            return
        request = Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        self._deliver(self.server.api.answer(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815 - the names http.server looks for

    def _body_size(self) -> int | None:
        """The size of the request's body; None after refusing one that we cannot take."""
        if "transfer-encoding" in self.headers:
            self._refuse(411, "length_required")
            return None
        text = self.headers.get("content-length", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            self._refuse(400, "bad_length")
            return None
        if int(text) > BODY_SIZE_MAX_BYTES:
            self._refuse(413, "body_too_large")
            return None
        return int(text)

    def _refuse(self, status: int, code: str) -> None:
        self.close_connection = True
        self._deliver(_own(status, {"error": {"code": code}}))

    def _deliver(self, reply: Reply) -> None:
        match reply.delivery:
            case Delivery.WHOLE:
                self._send_head(reply, size=len(reply.body))
                self.wfile.write(reply.body)
                self.wfile.flush()
            case Delivery.SILENCE:
                self._stay_silent(reply.seconds)
            case Delivery.RESET:
                self._reset()
            case Delivery.TRUNCATED:
                self.close_connection = True
                self._send_head(reply, size=len(reply.body))
                self.wfile.write(reply.body[: len(reply.body) // 2])
            case Delivery.SLOW:
                self._send_slowly(reply)
            case Delivery.HUGE:
                self._send_huge(reply)

    def _send_head(self, reply: Reply, *, size: int) -> None:
        self.send_response(reply.status)
        names = {name.lower() for name, _ in reply.headers}
        for name, value in reply.headers:
            self.send_header(name, value)
        if size and "content-type" not in names:
            self.send_header("Content-Type", "application/json")
        if reply.status != 204:
            self.send_header("Content-Length", str(size))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _stay_silent(self, seconds: float) -> None:
        """Until the client closes, the seconds are over, or the API stops; then close without a byte."""
        self.close_connection = True
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0 and not self.server.api.wait_unless_stopped(0):
            readable, _, _ = select.select([self.connection], [], [], min(left_s, POLL_S))
            if readable and not self.connection.recv(CHUNK_SIZE_BYTES):
                return

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.server.remove_connection(self.connection)
        # Not connection.close(): rfile and wfile keep the descriptor open, and socketserver would send a FIN before it goes.
        socket.close(self.connection.detach())

    def _send_slowly(self, reply: Reply) -> None:
        self._send_head(reply, size=len(reply.body))
        step = max(1, -(-len(reply.body) // SLOW_CHUNKS))
        for at in range(0, len(reply.body), step):
            self.wfile.write(reply.body[at : at + step])
            self.wfile.flush()
            if self.server.api.wait_unless_stopped(reply.seconds / SLOW_CHUNKS):
                self.close_connection = True
                return

    def _send_huge(self, reply: Reply) -> None:
        head, tail = b'{"padding":"', b'"}'
        self._send_head(reply, size=reply.size_bytes)
        self.wfile.write(head)
        left = reply.size_bytes - len(head) - len(tail)
        while left > 0:
            count = min(left, CHUNK_SIZE_BYTES)
            self.wfile.write(b"x" * count)
            left -= count
        self.wfile.write(tail)
        self.wfile.flush()
