"""Circuit breaker: when calls to a dependency are known to fail, and how it is found out that they do not any more.

```
            rate, slow rate or consecutive failures over their thresholds
   CLOSED ──────────────────────────────────────────────────────────────▶ OPEN ◀────────────┐
     ▲                                                                      │ open time over │ a probe fails
     │                                                                      ▼                │
     └──────────────────────── enough probes succeed ───────────────── HALF_OPEN ────────────┘
```

These are the only moves. Each begins a new *era*: what calls of an earlier era have to say is not heard. In half-open, `probes_max` calls at a
time are let through; a probe that does not come back within its lease loses its place, so that a hung one cannot keep the circuit from closing.

Pure: a circuit is a value; time arrives as `now` (monotonic seconds), chance as `draw`. Counting is the business of `windows`, remembering and
locking that of `holdfast.guards.circuit`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from types import MappingProxyType
from typing import assert_never

from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health
from holdfast.policies.checks import by_fields, number_problem, refuse
from holdfast.policies.windows import Counts, CountWindow, TimeWindow, Window

__all__ = [
    "Breaker",
    "Circuit",
    "CircuitState",
    "Probe",
    "admit",
    "begin_window",
    "open_for_s",
    "probe_ended",
    "trip",
    "why_trip",
]

CALLS_BOUND = 1_000_000
SECONDS_BOUND = 7 * 24 * 3600.0


@unique
class CircuitState(StrEnum):
    """Whether calls go through."""

    CLOSED = "closed"
    """They do, and are watched."""

    OPEN = "open"
    """They are turned away until the open time is over."""

    HALF_OPEN = "half_open"
    """A few at a time go through as probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When a circuit opens, for how long, and what closes it again.

    It opens on a failure or slow call, never on a success, as soon as one of these holds:

    - `failures_consecutive` failures in a row (1 to 1_000_000; default 5; None: never by that);
    - `failure_ratio` of the calls in the window failed (0 < ratio ≤ 1; default 0.5; None: never by that), or `slow_ratio` of them took `slow_s`
      seconds or longer (both or neither; off by default), once the window holds `calls_min` calls (1 to 1_000_000; default 10);
    - so many failures of one category in a row as `categories` says, such as `{ErrorCategory.API_ENDPOINT_REMOVED: 1}`; a category that is named
      there counts as a failure even if it otherwise says nothing about the dependency's health.

    The window is time, `window_s` seconds (0.01 s to 7 days; default 60), or the last `window_calls` calls (1 to 1_000_000) when that is given.

    It stays open for `open_s` (0 to 7 days; default 30), times `open_multiplier` (1 to 100; default 2) each time it opens again without having
    closed, at most `open_max_s` (default 300), spread downwards by up to `open_jitter` of it (0 to 1; default 0.1) so that many processes do not
    probe at once; never shorter than the dependency asked for with `Retry-After`, up to 7 days. Then `probes_max` calls at a time (1 to 1_000;
    default 1) are let through, each for at most `probe_lease_s` (0.001 s to 7 days; default 30); `successes_to_close` of them (1 to 1_000_000;
    default 2) close it, one failure opens it again.

    Raises:
        BadSettings: values are out of range or contradict each other; all of it is listed.
    """

    failures_consecutive: int | None = 5
    failure_ratio: float | None = 0.5
    slow_s: float | None = None
    slow_ratio: float | None = None
    calls_min: int = 10
    window_s: float = 60.0
    window_calls: int | None = None
    categories: Mapping[ErrorCategory, int] = field(default_factory=dict)
    open_s: float = 30.0
    open_multiplier: float = 2.0
    open_max_s: float = 300.0
    open_jitter: float = 0.1
    probes_max: int = 1
    probe_lease_s: float = 30.0
    successes_to_close: int = 2

    def __post_init__(self) -> None:
        found = [*_ranges(self), *_categories(self.categories)]
        refuse("breaker", [*found, *_crossings(self, wrong={name for name, message in found if message is not None})])
        object.__setattr__(self, "categories", MappingProxyType(dict(self.categories)))

    def __reduce__(self) -> tuple[object, ...]:
        return by_fields(self)

    @classmethod
    def spec_001(cls) -> Breaker:
        """Spec 001's: half of the calls in a rolling minute, open for 30 s, one probe, which closes or opens."""
        return cls(
            failures_consecutive=None,
            failure_ratio=0.5,
            calls_min=5,
            window_s=60,
            open_s=30,
            open_multiplier=1,
            open_jitter=0,
            successes_to_close=1,
        )

    @classmethod
    def spec_003(cls, failure_threshold: int = 5, timeout_s: float = 60.0) -> Breaker:
        """Spec 003's: `failure_threshold` failures in a row open it for `timeout_s`, three successes close it (the document fixes only the three)."""
        return cls(
            failures_consecutive=failure_threshold,
            failure_ratio=None,
            open_s=timeout_s,
            open_multiplier=1,
            open_max_s=max(300.0, timeout_s),
            open_jitter=0,
            successes_to_close=3,
        )

    @classmethod
    def spec_004(cls) -> Breaker:
        """Spec 004's: five failures in a row open it for 60 s, two successes close it."""
        return cls(
            failures_consecutive=5,
            failure_ratio=None,
            open_s=60,
            open_multiplier=1,
            open_jitter=0,
            successes_to_close=2,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A call that was let through to find out: its number, and until when it keeps its place."""

    number: int
    leased_until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The state of one circuit.

    `era` counts the changes of state. `open_until` (monotonic seconds) is fixed when it opens. `opens` counts how often it has opened since it was
    last closed. `probes` are under way, `probes_made` were let through in this era, and `successes` of them succeeded.
    """

    state: CircuitState = CircuitState.CLOSED
    era: int = 0
    open_until: float = 0.0
    opens: int = 0
    probes: tuple[Probe, ...] = ()
    probes_made: int = 0
    successes: int = 0


def begin_window(breaker: Breaker | None, now: float) -> Window:
    """The window that a new era counts in."""
    if breaker is None or (breaker.failure_ratio is None and breaker.slow_ratio is None):
        return Window()
    if breaker.window_calls is not None:
        return CountWindow(breaker.window_calls)
    return TimeWindow(breaker.window_s, now)


def why_trip(breaker: Breaker, counts: Counts, *, category: ErrorCategory | None, category_run: int) -> str | None:
    """Why the circuit opens now, as a clause for people; None when it does not.

    Args:
        breaker: the settings.
        counts: what the window holds, the last call included.
        category: of the last call's failure; None when it was slow but fine.
        category_run: how many failures of that category there were in a row.
    """
    limit = None if category is None else breaker.categories.get(category)
    if limit is not None and category_run >= limit:
        return f"{category_run} failures in a row were {category}"
    if breaker.failures_consecutive is not None and counts.consecutive >= breaker.failures_consecutive:
        return "a call failed" if counts.consecutive == 1 else f"{counts.consecutive} calls in a row failed"
    if counts.calls < breaker.calls_min:
        return None
    over = f"the last {breaker.window_calls} calls" if breaker.window_calls is not None else f"{breaker.window_s:g} s"
    if breaker.failure_ratio is not None and counts.failures > 0 and counts.failure_ratio >= breaker.failure_ratio:
        return f"{counts.failures} of {counts.calls} calls failed in {over}"
    if breaker.slow_ratio is not None and counts.slow > 0 and counts.slow_ratio >= breaker.slow_ratio:
        return f"{counts.slow} of {counts.calls} calls took {breaker.slow_s:g} s or longer in {over}"
    return None


def open_for_s(breaker: Breaker, *, opens: int, draw: float, retry_after_s: float | None) -> float:
    """How long a circuit stays open that opens for the `opens`-th time in a row: grows, is capped, is spread, and never undercuts `retry_after_s`.

    A stated wait of more than 7 days counts as 7 days: nobody shuts a circuit for years by one header.
    """
    assert opens >= 1, "it opens now"
    try:
        grown = breaker.open_s * float(breaker.open_multiplier) ** (opens - 1)
    except OverflowError:  # far beyond every cap; nothing times anything is nothing
        grown = breaker.open_max_s if breaker.open_s > 0 else 0.0
    spread = min(grown, breaker.open_max_s) * (1.0 - breaker.open_jitter * draw)
    return spread if retry_after_s is None else max(spread, min(retry_after_s, SECONDS_BOUND))


def trip(breaker: Breaker, circuit: Circuit, *, now: float, draw: float, retry_after_s: float | None = None) -> Circuit:
    """The circuit after it opened: from closed, or from half-open after a failed probe."""
    assert circuit.state is not CircuitState.OPEN, "the open time is fixed when it opens"
    opens = circuit.opens + 1
    wait_s = open_for_s(breaker, opens=opens, draw=draw, retry_after_s=retry_after_s)
    return Circuit(state=CircuitState.OPEN, era=circuit.era + 1, open_until=now + wait_s, opens=opens)


def admit(breaker: Breaker, circuit: Circuit, *, now: float) -> tuple[Circuit, Probe | None]:
    """Let a call through a circuit that is not closed, if it may go: the circuit afterwards, and the probe it goes as, or None."""
    assert circuit.state is not CircuitState.CLOSED, "nobody asks a closed circuit"
    if circuit.state is CircuitState.OPEN:
        if now < circuit.open_until:
            return circuit, None
        circuit = Circuit(state=CircuitState.HALF_OPEN, era=circuit.era + 1, opens=circuit.opens)
    # A probe whose lease is over loses its place; what it says later is not heard, because its number is gone.
    live = tuple(probe for probe in circuit.probes if now < probe.leased_until)
    if len(live) >= breaker.probes_max:
        return replace(circuit, probes=live), None
    probe = Probe(number=circuit.probes_made + 1, leased_until=now + breaker.probe_lease_s)
    return replace(circuit, probes=(*live, probe), probes_made=probe.number), probe


def probe_ended(
    breaker: Breaker,
    circuit: Circuit,
    number: int,
    *,
    health: Health,
    now: float,
    draw: float,
    retry_after_s: float | None = None,
) -> Circuit:
    """The circuit after the probe `number` of this era ended with `health`; a neutral end only frees its place.

    A probe that is not known any more, because its lease ran out and its place was given to another, changes nothing.
    """
    assert circuit.state is CircuitState.HALF_OPEN, "probes belong to half-open circuits"
    if all(probe.number != number for probe in circuit.probes):
        return circuit
    left = tuple(probe for probe in circuit.probes if probe.number != number)
    match health:
        case Health.FAILURE:
            return trip(breaker, circuit, now=now, draw=draw, retry_after_s=retry_after_s)
        case Health.SUCCESS if circuit.successes + 1 >= breaker.successes_to_close:
            return Circuit(era=circuit.era + 1)
        case Health.SUCCESS:
            return replace(circuit, probes=left, successes=circuit.successes + 1)
        case Health.NEUTRAL:
            return replace(circuit, probes=left)
        case _:
            assert_never(health)


def _ranges(breaker: Breaker) -> list[tuple[str, str | None]]:
    calls, seconds = CALLS_BOUND, SECONDS_BOUND
    return [
        ("failures_consecutive", number_problem(breaker.failures_consecutive, 1, calls, whole=True, optional=True)),
        ("failure_ratio", number_problem(breaker.failure_ratio, 1e-6, 1, optional=True)),
        ("slow_s", number_problem(breaker.slow_s, 0, seconds, optional=True)),
        ("slow_ratio", number_problem(breaker.slow_ratio, 1e-6, 1, optional=True)),
        ("calls_min", number_problem(breaker.calls_min, 1, calls, whole=True)),
        ("window_s", number_problem(breaker.window_s, 0.01, seconds)),
        ("window_calls", number_problem(breaker.window_calls, 1, calls, whole=True, optional=True)),
        ("open_s", number_problem(breaker.open_s, 0, seconds)),
        ("open_multiplier", number_problem(breaker.open_multiplier, 1, 100)),
        ("open_max_s", number_problem(breaker.open_max_s, 0, seconds)),
        ("open_jitter", number_problem(breaker.open_jitter, 0, 1)),
        ("probes_max", number_problem(breaker.probes_max, 1, 1_000, whole=True)),
        ("probe_lease_s", number_problem(breaker.probe_lease_s, 0.001, seconds)),
        ("successes_to_close", number_problem(breaker.successes_to_close, 1, calls, whole=True)),
    ]


def _categories(categories: object) -> list[tuple[str, str | None]]:
    if not isinstance(categories, Mapping):
        return [("categories", f"must map ErrorCategory to a number of failures, not {type(categories).__name__}")]
    found: list[tuple[str, str | None]] = []
    for category, limit in categories.items():
        known = isinstance(category, ErrorCategory)
        problem = number_problem(limit, 1, CALLS_BOUND, whole=True)
        found.append((f"categories[{category!s}]", problem if known else "is no ErrorCategory"))
    return found


def _crossings(breaker: Breaker, *, wrong: set[str]) -> list[tuple[str, str | None]]:
    """What no field can see alone, among those that are right by themselves."""
    found: list[tuple[str, str | None]] = []
    if (breaker.slow_s is None) != (breaker.slow_ratio is None):
        found.append(("slow_ratio", "needs slow_s beside it, and slow_s needs slow_ratio: give both or neither"))
    if not wrong & {"open_s", "open_max_s"} and breaker.open_max_s < breaker.open_s:
        found.append(("open_max_s", f"must not be less than open_s, {breaker.open_s:g}, not {breaker.open_max_s:g}"))
    if "window_calls" not in wrong and breaker.window_calls is not None:
        for name, value in (("calls_min", breaker.calls_min), ("probes_max", breaker.probes_max)):
            if name not in wrong and value > breaker.window_calls:
                found.append((name, f"must be from 1 to window_calls, {breaker.window_calls}, not {value}"))
    deciding = (breaker.failures_consecutive, breaker.failure_ratio, breaker.slow_ratio)
    if all(setting is None for setting in deciding) and not breaker.categories:
        found.append(("", "never opens; give failures_consecutive, failure_ratio, slow_ratio or categories"))
    return found
