"""The rows of correlation: what a fault costs to record, what an analysis costs, and how much memory a storm takes.

Storms run on a clock of their own: a million faults are recorded as if they came within a window, and as if they came over a day. Times are the
best of several rounds per fault, in processor time: what the machine does meanwhile only ever adds.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator

from benchmarks.rows import Row
from holdfast.faults.correlation.fault_window import FaultWindow
from holdfast.faults.correlation.ids import Ids
from holdfast.faults.fingerprint import fingerprint
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import family_of, traits_of
from holdfast.faults.verdict import Outcome, Verdict
from holdfast.guards.correlating import Correlator

__all__ = ["SUITE", "TARGETS", "rows"]

SUITE = "correlation"
TARGETS = {
    "fingerprint of 100 characters": "≤ 3",
    "record a fault": "≤ 3",
    "record a fault, over threads": "≤ 3",
    "analyse 10,000 faults in the window": "≤ 50",
    "analyse 1,000,000 faults in the window": "≤ 50",
    "memory after 10,000 faults": "≤ 64",
    "memory after the storm": "≤ 64",
}
"""What was promised, in µs and in KB (of 1,024 bytes)."""
MESSAGE = "HTTP 429 rate_limited: Too many requests for customer cus_9AbC12 on order 5021, retry in 30 s please"
WINDOW_S = 60.0
IDS = Ids(trace_id="4bf92f3577b34da6a3ce929d0e0e4736", execution_id="0c9a4a52-6d0e-4a6f-9c57-3a5f0b1d7e21")


def rows(*, storm: int = 1_000_000, window: int = 10_000, rounds: int = 7) -> Iterator[Row]:
    """Yield the rows. `storm` and `window` are numbers of faults; the names of the cases are those of the standard numbers."""
    faults = verdicts(12)
    yield row("fingerprint of 100 characters", fingerprint_us(rounds=rounds), "µs")
    yield row("record a fault", record_us(faults, count=window, rounds=rounds), "µs")
    yield row("record a fault, over threads", correlator_us(faults, count=window, rounds=rounds), "µs")
    yield row("record faults of more kinds than are kept", record_us(verdicts(200), count=window, rounds=rounds), "µs")
    small, large = filled(faults, window), filled(faults, storm)
    yield row("analyse 10,000 faults in the window", analyse_us(small, rounds=rounds), "µs")
    yield row("analyse 1,000,000 faults in the window", analyse_us(large, rounds=rounds), "µs", note="flat with volume")
    before, after = memory_kb(counts=(window, storm))
    yield row("memory after 10,000 faults", before, "KB", note="3,000 fingerprints, 40 dependencies, ids with each")
    yield row("memory after the storm", after, "KB", note=f"{storm:,} faults")


def row(case: str, ours: float, unit: str, *, note: str = "") -> Row:
    """Return a row with the target of its case."""
    return Row(suite=SUITE, case=case, ours=ours, unit=unit, target=TARGETS.get(case, ""), note=note)


def verdicts(count: int) -> list[Verdict]:
    """Return so many kinds of faults, at half as many dependencies."""
    categories = list(ErrorCategory)
    found: list[Verdict] = []
    for number in range(count):
        category = categories[number % len(categories)]
        found.append(
            Verdict(
                category=category,
                family=family_of(category, retryable=True),
                labels=(),
                retryable=True,
                health=traits_of(category).health,
                outcome=Outcome.UNKNOWN,
                message=MESSAGE,
                fingerprint=f"2:{number:016x}",
                rule="generic:server-error",
                api_id=f"api-{number % max(1, count // 2) % 40}",
            )
        )
    return found


def fingerprint_us(*, rounds: int, count: int = 5_000) -> float:
    """Return what a fingerprint costs."""

    def work() -> None:
        for _ in range(count):
            fingerprint(ErrorCategory.RATE_LIMIT_BURST, "crm", message=MESSAGE, status=429, code="rate_limited")

    return best_us(work, count=count, rounds=rounds)


def record_us(faults: list[Verdict], *, count: int, rounds: int) -> float:
    """Return what recording costs in a storm that fills one window."""

    def work() -> None:
        filled(faults, count)

    return best_us(work, count=count, rounds=rounds)


def correlator_us(faults: list[Verdict], *, count: int, rounds: int) -> float:
    """Return what recording costs as policies do it: with the lock, the clock and the ids of the call."""
    found = Correlator()

    def work() -> None:
        for number in range(count):
            found.record(faults[number % len(faults)], "crm")

    try:
        return best_us(work, count=count, rounds=rounds)
    finally:
        found.configure(on=False)


def analyse_us(window: FaultWindow, *, rounds: int, count: int = 1_000) -> float:
    """Return what an analysis of a filled window costs."""

    def work() -> None:
        for _ in range(count):
            window.analyse(WINDOW_S)

    return best_us(work, count=count, rounds=rounds)


def filled(faults: list[Verdict], count: int) -> FaultWindow:
    """Return a window that so many faults have come into, evenly over its time."""
    window, every_s = FaultWindow(), 0.99 * WINDOW_S / count
    for number in range(count):
        window.record(faults[number % len(faults)], number * every_s, ids=IDS)
    return window


def memory_kb(*, counts: tuple[int, int]) -> tuple[float, float]:
    """Return what a window holds after so many faults that are as different as they come, in KB."""
    faults = verdicts(3_000)
    tracemalloc.start()
    try:
        gc.collect()
        before, window, found = tracemalloc.get_traced_memory()[0], FaultWindow(), list[float]()
        for number in range(max(counts) + 1):
            if number in counts:
                gc.collect()
                found.append((tracemalloc.get_traced_memory()[0] - before) / 1_024)
            ids = Ids(trace_id=f"{number:032x}", execution_id=f"{number:036x}")
            window.record(faults[number % 3_000], number / 1_000, ids=ids)
    finally:
        tracemalloc.stop()
    return found[0], found[-1]


def best_us(work: Callable[[], None], *, count: int, rounds: int) -> float:
    """Return the best time of several rounds, in µs for each of `count`."""
    found: list[float] = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        found.append((time.process_time() - begun) / count * 1e6)
    return min(found)
