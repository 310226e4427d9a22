"""A storm in which people, an executor outside and dying workers race for the same rows: several askers answer every question at once, and twice."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from holdfast.errors import BadInput, CredentialMoved, QuestionClosed
from holdfast.hold import Hold
from tests.acceptance import storm
from tests.acceptance.fleet import WorkerConfig
from tests.acceptance.raced_plans import (
    DEFINITIONS,
    ENVIRON,
    EXECUTOR,
    ignored,
    reports,
    scenario,
)
from tests.acceptance.storm import Chaos, Result

if TYPE_CHECKING:
    from holdfast.hold import AsyncHold
    from holdfast.hold.credentials import Credential
    from holdfast.ports.rows import QuestionRow

__all__ = ["SETTINGS", "Receipt", "Told", "Win", "World", "config_for", "summary"]

SETTINGS: dict[str, object] = {**storm.SETTINGS, "external.grace_s": 0.5, "credentials.refresh_ahead_s": 5.0}
ASKERS = 3
EXECUTORS = 2
ROUND_S = 0.15
MEETING_MAX_S = 10.0
"""Askers begin a round together. One that waits for a database that is busy may come so late."""
ANSWERS_MAX = 200
ROUNDS_MAX = 3
"""Who came too late so often leaves a question to its deadline: its worker is dead, and an asker has other things to do."""
OUTBOX_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Win:
    """An answer that was taken: `kind` is `confirmation`, or `doubt` for a question after an attempt."""

    execution: str
    action: str
    kind: str
    answer: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the executor was told of one of its events."""

    event: str
    attempt: tuple[str, str, int]
    result: str


@dataclass(slots=True)
class Told:
    """What all the threads were told. Lists and counters only, which threads may share."""

    wins: list[Win] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    provided: list[tuple[str, int]] = field(default_factory=list)
    """Credentials that were taken, with the generation that each replaces."""
    outrun: list[str] = field(default_factory=list)
    """Credentials that came too late."""
    receipts: list[Receipt] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """What no thread should ever see."""


def config_for(database: str, **more: object) -> WorkerConfig:
    """How the workers of such a storm run."""
    settings = {**SETTINGS, "worker.engine": "sql"}
    return WorkerConfig(database=database, settings=settings, environment=ENVIRON, **more)  # type: ignore[arg-type]  # as a worker's are


class World(storm.World):
    """The world of `storm` with another API, and with people and an executor in threads of their own."""

    wire = DEFINITIONS
    environ = ENVIRON
    secrets = MappingProxyType({"secret.key": ENVIRON["HOLDFAST_SECRET_KEY"]})

    def __init__(self, directory: Path, database: str, *, seed: int, faults: bool = True) -> None:
        super().__init__(directory, database, seed=seed, faults=faults)
        self.told = Told()
        self.plans: dict[str, Mapping[str, object]] = {}
        self._stop = threading.Event()
        self._round = threading.Barrier(ASKERS)
        self._threads: list[threading.Thread] = []

    def _scenario(self, *, faults: bool) -> dict[str, object]:
        return scenario(self.rng, faults=faults)

    async def _accept(self, plans: Sequence[dict[str, object]]) -> None:
        hold = await self._open()
        try:
            for plan in plans:
                identity = str(plan["id"])
                self.plans[identity] = plan
                executor = EXECUTOR if self.is_outside(identity) else None
                await hold.start(plan, self.definitions, id=identity, external=executor)
        finally:
            await hold.close()

    def is_outside(self, execution: str) -> bool:
        """Whether the executor performs an execution."""
        metadata = self.plans[execution]["metadata"]
        assert isinstance(metadata, dict)
        return EXECUTOR in metadata["tags"]

    def storm(self, chaos: Chaos, *, stall_max_s: float = 40.0) -> Result:
        """Drive it with everybody at work, until every execution has ended or nothing has moved for so long."""
        for number in range(ASKERS):
            self._spawn(Asker, number)
        for number in range(EXECUTORS):
            self._spawn(Executor, number)
        try:
            return super().storm(chaos, stall_max_s=stall_max_s)
        finally:
            self._end_threads()

    def _spawn(self, kind: type[Asker | Executor], number: int) -> None:
        def run() -> None:
            try:
                with Hold(self._open, worker=False) as hold:
                    one = kind(self, hold, number=number)
                    while not self._stop.is_set():
                        one.turn()
                        self._stop.wait(ROUND_S)
            except threading.BrokenBarrierError:
                pass  # the storm is over
            except Exception as err:  # noqa: BLE001 - a thread must not die unseen
                self.told.troubles.append(f"{kind.__name__} {number}: {err!r}")
                self._round.abort()

        thread = threading.Thread(target=run, name=f"{kind.__name__} {number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _end_threads(self) -> None:
        self._stop.set()
        self._round.abort()
        for thread in self._threads:
            thread.join(30)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_threads()
        super().__exit__(kind, error, trace)

    async def _meddle(self, hold: AsyncHold, chaos: Chaos, result: Result) -> None:
        """Cancel something now and then; who is asked is answered by the askers."""
        if self.rng.random() < chaos.cancel_share:
            running = await hold.executions(state="running", limit=20)
            if running:
                result.cancels += await hold.cancel(self.rng.choice(running).id)
        result.answers = len(self.told.wins)
        await asyncio.sleep(0)

    def meet(self) -> None:
        """Wait for the other askers, so that all answer at the same moment."""
        self._round.wait(MEETING_MAX_S)

    def authorise(self, credential: str) -> str:
        """Log in at the provider."""
        return self._api.authorise(credential)

    def has_happened(self, execution: str, action_id: str, number: int) -> bool:
        """What the other side's books say."""
        if self.is_outside(execution):
            request = {"executionId": execution, "actionId": action_id, "attemptNumber": number, "inputs": {}}
            said = reports(request)
            return bool(said) and said[0].event["type"] == "action.execute.completed"
        order = self.plans[execution]["name"]
        kind = self.kind_of(execution, action_id)
        try:
            with build_opener(ProxyHandler({})).open(f"{self._api.url}/{kind}/{order}/{action_id}", timeout=10):
                return True
        except HTTPError as err:
            err.close()
            return False

    def kind_of(self, execution: str, action_id: str) -> str:
        """The definition of an action."""
        actions = self.plans[execution]["actions"]
        assert isinstance(actions, list)
        return next(str(one["actionDefinitionId"]) for one in actions if one["id"] == action_id)


class Asker:
    """One of several people who all see the same questions and answer all of them, each in their own way, and then once more."""

    def __init__(self, world: World, hold: Hold, *, number: int) -> None:
        self._world = world
        self._hold = hold
        self._name = f"asker-{number}"
        self._rng = random.Random(f"{world.rng.random()} {number}")
        self._rounds: Counter[tuple[str, str, int]] = Counter()

    def turn(self) -> None:
        """Answer everything that is open."""
        self._world.meet()
        for question in self._hold.questions(limit=ANSWERS_MAX):
            is_dated = question.kind == "confirmation" and question.deadline is not None
            if is_dated and ignored(question.execution, question.action):
                continue
            key = (question.execution, question.action, question.n)
            self._rounds[key] += 1
            if self._rounds[key] > ROUNDS_MAX:
                continue
            choice = self._choice(question)
            for _ in range(2):
                self._answer(question, choice)
        for credential in self._hold.credentials():
            if credential.state == "asked":
                self._provide(credential)

    def _choice(self, question: QuestionRow) -> str:
        """A mood for a confirmation; the truth for a doubt. Never "again": a frozen worker may still be about to call."""
        match question.kind:
            case "confirmation":
                return self._rng.choice(("confirm", "confirm", "reject"))
            case "outcome":
                has = self._world.has_happened(question.execution, question.action, question.about)
                return "happened" if has else "give-up"
            case _:
                return self._rng.choice(("skip", "give-up"))

    def _answer(self, question: QuestionRow, choice: str) -> None:
        try:
            self._hold.answer(question.execution, choice, action=question.action, by=self._name)
        except QuestionClosed as err:
            self._world.told.losses.append(str(err.by))
        except BadInput:
            self._world.told.losses.append("another question")
        else:
            kind = question.kind if question.kind == "confirmation" else "doubt"
            win = Win(execution=question.execution, action=question.action, kind=kind, answer=choice, by=self._name)
            self._world.told.wins.append(win)

    def _provide(self, credential: Credential) -> None:
        token = self._world.authorise(credential.name)
        try:
            self._hold.set_credential(credential.name, refresh_token=token, generation=credential.generation)
        except CredentialMoved:
            self._world.told.outrun.append(credential.name)
        else:
            self._world.told.provided.append((credential.name, credential.generation))


class Executor:
    """One of several copies of an executor that all hear every request and all report on it: twice is the least that anything is said."""

    def __init__(self, world: World, hold: Hold, *, number: int) -> None:
        self._world = world
        self._hold = hold
        self._rng = random.Random(number)
        self._cursor: str | None = None
        self._due: list[tuple[float, Mapping[str, object]]] = []

    def turn(self) -> None:
        """Hear what is asked, and say what is due, in any order."""
        page = self._hold.outbox(self._cursor, types=("action.execute.requested",), limit=OUTBOX_PAGE)
        self._cursor = page.cursor
        for request in page.events:
            if self._world.is_outside(str(request.data["executionId"])):
                said = reports(request.data)
                self._due += [(time.monotonic() + report.after_s, report.event) for report in said]
        now_s = time.monotonic()
        ripe = [event for at_s, event in self._due if at_s <= now_s]
        self._due = [(at_s, event) for at_s, event in self._due if at_s > now_s]
        self._rng.shuffle(ripe)
        for event in ripe:
            self._say(event)

    def _say(self, event: Mapping[str, object]) -> None:
        data = event["data"]
        assert isinstance(data, dict)
        receipt = self._hold.emit(event)
        attempt = (data["executionId"], data["actionId"], data["attemptNumber"])
        self._world.told.receipts.append(Receipt(event=receipt.event_id, attempt=attempt, result=str(receipt.result)))


def summary(told: Told) -> str:
    """One line about the people and the executor."""
    answers = Counter(win.answer for win in told.wins)
    return (
        f"answers {dict(answers)} against {dict(Counter(told.losses))}; credentials given {Counter(name for name, _ in told.provided)},"
        f" outrun {len(told.outrun)}; reports {dict(Counter(one.result for one in told.receipts))}"
    )
