"""What stands around a guarded function whose calls can be handed over: an error of its policy is given the way to go on.

Nothing of this costs a call that succeeds more than one frame, and nothing is kept of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, cast

from holdfast.errors import BadInput, Exhausted, PolicyError, Problem, Rejected, TimedOut
from holdfast.guards.handover import HANDOVERS, CallFacts, resume_for
from holdfast.guards.snapshots import own_arguments
from holdfast.guards.world import WORLD
from holdfast.ports.handover import Registered

if TYPE_CHECKING:
    from holdfast.policies.composition import Composition

__all__ = ["register", "resumable"]

TIMEOUT_S = 300.0
"""What a durable attempt may take where the policy says nothing of attempts; the default of `hold.action`."""


def register(
    name: str, function: Callable[..., object], *, composition: Composition, repeatable: bool, personal: tuple[str, ...]
) -> Registered:
    """Register a function with what its policy says of it.

    Raises:
        BadInput: it cannot be handed over, or the policy never raises what could be; everything is listed.
    """
    retry, timeout = composition.retry, composition.timeout
    if retry is not None and retry.reraise:
        message = (
            f"the policy {composition.name!r} re-raises the function's own exception (Retry(reraise=True)), which knows no way to go on."
            " Leave reraise out, and catch Exhausted"
        )
        raise BadInput([Problem(source=f"handover={name!r}", path="", message=message)])
    attempt_s = timeout.attempt_s if timeout is not None else None
    return HANDOVERS.register(
        Registered(
            name=name,
            function=function,
            policy=composition.name,
            repeatable=repeatable,
            timeout_s=TIMEOUT_S if attempt_s is None else attempt_s,
            attempts_max=1 if retry is None else retry.attempts_max,
            personal=personal,
        )
    )


def resumable(guarded: Callable[..., object], registered: Registered) -> Callable[..., object]:
    """Return a guarded function whose policy's errors can be handed over."""
    if inspect.iscoroutinefunction(registered.function):
        later = cast("Callable[..., Awaitable[object]]", guarded)

        async def call_async(*args: object, **kwargs: object) -> object:
            try:
                return await later(*args, **kwargs)
            except PolicyError as error:
                give_way(error, registered, guarded, args=args, kwargs=kwargs)
                raise

        return update_wrapper(call_async, registered.function)

    def call(*args: object, **kwargs: object) -> object:
        try:
            return guarded(*args, **kwargs)
        except PolicyError as error:
            give_way(error, registered, guarded, args=args, kwargs=kwargs)
            raise

    return update_wrapper(call, registered.function)


def give_way(
    error: PolicyError,
    registered: Registered,
    guarded: Callable[..., object],
    *,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> None:
    """Give an error the way to go on, if it is this call's own."""
    if error.policy != registered.policy or came_through(error, registered.function, around=guarded):
        return
    now = WORLD.monotonic()
    if isinstance(error, Exhausted):
        last = error.attempts[-1]
        # The last attempt, or the wait after it, has ended just now. A moment too late is right: no stated wait becomes shorter by it.
        began_s = now - last.started_s - last.took_s - last.wait_s
        reason, attempts, wait_s = error.reason, error.attempts, None
    elif isinstance(error, Rejected):
        began_s, reason, attempts, wait_s = now, error.slug, (), error.retry_after_s
    elif isinstance(error, TimedOut) and not error.begun:
        began_s, reason, attempts, wait_s = now, error.slug, (), None
    else:
        return  # something was begun, and nothing is known of it but the exception
    # As they are now: when it is handed over, the caller may have filled them anew for the next call.
    own_args, own_kwargs = own_arguments(args, kwargs)

    def facts() -> CallFacts:
        return CallFacts(
            policy=registered.policy,
            reason=reason,
            began_s=began_s,
            attempts=attempts,
            retry_after_s=wait_s,
            registered=registered,
            args=own_args,
            kwargs=own_kwargs,
        )

    error.resume = resume_for(facts)


def came_through(error: PolicyError, function: Callable[..., object], *, around: Callable[..., object]) -> bool:
    """Whether an error was raised inside the function, by a call of another one under the same policy: then its attempts are not this call's,
    and this call may have done something before.

    A function that is guarded by another policy already may share its code with `around`, the guard that is around it here: that one frame is ours.
    """
    code = getattr(function, "__code__", None)
    frames = 0
    trace = error.__traceback__
    while trace is not None:
        frames += trace.tb_frame.f_code is code
        trace = trace.tb_next
    return frames > (getattr(around, "__code__", None) is code)
