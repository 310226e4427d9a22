"""The demo's plan and its fake API with shorter waits, so that a whole run with its faults takes about two seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.request import ProxyHandler, build_opener

from holdfast.settings import load
from holdfast.testing import (
    FaultApiProcess,
    Ledger,
    make_onboarding_secrets,
    onboarding_scenario_path,
    render_onboarding,
)
from holdfast.wiring import open_async
from tests.acceptance.fleet import WorkerConfig
from tests.planted import planted

if TYPE_CHECKING:
    from holdfast.hold import AsyncHold

__all__ = ["ATTEMPTS", "CALLS", "OnboardingWorld"]

T = TypeVar("T")

ATTEMPTS = (
    "create_customer/perform/1",
    "create_customer/refresh/1",
    "create_customer/perform/2",
    "provision_workspace/perform/1",
    "provision_workspace/perform/2",
    "charge_card/perform/1",
    "charge_card/perform/2",
    "enrich_v1/perform/1",
    "enrich_v2/perform/1",
    "send_welcome/perform/1",
    "send_welcome/perform/2",
    "ledger_entry/perform/1",
    "activate/perform/1",
)
"""Every attempt of an undisturbed run."""

CALLS = {
    "refresh_token": 1,
    "create_customer": 2,
    "provision_workspace": 2,
    "charge_card": 2,
    "send_welcome": 1,  # the first attempt was refused before it could be one
    "enrich_v1": 1,
    "enrich_v2": 1,
    "ledger_entry": 1,
    "activate": 1,
}
"""The calls that the API sees in an undisturbed run, by route."""

SETTINGS = {
    "recovery.backoff_initial_s": 0.1,
    "recovery.timeout_multiplier": 4.0,
    "database.synchronous": "normal",
    "worker.poll_interval_s": 0.05,
}
"""A killed process loses nothing that it had committed without fsync either; only a power cut would."""
TIMEOUT_MS = {"payments.charge": 300}
RETRY_AFTER_S = "1"
WAIT_MAX_S = 40.0


class OnboardingWorld:
    """One fake API, one SQLite file and one execution of the plan; a context manager that ends the API."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.secrets = {name: planted(name) for name in make_onboarding_secrets()}
        self.database = f"sqlite:///{directory / 'holdfast.db'}"
        self.execution = ""
        self._api = FaultApiProcess(shortened_scenario(directory), environment=self.secrets, lifetime_max_s=600)

    def __enter__(self) -> Self:
        self._api.start()
        assert self._api.refused_url is not None
        self._files = render_onboarding(self._api.url, self._api.refused_url, self.directory / "demo")
        shorten_timeouts(self._files.actions)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.stop()

    def worker(self, *, kill_at: str | None = None) -> WorkerConfig:
        """How a worker runs here. Mail opens before the second attempt at it, so that every run has the same attempts."""
        return WorkerConfig(
            database=self.database,
            catalog=str(self._files.catalog),
            settings=SETTINGS,
            environment=self.secrets,
            kill_at=kill_at,
            opens_at="send_welcome/perform/2",
            opens_url=self._api.url,
        )

    def start(self) -> None:
        """Accept the plan, as a program would that leaves the work to a worker."""

        async def accept(hold: AsyncHold) -> str:
            return await hold.start(self._files.plan, [self._files.actions])

        self.execution = self._with_hold(accept)

    def wait(self) -> str:
        """Wait until the execution ends or asks; returns its status on the wire."""

        async def wait(hold: AsyncHold) -> str:
            return (await hold.wait(self.execution, timeout_s=WAIT_MAX_S)).status.value

        return self._with_hold(wait)

    def answer(self, choice: str, *, output: dict[str, object] | None = None) -> None:
        """Answer the one open question."""

        async def answer(hold: AsyncHold) -> str:
            return await hold.answer(self.execution, choice, by="a test", output=output)

        self._with_hold(answer)

    def ledger(self) -> Ledger:
        """What the API saw."""
        return self._api.ledger()

    def look_up_ledger_entry(self) -> dict[str, object]:
        """What a person finds in the books of the other side."""
        with build_opener(ProxyHandler({})).open(f"{self._api.url}/ledger/entries/order_1001", timeout=10) as found:
            entry: dict[str, object] = json.load(found)
        return entry

    def _with_hold(self, work: Callable[[AsyncHold], Awaitable[T]]) -> T:
        async def run() -> T:
            hold = await open_async(
                self.database, catalog=str(self._files.catalog), settings=load(arguments=SETTINGS), environ=self.secrets
            )
            try:
                return await work(hold)
            finally:
                await hold.close()

        return asyncio.run(run())


def shortened_scenario(directory: Path) -> Path:
    """Write the demo's scenario with a short Retry-After and a mail port that opens when it is told to."""
    scenario = json.loads(onboarding_scenario_path().read_text(encoding="utf-8"))
    scenario["refused"] = {"open_after_s": None}
    for route in scenario["routes"]:
        for fault in route.get("faults", ()):
            if "Retry-After" in fault.get("headers", {}):
                fault["headers"]["Retry-After"] = RETRY_AFTER_S
    path = directory / "short.json"
    path.write_text(json.dumps(scenario), encoding="utf-8")
    return path


def shorten_timeouts(actions: Path) -> None:
    """Let the charge that is never answered time out sooner."""
    definitions = json.loads(actions.read_text(encoding="utf-8"))
    for definition in definitions:
        definition["endpoint"]["timeout"] = TIMEOUT_MS.get(definition["id"], definition["endpoint"]["timeout"])
    actions.write_text(json.dumps(definitions), encoding="utf-8")
