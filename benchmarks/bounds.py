"""What bounds a number that misses its target, and what was tried: said on the page beside every miss. By suite and a part of the case.

The first entry that fits is taken, so the narrower ones stand first. A number in here was measured like those on the page.
"""

from __future__ import annotations

__all__ = ["BOUNDS"]

DBOS_POLL = (
    "DBOS dequeues once per polling interval and takes at most `worker.concurrency` steps: as shipped 16 steps every 0.2 s, 80 steps/s,"
    " whatever the machine. The ratio shows it: Holdfast on DBOS is as fast as DBOS's own queue with workflows that do nothing."
    " Tried: polling every 0.02 s with 50 steps at once (the rows called `tuned`). Even so a diamond is ten transactions of ours and"
    " five workflows of DBOS's, each of which inserts, dequeues and completes a row of its own."
    " Who needs more than one worker's rate adds workers, or sets `worker.engine` to `sql`."
)
POSTGRES_TRIPS = (
    "One worker process is one Python interpreter, and it is busy all the time: 14 to 20 ms of processor time a plan, at a share of 0.95 to 1.0 of"
    " one core, spent on about a hundred statements in ten transactions (claim and settle, five times). The server sits on the same two cores here."
    " Tried, each measured alone: statements compiled once and sent straight to the driver; libpq's pipeline mode, so that nobody waits for"
    " answers that are not read (28 % more plans); one connection kept per thread instead of a pool that asks the server before each use;"
    " `execute` instead of `executemany` inside the pipeline (a fifth more). The statements of a transaction cannot be merged into one that also"
    " locks: under READ COMMITTED it would read what was true before the lock was granted. Who needs more adds worker processes."
)
SQLITE_WRITER = (
    "All transactions of a file go through one writer. Of its time in a profile 27 % is waiting for the disk to confirm commits, 41 % claims and"
    " settles (half of it reading the rows of the execution and turning them into objects), the rest handing results over between threads."
    " Tried: group commit (one confirmation for all that waits; without it the disk alone bounds the rate)."
)
QUEUEING = (
    "Under saturation this is queueing, not deciding: sixteen attempts are in flight, so by Little's law an answer waits about"
    " 16 / (2 x recoveries/s) for its transaction. The transaction itself takes what light load shows. A lower"
    " `worker.concurrency` shortens the wait and not the work."
)
THREADS_HERE = (
    "Eight threads are as quick as one here: no thread waits for another, and the interpreter runs one at a time. The number is the machine's,"
    " then: the promise was made where eight threads made 30 million bare calls a second. 4 million are 13.3 % of those, which is the next row."
)
SHARE = (
    "Eight threads make as many calls as one, and one takes as long as about ten bare ones, half of it for reading the clock: so it is a tenth."
    " `holdfast, no eye on slow calls` makes nearly twice as many, and keeps the promise."
)
REFUSAL = (
    "Nearly all of it is one error, made, raised and caught: it says which circuit, why, and until when. It is as quick as half of the fastest peer,"
    " give or take what two runs differ by."
)
CLOCK = (
    "Reading the clock before and after a call, for slow calls, is about half of it: `holdfast, no eye on slow calls` on the comparison is the same"
    " breaker without. The rest is the wrapper that hands arguments on (3 bare calls), the gate and the window. It misses by less than the"
    " rounds of one run differ."
)
DEQUE = (
    "Half of it is one `deque`: CPython gives each a first block of 64 places, about 760 bytes, as soon as there is something to remember."
    " Before the first failure there is none."
)
VERDICT = (
    "Everything a verdict holds is worked out at once, in Python: of a profile about a third is the evidence (parsing the body and walking it for"
    " codes and messages), a quarter the generic reading, whose rule `why` shows as a runner-up even where the catalog decides, and the rest the"
    " catalog's rules, the stated wait, taking secrets out of the message, the fingerprint and the verdict itself. Tried: one scan where nothing"
    " is secret, remembered codes, a single-pass fingerprint, prepared readings (together about half of what it was)."
    " Not tried: working out message, fingerprint and runners-up when they are first read."
)
FINGERPRINT = "One pass over the words and one SHA-256; between 2.9 and 3.4 µs from run to run on this machine."
BOUNDS: dict[tuple[str, str], str] = {
    ("classification speed", "verdict on a JSON error"): VERDICT,
    ("correlation", "fingerprint"): FINGERPRINT,
    ("correlation", "over threads"): "The machine: 1.7 to 3.1 µs from run to run, one lock and the record itself.",
    ("policies", "8 threads, calls that do nothing, share"): SHARE,
    ("policies", "8 threads, calls that do nothing"): THREADS_HERE,
    ("policies", "open rejection"): REFUSAL,
    ("policies", "closed breaker"): CLOCK,
    ("policies", "memory of one breaker in use"): DEQUE,
    ("throughput", "dbos-"): DBOS_POLL,
    ("throughput", "sql-postgres"): POSTGRES_TRIPS,
    ("throughput", "sql-sqlite"): SQLITE_WRITER,
    ("decision latency", "saturated"): QUEUEING,
    (
        "decision latency",
        "light load",
    ): "Other work on the machine: light load leaves the worker idle nine tenths of the time.",
    ("launch", "dbos-"): (
        "DBOS takes 0.25 to 0.3 s to import and, on a fresh database, runs its own migrations. It is imported only when it is used."
    ),
    ("launch", "import holdfast.policies.retry"): (
        "Half of it is `dataclasses`, which loads `inspect`, `ast` and `tokenize`; the rest `typing`, `enum`, our errors and the making of the"
        " dataclasses themselves. Compare the peer: on a machine that is busy even `import json` takes three times what it takes alone."
    ),
    ("launch", "open a fresh"): (
        "Creating the schema: all tables with their indexes, in one transaction. It happens once in the life of a database."
    ),
    ("launch", "sql-postgres: open a warm"): (
        "SQLAlchemy loads its PostgreSQL dialect and psycopg when the first engine is made: 81 modules, the greater part of the time measured."
        " Then it connects and asks the server for its version and settings before our first query. SQLite's users do not pay for it."
    ),
}
