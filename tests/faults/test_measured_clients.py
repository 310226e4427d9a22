"""What real client libraries raise when a server fails, and what we make of it."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import socket
import urllib.request
import warnings
from collections.abc import Callable, Iterator

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3

from holdfast.faults.capture import capture_exception, capture_names
from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from tests.faults.ill_server import IllServer, ill_server
from tests.faults.samples import NOON


def patience_s(url: str) -> float:
    """A short time where the time is what is tested, and elsewhere one that no busy machine uses up."""
    return 0.2 if url.endswith("/slow") else 20.0


REFUSED, TIMEOUT, MALFORMED = "network_connection_refused", "network_timeout", "api_response_malformed"
NOT, UNKNOWN, EXECUTED = "not_executed", "unknown", "executed"


def with_httpx(url: str) -> object:
    """httpx, without a pool."""
    with httpx.Client(timeout=patience_s(url), follow_redirects=True, max_redirects=3, trust_env=False) as client:
        return client.get(url).raise_for_status().json()


def with_httpx2(url: str) -> object:
    """httpx2, without a pool."""
    with httpx2.Client(timeout=patience_s(url), follow_redirects=True, max_redirects=3, trust_env=False) as client:
        return client.get(url).raise_for_status().json()


def with_httpx2_async(url: str) -> object:
    """httpx2 on an event loop."""

    async def get() -> object:
        async with httpx2.AsyncClient(
            timeout=patience_s(url), follow_redirects=True, max_redirects=3, trust_env=False
        ) as client:
            return (await client.get(url)).raise_for_status().json()

    return asyncio.run(get())


def with_requests(url: str) -> object:
    """requests."""
    with requests.Session() as session:
        session.trust_env = False
        session.max_redirects = 3
        answer = session.get(url, timeout=patience_s(url))
        answer.raise_for_status()
        return answer.json()


def with_urllib3(url: str) -> object:
    """urllib3, with its own retries for redirects only."""
    with urllib3.PoolManager(
        timeout=patience_s(url), retries=urllib3.Retry(None, connect=0, read=0, redirect=2, other=0)
    ) as pool:
        return json.loads(pool.request("GET", url).data)


def with_urllib(url: str) -> object:
    """The standard library."""
    with urllib.request.urlopen(url, timeout=patience_s(url)) as answer:
        return json.loads(answer.read())


def with_aiohttp(url: str) -> object:
    """aiohttp, with a time for the whole call."""

    async def get() -> object:
        timeout = aiohttp.ClientTimeout(total=60, sock_connect=patience_s(url), sock_read=patience_s(url))
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, max_redirects=3) as answer:
            answer.raise_for_status()
            return await answer.json()

    return asyncio.run(get())


CLIENTS = (with_httpx, with_httpx2, with_httpx2_async, with_requests, with_urllib3, with_urllib, with_aiohttp)
WAYS: dict[str, tuple[set[str], bool, str]] = {
    "refused": ({REFUSED}, True, NOT),
    "name": ({REFUSED}, True, NOT),
    "certificate": ({REFUSED}, False, NOT),
    "no-tls": ({REFUSED}, True, NOT),
    "reset": ({REFUSED}, True, UNKNOWN),
    "empty": ({REFUSED, MALFORMED}, True, UNKNOWN),
    "slow": ({TIMEOUT}, True, UNKNOWN),
    "cut": ({MALFORMED, REFUSED}, True, UNKNOWN),
    "chunk": ({MALFORMED, REFUSED}, True, UNKNOWN),
    "gzip": ({MALFORMED}, True, UNKNOWN),
    "ssh": ({MALFORMED, REFUSED}, True, UNKNOWN),
    "html": ({MALFORMED}, True, UNKNOWN),
    "loop": ({"api_unexpected_status"}, False, UNKNOWN),
    "busy": ({"rate_limit_burst"}, True, NOT),
    "ill": ({"api_unexpected_status"}, True, UNKNOWN),
}
# The standard library does not unpack bodies, urllib3 raises for no status, and urllib takes 429 for the end of a loop.
NOT_RAISED = {("with_urllib", "gzip"), ("with_urllib3", "busy"), ("with_urllib3", "ill")}


# A client that raises in the middle of an answer leaves its socket to the collector, which is the client's business.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """What a client left behind is collected here, and not in the middle of somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IllServer]:
    """The failing server."""
    with ill_server(tmp_path_factory.mktemp("tls")) as running:
        yield running
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", [pytest.param(client, id=client.__name__[5:]) for client in CLIENTS])
def test_reads_what_a_client_raises(
    client: Callable[[str], object], way: str, server: IllServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever client met the failure, it is the same failure; and its names and text alone say as much."""
    if (client.__name__, way) in NOT_RAISED:
        pytest.skip("this client raises nothing here")
    if way == "name":
        monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    with pytest.raises(
        (
            OSError,
            ValueError,
            http.client.HTTPException,
            httpx.HTTPError,
            httpx2.HTTPError,
            aiohttp.ClientError,
            urllib3.exceptions.HTTPError,
        )
    ) as raised:
        client(server.url(way))
    categories, retryable, outcome = WAYS[way]
    exc = raised.value

    whole = classify(capture_exception(exc, operation="get", observed_at=NOON))
    fault = capture_exception(exc, operation="get", observed_at=NOON)
    named = classify(named_only(fault))

    for verdict in (whole, named):
        assert verdict.category in categories, (verdict, fault)
        assert (retryable, outcome) == (verdict.retryable, verdict.outcome), (verdict, fault)
    if way == "busy":
        assert (429, "get") == (whole.status, fault.operation)


def nobody_knows(*_: object, **__: object) -> object:
    """What looking up a name comes to where no server of names is asked."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def named_only(fault: Fault) -> Fault:
    """The same exception as a log has it: its class, its text and the classes of its causes."""
    return capture_names(
        fault.exception_lineage[:1], fault.exception_chain, message=fault.message, operation="get", observed_at=NOON
    )
