"""The part of the door that is about credentials: look at them, provide one, give one up, and register functions that authenticate."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from holdfast.errors import BadInput, CredentialMoved, Problem, UnknownExecution
from holdfast.hold.parts import HasParts
from holdfast.hold.secrets import flaw_of
from holdfast.plans.authentication import EXTERNAL, LITERAL, RESERVED, Source, held_as, split_own
from holdfast.plans.tokens import Tokens, token_text
from holdfast.ports.rows import RunState
from holdfast.recovery.providing import Provided, give_up, provide
from holdfast.recovery.told import extract

if TYPE_CHECKING:
    from datetime import datetime

    from holdfast.ports.rows import CredentialRow
    from holdfast.ports.store import Snapshot, Tx
    from holdfast.recovery.turn import Plans

__all__ = ["Credential", "CredentialDoor"]

F = TypeVar("F", bound=Callable[..., object])
EXPIRES_MAX_S = 315_360_000.0
BY_MAX_CHARS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A credential as people may see it, never with its value.

    `execution` is the one it belongs to (None: all). `state` is `ready`, `refreshing`, `asked` (a person is asked for it), `failed` (its last renewal
    failed for good) or `missing`. `generation` grows with each renewal; `expires_at` is when it runs out, where that is known.
    It was set, renewed or given up at `changed_at` by `changed_by`: the name that somebody gave, `execution …`, or `deadline`.
    """

    name: str
    execution: str | None
    generation: int
    state: str
    expires_at: datetime | None
    question: str | None
    asked_at: datetime | None
    changed_at: datetime | None = None
    changed_by: str | None = None


class CredentialDoor(HasParts):
    """What an `AsyncHold` can do with credentials."""

    async def credentials(self, *, limit: int = 1000) -> list[Credential]:
        """Return the credentials that rest here, by name: all that were fetched, refreshed, set, or are asked for."""

        def look(snapshot: Snapshot) -> list[Credential]:
            now = snapshot.now
            rows = (row for row in snapshot.credentials(limit=limit) if not row.name.startswith((LITERAL, EXTERNAL)))
            return [shown(row, now=now) for row in rows]

        return await self._parts.store.read(look)

    async def set_credential(
        self,
        name: str,
        *,
        access_token: str | None = None,
        refresh_token: str | None = None,
        expires_in_s: float | None = None,
        execution_id: str | None = None,
        generation: int | None = None,
        by: str | None = None,
    ) -> int:
        """Provide a credential and let everybody who waits for it go on; returns its new generation. It rests sealed.

        `access_token` is the token or key; with a `refresh_token` alone, an access token is fetched with it first. `execution_id` names the one
        execution that it is for (`user_input`). `generation` is the one that was looked at: if another has come since, nothing is changed.
        `by` is who says so, for the record.

        Raises:
            BadInput: a value cannot be used, or that execution's plan does not ask for it.
            CredentialMoved: somebody, or a refresh, was quicker.
            SecretKeyMissing: there is no key to seal it with.
        """
        parts = self._parts
        given = {"access_token": access_token, "refresh_token": refresh_token}
        problems = [
            Problem(source=field, path="", message=flaw)
            for field, value in given.items()
            if value is not None and (flaw := flaw_of(value))
        ]
        if access_token is None and refresh_token is None:
            problems.append(Problem(source="access_token", path="", message="give it, or a refresh_token"))
        if expires_in_s is not None and not 0 < expires_in_s <= EXPIRES_MAX_S:
            problems.append(
                Problem(source="expires_in_s", path="", message="must be more than 0 and at most ten years, in seconds")
            )
        if problems:
            raise BadInput(problems)
        row = row_of(name, execution_id)
        provided = Provided(
            sealed=parts.sealer.seal(token_text(Tokens(access=access_token, refresh=refresh_token))),
            expires_s=expires_in_s,
            is_access_missing=access_token is None,
            by=who(by),
        )

        def work(tx: Tx) -> int:
            if execution_id is not None:
                require_asked(tx, parts.plans, name=name, execution_id=execution_id)
            return provide(tx, parts.steps, row=row, provided=provided, generation=generation).generation

        return await parts.store.transact(work)

    async def give_up_credential(
        self, name: str, *, execution_id: str | None = None, generation: int | None = None, by: str | None = None
    ) -> None:
        """Say that a credential will not come; everybody who waits for it fails. `by` is who says so, for the record.

        Raises:
            CredentialMoved: nobody is asked for it (any more).
        """
        parts, row = self._parts, row_of(name, execution_id)

        def work(tx: Tx) -> None:
            if tx.credential(row) is None:
                raise CredentialMoved(name, "nobody is asked for it")
            give_up(tx, parts.steps, row=row, generation=generation, by=who(by))

        await parts.store.transact(work)

    def authenticator(self, name: str) -> Callable[[F], F]:
        """Register a function, plain or async, that authenticates requests (`custom` authentication).

        It is called before every attempt with the request as it will be sent (`holdfast.OutgoingRequest`), and returns the headers to add. What it
        returns counts as secret. When it raises, the attempt fails with `auth_invalid` and nothing is sent.

        Raises:
            BadInput: the name is taken, or the function cannot be called with one argument.
        """

        def register(function: F) -> F:
            problems = authenticator_problems(function, name, taken=name in self._parts.registry.authenticators)
            if problems:
                raise BadInput(problems)
            self._parts.registry.authenticators[name] = function
            return function

        return register


def row_of(name: str, execution_id: str | None) -> str:
    """Return the row of a credential.

    Raises:
        BadInput: no credential may be called so.
    """
    if not name or name.startswith(RESERVED):
        message = f"must not be empty, nor begin with {RESERVED}, which is Holdfast's own"
        raise BadInput([Problem(source="name", path="", message=message)])
    return name if execution_id is None else held_as(name, Source.OWN, execution=execution_id)


def require_asked(tx: Tx, plans: Plans, *, name: str, execution_id: str) -> None:
    """Take the execution's lock and refuse a secret that it does not ask for, or not any more: nobody would ever forget it."""
    row = tx.lock(execution_id)
    if row is None:
        raise UnknownExecution(execution_id)
    if row.state is not RunState.RUNNING:
        raise CredentialMoved(name, f"execution {execution_id} has ended")
    actions = plans.get(tx, row.document).actions.values()
    asked = sorted({action.credential or "" for action in actions if action.source is Source.OWN})
    if name not in asked:
        found = f"it asks for: {', '.join(map(repr, asked))}" if asked else "it asks for none (user_input)"
        message = f"the plan of execution {execution_id} does not ask for {name!r}; {found}. Set it without an execution, or name another one."
        raise BadInput([Problem(source="name", path="", message=message)])


def shown(row: CredentialRow, *, now: datetime) -> Credential:
    """Return a row as people may see it."""
    name, execution = split_own(row.name)
    if row.question is not None:
        state = "asked"
    elif row.refreshing_until is not None and row.refreshing_until > now:
        state = "refreshing"
    elif row.failed_at is not None:
        state = "failed"
    else:
        state = "ready" if row.sealed is not None else "missing"
    return Credential(
        name=name,
        execution=execution,
        generation=row.generation,
        state=state,
        expires_at=row.expires_at,
        question=row.question,
        asked_at=row.asked_at,
        changed_at=max((at for at in (row.renewed_at, row.failed_at) if at is not None), default=None),
        changed_by=row.changed_by,
    )


def who(by: str | None) -> str | None:
    """Return what somebody says of themselves as it is kept: one line, without what no database takes."""
    return extract(by, most=BY_MAX_CHARS) or None if by else None


def authenticator_problems(function: Callable[..., object], name: str, *, taken: bool) -> list[Problem]:
    """Return why a function cannot authenticate requests; empty when it can."""
    source = f"@authenticator({name!r})"
    problems: list[Problem] = []
    if taken:
        problems.append(Problem(source=source, path="", message="the name is taken by another function"))
    try:
        inspect.signature(function).bind(object())
    except TypeError:
        problems.append(Problem(source=source, path="", message="must take exactly one argument, the request"))
    except ValueError:
        pass  # some built-in functions do not tell their parameters
    return problems
