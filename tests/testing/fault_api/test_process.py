"""The fake API as a process: it serves, it reports, and it never outlives whoever started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2
import pytest

from holdfast.errors import BadInput
from holdfast.testing import FaultApiProcess

if TYPE_CHECKING:
    from pathlib import Path

GUARDED = {
    "credentials": {"crm": {"access_token": "env:FAKE_TOKEN"}},
    "routes": [{"name": "get", "path": "/", "credential": "crm", "body": {"ok": True}}],
    "refused": {"open_after_s": None},
}

# Starts the fake API as holdfast does, says where it is, and then waits to be killed.
PARENT = """
import sys
from holdfast.testing import FaultApiProcess
child = FaultApiProcess(sys.argv[1]).start()
print(child.url, child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A scenario file that needs a secret."""
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(GUARDED))
    return path


def test_serves_and_reports(scenario: Path) -> None:
    """A child serves with the secrets it was given, opens its second port when told, and its ledger can be read and reset."""
    with FaultApiProcess(scenario, environment={"FAKE_TOKEN": "t0"}) as api, httpx2.Client(trust_env=False) as client:
        answer = client.get(f"{api.url}/", headers={"Authorization": "Bearer t0"})
        api.open_refused_port()
        second = client.get(f"{api.refused_url}/")
        calls = api.ledger().route("get").calls
        api.reset()

        assert (200, 401, 2) == (answer.status_code, second.status_code, calls)
        assert 0 == api.ledger().route("get").calls


def test_hands_out_refresh_tokens(tmp_path: Path) -> None:
    """A test can log in at the child's provider as a person would; where nobody can, it is told so."""
    path = tmp_path / "renewable.plant.json"
    path.write_text(json.dumps({"credentials": {"a/b": {"refresh_token": "r0"}}, "routes": []}))
    with FaultApiProcess(path) as api, httpx2.Client(trust_env=False) as client:
        token = api.authorise("a/b")
        renewed = client.post(f"{api.url}/oauth/token", json={"refresh_token": token})

        assert 200 == renewed.status_code
        with pytest.raises(OSError, match="404"):
            api.authorise("crm")


def test_ends_with_its_handle(scenario: Path) -> None:
    """Leaving the context ends the child; stopping twice is harmless."""
    with FaultApiProcess(scenario, environment={"FAKE_TOKEN": "t0"}) as api:
        url = api.url
    api.stop()

    assert api.pid is None
    with pytest.raises(OSError, match="refused"):
        api.ledger()
    assert url == api.url


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is the point of this test")
def test_dies_with_its_parent(scenario: Path) -> None:
    """When the parent is killed with SIGKILL, the fake API ends by itself."""
    command = [sys.executable, "-c", PARENT, str(scenario)]
    environment = {**os.environ, "FAKE_TOKEN": "t0"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        url, _ = parent.stdout.readline().decode().split()
        with httpx2.Client(trust_env=False) as client:
            assert 401 == client.get(url).status_code
            parent.send_signal(signal.SIGKILL)
            parent.wait()

            # The answers stop when the process does, which no clock needs to be watched for.
            assert isinstance(_ask_until_it_fails(client, url), httpx2.TransportError)


def _ask_until_it_fails(client: httpx2.Client, url: str) -> Exception:
    """The error that ends the answers; the test's own time limit is the bound."""
    while True:
        try:
            client.get(url)
        except httpx2.TransportError as err:
            return err


def test_ends_after_its_lifetime(scenario: Path) -> None:
    """A child nobody stops ends by itself after the lifetime it was given."""
    command = [
        sys.executable,
        "-m",
        "holdfast.testing.fault_api",
        "--scenario",
        str(scenario),
        "--keep-running",
        "--lifetime-max",
        "0.05",
    ]
    environment = {**os.environ, "FAKE_TOKEN": "t0"}

    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, env=environment, timeout=30, check=False
    )

    assert (0, b"") == (ended.returncode, ended.stderr)
    assert {"url", "port", "refused_url", "refused_port", "pid"} == set(json.loads(ended.stdout))


def test_says_why_it_cannot_start(scenario: Path) -> None:
    """A scenario that cannot be used is refused in the words of the child, naming what is missing."""
    with pytest.raises(BadInput, match="FAKE_TOKEN is not set"):
        FaultApiProcess(scenario).start()
