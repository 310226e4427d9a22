"""The settings with what the command line says about them; apart from the rest of what commands begin with, because this loads no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.settings import load

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast.settings import Settings

__all__ = ["settings_of"]


def settings_of(
    *, db: str | None = None, config: Path | None = None, catalog: Path | None = None, wait_max_s: float | None = None
) -> Settings:
    """Load the settings with what the command line says about them.

    Raises:
        BadSettings: naming everything that is wrong in any place.
    """
    arguments = {"database.url": db, "catalog.directory": catalog, "run.wait_max_s": wait_max_s}
    return load(arguments=arguments, config_path=config)
