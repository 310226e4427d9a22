"""What each strategy asks before it acts, as a table: it is printed in `docs/reference/routes.md` beside the routes.

The strategies themselves do not read it, so that each of their files can be understood alone. A test predicts every decision from the printed page by
a few lines of its own and compares it with `decide`, over the whole product of facts: page and code cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from types import MappingProxyType

from holdfast.decisions.decision import Move
from holdfast.faults.taxonomy import RecoveryStrategy

__all__ = ["TERMS", "Ground", "Need", "Silence", "Terms"]


@unique
class Ground(StrEnum):
    """What must be known about the side effect of the failed attempt."""

    SAFE_REPEAT = "a safe repeat"
    """It did not happen, or doing it twice is doing it once."""

    DID_NOTHING = "it did not happen"
    """Else the strategy declines."""

    CLEARED_UP = "cleared up first"
    """Where it may have happened, a probe is made, else a person asked, and only then the strategy taken."""

    ANYTHING = "anything"
    """The strategy does not depend on it."""


@unique
class Need(StrEnum):
    """What must be there; without it the strategy declines."""

    NOTHING = "nothing"
    CREDENTIAL = "a credential with a refresh action"
    PROBE = "a probe"
    ALTERNATIVE = "an alternative action"
    FALLBACK = "a fallback value"
    NOT_CRITICAL = "an action that is not critical"
    CHECKPOINT = "a checkpoint"
    NEVER = "never taken"


@unique
class Silence(StrEnum):
    """What a strategy that waits does when nobody named a time."""

    NONE = "—"
    BACKS_OFF = "backs off"
    BACKS_OFF_UNLESS_DAILY = "backs off; declines for `rate_limit_daily`"
    MIDNIGHT = "assumes the next midnight UTC"


REPEATS = (
    "attempts_per_action_max",
    "attempts_per_category_max",
    "attempts_per_execution_max",
    "elapsed_max_s",
)
"""The bounds of everything that leads to another attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a strategy asks.

    `is_bare`: nothing but time changes between the attempts, so `retryable: false` forbids it. `believes` says whether it rests on the wait that
    the server stated, so that one beyond reason (`retry_after_max_s`) turns it down. `bounds` are settings of the section `recovery`.
    """

    does: str
    move: Move
    ground: Ground
    need: Need = Need.NOTHING
    is_bare: bool = False
    believes: bool = False
    silence: Silence = Silence.NONE
    bounds: tuple[str, ...] = ()


TERMS = MappingProxyType(
    {
        RecoveryStrategy.REFRESH_THEN_RETRY: Terms(
            does="renews the credential, once for all who wait for it, and repeats",
            move=Move.REFRESH,
            ground=Ground.SAFE_REPEAT,
            need=Need.CREDENTIAL,
            believes=True,
            bounds=("refreshes_per_action_max", *REPEATS),
        ),
        RecoveryStrategy.WAIT_UNTIL: Terms(
            does="repeats at the time that the server named, and never before it",
            move=Move.RETRY,
            ground=Ground.SAFE_REPEAT,
            is_bare=True,
            believes=True,
            silence=Silence.BACKS_OFF_UNLESS_DAILY,
            bounds=REPEATS,
        ),
        RecoveryStrategy.WAIT_DAILY: Terms(
            does="repeats when a long quota opens again, within five minutes after an assumed time",
            move=Move.RETRY,
            ground=Ground.SAFE_REPEAT,
            is_bare=True,
            believes=True,
            silence=Silence.MIDNIGHT,
            bounds=REPEATS,
        ),
        RecoveryStrategy.RETRY_LARGER_TIMEOUT: Terms(
            does="repeats with more time for the answer, up to timeout_max_s",
            move=Move.RETRY,
            ground=Ground.SAFE_REPEAT,
            is_bare=True,
            believes=True,
            silence=Silence.BACKS_OFF,
            bounds=REPEATS,
        ),
        RecoveryStrategy.BACK_OFF: Terms(
            does="repeats after a wait that grows with each recovery, up to backoff_max_s",
            move=Move.RETRY,
            ground=Ground.SAFE_REPEAT,
            is_bare=True,
            believes=True,
            silence=Silence.BACKS_OFF,
            bounds=REPEATS,
        ),
        RecoveryStrategy.PROBE: Terms(
            does="asks the API whether it happened; if not, it is performed again",
            move=Move.PROBE,
            ground=Ground.ANYTHING,
            need=Need.PROBE,
            bounds=("probes_per_action_max", *REPEATS),
        ),
        RecoveryStrategy.ALTERNATIVE: Terms(
            does="lets the plan's alternative action take over",
            move=Move.ALTERNATIVE,
            ground=Ground.DID_NOTHING,
            need=Need.ALTERNATIVE,
        ),
        RecoveryStrategy.FALLBACK: Terms(
            does="takes the plan's fallback value as the output",
            move=Move.FALLBACK,
            ground=Ground.ANYTHING,
            need=Need.FALLBACK,
        ),
        RecoveryStrategy.SKIP: Terms(
            does="goes on with the plan without the action",
            move=Move.CONTINUE,
            ground=Ground.CLEARED_UP,
            need=Need.NOT_CRITICAL,
        ),
        RecoveryStrategy.ROLL_BACK: Terms(
            does="undoes what the execution did, back to a checkpoint; the plan fails",
            move=Move.ROLL_BACK,
            ground=Ground.CLEARED_UP,
            need=Need.CHECKPOINT,
        ),
        RecoveryStrategy.ASK_PERSON: Terms(
            does="asks a person how to go on, and waits",
            move=Move.ASK,
            ground=Ground.ANYTHING,
            bounds=("questions_per_action_max",),
        ),
        RecoveryStrategy.GIVE_UP: Terms(
            does="ends recovery; what the plan provides follows",
            move=Move.GIVE_UP,
            ground=Ground.ANYTHING,
            need=Need.NEVER,
        ),
    }
)
"""Every strategy, exactly once."""

assert set(TERMS) == set(RecoveryStrategy)
