"""The fleet: workers that live, die, are thought dead and come back; the engine under them; and the dice that say who goes next.

Third in the simulation's story. It runs the real `Worker.perform`, the real performer and the real sweep, one suspension point at a time: every
transaction and every call begins and ends at one, so any two can be interleaved and any of them can be the last that a worker did.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from holdfast.adapters.sql.store import InlineStore
from holdfast.decisions.facts import Bounds
from holdfast.drivers.perform import Limits, Performer
from holdfast.errors import StoreError
from holdfast.ports.rows import Purpose, RunState
from holdfast.recovery.sweep import sweep
from holdfast.recovery.turn import Plans
from holdfast.recovery.worker import Worker, WorkerSettings
from tests.simulation.crowd import Crowd
from tests.simulation.engine import Checkpoints, SimulatedSteps, SimulatedStore, Unsealed, run_through
from tests.simulation.outside import Outside
from tests.simulation.scenario import Scenario, draw_scenario
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.world import Line, World

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import TypeVar

    from holdfast.ports.steps import Step
    from holdfast.ports.store import Snapshot, Tx
    from holdfast.recovery.answer import Answer
    from holdfast.recovery.assigning import Assignment

    T = TypeVar("T")

__all__ = ["BOUNDS", "Fleet", "Ledger", "SimulatedStore"]

BOUNDS = Bounds()
TURNS_MAX = 30_000
"""The liveness bound: a scenario that is not over after so many turns of the scheduler never ends."""
SWEEP_INTERVAL_S = 60.0
Ledger = tuple[str, str, Purpose, int]


@dataclass(slots=True)
class Task:
    """One coroutine of one worker; `step` is what it carries out (None for a sweep)."""

    coroutine: Coroutine[float, None, object]
    worker: str
    step: Step | None
    wake_s: float = 0.0


@dataclass(slots=True)
class Member:
    """One worker process; a new name after each death."""

    slot: int
    lives: int = 1
    is_alive: bool = True

    @property
    def name(self) -> str:
        """The name under which it leases."""
        return f"w{self.slot}.{self.lives}"


@dataclass(order=True, slots=True)
class Appointment:
    """Something that happens at a virtual time."""

    at_s: float
    order: int
    act: Callable[[], None] = field(compare=False)


class Performing:
    """The real performer, with a line of its own for each attempt."""

    def __init__(self, fleet: Fleet, worker: str) -> None:
        self._fleet = fleet
        self._worker = worker

    async def perform(self, assignment: Assignment) -> Answer:
        """Make the attempt."""
        fleet = self._fleet
        performer = Performer(
            transport=Line(fleet.world, assignment, self._worker),
            functions={},
            environ=fleet.scenario.environ,
            outputs=None,  # type: ignore[arg-type]  # no output of the simulation is large
            sealer=Unsealed(),
            clock=fleet.clock,
            limits=Limits(),
        )
        return await performer.perform(assignment)


class Fleet:
    """Plays one scenario to its end. `timeline` is what happened, in words; `counts` how often what was met."""

    def __init__(self, seed: int, *, store: SimulatedStore | None = None, scenario: Scenario | None = None) -> None:
        self.scenario = scenario or draw_scenario(seed)
        self.seed = seed
        self.dice = random.Random(f"play {seed}")
        self.clock = VirtualClock()
        self.timeline: deque[str] = deque(maxlen=4000)
        self.counts: Counter[str] = Counter()
        self.excuses: Counter[Ledger] = Counter()
        self.lost_actions: set[tuple[str, str]] = set()
        self.problems: list[str] = []
        self.store = store or SimulatedStore(self.clock.now)
        self.store.serve(self)
        self.steps = SimulatedSteps(self.clock)
        self.plans = Plans()
        self.world = World(self.scenario, self.clock, dice=self.dice, tell=self.tell)
        self.members = [Member(slot) for slot in range(self.scenario.workers)]
        self.tasks: list[Task] = []
        self.agenda: list[Appointment] = []
        self.budget = {
            name: getattr(self.scenario.chaos, name)
            for name in ("kills", "crashes_of_all", "false_deaths", "duplicates", "losses", "store_failures")
        }
        self.crowd = Crowd(self)
        self.outside = Outside(self)
        self.accepted: Counter[tuple[str, str, int]] = Counter()
        self.is_sweep_due = False
        self.turns = 0
        self.is_chaotic = True

    def tell(self, line: str) -> None:
        """Add to the timeline."""
        self.timeline.append(f"{self.clock.elapsed_s:12.3f}  {line}")

    def spend(self, name: str) -> bool:
        """Whether a piece of chaos happens now; it is taken from its budget."""
        if not self.budget[name] or self.dice.random() >= self.scenario.chaos.likelihood:
            return False
        self.budget[name] -= 1
        self.counts[name] += 1
        return True

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Make an appointment so many seconds from now."""
        heapq.heappush(
            self.agenda, Appointment(self.clock.elapsed_s + seconds, len(self.agenda) + self.turns * 1000, act)
        )

    # --- playing ---

    def play(self) -> None:
        """Run until nothing is left to happen, or for too long."""
        for execution in self.scenario.executions:
            self.crowd.expect(execution)
        try:
            while self.turns < TURNS_MAX:
                self.turns += 1
                if not self.turn():
                    return
            self.problems.append(f"not over after {TURNS_MAX} turns")
        finally:
            # What is still standing ends here: a coroutine that nobody ever resumed would complain when it is collected, in some later test.
            for task in self.tasks:
                task.coroutine.close()

    def turn(self) -> bool:
        """One turn of the scheduler; False when nothing is left."""
        self.keep_appointments()
        ready = [task for task in self.tasks if task.wake_s <= self.clock.elapsed_s]
        takers = (
            [member for member in self.members if member.is_alive and self.load(member) < self.scenario.concurrency]
            if self.steps.is_due()
            else []
        )
        if not ready and not takers:
            return self.jump()
        if not self.scenario.chaos.is_calm:
            self.make_chaos()
            ready = [task for task in ready if task in self.tasks]
        choice = self.dice.randrange(len(ready) + bool(takers)) if ready or takers else 0
        if choice < len(ready):
            self.resume(ready[choice])
        elif takers and (member := self.dice.choice(takers)).is_alive:
            self.take(member)
        self.clock.elapsed_s += 0.001
        return True

    def jump(self) -> bool:
        """Move the clock to the next thing that can happen."""
        moments = [task.wake_s for task in self.tasks]
        if self.agenda:
            moments.append(self.agenda[0].at_s)
        due_at = self.steps.next_due_at()
        if due_at is not None and not self.steps.is_due():
            moments.append((due_at - self.clock.now()).total_seconds() + self.clock.elapsed_s)
        if not moments:
            return False
        self.clock.elapsed_s = max(min(moments), self.clock.elapsed_s + 0.000_001)
        return True

    def keep_appointments(self) -> None:
        """Do what is due by now, and see to it that a sweep follows whatever happened."""
        while self.agenda and self.agenda[0].at_s <= self.clock.elapsed_s:
            heapq.heappop(self.agenda).act()

    def need_sweep(self) -> None:
        """Something happened: within a minute somebody sweeps. A sweep after which nothing happened need not be repeated."""
        if not self.is_sweep_due:
            self.is_sweep_due = True
            self.at(SWEEP_INTERVAL_S, self.sweep)

    def load(self, member: Member) -> int:
        """How much a worker has in hand."""
        return sum(task.worker == member.name for task in self.tasks)

    def take(self, member: Member) -> None:
        """Let a worker take a step."""
        step = self.steps.take(member.name)
        if step is not None:
            self.begin_task(member, step)

    def begin_task(self, member: Member, step: Step) -> None:
        """Let a worker carry out a step."""
        self.tell(f"step      {member.name} {step.key[:8]}…{step.key[36:]}")
        worker = Worker(
            self.store,
            self.steps,
            plans=self.plans,
            performer=Performing(self, member.name),
            clock=self.clock,
            draw=self.dice.random,
            settings=WorkerSettings(name=member.name, bounds=self.bounds, egress="192.0.2.1"),
            rollback=Checkpoints(),
        )
        self.tasks.append(Task(worker.perform(step), member.name, step))

    def employ(self, coroutine: Coroutine[float, None, object], whom: str) -> None:
        """Let somebody who is no worker do something."""
        self.tasks.append(Task(coroutine, whom, None, self.clock.elapsed_s))

    def resume(self, task: Task) -> None:
        """Let a coroutine run to its next suspension point."""
        if task.step is not None:
            self.need_sweep()
        try:
            seconds = task.coroutine.send(None)
        except StopIteration:
            self.tasks.remove(task)
            if task.step is not None:
                self.steps.done(task.step.key, task.worker)
                self.outside.listen(task.step.execution)
        except StoreError as err:
            self.tasks.remove(task)
            self.tell(f"failed    {task.worker}: {err.slug}")
            if task.step is not None:
                self.excuses[ledger_of(task.step)] += 1
                self.steps.put_back(task.step.key, self.clock.now() + timedelta(seconds=1))
            self.need_sweep()
        except Exception as err:  # noqa: BLE001 - whatever the code under test raises is a finding
            self.tasks.remove(task)
            self.problems.append(f"{type(err).__name__} escaped: {err}")
            self.tell(f"RAISED    {type(err).__name__}: {err}")
            if task.step is not None:
                self.steps.done(task.step.key, task.worker)
        else:
            task.wake_s = self.clock.elapsed_s + seconds

    # --- sweeping ---

    def sweep(self) -> None:
        """One of the living workers sweeps; if none lives, the first that comes back."""
        self.is_sweep_due = False
        alive = [member for member in self.members if member.is_alive]
        if not alive:
            self.need_sweep()
            return
        self.crowd.look_around()
        self.outside.listen_to_all()
        self.tasks.append(Task(self.sweep_once(), alive[0].name, None))

    async def sweep_once(self) -> None:
        """Sweep, and complain about whatever nothing moves."""
        swept = await sweep(self.store, self.steps, plans=self.plans)
        self.counts["repairs"] += swept.repaired
        if swept.repaired:
            self.need_sweep()
            self.tell(f"sweep     repaired {swept.repaired}")
        if swept.stuck:
            self.problems.append(f"the sweep found executions that nothing moves: {swept.stuck}")

    # --- chaos ---

    def make_chaos(self) -> None:
        """What may go wrong at this moment."""
        alive = [member for member in self.members if member.is_alive]
        if alive and self.spend("kills"):
            self.kill(self.dice.choice(alive))
        if alive and self.spend("crashes_of_all"):
            for member in [member for member in self.members if member.is_alive]:
                self.kill(member)
        busy = [member for member in self.members if member.is_alive and self.load(member)]
        if busy and self.spend("false_deaths"):
            self.declare_dead(self.dice.choice(busy))
        if self.steps.delivered and alive and self.spend("duplicates"):
            self.deliver_again()
        if self.steps.waiting_keys and self.spend("losses"):
            self.lose()

    def kill(self, member: Member) -> None:
        """A worker dies where it stands; its lease ends later, and another process takes its place."""
        if not member.is_alive:
            return
        name = member.name
        self.tell(f"KILL      {name}")
        for task in [task for task in self.tasks if task.worker == name]:
            self.tasks.remove(task)
            task.coroutine.close()
            if task.step is not None:
                self.excuses[ledger_of(task.step)] += 1
        member.is_alive = False
        self.at(self.dice.choice((0.0, 5.0, 35.0)), lambda: self.steps.release(name))
        self.at(self.dice.choice((0.1, 10.0, 100.0)), lambda: self.revive(member))

    def revive(self, member: Member) -> None:
        """A new process takes the place."""
        member.lives += 1
        member.is_alive = True
        self.need_sweep()

    def declare_dead(self, member: Member) -> None:
        """A worker that is only slow is thought dead: its steps are delivered to others, and it finishes all the same."""
        self.tell(f"SLOW      {member.name} is thought dead")
        for task in self.tasks:
            if task.worker == member.name and task.step is not None:
                self.excuses[ledger_of(task.step)] += 1
        self.steps.release(member.name)

    def deliver_again(self) -> None:
        """The engine delivers a step a second time, perhaps long after it was done."""
        step = self.dice.choice(self.steps.delivered[-8:])
        alive = [member for member in self.members if member.is_alive]
        if alive:
            self.tell(f"DUPLICATE {step.key[:8]}…{step.key[36:]}")
            self.excuses[ledger_of(step)] += 1
            self.begin_task(self.dice.choice(alive), step)

    def lose(self) -> None:
        """The engine loses a step, as none should."""
        key = self.dice.choice(self.steps.waiting_keys)
        step = self.steps.held[key]
        self.tell(f"LOST      {key[:8]}…{key[36:]}")
        self.lost_actions.add((step.execution, step.action))
        self.excuses[ledger_of(step)] += 1
        self.steps.lose(key)
        self.need_sweep()

    # --- looking ---

    @property
    def bounds(self) -> Bounds:
        """The limits of recovery, with the patience of this scenario."""
        return replace(BOUNDS, answer_within_s=self.scenario.answer_within_s)

    def transact(self, work: Callable[[Tx], T]) -> T:
        """Run a transaction at once, as somebody outside the fleet."""
        return run_through(InlineStore.transact(self.store, work))

    def read(self, work: Callable[[Snapshot], T]) -> T:
        """Read at once."""
        return run_through(InlineStore.read(self.store, work))

    @property
    def unfinished(self) -> list[str]:
        """Executions that have not ended."""
        rows = self.read(lambda snapshot: snapshot.executions(state=RunState.RUNNING.value, limit=100))
        return [row.id for row in rows]


def ledger_of(step: Step) -> Ledger:
    """Return the entry of the ledger that a step is about."""
    return (step.execution, step.action, step.purpose, step.n)
