"""Secrets that come with a plan: those that somebody wrote out, and those that somebody was asked for. Both are sealed before anything is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.contract import OAuth2Authentication
from holdfast.errors import BadInput, Problem
from holdfast.plans.authentication import LITERAL, VARIABLE_PREFIX, Source, held_as, own_names, source_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.contract import ActionDefinition
    from holdfast.ports.outputs import Sealer

__all__ = ["flaw_of", "needs_key", "protect", "seal_own"]

SECRET_LENGTH_MAX = 100_000


def needs_key(definition: ActionDefinition) -> bool:
    """Whether a definition brings about secrets that have to rest sealed."""
    source = source_of(definition)
    return definition.refreshes is not None or (source is not None and source.is_held)


def protect(
    definitions: Mapping[str, ActionDefinition], *, sealer: Sealer
) -> tuple[dict[str, ActionDefinition], dict[str, bytes]]:
    """Return definitions in which a keyed digest stands for each secret that was written out, and these secrets, sealed, by their row.

    The same secret gets the same digest under one key, so that the same plan stays the same document.

    Raises:
        SecretKeyMissing: there is such a secret and no key.
    """
    sealed: dict[str, bytes] = {}

    def kept(value: str | None) -> str | None:
        if not value or value.startswith(VARIABLE_PREFIX):
            return value
        name = f"{LITERAL}{sealer.digest(value)}"
        sealed[name] = sealer.seal(value)
        return name

    protected = dict(definitions)
    for key, definition in definitions.items():
        authentication = definition.authentication
        if isinstance(authentication, OAuth2Authentication):
            changed = {
                "client_secret": kept(authentication.client_secret),
                "refresh_token": kept(authentication.refresh_token),
            }
            protected[key] = definition.model_copy(update={"authentication": authentication.model_copy(update=changed)})
    return protected, sealed


def seal_own(
    secrets: Mapping[str, str], definitions: Mapping[str, ActionDefinition], *, sealer: Sealer, execution: str
) -> dict[str, bytes]:
    """Return the secrets that were given for one execution, sealed, by the name of their row.

    Raises:
        BadInput: no definition asks for one of them, or a value cannot be a secret; no value is repeated.
        SecretKeyMissing: there is no key.
    """
    wanted = own_names(definitions.values())
    problems = [
        Problem(source="secrets", path=name, message=problem)
        for name, value in secrets.items()
        if (problem := problem_with(name, value, wanted=wanted))
    ]
    if problems:
        raise BadInput(problems)
    return {held_as(name, Source.OWN, execution=execution): sealer.seal(value) for name, value in secrets.items()}


def problem_with(name: str, value: object, *, wanted: list[str]) -> str | None:
    """Return what is wrong with a secret that was given; None when nothing is."""
    if name not in wanted:
        asked = f"it asks for: {', '.join(map(repr, wanted))}" if wanted else "it asks for none (user_input)"
        return f"no definition of the plan asks for it; {asked}"
    return flaw_of(value)


def flaw_of(value: object) -> str | None:
    """Return why a value cannot be sent as a secret; None when it can. The value is never part of it."""
    if not isinstance(value, str):
        return f"must be a text, not {type(value).__name__}"
    if not value.strip():
        return "is empty"
    if len(value) > SECRET_LENGTH_MAX:
        return f"has more than {SECRET_LENGTH_MAX:,} characters"
    # What stands in a header is one line (RFC 9110 §5.5); a line break is mostly a file's last one.
    if any(letter < " " or letter == "\x7f" or "\ud800" <= letter <= "\udfff" for letter in value):
        return "holds a line break or another control character"
    return None
