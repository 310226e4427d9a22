"""Call a registered Python function, and tell what came of one that ended after its time."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import TYPE_CHECKING, Protocol

from holdfast.apis.libraries import recognised
from holdfast.drivers.checking import Refused, misfit_of
from holdfast.drivers.function_threads import Ended, FunctionThreads, TooManyOverruns
from holdfast.drivers.hidden import Hidden
from holdfast.faults.capture import capture_exception
from holdfast.faults.classify import classify
from holdfast.plans.output import output_text
from holdfast.recovery.answer import Answer
from holdfast.recovery.detail import overrun_verdict, refusal_verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias

    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.clock import Clock
    from holdfast.ports.steps import Step
    from holdfast.recovery.assigning import Assignment

    TellLate: TypeAlias = Callable[[Step, Answer], Awaitable[None]]

__all__ = ["FunctionCalls", "Keep"]


class Keep(Protocol):
    """Reports an output, in the row or in a file of its own."""

    async def __call__(self, text: str, *, assignment: Assignment, trace: str | None) -> Answer:
        """Keep it."""
        ...


class FunctionCalls:
    """Calls functions by their names. One per worker; safe to use for many attempts at once on one event loop."""

    def __init__(
        self, functions: Mapping[str, Callable[..., object]], *, clock: Clock, keep: Keep, overruns_max: int
    ) -> None:
        self._functions = functions
        self._clock = clock
        self._keep = keep
        self._threads = FunctionThreads(overruns_max=overruns_max)
        self._tell_late: TellLate | None = None
        self._reporting: set[asyncio.Future[None]] = set()

    def hand_late_answers_to(self, tell: TellLate) -> None:
        """Name who is told what came of a function that ended after its time."""
        self._tell_late = tell

    def knows(self, name: str) -> bool:
        """Whether a function of this name is registered here."""
        return name in self._functions

    async def call(self, assignment: Assignment, inputs: Mapping[str, object]) -> Answer:
        """Call the function of an action and report how it ended; a plain one runs in a thread and cannot be interrupted.

        Raises:
            Refused: it is not registered here, or was not called; the verdict says why.
        """
        name = assignment.action.definition_id
        function = self._functions.get(name)
        if function is None:
            message = f"no function is registered for the action {name!r} in this worker. Import its module: holdfast worker --import your.module"
            raise Refused(refusal_verdict(message, rule="action-not-registered"))
        arguments = dict(inputs)
        if takes_key(function):
            arguments["idempotency_key"] = assignment.attempt.key
        try:
            if inspect.iscoroutinefunction(function):
                async with asyncio.timeout(assignment.timeout_s):
                    ended = Ended(value=await function(**arguments))
            else:
                ended = await self._threads.run(
                    functools.partial(function, **arguments),
                    timeout_s=assignment.timeout_s,
                    late=lambda ended: self._came_late(assignment, ended, inputs),
                )
        except TooManyOverruns as err:
            message = (
                f"the function {name!r} was not called: {err}. Find out what they wait for, and give it a time limit."
            )
            raise Refused(overrun_verdict(message)) from None
        except (Exception, asyncio.CancelledError) as exc:
            task = asyncio.current_task()
            if isinstance(exc, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # it is we who are cancelled, not something inside the function
            ended = Ended(raised=exc)
        return await self._judge(ended, assignment=assignment, inputs=inputs)

    async def _judge(self, ended: Ended, *, assignment: Assignment, inputs: Mapping[str, object]) -> Answer:
        """Report how a function ended."""
        action, value = assignment.action, ended.value
        if ended.raised is not None:
            return self._failed(ended.raised, action, inputs)
        output = value if isinstance(value, dict) else {} if value is None else {"value": value}
        try:
            text = output_text(output)
        except Exception as exc:  # noqa: BLE001 - what a function returns may be anything, also something that JSON cannot hold
            return self._failed(exc, action, inputs)
        misfit = await misfit_of(output, action, size=len(text), is_own_answer=True)
        if misfit is not None:
            return Answer(verdict=misfit, observed_at=self._clock.now())
        return await self._keep(text, assignment=assignment, trace=None)

    def _failed(self, raised: BaseException, action: FrozenAction, inputs: Mapping[str, object]) -> Answer:
        fault, api = recognised(
            capture_exception(raised, operation=action.definition_id, observed_at=self._clock.now())
        )
        hidden = Hidden.of(action.personal, inputs)
        verdict = classify(fault, known_errors=action.known_errors, api=api, secrets=hidden.values)
        return Answer(verdict=hidden.spoken(verdict), observed_at=fault.observed_at)

    def _came_late(self, assignment: Assignment, ended: Ended, inputs: Mapping[str, object]) -> None:
        """A function has ended after its time: what came of it is the truth about an attempt that was settled as unknown."""
        if self._tell_late is not None:
            task = asyncio.ensure_future(self._report_late(assignment, ended, inputs=inputs, tell=self._tell_late))
            self._reporting.add(task)
            task.add_done_callback(self._reporting.discard)

    async def _report_late(
        self, assignment: Assignment, ended: Ended, *, inputs: Mapping[str, object], tell: TellLate
    ) -> None:
        await tell(assignment.step, await self._judge(ended, assignment=assignment, inputs=inputs))


def takes_key(function: Callable[..., object]) -> bool:
    """Whether a function has a parameter for the idempotency key; some built-in ones do not tell their parameters."""
    try:
        return "idempotency_key" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
