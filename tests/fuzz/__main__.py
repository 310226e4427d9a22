"""Fuzz by coverage: `python -m tests.fuzz [TARGET …] [--seconds N] [--keep DIRECTORY]`, or `make fuzz`.

Each target is played for N seconds in a process of its own. What was met is printed; an input that breaks something is kept, and the run ends
with 1. Put it among `FOUND` in `test_targets`, so that it is tried for ever after. Needs atheris, which `make fuzz` installs.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import re
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("event", "plan", "schema", "failure")
INPUT_MAX_BYTES = 8_192
ONE_INPUT_MAX_S = 20
"""An input that takes longer is a finding. The code under observation runs several times slower than usual."""
MEMORY_MAX_MB = 2_048
START_MAX_S = 120
WHERE = "`make fuzz` installs it on Linux on x86-64, for Python 3.11 to 3.13; for other machines there is none"


def main() -> int:
    """Play what was asked for; 1 when something was found, 2 when there is no fuzzer."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(NAMES)}; without any, all")
    parser.add_argument("--seconds", type=int, default=180, help="for each target (default: 180)")
    parser.add_argument("--keep", type=Path, help="where inputs are kept and found again; default: a new directory")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(NAMES):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if importlib.util.find_spec("atheris") is None:
        print(f"atheris is not installed for {sys.executable}: {WHERE}.", file=sys.stderr)
        return 2
    keep = arguments.keep or Path(tempfile.mkdtemp(prefix="holdfast-fuzz-"))
    keep.mkdir(parents=True, exist_ok=True)
    if arguments.inside:
        fuzz(arguments.targets[0], keep=keep, seconds=arguments.seconds)
    return max([play(name, keep=keep, seconds=arguments.seconds) for name in arguments.targets or NAMES])


def play(name: str, *, keep: Path, seconds: int) -> int:
    """Play one target in a process of its own, print what was met, and return 1 when something was found."""
    command = [sys.executable, "-m", "tests.fuzz", name, "--inside", "--seconds", str(seconds), "--keep", str(keep)]
    place = keep / f"{name}.log"
    with place.open("w") as output:
        try:
            code = subprocess.run(
                command, check=False, stdout=output, stderr=subprocess.STDOUT, timeout=seconds + START_MAX_S
            ).returncode
        except subprocess.TimeoutExpired:
            code = None
            output.write(f"\nIt did not end within {seconds + START_MAX_S} s.\n")
    log = place.read_text(errors="replace")
    print(summary(name, log), flush=True)
    if code == 0:
        return 0
    print(log[-4_000:], file=sys.stderr)
    print(f"{name}: something was found; the input is in {keep}", file=sys.stderr)
    return 1


def summary(name: str, log: str) -> str:
    """Return what libFuzzer's own account says, on one line."""
    grown = [int(one) for one in re.findall(r"cov: (\d+)", log)]
    run = re.search(r"number_of_executed_units: (\d+)", log)
    kept = re.findall(r"corp: (\d+)", log)
    return (
        f"{name}: {run[1] if run else 'no'} inputs, {kept[-1] if kept else 0} kept,"
        f" branches {grown[0] if grown else 0} -> {grown[-1] if grown else 0}"
    )


def fuzz(name: str, *, keep: Path, seconds: int) -> None:
    """Fuzz in this process, and end it."""
    import atheris

    with atheris.instrument_imports(include=["holdfast"], enable_loader_override=False):
        from tests.fuzz.json_mutation import mutated
        from tests.fuzz.targets import TARGETS, WORDS, seeds

        # What recovery logs about hostile events would be most of the output.
        logging.disable(logging.CRITICAL)
        inputs, target = keep / name, TARGETS[name]
        inputs.mkdir(parents=True, exist_ok=True)
        for at, seed in enumerate(seeds()[name]):
            (inputs / f"seed-{at}").write_bytes(seed)
            target(seed)  # what is imported only when it is needed has to be observed, too
    dictionary = keep / "words.dict"
    dictionary.write_text("".join(f'"{word}"\n' for word in WORDS.split()))

    def once(data: bytes) -> None:
        """Play one input."""
        target(data)

    def otherwise(data: bytes, size_max: int, seed: int) -> bytes:
        """Make other bytes of some."""
        return mutated(data, size_max, seed, otherwise=atheris.Mutate)

    options = {
        "max_total_time": seconds,
        "max_len": INPUT_MAX_BYTES,
        "timeout": ONE_INPUT_MAX_S,
        "rss_limit_mb": MEMORY_MAX_MB,
        "print_final_stats": 1,
        "dict": dictionary,
        "artifact_prefix": f"{keep}/{name}-",
    }
    atheris.Setup(
        [sys.argv[0], *(f"-{word}={value}" for word, value in options.items()), str(inputs)],
        once,
        custom_mutator=otherwise,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
