"""Errors of durable execution: of executions, questions, credentials, workers and the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from holdfast.errors.roots import HoldfastError

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "ActionNotRegistered",
    "CredentialMoved",
    "EngineMismatch",
    "ExecutionConflict",
    "ExecutionLive",
    "ExecutionNewer",
    "Overloaded",
    "QuestionClosed",
    "SecretKeyMissing",
    "StaleCursor",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreMissing",
    "StoreNewer",
    "StoreReadOnly",
    "StoreUnreachable",
    "UnknownExecution",
    "WorkerAlreadyRunning",
]


class UnknownExecution(HoldfastError):
    """No execution in this database has the id `execution_id`."""

    slug = "unknown-execution"

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(f"No execution {execution_id!r} in this database. List them with: holdfast executions list")


class ExecutionConflict(HoldfastError):
    """An execution with the id `execution_id` exists, but was started from another plan, or for another executor."""

    slug = "execution-conflict"

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(
            f"Execution {execution_id} exists and was started from a different plan, different definitions or for another executor;"
            " a running plan never changes."
            " Use another id, or leave the id out to start a new execution."
        )


class ExecutionNewer(HoldfastError):
    """An execution was started by a newer release and uses what this one does not know; `contract` is what it asks for, `known` what we have."""

    slug = "execution-newer"

    def __init__(self, execution_id: str | None, *, contract: int, known: int) -> None:
        self.execution_id = execution_id
        self.contract = contract
        self.known = known
        which = f"Execution {execution_id}" if execution_id else "An execution"
        super().__init__(
            f"{which} asks for contract {contract}, and this release knows up to {known}: a newer one started it."
            " Use that one for it, here or elsewhere."
        )


class EngineMismatch(HoldfastError):
    """Steps in this database are kept by the engine `found`, and this process would keep them by `wanted`: neither would see the other's."""

    slug = "engine-mismatch"

    def __init__(self, *, found: str, wanted: str) -> None:
        self.found = found
        self.wanted = wanted
        super().__init__(
            f"The steps in this database are kept by the engine {found!r}, and worker.engine asks for {wanted!r} here: one would not see the other's."
            f" Set worker.engine = {found!r}; or, to change over, stop every process and run: holdfast recover"
        )


class Overloaded(HoldfastError):
    """As many executions are live as this database may have; nothing was started. `retry_after_s` is when it is worth trying again."""

    slug = "overloaded"

    def __init__(self, *, live: int, most: int, retry_after_s: float) -> None:
        self.live = live
        self.most = most
        self.retry_after_s = retry_after_s
        super().__init__(
            f"{live} executions are live, and worker.executions_max is {most}: nothing was started. Those that live go on."
            f" Wait {retry_after_s:.0f} s and try again, or raise the setting."
        )


class ExecutionLive(HoldfastError):
    """The execution `execution_id` has not ended, and what was asked for would take from under it what it needs."""

    slug = "execution-live"

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        super().__init__(
            f"Execution {execution_id} has not ended, and only what has ended can be erased."
            f" Wait for its end, or cancel it first: holdfast executions cancel {execution_id}"
        )


class QuestionClosed(HoldfastError):
    """Nobody waits for this answer: it was given already, its time is over, or it was never asked.

    `answer` is what was answered instead, `by` who did (a name, `deadline`, `late-answer`, or `closing` when the execution ended first) and `at`
    when; all three are None when nothing was ever asked.
    """

    slug = "question-closed"

    def __init__(
        self,
        execution_id: str,
        action_id: str | None,
        *,
        answer: str | None = None,
        by: str | None = None,
        at: datetime | None = None,
    ) -> None:
        self.execution_id = execution_id
        self.action_id = action_id
        self.answer = answer
        self.by = by
        self.at = at
        of = f"action {action_id!r} of execution {execution_id}" if action_id else f"execution {execution_id}"
        when = f" at {at:%Y-%m-%d %H:%M:%S} UTC" if at else ""
        who = f" by {by}" if by else ""
        why = f"the answer is {answer!r}, given{who}{when}" if answer else "it ended, or nothing was ever asked"
        super().__init__(f"No open question about {of}: {why}. See: holdfast why {execution_id}")


class CredentialMoved(HoldfastError):
    """Somebody or something else was quicker with a credential: it was renewed, set, or nobody waits for it any more."""

    slug = "credential-moved"

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"The credential {name!r} was left as it is: {why}. List them with: holdfast credentials list")


class StaleCursor(HoldfastError):
    """A cursor into the outbox was handed out before this database was restored from a copy, and leads nowhere in it.

    `era` counts how often the database was restored, `cursor_era` is the count that the cursor carries.
    """

    slug = "stale-cursor"

    def __init__(self, *, era: int, cursor_era: int) -> None:
        self.era = era
        self.cursor_era = cursor_era
        super().__init__(
            f"The cursor is of era {cursor_era} and this database is in era {era}: it was restored from a copy in between,"
            " so events after the copy are gone and their places were given to others."
            " Read again from the beginning, without a cursor, and leave out the events whose ids you have."
        )


class ActionNotRegistered(HoldfastError):
    """A plan names a Python action that no function in this process was registered for; `action` is its name."""

    slug = "action-not-registered"

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__(
            f"No function is registered for the action {action!r}. Import its module first: holdfast worker --import your.module"
        )


class SecretKeyMissing(HoldfastError):
    """Secrets at rest can be neither sealed nor opened, because there is no key or it is the wrong one."""

    slug = "secret-key-missing"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"Secrets cannot be sealed or opened: {why}. Set HOLDFAST_SECRET_KEY to the deployment's key.")


class WorkerAlreadyRunning(HoldfastError):
    """Another process already works on this SQLite file; one file has one worker."""

    slug = "worker-already-running"

    def __init__(self, path: str, pid: int | None) -> None:
        self.path = path
        self.pid = pid
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{path} is being worked on by {who}: a SQLite file has one worker. Wait for it, end it, or use PostgreSQL for several workers."
        )


class StoreError(HoldfastError):
    """The database cannot be used right now; whatever was committed is safe. `url` never contains a password."""

    slug = "store-error"
    advice: ClassVar[str] = "Check the database and run the command again."

    def __init__(self, url: str, why: str) -> None:
        self.url = url
        self.why = why
        super().__init__(f"{url}: {why}. Nothing that was committed is lost. {self.advice}")


class StoreLocked(StoreError):
    """Somebody held the database longer than we may wait."""

    slug = "store-locked"
    advice = "End the program that holds it, then run the command again."


class StoreFull(StoreError):
    """There is no room left where the database stands."""

    slug = "store-full"
    advice = "Free some disk space, then run the command again; work goes on where it stopped."


class StoreReadOnly(StoreError):
    """The database or its directory may not be written by this user."""

    slug = "store-read-only"
    advice = "Give this user the right to write the file and its directory, or choose another with --db."


class StoreMissing(StoreError):
    """There is no database yet at that address, and looking at one does not create it."""

    slug = "store-missing"

    def __init__(self, url: str, why: str) -> None:
        self.url = url
        self.why = why
        HoldfastError.__init__(
            self,
            f"{url}: {why}, and looking at a database does not create one. Check --db or the setting database.url;"
            " the first holdfast run or holdfast worker creates it.",
        )


class StoreNewer(StoreError):
    """The database was written by a newer release of Holdfast, which this one must not touch."""

    slug = "store-newer"
    advice = "Upgrade Holdfast here, or open another database with --db."


class StoreUnreachable(StoreError):
    """No connection to the database server."""

    slug = "store-unreachable"
    advice = "Check the address and that the server runs; the work goes on when it is back."


class StoreCorrupt(StoreError):
    """The file is not a database, is damaged, or belongs to another program."""

    slug = "store-corrupt"
    advice = "Choose another file with --db, or restore this one from a backup."
