"""The names of executors outside Holdfast."""

from __future__ import annotations

from holdfast.errors import BadInput, Problem

__all__ = ["checked_executor"]

NAME_MAX_CHARS = 200


def checked_executor(name: str | None) -> str | None:
    """Return the name of an executor; None means that our own workers perform.

    Raises:
        BadInput: it is empty, too long, or holds something that cannot be shown.
    """
    if name is None or (name.strip() and name.isprintable() and len(name) <= NAME_MAX_CHARS):
        return name
    message = f"must name the executor, in 1 to {NAME_MAX_CHARS} characters that can be shown"
    raise BadInput([Problem(source="external", path="", message=message)])
