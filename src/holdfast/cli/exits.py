"""Exit codes: the five numbers with which every command answers, and which of them an error of ours becomes."""

from __future__ import annotations

from enum import IntEnum, unique

from holdfast.errors import (
    CredentialMoved,
    ExecutionLive,
    HoldfastError,
    Overloaded,
    QuestionClosed,
    StoreError,
    WorkerAlreadyRunning,
)

__all__ = ["EXIT_CODES", "ExitCode", "exit_code_of"]


@unique
class ExitCode(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    NEGATIVE = 1
    BAD_INPUT = 2
    WAITING = 3
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 done; 1 a negative result (failed, cancelled, nothing to do any more, a database or worker in the way);"
    " 2 bad input or usage; 3 waiting for a person or for time; 130 interrupted."
)


def exit_code_of(error: HoldfastError) -> ExitCode:
    """Return the exit code of a command that ended with `error`.

    What a person can mend in what they typed or set is bad input. A database that cannot be used, another worker in the way, too much
    work already, and an answer that came too late are negative results: the same command may work later.
    """
    if isinstance(
        error, StoreError | WorkerAlreadyRunning | QuestionClosed | ExecutionLive | CredentialMoved | Overloaded
    ):
        return ExitCode.NEGATIVE
    return ExitCode.BAD_INPUT
