"""A worker process for the suite: `python -m tests.conformance.steps.worker ENGINE URL WORKER_ID CONCURRENCY STEP_S`.

It writes a line per delivery (`begun KEY`, `ended KEY`) and stops when its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING

from tests.conformance.steps.engines import Tempo, open_bench

if TYPE_CHECKING:
    from holdfast.ports.steps import Step


async def work(name: str, url: str, *, worker: str, concurrency: int, step_s: float) -> None:
    """Perform steps of `step_s` seconds until told to stop."""
    bench = open_bench(name, url)
    loop, stop, never = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def watch_stdin() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    async def perform(step: Step) -> None:
        print("begun", step.key, flush=True)
        try:
            await asyncio.wait_for(never.wait(), step_s)
        except TimeoutError:
            print("ended", step.key, flush=True)

    threading.Thread(target=watch_stdin, daemon=True).start()
    await bench.open(worker, Tempo(concurrency=concurrency)).run(perform, stop)
    await bench.store.close()
    print("stopped", flush=True)


if __name__ == "__main__":
    engine, address, worker_id, at_once, seconds = sys.argv[1:]
    asyncio.run(work(engine, address, worker=worker_id, concurrency=int(at_once), step_s=float(seconds)))
