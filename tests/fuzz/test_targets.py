"""Raw bytes on their way in: what the fuzzer plays for minutes is played for a moment in every run, and what was found is tried for ever."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from tests.fuzz.json_mutation import VALUES, mutated
from tests.fuzz.targets import TARGETS, WORDS, seeds

ROOT = Path(__file__).parents[2]
FOUND: dict[str, list[bytes]] = {
    "event": [],
    "failure": [],
    "plan": [],
    "schema": [
        b'{"properties": {"default": {"pattern": "x"}}}\0{"default": "a"}',
        b'{"$ref": "#/default", "default": {"pattern": "x"}}\0"a"',
        b'{"$ref": "#/x", "x": {"type": "nonsense"}}\x001',
        b'{"properties": {"enum": {"$ref": "http://x.example/y"}}}\0{"enum": 1}',
    ],
}
"""Inputs that once broke something."""
BEST = {"event": {"settled"}, "plan": {"passed", "refused"}, "schema": {"fits", "does not fit"}, "failure": {"judged"}}
PIECES = st.binary(max_size=6) | st.sampled_from([word.encode() for word in WORDS.split()])


@st.composite
def bytes_like(draw: st.DrawFn, beginnings: list[bytes]) -> bytes:
    """Bytes near to something that gets far: a few pieces of it cut out, put in, or put twice."""
    data = draw(st.sampled_from(beginnings))
    for _ in range(draw(st.integers(0, 3))):
        first, last = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        last = min(last, first + 20)
        data = data[:first] + draw(PIECES | st.just(data[first:last] * 2)) + data[last:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_what_the_fuzzer_begins_with_gets_far(name: str) -> None:
    """The inputs that everything else is made of are events that settle, plans that pass and schemas that judge: no error hides the rest."""
    assert BEST[name] == {TARGETS[name](seed) for seed in seeds()[name]}


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(max_examples=100)
def test_any_bytes_are_taken_or_refused(name: str, data: st.DataObject) -> None:
    """Whatever bytes come in, random or nearly right: they take effect once, or are refused with one clear error."""
    assert TARGETS[name](data.draw(st.binary(max_size=100) | bytes_like(seeds()[name])))


@pytest.mark.parametrize("name", TARGETS)
def test_json_that_was_changed_is_json_still(name: str) -> None:
    """What the fuzzer makes of JSON is other JSON of the size allowed, and the same dice make the same."""
    data = seeds()[name][0]

    made, again = ([mutated(data, 5_000, seed, otherwise=lambda given, _: given) for seed in range(200)] for _ in "12")
    read = [json.loads(one.rpartition(b"\0")[2] if name == "schema" else one[1:]) for one in made]

    assert made == again
    assert len(read) == 200
    assert len(set(made)) > 30
    assert max(len(one) for one in made) <= 5_000


@pytest.mark.parametrize("name", TARGETS)
def test_json_may_be_changed_for_long(name: str) -> None:
    """However often the fuzzer changes what it has changed, nothing is put into itself, and the words it draws from stay as they are."""
    data, before = seeds()[name][0], repr(VALUES)

    for seed in range(1_000):
        data = mutated(data, 2_000, seed, otherwise=lambda given, _: given)

    assert before == repr(VALUES)


@pytest.mark.parametrize(("name", "found"), [(name, found) for name, all_found in FOUND.items() for found in all_found])
def test_what_was_found_once_is_found_no_more(name: str, found: bytes) -> None:
    """An input that once broke something is taken or refused, as any other."""
    assert TARGETS[name](found)


def run_fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m tests.fuzz`."""
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        timeout=300,
    )


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", TARGETS)
def test_a_fuzzer_that_watches_branches_finds_nothing(name: str, tmp_path: Path) -> None:
    """Played for half a minute by a fuzzer that looks for inputs which go new ways, no target breaks, hangs or swells."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("NOT FUZZED: atheris is not installed; `make fuzz` installs it where it exists (Linux on x86-64)")

    ended = run_fuzz(name, "--seconds", "30", "--keep", str(tmp_path))

    assert 0 == ended.returncode, ended.stderr
    assert f"{name}: " in ended.stdout
    assert " no inputs" not in ended.stdout
