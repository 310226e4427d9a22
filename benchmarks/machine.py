"""The machine that was measured, without anything that would name it."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["describe"]

PACKAGES = ("sqlalchemy", "psycopg", "dbos", "pydantic")


def describe(directory: Path, *, postgres: str | None = None) -> dict[str, object]:
    """Describe the machine: processor, memory, system, the file system under `directory`, versions. No host name, no path.

    `postgres` is the address of a server whose version and durability settings are worth knowing.
    """
    load = os.getloadavg()
    facts: dict[str, object] = {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "file_system": file_system(directory),
        "load_before": round(load[0], 2),
        "sqlite": f"{sqlite3.sqlite_version}, WAL, synchronous=FULL",
    }
    if postgres is not None:
        facts["postgresql"] = server(postgres)
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    return facts


def processor() -> str:
    """Return the processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def file_system(directory: Path) -> str:
    """Return the type of the file system under a directory: on tmpfs a commit costs nothing, which a reader must know."""
    try:
        lines = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    mounts = [line.split()[1:3] for line in lines]
    here = str(directory.resolve())
    fitting = [
        (len(point), kind) for point, kind in mounts if here == point or here.startswith(point.rstrip("/") + "/")
    ]
    return max(fitting, default=(0, "unknown"))[1]


def server(address: str) -> str:
    """Return version and durability of a PostgreSQL."""
    import psycopg  # noqa: PLC0415 - not needed where only SQLite is measured

    with psycopg.connect(address) as connection:
        names = ("server_version", "fsync", "synchronous_commit")
        values = {name: str((connection.execute(f"SHOW {name}").fetchone() or ("?",))[0]) for name in names}
    return f"{values['server_version'].split()[0]}, fsync={values['fsync']}, synchronous_commit={values['synchronous_commit']}, loopback socket"
