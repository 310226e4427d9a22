"""`holdfast demo`: the main job, end to end, on a machine with nothing but Python.

A plan of API calls meets an expired token, a burst limit, an unanswered charge, refused connections and a removed endpoint, and its worker is killed
with SIGKILL in the middle. It completes all the same, and the server's own books prove that nothing happened twice.
"""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.exits import ExitCode
from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.cli.demo_world import DemoWorld, WorkerProcess
    from holdfast.cli.timeline import Timeline
    from holdfast.hold import AsyncHold
    from holdfast.ports.rows import EventRow

__all__ = ["demo"]

DURATION_MAX_S = 60.0
POLL_S = 0.05
# Where `--files` puts the API: high enough to be free, fixed so that the commands can be typed.
API_PORT, MAIL_PORT = 18_080, 18_081
INTRODUCTION = (
    "A plan of API calls meets the failures of everyday life: an expired token, a rate limit, a charge that is made but never answered,"
    " a mail host that refuses connections, a removed endpoint. In the middle, the worker is killed."
)


def demo(
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the database, the files and the logs here instead of a temporary directory.",
            show_default=False,
        ),
    ] = None,
    kill: Annotated[bool, typer.Option("--kill/--no-kill", help="Whether to kill the worker in the middle.")] = True,
    files: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the plan, its definitions, the catalog and the scenario here, and stop.",
            show_default=False,
        ),
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Plain lines without colours, as when the output is no terminal.")
    ] = False,
) -> None:
    """See the main job: a plan survives the failures of its calls and the death of its worker. Takes about ten seconds."""
    from holdfast.cli.demo_world import open_world  # noqa: PLC0415 - `--help` need not load what the demo runs
    from holdfast.cli.session import run_async  # noqa: PLC0415 - as above

    terminal = Terminal(is_plain=True if plain else None)
    if files is not None:
        write_files(terminal, files)
        return
    # On macOS, the temporary directory is behind a link; the database's address should be the same for everybody who opens it.
    where = Path(directory or tempfile.mkdtemp(prefix="holdfast-demo-")).resolve()
    with open_world(where, has_kill=kill) as world:
        raise typer.Exit(run_async(Show(terminal, world, has_kill=kill).play()))


class Show:
    """One performance of the demo."""

    def __init__(self, terminal: Terminal, world: DemoWorld, *, has_kill: bool) -> None:
        self._terminal = terminal
        self._world = world
        self._must_kill = has_kill
        self._in_flight = 0
        self._execution = ""
        self._started_at: datetime | None = None

    async def play(self) -> ExitCode:
        """Run the plan, kill its worker, run on, and show the books; returns the exit code."""
        from holdfast.settings import Database, Settings  # noqa: PLC0415 - as above
        from holdfast.wiring import open_async  # noqa: PLC0415 - as above

        world = self._world
        hold = await open_async(
            settings=Settings(database=Database(url=world.url)), catalog=str(world.files.catalog), environ=world.environ
        )
        try:
            self._execution = await hold.start(world.files.plan, [world.files.actions])
            worker = world.start_worker()
            self._introduce(worker)
            try:
                async with asyncio.timeout(DURATION_MAX_S):
                    await self._watch(hold, worker)
            except TimeoutError:
                return self._fail(f"The plan did not end within {DURATION_MAX_S:.0f} s.")
            except WorkerLostError as lost:
                return self._fail(str(lost))
            await asyncio.to_thread(self._world.workers[-1].stop)
            return await self._conclude(hold)
        finally:
            await hold.close()

    def _introduce(self, worker: WorkerProcess) -> None:
        say = self._terminal
        say.say("Holdfast demo", "title")
        say.say(INTRODUCTION)
        say.say()
        say.line(
            ("  API        ", "faint"),
            (f"{self._world.api.url} (process {self._world.api.pid}), which fails on purpose", "plain"),
        )
        say.line(("  worker     ", "faint"), (f"process {worker.pid}", "plain"))
        say.line(("  database   ", "faint"), (str(self._world.directory / "holdfast.db"), "plain"))
        say.line(("  execution  ", "faint"), (self._execution, "plain"))
        say.say()

    async def _watch(self, hold: AsyncHold, worker: WorkerProcess) -> None:
        """Show the timeline until the execution ends, killing the worker when the moment has come."""
        from holdfast.cli import timeline as timelines  # noqa: PLC0415 - as above

        state = await hold.state(self._execution)
        width = max(len(name) for name in state.action_states)
        timeline = timelines.Timeline(self._terminal, starts={self._execution: state.started_at}, action_width=width)
        self._started_at = state.started_at
        seen = 0
        while True:
            is_the_moment = self._must_kill and await self._is_the_moment()
            if is_the_moment:
                self._must_kill = False
                await asyncio.to_thread(worker.kill)
            events = await hold.events(self._execution, after=seen)
            for event in events:
                seen = event.sequence
                self._count(event)
                timeline.show(event)
            if any(event.is_terminal for event in events):
                return
            if is_the_moment:
                worker = self._mourn(worker, timeline)
            if not worker.is_alive:
                raise WorkerLostError(f"The worker ended by itself. Its last words:\n{worker.last_words()}")
            await asyncio.sleep(POLL_S)

    def _count(self, event: EventRow) -> None:
        """Keep in mind whether the charge is in flight."""
        from holdfast.cli.demo_world import VICTIM  # noqa: PLC0415 - as above

        if event.data.get("actionId") == VICTIM:
            self._in_flight += {
                "action.execute.requested": 1,
                "action.execute.completed": -1,
                "action.execute.failed": -1,
            }.get(event.type, 0)

    async def _is_the_moment(self) -> bool:
        """Whether the charge is in flight and the server has done it: the worst moment to die."""
        from holdfast.cli.demo_world import VICTIM  # noqa: PLC0415 - as above

        if not self._in_flight:
            return False
        ledger = await asyncio.to_thread(self._world.api.ledger)
        return ledger.route(VICTIM).effects > 0

    def _mourn(self, worker: WorkerProcess, timeline: Timeline) -> WorkerProcess:
        """Say that the worker was killed, and start another."""
        from holdfast.cli.demo_world import VICTIM  # noqa: PLC0415 - as above

        timeline.note(
            f"KILL -9: worker {worker.pid} is dead; the charge was in flight, made by the server, and not yet answered",
            "loud",
            seconds=self._seconds(),
            action=VICTIM,
        )
        successor = self._world.start_worker()
        timeline.note(f"a new worker starts: process {successor.pid}", "decision", seconds=self._seconds())
        return successor

    def _seconds(self) -> float:
        from datetime import UTC, datetime  # noqa: PLC0415 - needed here only

        assert self._started_at is not None
        return (datetime.now(UTC) - self._started_at).total_seconds()

    async def _conclude(self, hold: AsyncHold) -> ExitCode:
        """Show how it ended, on both sides; returns the exit code."""
        from holdfast.cli.demo_books import actions_with_effects, findings, show_books  # noqa: PLC0415 - as above
        from holdfast.cli.summary import show_summary, tone_of  # noqa: PLC0415 - as above
        from holdfast.contract import ExecutionStatus  # noqa: PLC0415 - as above

        state = await hold.state(self._execution)
        show_summary(self._terminal, state, events=await hold.events(self._execution))
        ledger = await asyncio.to_thread(self._world.api.ledger)
        once = actions_with_effects(self._world.files.plan, self._world.files.actions)
        show_books(self._terminal, ledger, once=once)
        if self._must_kill:
            self._terminal.say(
                "The worker was not killed: this machine was too slow to catch it in the act.", "waiting"
            )
        self._suggest()
        is_good = state.status is ExecutionStatus.COMPLETED and not findings(ledger, once=once)
        self._terminal.say()
        ending = (
            state.status.value
            if is_good or state.status is not ExecutionStatus.COMPLETED
            else "failed: the server's books say otherwise"
        )
        self._terminal.say(ending, tone_of(state.status) if is_good else "bad")
        return ExitCode.DONE if is_good else ExitCode.NEGATIVE

    def _suggest(self) -> None:
        """Print what to try next: commands that work."""
        from holdfast.cli.session import program  # noqa: PLC0415 - as above

        db = f"--db {shlex.quote(self._world.url)}"
        short = self._execution[:8]
        self._terminal.say()
        self._terminal.say("What to try next", "title")
        for command, meaning in (
            (f"{program()} why {short} charge_card {db}", "every decision with its rule, and what was turned down"),
            (f"{program()} executions show {short} --json {db}", "the final state, with every request and answer"),
            (f"{program()} demo --files mydemo", "the plan and its definitions as files, to change and run"),
            (f"rm -r {shlex.quote(str(self._world.directory))}", "forget this demo"),
        ):
            self._terminal.line((f"  {command}", "plain"))
            self._terminal.line((f"      {meaning}", "faint"))

    def _fail(self, why: str) -> ExitCode:
        self._terminal.say()
        for line in why.splitlines():
            self._terminal.say(line, "bad")
        self._terminal.say(f"Database and logs are kept in {self._world.directory}.")
        self._terminal.say("failed", "bad")
        return ExitCode.NEGATIVE


class WorkerLostError(Exception):
    """The demo's worker ended without being told to."""


def write_files(terminal: Terminal, directory: Path) -> None:
    """Write the demo's files for a person's own experiments, and say which commands go with them."""
    from holdfast.cli.session import program  # noqa: PLC0415 - as above
    from holdfast.testing import make_onboarding_secrets, render_onboarding  # noqa: PLC0415 - as above

    files = render_onboarding(f"http://127.0.0.1:{API_PORT}", f"http://127.0.0.1:{MAIL_PORT}", directory)
    plan, actions, catalog, scenario = (
        shlex.quote(str(path)) for path in (files.plan, files.actions, files.catalog, files.scenario)
    )
    python = python_of_program()
    terminal.say(f"Wrote plan.json, actions.json, catalog/ and scenario.json to {directory}.", "good")
    terminal.say()
    terminal.say("In both of two terminals, the same fake secrets:", "faint")
    for name in make_onboarding_secrets():
        terminal.say(f"  export {name}=any-{name.lower().replace('_', '-')}")
    terminal.say("In the first, the API:", "faint")
    terminal.say(
        f"  {python} -m holdfast.testing.fault_api --scenario {scenario} --port {API_PORT} --refuse-port {MAIL_PORT}"
    )
    terminal.say("In the second, the plan:", "faint")
    terminal.say(f"  {program()} run {plan} --actions {actions} --catalog {catalog}")


def python_of_program() -> str:
    """Return how to call the Python that runs this."""
    import shutil  # noqa: PLC0415 - needed here only
    import sys  # noqa: PLC0415 - needed here only

    found = shutil.which("python")
    return (
        "python"
        if found and Path(found).resolve() == Path(sys.executable).resolve() and found == sys.executable
        else shlex.quote(sys.executable)
    )
