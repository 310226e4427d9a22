"""`python -m holdfast.testing.fault_api --scenario scenario.json --port 0`: the fake API as a process.

Prints one JSON line with its addresses once it serves, and ends when its standard input closes, on Ctrl-C, or after `--lifetime-max` seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading

from holdfast.errors import BadInput
from holdfast.testing.fault_api.server import FaultApi

LIFETIME_MAX_S = 86_400.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; the exit code is 0 when it served, 2 for bad input, 130 for Ctrl-C."""
    options = _parse(arguments)
    try:
        api = FaultApi(options.scenario, port=options.port, refused_port=options.refuse_port).start()
    except BadInput as err:
        sys.stderr.write(f"{err}\n")
        return 2
    try:
        addresses = {
            "url": api.url,
            "port": api.port,
            "refused_url": api.refused_url,
            "refused_port": api.refused_port,
            "pid": os.getpid(),
        }
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        end = threading.Event()
        if not options.keep_running:
            threading.Thread(target=_set_at_end_of_input, args=(end,), daemon=True).start()
        end.wait(options.lifetime_max)
    except KeyboardInterrupt:
        return 130
    finally:
        api.stop()
    return 0


def _set_at_end_of_input(end: threading.Event) -> None:
    # os.read, not sys.stdin: a daemon thread that holds the buffered reader's lock makes the interpreter abort when it ends.
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass  # no standard input at all is the end of it
    end.set()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m holdfast.testing.fault_api",
        description="A fake HTTP API on loopback that fails as its scenario says.",
    )
    parser.add_argument("--scenario", required=True, help="the JSON file that describes routes and faults")
    parser.add_argument("--port", type=int, default=0, help="the port to serve on (default: any free one)")
    parser.add_argument(
        "--refuse-port", type=int, default=0, help="the port that refuses connections at first, if the scenario has one"
    )
    parser.add_argument(
        "--lifetime-max",
        type=_lifetime,
        default=3600.0,
        help="seconds after which it ends by itself (default 3600, at most 86400)",
    )
    parser.add_argument("--keep-running", action="store_true", help="do not end when standard input closes")
    return parser.parse_args(arguments)


def _lifetime(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= LIFETIME_MAX_S:
        raise argparse.ArgumentTypeError(f"must be more than 0 and at most {LIFETIME_MAX_S:g} seconds, not {text}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
