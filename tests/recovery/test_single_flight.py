"""One refresh per expiry on real databases: a thousand calls in flight at once are all refused, by several executions and workers."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from holdfast.errors import CredentialMoved
from holdfast.ports.rows import Purpose
from holdfast.recovery.answer import Answer
from holdfast.settings import load
from holdfast.wiring import open_async
from tests.recovery.bench import EXPIRED
from tests.recovery.test_credentials import INVALID_GRANT, oauth

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from holdfast.contract import ExecutionState
    from holdfast.hold import AsyncHold
    from holdfast.recovery.assigning import Assignment

pytestmark = pytest.mark.anyio


class Provider:
    """What every worker calls: refuses a thousand calls with the old token once all are there, rotates, and revokes at a reuse."""

    def __init__(self, expected: int, now: Callable[[], datetime], *, first: object = "token 1") -> None:
        self.expected, self.now = expected, now
        self.refreshes: Counter[str] = Counter()
        self.first = first
        self.refused = 0
        self.all_there = asyncio.Event()

    async def perform(self, assignment: Assignment) -> Answer:
        """Answer one attempt."""
        answer = Answer(output="{}", observed_at=self.now())
        if assignment.step.purpose is Purpose.REFRESH:
            assert assignment.sealed is not None
            self.refreshes[assignment.sealed.decode(errors="replace")] += 1
            if self.first is not None and not isinstance(self.first, str):
                return replace(answer, output=None, verdict=self.first)  # type: ignore[arg-type]  # a verdict of the script
            return replace(answer, sealed_token=b"fresh")
        if assignment.attempt.generation != 1:
            return answer
        self.refused += 1
        if self.refused == self.expected:
            self.all_there.set()
        await self.all_there.wait()
        return replace(answer, output=None, verdict=EXPIRED)


def plan(actions: int, number: int) -> dict[str, object]:
    """A plan of so many actions that do not wait for one another."""
    return {
        "id": f"0c9a4a52-6d0e-4a6f-9c57-{number:012d}",
        "name": "many",
        "description": "many",
        "intent": {"original": "", "interpreted": "", "confidence": 1},
        "actions": [
            {
                "id": f"a{at}",
                "actionDefinitionId": "pay",
                "inputs": {},
                "dependencies": [],
                "errorHandling": {"continueOnFailure": False},
            }
            for at in range(actions)
        ],
        "expectedOutcome": {"description": "", "validations": []},
        "metadata": {"createdAt": "2026-01-01T00:00:00Z", "estimatedDuration": 0, "tags": []},
    }


async def opened(url: str, provider_of: list[Provider], *, concurrency: int, tmp_path: Path) -> AsyncHold:
    """Open the database with a worker that calls the provider."""
    arguments = {
        "database.url": url,
        "worker.concurrency": concurrency,
        "worker.poll_interval_s": 0.02,
        "secret.key": "a key of some length",
        "data.directory": str(tmp_path),
    }
    hold = await open_async(settings=load(arguments=arguments), environ={"SECRET": "s", "REFRESH": "r"})
    hold._parts.worker._performer = provider_of[0] if provider_of else hold._parts.worker._performer
    return hold


async def play(
    url: str, *, workers: int, executions: int, actions: int, tmp_path: Path, first: object = "token 1"
) -> tuple[Provider, list[ExecutionState]]:
    """Let every action be refused at once; returns the provider and how the executions stand then."""
    calls = executions * actions
    holds = [await opened(url, [], concurrency=calls, tmp_path=tmp_path) for _ in range(workers)]
    provider = Provider(calls, holds[0]._parts.clock.now, first=first)
    stop = asyncio.Event()
    try:
        for hold in holds:
            hold._parts.worker._performer = provider
        await holds[0].set_credential("crm", access_token="old", refresh_token="r1")
        ids = [await holds[0].start(plan(actions, number), [oauth()]) for number in range(executions)]
        working = [asyncio.ensure_future(hold._parts.worker.run(stop)) for hold in holds]
        states = [await holds[0].wait(one, timeout_s=100) for one in ids]
        stop.set()
        await asyncio.gather(*working)
        return provider, states
    finally:
        stop.set()
        for hold in holds:
            await hold.close()


@pytest.mark.parametrize(
    ("database", "workers", "actions"),
    [
        pytest.param("sqlite", 1, 15, id="sqlite"),
        pytest.param("postgres", 3, 15, id="postgres"),
        pytest.param("sqlite", 1, 100, id="sqlite, a thousand", marks=pytest.mark.long),
        pytest.param("postgres", 3, 100, id="postgres, a thousand", marks=pytest.mark.long),
    ],
)
async def test_a_thousand_refused_calls_make_one_refresh(
    database: str, workers: int, actions: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """However many calls of ten executions are refused at the same moment, on however many workers: one refresh, and everybody goes on."""
    url = f"sqlite:///{tmp_path}/h.db" if database == "sqlite" else request.getfixturevalue("fresh_postgres_url")

    provider, states = await play(url, workers=workers, executions=10, actions=actions, tmp_path=tmp_path)

    assert 10 * actions == provider.refused
    assert [1] == list(provider.refreshes.values())
    assert {"completed"} == {state.status.value for state in states}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_a_dead_refresh_token_pauses_everybody_after_one_try(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """When the provider refuses the refresh token, all executions are paused by one question; nobody tries it again."""
    url = f"sqlite:///{tmp_path}/h.db" if database == "sqlite" else request.getfixturevalue("fresh_postgres_url")

    provider, states = await play(url, workers=1, executions=5, actions=4, tmp_path=tmp_path, first=INVALID_GRANT)

    assert [1] == list(provider.refreshes.values())
    assert {"paused_for_confirmation"} == {state.status.value for state in states}
    assert json.dumps([]) == json.dumps([state.error for state in states if state.error])


class Dying(Provider):
    """A provider that rotates and whose first answer is lost with the worker: the old refresh token is refused from then on."""

    async def perform(self, assignment: Assignment) -> Answer:
        """Answer one attempt."""
        if assignment.step.purpose is Purpose.REFRESH and not self.refreshes:
            self.refreshes["lost"] += 1
            raise RuntimeError("the worker dies between the rotation and its commit")
        return await super().perform(assignment)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_a_crash_between_rotation_and_commit_is_one_question_answered_once(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The old refresh token is tried once more, one person is asked for all executions, and the answer lets every one of them end."""
    url = f"sqlite:///{tmp_path}/h.db" if database == "sqlite" else request.getfixturevalue("fresh_postgres_url")
    hold = await opened(url, [], concurrency=20, tmp_path=tmp_path)
    provider = Dying(12, hold._parts.clock.now, first=INVALID_GRANT)
    hold._parts.worker._performer = provider
    stop = asyncio.Event()
    await hold.set_credential("crm", access_token="old", refresh_token="r1")
    ids = [await hold.start(plan(4, number), [oauth()]) for number in range(3)]
    working = asyncio.ensure_future(hold._parts.worker.run(stop))

    paused = [(await hold.wait(one, timeout_s=60)).status.value for one in ids]
    asked = [event.type for one in ids for event in await hold.events(one)].count("credential.asked")
    await hold.set_credential("crm", access_token="by hand", generation=1)
    ended = [(await hold.wait(one, timeout_s=60)).status.value for one in ids]
    stop.set()
    await working
    await hold.close()

    assert (["paused_for_confirmation"] * 3, 1, ["completed"] * 3) == (paused, asked, ended)
    assert 2 == provider.refreshes.total()


class Slow(Provider):
    """A provider whose answer to a refresh comes only when it is let go."""

    def __init__(self, expected: int, now: Callable[[], datetime]) -> None:
        super().__init__(expected, now)
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def perform(self, assignment: Assignment) -> Answer:
        """Answer one attempt."""
        if assignment.step.purpose is Purpose.REFRESH:
            self.asked.set()
            await self.may_answer.wait()
        return await super().perform(assignment)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.parametrize("is_person_first", [True, False])
async def test_whoever_is_first_wins_the_race_for_a_credential(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, *, is_person_first: bool
) -> None:
    """A refresh in flight and a person who answers: the first one's token stays, the other one changes nothing."""
    url = f"sqlite:///{tmp_path}/h.db" if database == "sqlite" else request.getfixturevalue("fresh_postgres_url")
    hold = await opened(url, [], concurrency=20, tmp_path=tmp_path)
    provider = Slow(4, hold._parts.clock.now)
    hold._parts.worker._performer = provider
    stop = asyncio.Event()
    await hold.set_credential("crm", access_token="old", refresh_token="r1")
    one = await hold.start(plan(4, 1), [oauth()])
    working = asyncio.ensure_future(hold._parts.worker.run(stop))
    await provider.asked.wait()

    if is_person_first:
        await hold.set_credential("crm", access_token="by hand", generation=1)
        provider.may_answer.set()
    provider.may_answer.set()
    ended = await hold.wait(one, timeout_s=60)
    if not is_person_first:
        with pytest.raises(CredentialMoved):
            await hold.set_credential("crm", access_token="by hand", generation=1)
    stop.set()
    await working
    row = await hold.read(lambda snapshot: snapshot.credential("crm"))
    await hold.close()

    assert "completed" == ended.status
    assert row is not None
    assert (2, is_person_first) == (row.generation, row.sealed != b"fresh")
