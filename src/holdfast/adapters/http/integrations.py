"""Integrations of this process by name: made from the settings when they are first asked for, and then the same for everybody."""

from __future__ import annotations

import difflib
import functools
import os
import threading
from typing import TYPE_CHECKING

from holdfast.adapters.http.senders import Httpx2Senders
from holdfast.apis.shipped import match_shipped, shipped_ids, shipped_rules
from holdfast.errors import BadInput, Problem
from holdfast.guards.integration import Integration, secrets_of
from holdfast.settings import Settings, load

if TYPE_CHECKING:
    from holdfast.faults.rules import ApiRules
    from holdfast.settings.integration import Integration as Declared

__all__ = ["Integrations", "integration"]


class Integrations:
    """The integrations of one process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: Settings | None = None
        self._made: dict[str, tuple[Settings, Integration]] = {}

    def get(self, integration_id: str, *, settings: Settings | None = None) -> Integration:
        """The integration of that id; made anew only if other settings are given than it was made from.

        Raises:
            BadInput: there is none, or its catalog entry cannot be found.
            BadSettings: a variable that it names is not set, or the settings are wrong.
        """
        with self._lock:
            if settings is None:
                # Read once: whoever changes the file starts the program anew, or gives settings.
                self._settings = settings = self._settings or load()
            known = self._made.get(integration_id)
            if known is not None and _same(known[0], settings, integration_id):
                return known[1]
            made = make_integration(integration_id, settings)
            self._made[integration_id] = (settings, made)
            return made


def integration(integration_id: str, *, settings: Settings | None = None) -> Integration:
    """Return an integration of this process; see `holdfast.integration`."""
    return _of_this_process().get(integration_id, settings=settings)


def make_integration(integration_id: str, settings: Settings) -> Integration:
    """Make an integration by its settings, apart from those of the process.

    Raises:
        BadInput: as for `Integrations.get`.
    """
    declared = settings.integrations.get(integration_id)
    if declared is None:
        near = difflib.get_close_matches(integration_id, settings.integrations, n=1)
        advice = (
            f"Did you mean {near[0]}?" if near else f"Declare it in holdfast.toml: [integrations.{integration_id}]."
        )
        message = f"no integration has this id. {advice}"
        raise BadInput([Problem(source="integration", path=integration_id, message=message)])
    http = settings.http
    senders = Httpx2Senders(
        connect_timeout_s=http.connect_timeout_s,
        pool_connections_max=http.pool_connections_max,
        redirects_max=http.redirects_max,
    )
    return Integration(
        integration_id,
        declared,
        senders=senders,
        secrets=secrets_of(integration_id, declared, environ=os.environ),
        response_size_max_bytes=http.response_size_max_bytes,
        api=_rules(integration_id, declared, settings=settings),
    )


@functools.cache
def _of_this_process() -> Integrations:
    return Integrations()


def _same(one: Settings, other: Settings, integration_id: str) -> bool:
    if one is other:
        return True
    before, after = one.integrations.get(integration_id), other.integrations.get(integration_id)
    return (before, one.http, one.catalog) == (after, other.http, other.catalog)


def _rules(integration_id: str, declared: Declared, *, settings: Settings) -> ApiRules | None:
    """What the catalog knows of the API: by its name, else by the address.

    Raises:
        BadInput: the settings name an entry that is not there.
    """
    directory = settings.catalog.directory
    if directory is not None:
        from holdfast.catalog.directory import load_directory  # noqa: PLC0415 - for those who have a catalog of their own

        catalog = load_directory(directory, shipped=settings.catalog.shipped)
        found = catalog.match_id(declared.base_url) if declared.api is None else declared.api
        rules = None if found is None else catalog.rules(found)
        names = catalog.ids()
    elif settings.catalog.shipped:
        found = match_shipped(declared.base_url) if declared.api is None else declared.api
        rules, names = None if found is None else shipped_rules(found), list(shipped_ids())
    else:
        rules, names = None, []
    if rules is None and declared.api is not None:
        near = difflib.get_close_matches(declared.api, names, n=1)
        advice = (
            f"Did you mean {near[0]!r}?" if near else "Leave the key out, or add the entry (setting catalog.directory)."
        )
        message = f"the catalog has no entry {declared.api!r}. {advice}"
        raise BadInput([Problem(source=f"integrations.{integration_id}", path="api", message=message)])
    return rules
