"""The table of settings: every section, every setting, with its unit, range, default and meaning.

Each field is one line of the table. Add a setting here and it is read, checked, shown by `holdfast config show` and documented
(`python -m tools.reference` writes the page). Who uses a setting is not known here.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.errors import BadSettings, Problem
from holdfast.settings.integration import Integration
from holdfast.settings.setting import Scalar, Section, Setting, declare, declare_switch, settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Database(Section):
    """Where the truth is kept."""

    url: str = declare(
        "sqlite:///.holdfast/holdfast.db",
        "The database: a SQLite file for one worker, or PostgreSQL for any number of them.",
        address=True,
    )
    synchronous: str = declare(
        "full",
        "SQLite only. `full` survives a power cut; `normal` is faster and may lose the last commits in one, though never in a crash of the process.",
        choices=("full", "normal"),
    )
    busy_timeout_s: float = declare(
        30.0, "How long to wait for a database that somebody else holds.", unit="s", between=(1, 600)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Data(Section):
    """Where files are kept."""

    directory: str = declare("./.holdfast", "The directory for large outputs, the worker's lock and the key file.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment(Section):
    """What this installation is called."""

    name: str = declare("default", "Name of this installation; the `source` of its events is `/holdfast/<name>`.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret(Section):
    """What seals secrets at rest."""

    key: str | None = declare(
        None,
        "Key that seals tokens at rest. Without it, SQLite uses a key file beside the database; PostgreSQL has no substitute.",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials(Section):
    """How long credentials live, and how long a person may take to provide one."""

    refresh_ahead_s: float = declare(
        60.0,
        "A token whose end is known is renewed so long before it, by the action that would use it then.",
        unit="s",
        between=(0, 86_400),
    )
    question_timeout_s: float = declare(
        604_800.0,
        "How long a person may take to provide a credential; then everybody who waits for it fails.",
        unit="s",
        between=(1, 31_536_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker(Section):
    """How a worker process takes and keeps its work."""

    engine: str = declare(
        "auto",
        "Who owes the steps: `sql`, the lease table (`auto`), or `dbos`. The same in every process that uses the database.",
        choices=("auto", "sql", "dbos"),
    )
    concurrency: int = declare(16, "Steps that one worker performs at the same time.", unit="steps", between=(1, 1000))
    poll_interval_s: float = declare(0.2, "How often an idle worker looks for due steps.", unit="s", between=(0.01, 60))
    heartbeat_interval_s: float = declare(
        5.0, "How often a worker says that it is alive.", unit="s", between=(0.1, 600)
    )
    takeover_after_s: float = declare(
        30.0,
        "Silence after which others take a worker's steps over; at least three heartbeats.",
        unit="s",
        between=(0.3, 3600),
    )
    crashes_max: int = declare(
        3,
        "Deaths of the worker after which a step is set aside; only its own execution fails. So many defects of ours in a row do it, too.",
        unit="crashes",
        between=(1, 100),
    )
    overruns_max: int = declare(
        32,
        "Plain functions that may have overrun their time limit and still run; beyond that this worker calls no more.",
        unit="functions",
        between=(1, 10_000),
    )
    egress_id: str | None = declare(
        None,
        "By what name servers tell this worker's address from others; workers behind one address say the same. None: the host's name.",
    )
    executions_max: int = declare(
        10_000,
        "Live executions beyond which new ones are refused; those that live go on. 0 means no bound.",
        unit="executions",
        between=(0, 10_000_000),
    )
    disk_free_min_fraction: float = declare(
        0.05,
        "Part of the disk of outputs, and of a SQLite file, that must be free for the worker to take work. 0 means never mind.",
        unit="fraction",
        between=(0, 0.9),
    )
    clock_skew_max_s: float = declare(
        2.0,
        "Distance from the clock of PostgreSQL beyond which the worker takes no work.",
        unit="s",
        between=(0.1, 86_400),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep(Section):
    """The periodic check that nothing is forgotten."""

    interval_s: float = declare(
        60.0,
        "How often to check that every live execution has a step, an attempt, a person or a condition.",
        unit="s",
        between=(1, 3600),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention(Section):
    """How long executions are kept after their end. Live ones are never touched."""

    executions_s: float = declare(
        0.0,
        "How long an execution is kept after its end, with all that belongs to it; 0: for ever.",
        unit="s",
        between=(0, 3_155_760_000),
    )
    dead_letters_s: float = declare(
        0.0,
        "The same for executions with a dead letter, if that is longer; 0: for ever.",
        unit="s",
        between=(0, 3_155_760_000),
    )
    batch: int = declare(
        100,
        "Executions that one look for old ones takes; each is erased in a transaction of its own.",
        unit="executions",
        between=(1, 10_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery(Section):
    """The bounds of recovery. Attempts count the first one."""

    attempts_per_action_max: int = declare(
        8,
        "Recovery attempts of one action; those of its own retry policy are not counted.",
        unit="attempts",
        between=(1, 100),
    )
    attempts_per_execution_max: int = declare(
        100, "Recovery attempts in one execution, over all its actions.", unit="attempts", between=(1, 10_000)
    )
    attempts_per_category_max: int = declare(
        5, "Recoveries of one action for the same category of fault.", unit="attempts", between=(1, 100)
    )
    elapsed_max_s: float = declare(
        604_800.0,
        "Time from the first attempt of an action to the last one that recovery may ask for; waits count, except for a person.",
        unit="s",
        between=(1, 31_536_000),
    )
    refreshes_per_action_max: int = declare(
        2, "Credential refreshes on behalf of one action.", unit="refreshes", between=(0, 100)
    )
    probes_per_action_max: int = declare(
        5, "Probes of one action whose outcome is unknown; then a person is asked.", unit="probes", between=(1, 100)
    )
    questions_per_action_max: int = declare(
        5,
        "Questions to people about one action that keeps failing; then it fails for good.",
        unit="questions",
        between=(1, 100),
    )
    timeout_multiplier: float = declare(
        2.0, "Factor on an action's timeout after it timed out.", unit="times", between=(1, 10)
    )
    timeout_max_s: float = declare(
        300.0, "The longest timeout that a recovery may give an action.", unit="s", between=(1, 86_400)
    )
    backoff_initial_s: float = declare(
        1.0, "Wait before the first recovery of a transient fault.", unit="s", between=(0, 3600)
    )
    backoff_multiplier: float = declare(
        2.0, "Factor on that wait from one recovery to the next.", unit="times", between=(1, 10)
    )
    backoff_max_s: float = declare(
        60.0,
        "The longest wait of our own, after jitter. Only the server's own word may exceed it.",
        unit="s",
        between=(0, 86_400),
    )
    retry_after_max_s: float = declare(
        604_800.0,
        "A server that asks for a longer wait is not believed: a person decides.",
        unit="s",
        between=(1, 31_536_000),
    )


STRATEGIES = (
    "refresh-then-retry",
    "wait-until",
    "wait-daily",
    "retry-larger-timeout",
    "back-off",
    "probe",
    "alternative",
    "fallback",
    "skip",
    "roll-back",
    "ask-person",
    "give-up",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes(Section):
    """This deployment's own way of recovery, by category of fault; what is not set is as the table of routes has it."""

    auth_expired: str | None = declare(None, "The strategy for an expired credential.", choices=STRATEGIES)
    auth_invalid: str | None = declare(None, "The strategy for a wrong or revoked credential.", choices=STRATEGIES)
    rate_limit_daily: str | None = declare(None, "The strategy for a long quota that is used up.", choices=STRATEGIES)
    rate_limit_burst: str | None = declare(
        None, "The strategy for too many requests in a short time.", choices=STRATEGIES
    )
    network_timeout: str | None = declare(None, "The strategy for no answer in time.", choices=STRATEGIES)
    network_connection_refused: str | None = declare(
        None, "The strategy for no connection, or one that was cut.", choices=STRATEGIES
    )
    api_response_malformed: str | None = declare(
        None, "The strategy for an answer that cannot be read.", choices=STRATEGIES
    )
    api_endpoint_removed: str | None = declare(None, "The strategy for an address that is gone.", choices=STRATEGIES)
    api_unexpected_status: str | None = declare(
        None, "The strategy for a status nothing more exact is known about.", choices=STRATEGIES
    )
    validation_failed: str | None = declare(None, "The strategy for a request that is wrong.", choices=STRATEGIES)
    state_inconsistent: str | None = declare(None, "The strategy for a conflict.", choices=STRATEGIES)
    user_cancelled: str | None = declare(None, "The strategy for something that a person stopped.", choices=STRATEGIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions(Section):
    """How long people are waited for."""

    answer_within_s: float = declare(
        604_800.0,
        "Time to answer a question about a failed attempt; after it the attempt counts as given up. 0: as long as it takes. A plan's confirmation"
        " has a time of its own.",
        unit="s",
        between=(0, 315_360_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Http(Section):
    """The bounds of HTTP actions."""

    connect_timeout_s: float = declare(
        10.0, "Time to reach the host. Nothing was sent until then.", unit="s", between=(0.01, 600)
    )
    response_size_max_bytes: int = declare(
        10_485_760, "The largest response that is read; more is a fault.", unit="bytes", between=(1024, 1_073_741_824)
    )
    inline_output_max_bytes: int = declare(
        65_536,
        "Larger outputs go to a file; the state keeps their address and digest.",
        unit="bytes",
        between=(0, 10_485_760),
    )
    trace_body_max_bytes: int = declare(
        4096, "How much of a body a trace keeps, after redaction.", unit="bytes", between=(0, 1_048_576)
    )
    redirects_max: int = declare(5, "Redirects that are followed.", unit="redirects", between=(0, 20))
    pool_connections_max: int = declare(100, "Open connections of one worker.", unit="connections", between=(1, 10_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Events(Section):
    """What is taken in from outside."""

    size_max_bytes: int = declare(
        1_048_576, "The largest event that is taken in.", unit="bytes", between=(1024, 67_108_864)
    )
    depth_max: int = declare(64, "The most levels that an event may be nested.", unit="levels", between=(8, 150))


@dataclass(frozen=True, slots=True, kw_only=True)
class External(Section):
    """Executors outside Holdfast."""

    grace_s: float = declare(
        30.0,
        "How long an answer is waited for beyond an attempt's timeout; of a refresh, at most 20 s.",
        unit="s",
        between=(0, 86_400),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Section):
    """How `holdfast run` behaves."""

    wait_max_s: float = declare(
        600.0,
        "Pure waiting after which `run` leaves with exit code 3 and says how to go on.",
        unit="s",
        between=(0, 31_536_000),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Section):
    """How large a plan may be."""

    size_max_bytes: int = declare(
        10_485_760, "The largest plan file that is read.", unit="bytes", between=(1024, 1_073_741_824)
    )
    actions_max: int = declare(10_000, "The most actions in one plan.", unit="actions", between=(1, 100_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog(Section):
    """Where knowledge about other people's APIs comes from."""

    directory: str | None = declare(
        None, "A directory of catalog entries that add to the shipped ones or override them."
    )
    shipped: bool = declare_switch("Whether the entries that come with Holdfast are used.")
    reload_interval_s: float = declare(
        5.0, "How often a process looks whether files or entries have changed, at most.", unit="s", between=(0.1, 3600)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Health(Section):
    """How a worker asks the APIs that running plans use, and those of integrations, whether they are well."""

    enabled: bool = declare_switch("Whether workers make health checks.")
    interval_s: float = declare(
        30.0, "How often an API is asked, by all workers together.", unit="s", between=(1, 86_400)
    )
    timeout_s: float = declare(
        5.0, "How long an answer is waited for, where the API's entry does not say.", unit="s", between=(0.001, 3600)
    )
    concurrency: int = declare(8, "How many are asked at once.", unit="checks", between=(1, 1000))
    results_max: int = declare(20, "How many results of each API are kept.", unit="results", between=(1, 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres(Section):
    """How PostgreSQL is used."""

    pool_size: int = declare(10, "Connections that one process keeps open.", unit="connections", between=(1, 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, valid: a section for each table of the file. `Settings()` has the defaults and reads nothing.

    `integrations` maps the ids of the tables `[integrations.<id>]` to what they say; they are no lines of the table, since only the file knows them.
    `sources` maps the settings that were given to where they came from. `variables_unread` are names from the environment that begin like
    ours and set nothing, which is how a misspelt variable is found; they never stop a program, since they may belong to somebody else.
    """

    database: Database = field(default_factory=Database)
    data: Data = field(default_factory=Data)
    deployment: Deployment = field(default_factory=Deployment)
    secret: Secret = field(default_factory=Secret)
    credentials: Credentials = field(default_factory=Credentials)
    worker: Worker = field(default_factory=Worker)
    sweep: Sweep = field(default_factory=Sweep)
    retention: Retention = field(default_factory=Retention)
    recovery: Recovery = field(default_factory=Recovery)
    routes: Routes = field(default_factory=Routes)
    questions: Questions = field(default_factory=Questions)
    http: Http = field(default_factory=Http)
    events: Events = field(default_factory=Events)
    external: External = field(default_factory=External)
    run: Run = field(default_factory=Run)
    plan: Plan = field(default_factory=Plan)
    catalog: Catalog = field(default_factory=Catalog)
    health: Health = field(default_factory=Health)
    postgres: Postgres = field(default_factory=Postgres)
    integrations: Mapping[str, Integration] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    variables_unread: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check what no section can see alone.

        Raises:
            BadSettings: naming each pair of settings that contradict each other.
        """
        problems = [
            Problem(source=self.origin(name), path=name, message=message)
            for name, is_broken, message in (
                (
                    "worker.takeover_after_s",
                    # Three times 0.1 is a little more than 0.3, which nobody who wrote 0.3 should have to know.
                    self.worker.takeover_after_s < 3 * self.worker.heartbeat_interval_s - 1e-9,
                    (
                        f"{self.worker.takeover_after_s} s is less than three heartbeats of {self.worker.heartbeat_interval_s} s, so a slow worker"
                        " would be taken for a dead one. Raise it, or lower worker.heartbeat_interval_s."
                    ),
                ),
                (
                    "recovery.backoff_max_s",
                    self.recovery.backoff_max_s < self.recovery.backoff_initial_s,
                    (
                        f"{self.recovery.backoff_max_s} s is less than recovery.backoff_initial_s, {self.recovery.backoff_initial_s} s."
                        " Raise it, or lower the first wait."
                    ),
                ),
                (
                    "http.inline_output_max_bytes",
                    self.http.inline_output_max_bytes > self.http.response_size_max_bytes,
                    (
                        f"{self.http.inline_output_max_bytes} bytes is more than http.response_size_max_bytes, {self.http.response_size_max_bytes}."
                        " Lower it, or raise the other."
                    ),
                ),
            )
            if is_broken
        ]
        if problems:
            raise BadSettings(problems)

    def value(self, name: str) -> Scalar:
        """The value of the setting called `name`, such as `worker.concurrency`; an unknown name is a KeyError."""
        section, _, key = by_name()[name].name.partition(".")
        value: Scalar = getattr(getattr(self, section), key)
        return value

    def origin(self, name: str) -> str:
        """Where the value came from: `argument`, a variable's name, the file's path, or `default`; an unknown name is a KeyError."""
        return self.sources.get(by_name()[name].name, "default")

    def shown(self, name: str) -> str:
        """The value as people may see it, with secrets and passwords hidden; an unknown name is a KeyError."""
        return by_name()[name].shown(self.value(name))


@functools.cache
def table() -> tuple[Setting, ...]:
    """The whole table, in the order of the sections."""
    sections = typing.get_type_hints(Settings)
    return tuple(
        setting
        for kind in sections.values()
        if isinstance(kind, type) and issubclass(kind, Section)
        for setting in settings_of(kind)
    )


@functools.cache
def by_name() -> dict[str, Setting]:
    """The table, to look a name up in."""
    return {setting.name: setting for setting in table()}
