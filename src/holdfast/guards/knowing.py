"""What a caller means by `api=`: rules at hand, or the name of an API whose entry comes with Holdfast."""

from __future__ import annotations

import difflib

from holdfast.errors import BadSettings, Problem
from holdfast.faults.rules import ApiRules

__all__ = ["known_api"]


def known_api(api: ApiRules | str | None, *, source: str) -> ApiRules | None:
    """The rules themselves, or those of the shipped entry of this id or other name.

    Raises:
        BadSettings: no entry has this name, or it is no name at all.
    """
    given: object = api
    if given is None or isinstance(given, ApiRules):
        return given
    if not isinstance(given, str):
        message = f"must be the name of an API, such as 'stripe', or ApiRules, not {given!r}"
        raise BadSettings([Problem(source=source, path="api", message=message)])
    from holdfast.apis.shipped import shipped_ids, shipped_rules  # noqa: PLC0415 - for those who name an API

    rules = shipped_rules(given)
    if rules is None:
        near = difflib.get_close_matches(given.lower(), shipped_ids(), n=1)
        advice = f"Did you mean {near[0]!r}?" if near else "Give ApiRules, such as load_directory('apis').rules(name)."
        message = f"{given!r} is no API that comes with Holdfast. {advice}"
        raise BadSettings([Problem(source=source, path="api", message=message)])
    return rules
