"""A server on the loopback that follows a script, one act for each request, and writes down what it was sent and over which connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

END = b"\r\n"
BREAK = END + END


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Answer this; `chunked` bodies come without a length, `sent` bytes of the body are all that is sent before the connection is cut."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunked: bool = False
    sent: int | None = None


@dataclass(frozen=True)
class Cut:
    """Close the connection without a word."""


@dataclass(frozen=True)
class Garbage:
    """Send something that is no HTTP."""


@dataclass(frozen=True)
class Stall:
    """Say nothing until the test is over."""


Act = Answer | Cut | Garbage | Stall


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request as it arrived, and the number of its connection."""

    connection: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """What the server does and has seen. After the last act it answers 200 to everything."""

    acts: list[Act]
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    over: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving(acts: Sequence[Act]) -> Iterator[Script]:
    """Serve a script at `script.url` until the block ends."""
    script = Script(list(acts))
    listener = socket.create_server(("127.0.0.1", 0))
    script.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    threads: list[threading.Thread] = []
    opened: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            script.connections += 1
            opened.append(connection)
            thread = threading.Thread(target=_serve, args=(script, connection, script.connections))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield script
    finally:
        script.over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for connection in opened:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def _serve(script: Script, connection: socket.socket, number: int) -> None:
    with connection, connection.makefile("rb") as stream, contextlib.suppress(OSError):
        while (received := _receive(stream, number)) is not None:
            act = script.acts.pop(0) if script.acts else Answer()
            script.received.append(received)
            if not _act(script, connection, act, received):
                return


def _receive(stream, number: int) -> Received | None:
    line = stream.readline().decode()
    if not line:
        return None
    method, path, _ = line.split(" ", 2)
    headers: dict[str, str] = {}
    while (header := stream.readline().decode().strip()) != "":
        name, _, value = header.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = stream.read(int(headers["content-length"])) if "content-length" in headers else b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        stream.readline()
    return Received(connection=number, method=method, path=path, headers=headers, body=body)


def _act(script: Script, connection: socket.socket, act: Act, received: Received) -> bool:
    """Do one act; whether the connection goes on."""
    match act:
        case Cut():
            return False
        case Garbage():
            connection.sendall(b"EHLO you are not my type" + BREAK)
            return False
        case Stall():
            script.over.wait(60)
            return False
        case Answer():
            connection.sendall(_written(act, received))
            return act.sent is None
    raise AssertionError(act)


def _written(answer: Answer, received: Received) -> bytes:
    head = [f"HTTP/1.1 {answer.status} Reason"]
    head += [f"{name}: {value}" for name, value in answer.headers]
    body = answer.body if answer.sent is None else answer.body[: answer.sent]
    if answer.chunked:
        head.append("Transfer-Encoding: chunked")
        pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        head.append(f"Content-Length: {len(answer.body)}")
    if received.method == "HEAD":
        body = b""
    return "\r\n".join(head).encode() + BREAK + body
