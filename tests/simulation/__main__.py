"""Play seeds by hand: `python -m tests.simulation SEED [SEED …]` prints the timeline of each.

`--span FIRST LAST` plays many and prints what was met.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time

from tests.simulation.account import Coverage, play, story_of


def main() -> int:
    """Play what was asked for; 1 when an invariant broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, help="seeds to play one by one, with their timelines")
    parser.add_argument(
        "--span",
        nargs=2,
        type=int,
        metavar=("FIRST", "LAST"),
        help="play all seeds from FIRST up to LAST, which is left out",
    )
    arguments = parser.parse_args()
    # What the sweep and the worker log about losses and outages is the simulation's own doing.
    logging.disable(logging.CRITICAL)
    broken = 0
    for seed in arguments.seeds:
        fleet, problems = play(seed)
        print(story_of(fleet, problems))
        broken += bool(problems)
    if arguments.span:
        began, coverage = time.perf_counter(), Coverage()
        store = None
        for seed in range(*arguments.span):
            fleet, problems = play(seed, store=store)
            store = fleet.store
            coverage.add(fleet)
            broken += bool(problems)
            for problem in problems:
                print(f"seed {seed}: {problem}")
        took_s = time.perf_counter() - began
        print(coverage.report())
        print(
            f"{coverage.counts['seeds'] / took_s:.1f} seeds/s, {coverage.counts['plans'] / took_s:.1f} plans/s, {broken} seeds broke an invariant"
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
