"""A server on the loopback interface that fails in every way a connection can, one way per path."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_ANSWERS: dict[str, bytes] = {
    "cut": b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 512\r\n\r\n{"cut":',
    "chunk": b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\n{"cut":',
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nnot-gz",
    "ssh": b"SSH-2.0-OpenSSH_8.9\r\n",
    "html": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>hello</html>  ",
    "loop": b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n",
    "busy": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nX-Request-Id: r-1\r\nContent-Length: 2\r\n\r\n{}",
    "ill": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
}
_HEAD_MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class IllServer:
    """Where the server's ways to fail are found; the last part of an address is the way."""

    plain_port: int
    tls_port: int
    closed_port: int

    def url(self, way: str) -> str:
        """The address of a way to fail."""
        port = {"refused": self.closed_port, "certificate": self.tls_port, "no-tls": self.plain_port}.get(
            way, self.plain_port
        )
        scheme = "https" if way in {"certificate", "no-tls"} else "http"
        host = "no-such-host.invalid" if way == "name" else "127.0.0.1"
        return f"{scheme}://{host}:{port}/{way}"


@contextlib.contextmanager
def ill_server(directory: Path) -> Iterator[IllServer]:
    """Run the server for as long as the block lasts."""
    context = _tls(directory)
    stop = threading.Event()
    plain, tls, closed = _listening(), _listening(), _listening()
    closed_port = closed.getsockname()[1]
    closed.close()
    threads = [
        threading.Thread(target=_serve, args=(sock, stop, ctx), daemon=True)
        for sock, ctx in ((plain, None), (tls, context))
    ]
    for thread in threads:
        thread.start()
    try:
        yield IllServer(plain_port=plain.getsockname()[1], tls_port=tls.getsockname()[1], closed_port=closed_port)
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=5)
        plain.close()
        tls.close()


def _listening() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0), backlog=64)
    sock.settimeout(0.05)
    return sock


def _serve(sock: socket.socket, stop: threading.Event, context: ssl.SSLContext | None) -> None:
    workers: list[threading.Thread] = []
    while not stop.is_set():
        try:
            connection, _ = sock.accept()
        except TimeoutError:
            continue
        except OSError:
            return
        worker = threading.Thread(target=_answer, args=(connection, stop, context), daemon=True)
        worker.start()
        workers.append(worker)
    for worker in workers:
        worker.join(timeout=5)


def _answer(connection: socket.socket, stop: threading.Event, context: ssl.SSLContext | None) -> None:
    connection.settimeout(5)
    with contextlib.suppress(OSError), connection:
        if context is not None:
            with context.wrap_socket(connection, server_side=True) as secured:
                _head(secured)
            return
        way = _head(connection)
        while way == "loop":
            connection.sendall(_ANSWERS["loop"])
            way = _head(connection)
        if way == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif way == "slow":
            stop.wait(timeout=5)
        elif way in _ANSWERS:
            connection.sendall(_ANSWERS[way])


def _head(connection: socket.socket) -> str:
    """Read one request's head; its path without the slash."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _HEAD_MAX_BYTES:
        part = connection.recv(4096)
        if not part:
            return ""
        if not head and part[:1] == b"\x16":
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")  # a TLS hello where HTTP is spoken
            return ""
        head += part
    return head.split(b" ", 2)[1].decode("latin-1").lstrip("/")


def _tls(directory: Path) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, secret = directory / "chain.pem", directory / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context
