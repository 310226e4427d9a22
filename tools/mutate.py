"""Mutation testing: small mistakes are made in a copy of the package, and the tests have to notice.

    python -m tools.mutate                                      the files of TARGETS, a sample of each; prints a table
    python -m tools.mutate src/holdfast/policies/budget.py      one of them, every mutant: --sample 0
    python -m tools.mutate FILE --tests tests/x.py tests/y.py --sample 80 --seed 1 --seconds 600

Each mutant runs in a process of its own against a copy of the package; the checkout is never changed. What the tests do not notice is printed as a
diff: either a test is missing, or the mutant behaves as the original does. The latter are listed, each with its reason, in
`tests/mutation/equivalents.toml`, and do not count. A mutant that hangs is noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tools.mutants import Mutant, mutants_of

__all__ = ["TARGETS", "Report", "equivalents", "main", "serve"]

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENTS = ROOT / "tests" / "mutation" / "equivalents.toml"
ROUND_CALLS = (
    "circuit",
    "lanes",
    "engine",
    "engine_use",
    "around_calls",
    "admission_stages",
    "traps_later",
    "traps",
    "hedging",
)

TARGETS: dict[str, tuple[str, ...]] = {
    "src/holdfast/policies/retry.py": ("tests/policies/test_retry.py", "tests/policies/test_retry_settings.py"),
    "src/holdfast/policies/budget.py": ("tests/policies/test_budget.py", "tests/policies/test_retry_settings.py"),
    "src/holdfast/policies/breaker.py": ("tests/policies/test_breaker.py",),
    "src/holdfast/policies/windows.py": ("tests/policies/test_windows.py", "tests/policies/test_breaker.py"),
    "src/holdfast/policies/timeout.py": ("tests/policies/test_timeout.py",),
    "src/holdfast/policies/composition.py": ("tests/policies/test_composition.py",),
    "src/holdfast/policies/checks.py": ("tests/policies/test_checks.py",),
    "src/holdfast/guards/course.py": tuple(
        f"tests/guards/test_{name}.py" for name in ("course", *ROUND_CALLS[2:], "judged_results", "sharing")
    ),
    "src/holdfast/guards/circuit.py": tuple(
        f"tests/guards/test_{name}.py" for name in (*ROUND_CALLS, "keys", "policy_model")
    ),
}
"""The code that decides, and the tests that are meant to hold it."""

# Loaded once per worker, before the mutants' processes part from it; nothing that loads the package itself.
PLUGINS = ("pytest_timeout", "anyio.pytest_plugin", "_hypothesis_pytestplugin")
AHEAD = (
    "pytest", "_pytest.faulthandler", "_pytest.junitxml", "_pytest.pytester", "asyncio", "hypothesis.stateful", "sqlite3",
    "aiohttp", "httpx", "requests", *PLUGINS,
)  # fmt: skip
OPTIONS = (
    "-x", "-q", "-p", "no:cacheprovider", "--tb=no", "--no-header", "--no-summary",
    "-W", "ignore::pytest.PytestAssertRewriteWarning", *(word for plugin in PLUGINS for word in ("-p", plugin)),
)  # fmt: skip
MISSED, FOREIGN = 0, 99
"""Exit codes: all tests passed; the package that was tested was not the copy."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What became of the mutants of one file: `total` there are, of which so many were tried; the `missed` ones went unnoticed."""

    file: str
    total: int
    equal: int = 0
    noticed: int = 0
    missed: list[Mutant] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The share that was noticed, 0 to 1, of those that differ from the original; 1 where there are none."""
        counted = self.noticed + len(self.missed)
        return self.noticed / counted if counted else 1.0

    def line(self) -> str:
        """The row of the table."""
        counted = self.noticed + len(self.missed)
        tried = f"{counted + self.equal} of {self.total}"
        return f"{self.file:42} {tried:>12} {self.equal:>6} {self.noticed:>8} {len(self.missed):>7} {self.score:>7.1%}"


HEAD = f"{'file':42} {'tried':>12} {'equal':>6} {'noticed':>8} {'missed':>7} {'score':>7}"


def equivalents(file: str) -> list[tuple[str, str, str]]:
    """The mutants of a file that behave as it does, as (scope, was, now)."""
    listed = tomllib.loads(EQUIVALENTS.read_text())["equivalent"] if EQUIVALENTS.exists() else []
    return [(one["scope"], one["was"], one["now"]) for one in listed if one["file"] == file]


def key_of(mutant: Mutant) -> tuple[str, str, str]:
    """What a mutant is listed by: not its line, which moves."""
    return (mutant.scope, mutant.was, mutant.now)


class Worker:
    """A copy of the package, and a process that tries one mutant of it after another."""

    def __init__(self, directory: Path) -> None:
        self.copy = directory / "src"
        shutil.copytree(ROOT / "src", self.copy)
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.copy), str(ROOT)]),
            "PYTHONHASHSEED": "0",
            "HYPOTHESIS_PROFILE": "mutation",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the package's own plugin would load most of it
            "HYPOTHESIS_STORAGE_DIRECTORY": str(directory / "hypothesis"),
            "TMPDIR": str(directory),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from tools.mutate import serve; serve()"],
            env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, file: str, text: str, tests: Sequence[str], *, seconds: float) -> int | None:
        """The exit code of the tests with this text in place of the file; None when they took too long."""
        place = self.copy.parent / file
        order = {"file": str(place), "text": text, "tests": list(tests), "seconds": seconds, "copy": str(self.copy)}
        stdin, stdout = _pipes(self.process)
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            message = f"the process that runs tests has ended with {self.process.wait()}"
            raise RuntimeError(message)
        code: int | None = json.loads(answer)
        if code == FOREIGN:
            message = f"the tests did not run against the copy in {self.copy}"
            raise RuntimeError(message)
        return code

    def close(self) -> None:
        """End the process."""
        stdin, stdout = _pipes(self.process)
        stdin.close()
        self.process.wait()
        stdout.close()


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None, "opened with pipes"
    assert process.stdout is not None, "opened with pipes"
    return process.stdin, process.stdout


def serve() -> None:
    """Run tests as the lines of standard input say, each in a process of its own that has pytest loaded already; answer with exit codes."""
    for name in AHEAD:
        try:
            __import__(name)
        except ImportError:
            continue
    for line in sys.stdin:
        order = json.loads(line)
        place = Path(order["file"])
        original = place.read_text()
        # A text that differs may have the size and the second of the one before; only what is the original may be kept compiled.
        sys.dont_write_bytecode = order["text"] != original
        for stale in place.parent.glob(f"__pycache__/{place.stem}.*"):
            stale.unlink()
        place.write_text(order["text"])
        child = os.fork()
        if child == 0:
            os._exit(_tested(order["tests"], order["copy"]))
        code = _ended(child, order["seconds"])
        place.write_text(original)
        print(json.dumps(code), flush=True)


def _tested(tests: list[str], copy: str) -> int:
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    import pytest  # noqa: PLC0415 - only in the process that runs tests

    code = int(pytest.main([*OPTIONS, *tests]))
    package = sys.modules.get("holdfast")
    if package is not None and not str(package.__file__).startswith(copy):
        return FOREIGN
    return code


def _ended(child: int, seconds: float) -> int | None:
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is tried: `sample` mutants of each file (0: all), drawn with `seed`, in at most `seconds` for all files, by `workers` processes."""

    sample: int
    seed: int
    seconds: float
    workers: int


def tried(file: str, tests: Sequence[str], workers: Sequence[Worker], *, plan: Plan, over: float) -> Report:
    """Try the mutants of one file until all are tried or the time is over.

    Raises:
        SystemExit: the tests fail without any mutant.
    """
    source = (ROOT / file).read_text()
    began = time.monotonic()
    code = workers[0].run(file, source, tests, seconds=300)
    if code != MISSED:
        raise SystemExit(f"{file}: its tests end with {code} without any mutant; run them first: {' '.join(tests)}")
    patience_s = 5 + 5 * (time.monotonic() - began)
    mutants = mutants_of(source)
    chosen = random.Random(plan.seed).sample(mutants, len(mutants))  # noqa: S311 - a sample that can be drawn again
    equal = set(equivalents(file))
    report = Report(file=file, total=len(mutants))
    todo: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in chosen[: plan.sample or None]:
        if key_of(mutant) in equal:
            report.equal += 1
        else:
            todo.put(mutant)

    def work(worker: Worker) -> None:
        while time.monotonic() < over:
            try:
                mutant = todo.get_nowait()
            except queue.Empty:
                return
            if worker.run(file, mutant.text, tests, seconds=patience_s) == MISSED:
                report.missed.append(mutant)
            else:
                report.noticed += 1

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return report


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutate", description="Make mistakes, and see whether tests notice."
    )
    parser.add_argument("files", nargs="*", help="from the root of the checkout; without any: all of TARGETS")
    parser.add_argument("--tests", nargs="+", help="the tests that should notice; without: those of TARGETS")
    parser.add_argument(
        "--sample", type=int, default=80, help="how many mutants of each file; 0: all of them (default: 80)"
    )
    parser.add_argument("--seed", type=int, default=1, help="draws the sample (default: 1)")
    parser.add_argument("--seconds", type=float, default=1800, help="no mutant is begun after so long (default: 1800)")
    parser.add_argument("--workers", type=int, default=2, help="how many at once (default: 2)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Try, and print the table and what went unnoticed; 1 when something did."""
    args = _arguments(argv)
    files: list[str] = args.files or list(TARGETS)
    unknown = [file for file in files if not args.tests and file not in TARGETS]
    if unknown:
        raise SystemExit(f"Which tests hold {', '.join(unknown)}? Say so with --tests, or add it to TARGETS.")
    plan = Plan(sample=args.sample, seed=args.seed, seconds=args.seconds, workers=args.workers)
    over = time.monotonic() + plan.seconds
    reports: list[Report] = []
    with tempfile.TemporaryDirectory(prefix="holdfast-mutants-") as directory:
        workers = []
        for number in range(plan.workers):
            own = Path(directory) / str(number)
            own.mkdir()
            workers.append(Worker(own))
        try:
            for file in files:
                tests: Sequence[str] = args.tests or TARGETS[file]
                report = tried(file, tests, workers, plan=plan, over=over)
                reports.append(report)
                print(_survivors(report), end="", flush=True)
        finally:
            for worker in workers:
                worker.close()
    print("\n".join([HEAD, *(report.line() for report in reports)]))
    return 1 if any(report.missed for report in reports) else 0


def _survivors(report: Report) -> str:
    return "".join(
        f"{report.file}:{mutant.line} in {mutant.scope or 'the module'}\n- {mutant.was}\n+ {mutant.now}\n\n"
        for mutant in sorted(report.missed, key=lambda one: one.line)
    )


if __name__ == "__main__":
    raise SystemExit(main())
