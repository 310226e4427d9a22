"""What grpcio raises at a real server on loopback, by every code that a server can answer with, and without a server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import grpc
import pytest

from holdfast.faults.capture import capture_exception
from holdfast.faults.classify import classify
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Outcome, Verdict

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOT, UNKNOWN = Outcome.NOT_EXECUTED, Outcome.UNKNOWN


class Refusing(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types here
    """A server that answers each method with the code of that name."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The method's handler."""
        code = grpc.StatusCode[details.method.rpartition("/")[2]]

        def refuse(_request: bytes, context: grpc.ServicerContext) -> bytes:
            context.abort(code, "no")
            return b""

        return grpc.unary_unary_rpc_method_handler(refuse)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server's address."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2), handlers=[Refusing()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def judged(address: str, method: str) -> Verdict:
    """The verdict on a call that fails."""
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary(f"/shop.Orders/{method}")(b"", timeout=20)
    return classify(capture_exception(failed.value, operation="order", observed_at=NOON))


@pytest.mark.parametrize(
    ("code", "category", "retryable", "outcome"),
    [
        ("CANCELLED", C.USER_CANCELLED, False, UNKNOWN),
        ("UNKNOWN", C.API_UNEXPECTED_STATUS, True, UNKNOWN),
        ("INVALID_ARGUMENT", C.VALIDATION_FAILED, False, NOT),
        ("DEADLINE_EXCEEDED", C.NETWORK_TIMEOUT, True, UNKNOWN),
        ("NOT_FOUND", C.STATE_INCONSISTENT, False, NOT),
        ("ALREADY_EXISTS", C.STATE_INCONSISTENT, False, NOT),
        ("PERMISSION_DENIED", C.AUTH_INVALID, False, NOT),
        ("RESOURCE_EXHAUSTED", C.RATE_LIMIT_BURST, True, NOT),
        ("FAILED_PRECONDITION", C.STATE_INCONSISTENT, False, NOT),
        ("ABORTED", C.STATE_INCONSISTENT, True, NOT),
        ("OUT_OF_RANGE", C.VALIDATION_FAILED, False, NOT),
        ("UNIMPLEMENTED", C.API_ENDPOINT_REMOVED, False, NOT),
        ("INTERNAL", C.API_UNEXPECTED_STATUS, True, UNKNOWN),
        ("UNAVAILABLE", C.API_UNEXPECTED_STATUS, True, UNKNOWN),
        ("DATA_LOSS", C.API_UNEXPECTED_STATUS, True, UNKNOWN),
        ("UNAUTHENTICATED", C.AUTH_INVALID, False, NOT),
    ],
)
def test_every_code_of_a_server(address: str, code: str, category: C, retryable: bool, outcome: Outcome) -> None:
    """Each of the sixteen codes of failure means what the gRPC documents say it does."""
    verdict = judged(address, code)

    assert (category, retryable, outcome) == (verdict.category, verdict.retryable, verdict.outcome)


def test_nobody_listens() -> None:
    """A connection that was never made did nothing at the other side, although the code is one that servers send as well."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        verdict = judged(f"127.0.0.1:{taken.getsockname()[1]}", "INTERNAL")

    assert (C.NETWORK_CONNECTION_REFUSED, NOT) == (verdict.category, verdict.outcome)
