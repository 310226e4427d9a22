"""A TCP proxy before a real PostgreSQL that cuts a connection exactly at a COMMIT, once: before the server has it, or before the answer."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["CuttingProxy"]

Side = Literal["before the server has it", "before the answer is through"]
CHUNK = 65_536
ANSWER_WITHIN_S = 20.0


class CuttingProxy:
    """Passes everything through, and cuts the first transaction in which `statement` was sent once that is set; `url` leads through it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = (
            f"postgresql://{parts.username}@127.0.0.1:{self._listener.getsockname()[1]}{parts.path}?sslmode=disable"
        )
        self.statement: bytes | None = None
        self.side: Side = "before the server has it"
        self.cuts = 0
        self.is_refusing = 0
        """So many connections are refused after a cut, as by a server that restarts."""
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, statement: str, side: Side) -> None:
        """Cut the next transaction that sends `statement`, at its COMMIT."""
        with self._lock:
            self.statement, self.side = statement.encode(), side

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    is_refused = self.cuts > 0 and self.is_refusing > 0
                    self.is_refusing -= is_refused
                if is_refused:
                    client.close()
                    continue
                threading.Thread(target=self._pass_through, args=(client,), daemon=True).start()

    def _pass_through(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            server.connect(self._server)
            sent = b""
            while True:
                readable, _, _ = select.select([client, server], [], [])
                if server in readable:
                    data = server.recv(CHUNK)
                    if not data:
                        return
                    client.sendall(data)
                if client in readable:
                    data = client.recv(CHUNK)
                    if not data:
                        return
                    sent += data
                    if b"COMMIT" in sent:
                        if self._is_hit(sent):
                            self._cut(data, client=client, server=server)
                            return
                        sent = b""
                    server.sendall(data)

    def _is_hit(self, sent: bytes) -> bool:
        with self._lock:
            is_hit = self.statement is not None and self.statement in sent
            if is_hit:
                self.statement = None
                self.cuts += 1
            return is_hit

    def _cut(self, data: bytes, *, client: socket.socket, server: socket.socket) -> None:
        if self.side == "before the answer is through":
            server.sendall(data)
            server.settimeout(ANSWER_WITHIN_S)
            answered = b""
            while b"COMMIT\x00" not in answered:
                chunk = server.recv(CHUNK)
                assert chunk, "the server hung up before it committed"
                answered += chunk
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
