"""Real processes: Ctrl-C, workers, and the demo."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Call, OpenShop
from tests.cli.shop import UNANSWERED, Process, come_back_in

Launch = Callable[..., Process]
ID = "7d1f6a2c-0000-4000-8000-000000000001"


def test_the_first_interrupt_leaves_a_run_resumable(call: Call, open_shop: OpenShop, launch: Launch) -> None:
    """Ctrl-C during a wait ends the run with 130 and says how to go on; resume completes it."""
    files = open_shop(come_back_in(2))
    running = launch("run", *files.arguments, "--id", ID)
    running.read_until("wait-until|again in|repeat in")

    running.send(signal.SIGINT)

    assert 130 == running.end()
    assert f"resume {ID}" in running.output
    assert 0 == call("resume", ID).code


def test_the_second_interrupt_ends_at_once(call: Call, open_shop: OpenShop, launch: Launch) -> None:
    """While an attempt is in flight, the first Ctrl-C waits for it and the second does not; nothing is lost either way."""
    files = open_shop({**UNANSWERED, "seconds": 30}, timeout_ms=60_000)
    running = launch("run", *files.arguments, "--id", ID)
    running.read_until("attempt 1 of shop.order")
    running.send(signal.SIGINT)
    running.read_until("Stopping")

    running.send(signal.SIGINT)

    assert 130 == running.end()
    assert 0 == call("resume", ID).code


def test_a_worker_does_what_others_start(call: Call, open_shop: OpenShop, launch: Launch) -> None:
    """While a worker runs, `run` watches it work, a second worker is refused with 1, and SIGTERM ends it with 0."""
    files = open_shop()
    worker = launch("worker")
    worker.read_until("working on")

    ended = call("run", *files.arguments, "--id", ID)

    assert 0 == ended.code
    assert "is the worker of this database" in ended.out
    assert 1 == launch("worker").end()
    worker.read_until(f"INFO {ID}: plan completed")
    worker.send(signal.SIGTERM)
    assert 0 == worker.end()


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL], ids=lambda kind: kind.name)
def test_the_demo_leaves_no_process_behind(launch: Launch, kind: signal.Signals) -> None:
    """Interrupted or killed in the middle, the demo takes its API and its worker along."""
    demo = launch("demo", "--plain", "--directory", "demo")
    pids = [int(re.findall(r"process (\d+)", demo.read_until(f"{part} .*process"))[0]) for part in ("API", "worker")]
    demo.read_until("create_customer")

    demo.send(kind)

    assert (130 if kind is signal.SIGINT else -9) == demo.end()
    for pid in pids:
        wait_for_end(pid)


def wait_for_end(pid: int) -> None:
    """Wait until a process that is not our child has ended; the test's time limit bounds it."""
    while (
        Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    ):
        os.sched_yield()


def test_the_demo_completes_though_its_worker_is_killed(call: Call) -> None:
    """The demo kills its worker, completes all the same with every side effect once, and its last line says `completed`."""
    ended = call("demo", "--directory", "demo")

    lines = ended.out.splitlines()
    assert (0, "completed") == (ended.code, lines[-1])
    assert any("KILL -9" in line for line in lines)
    assert any("in flight when worker" in line for line in lines)
    assert any("network_timeout" in line for line in lines)
    assert "✓ Every side effect happened exactly once. Violations: none." in lines
    short = re.findall(r"why (\w{8}) charge_card --db (\S+)", ended.out)[0]
    assert 0 == call("why", short[0], "charge_card", "--db", short[1]).code
    assert 2 == call("demo", "--directory", "demo").code


def test_the_demo_writes_its_files(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """`demo --files` writes a plan that is valid with the variables it names."""
    ended = call("demo", "--files", "mine")

    for name, value in re.findall(r"export (\w+)=(\S+)", ended.out):
        monkeypatch.setenv(name, value)
    assert 0 == ended.code
    assert 0 == call("validate", "mine/plan.json", "--actions", "mine/actions.json", "--catalog", "mine/catalog").code
