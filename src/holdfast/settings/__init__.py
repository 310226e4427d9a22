"""Every setting of Holdfast, in one table: name, unit, range, default, environment variable, meaning.

The sections in `sections` *are* the table: each field declares its rule, and from these declarations come the loader, the reference page
(`docs/reference/settings.md`) and `holdfast config show`. A setting `worker.concurrency` is the attribute `settings.worker.concurrency`, the
variable `HOLDFAST_WORKER_CONCURRENCY`, and the key `concurrency` in the table `[worker]` of `holdfast.toml`.

Arguments beat the environment, the environment beats the file, the file beats the default. A variable that is set to nothing counts as not set.

Beside the table there are the integrations: one table `[integrations.<id>]` of the file for each API that is called by name. And the environment
variables of spec 001 are read as `aliases` of ours, if somebody asks for it.
It knows where values come from and what they may be. It does not know who uses them, and it opens no database and no directory.
"""

from __future__ import annotations

from holdfast.settings.aliases import Alias, aliases
from holdfast.settings.integration import (
    ApiFallback,
    CacheFallback,
    DefaultFallback,
    HealthCheck,
    Integration,
    IntegrationBreaker,
    IntegrationFallback,
    IntegrationQueue,
    IntegrationRateLimit,
    IntegrationRetry,
    QueueFallback,
    integration_keys,
)
from holdfast.settings.integrations import IntegrationLine, integration_lines
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
    "Alias",
    "ApiFallback",
    "CacheFallback",
    "Catalog",
    "Data",
    "Database",
    "DefaultFallback",
    "Deployment",
    "HealthCheck",
    "Http",
    "Integration",
    "IntegrationBreaker",
    "IntegrationFallback",
    "IntegrationLine",
    "IntegrationQueue",
    "IntegrationRateLimit",
    "IntegrationRetry",
    "Plan",
    "Postgres",
    "QueueFallback",
    "Recovery",
    "Run",
    "Secret",
    "Setting",
    "Settings",
    "Sweep",
    "Worker",
    "aliases",
    "integration_keys",
    "integration_lines",
    "load",
    "table",
]
