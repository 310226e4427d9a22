"""A person provides a credential, or gives it up: the first answer wins, and everybody who waits goes on.

It concerns no execution in particular, so none is locked: the credential's row is, and a step is all that each waiting action gets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.errors import CredentialMoved
from holdfast.plans.authentication import split_own
from holdfast.recovery.awaiting import unobtainable
from holdfast.recovery.credentials import WAITERS_MAX, next_generation, wake_steps
from holdfast.recovery.detail import error_detail

if TYPE_CHECKING:
    from holdfast.ports.rows import CredentialRow
    from holdfast.ports.steps import Steps
    from holdfast.ports.store import Tx

__all__ = ["Provided", "give_up", "provide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """What somebody provides: tokens, sealed, and for how many seconds the access token is good (None: nobody knows).

    `is_access_missing` says that there is a refresh token only: an access token is fetched with it before anything is sent. `by` is who provides it.
    """

    sealed: bytes
    expires_s: float | None = None
    is_access_missing: bool = False
    by: str | None = None


def provide(tx: Tx, steps: Steps, *, row: str, provided: Provided, generation: int | None) -> CredentialRow:
    """Store a new generation of a credential and wake everybody who waits for it.

    `generation` is the one that somebody looked at before they answered; None: whatever is there is replaced.

    Raises:
        CredentialMoved: it is not that generation any more.
    """
    credential = tx.lock_credential(row)
    require(credential, generation)
    # A value that has run out already is renewed before it is used.
    expires_s = 0.0 if provided.is_access_missing else provided.expires_s
    renewed = next_generation(credential, sealed=provided.sealed, expires_s=expires_s, now=tx.now, by=provided.by)
    tx.save_credential(renewed)
    wake_all(tx, steps, row=row, marker=f"{renewed.generation}.provided")
    return renewed


def give_up(tx: Tx, steps: Steps, *, row: str, generation: int | None, by: str | None = None) -> CredentialRow:
    """Say, as `by`, that a credential will not come: everybody who waits for it fails, as after a refresh that has failed for good.

    Raises:
        CredentialMoved: nobody is asked for it (any more), or it is not that generation.
    """
    credential = tx.lock_credential(row)
    require(credential, generation)
    if credential.question is None:
        raise CredentialMoved(split_own(row)[0], "nobody is asked for it")
    detail = error_detail(unobtainable(credential), observed_at=tx.now)
    failed = replace(credential, question=None, asked_at=None, error=detail.to_json(), failed_at=tx.now, changed_by=by)
    tx.save_credential(failed)
    wake_all(tx, steps, row=row, marker=f"{failed.generation}.given-up.{tx.now.timestamp():.6f}")
    return failed


def require(credential: CredentialRow, generation: int | None) -> None:
    """Refuse an answer to a question about another generation."""
    if generation is not None and credential.generation != generation:
        why = f"it was renewed or set in the meantime (generation {credential.generation}, not {generation})"
        raise CredentialMoved(split_own(credential.name)[0], why)


def wake_all(tx: Tx, steps: Steps, *, row: str, marker: str) -> None:
    """Enqueue a step due now for every action that waits."""
    steps.enqueue(tx, wake_steps(tx.waiting_for(row, limit=WAITERS_MAX), marker=marker))
