"""Every setting of Holdfast, in one table: name, unit, range, default, environment variable, meaning.

The sections in `sections` *are* the table: each field declares its rule, and from these declarations come the loader, the reference page
(`docs/reference/settings.md`) and `holdfast config show`. A setting `worker.concurrency` is the attribute `settings.worker.concurrency`, the
variable `HOLDFAST_WORKER_CONCURRENCY`, and the key `concurrency` in the table `[worker]` of `holdfast.toml`.

Arguments beat the environment, the environment beats the file, the file beats the default. A variable that is set to nothing counts as not set.
It knows where values come from and what they may be. It does not know who uses them, and it opens no database and no directory.
"""

from __future__ import annotations

from holdfast.settings.loading import load
from holdfast.settings.sections import (
    Catalog,
    Data,
    Database,
    Deployment,
    Http,
    Plan,
    Postgres,
    Recovery,
    Run,
    Secret,
    Settings,
    Sweep,
    Worker,
    table,
)
from holdfast.settings.setting import Setting

__all__ = [
    "Catalog",
    "Data",
    "Database",
    "Deployment",
    "Http",
    "Plan",
    "Postgres",
    "Recovery",
    "Run",
    "Secret",
    "Setting",
    "Settings",
    "Sweep",
    "Worker",
    "load",
    "table",
]
