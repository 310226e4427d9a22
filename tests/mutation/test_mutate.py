"""Mutation testing itself: which mistakes it makes, what it leaves alone, and whether it sees what tests see."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from tools import mutate
from tools.mutants import mutants_of

ROOT = Path(mutate.ROOT)


def changed(source: str) -> set[str]:
    """What the mutants of a source say instead."""
    return {mutant.now for mutant in mutants_of(source)}


@pytest.mark.parametrize(
    ("source", "now"),
    [
        pytest.param("x = a < b", {"x = (a <= b)", "x = (a >= b)", "pass"}, id="boundary"),
        pytest.param("x = a is not b", {"x = (a is b)", "pass"}, id="identity"),
        pytest.param("x = a not in b", {"x = (a in b)", "pass"}, id="membership"),
        pytest.param(
            "x = 0 < a < 9",
            {"x = (0 <= a < 9)", "x = (0 >= a < 9)", "x = (0 < a <= 9)", "x = (0 < a >= 9)", "x = 1 < a < 9", "x = 0 < a < 10", "pass"},
            id="chain",
        ),
        pytest.param("x = a and b", {"x = ((a) or (b))", "pass"}, id="and"),
        pytest.param("x = not a", {"x = (a)", "pass"}, id="not"),
        pytest.param("if a:\n    b()", {"if (not (a)):", "pass"}, id="condition"),
        pytest.param("x = a + b", {"x = ((a) - (b))", "pass"}, id="sum"),
        pytest.param("x += 1", {"x -= 1", "x += 2", "pass"}, id="counter"),
        pytest.param("x = 2.5", {"x = 5.0", "pass"}, id="fraction"),
        pytest.param("x = True", {"x = False", "pass"}, id="flag"),
        pytest.param("x = 'budget'", {"x = 'budget-mutated'", "pass"}, id="word"),
        pytest.param("x = min(a, b)", {"x = max(a, b)", "pass"}, id="least"),
        pytest.param("def f():\n    return a", {"return None"}, id="result"),
        pytest.param("for x in y:\n    break", {"continue"}, id="loop"),
    ],
)  # fmt: skip
def test_makes_one_small_mistake_at_a_time(source: str, now: set[str]) -> None:
    """Flipped comparisons, moved boundaries, other constants, what is left undone."""
    assert now == changed(source)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('"""word"""', id="docstring"),
        pytest.param("x: Literal[1]", id="annotation"),
        pytest.param("def f(x: Literal[1]) -> Literal[2]: ...", id="signature"),
        pytest.param("@dataclass(frozen=True)\nclass A: ...", id="decorator"),
        pytest.param("__all__ = ['A']", id="exports"),
        pytest.param("class A:\n    __slots__ = ('a',)", id="slots"),
        pytest.param("assert a < 1", id="assert"),
        pytest.param("if TYPE_CHECKING:\n    x = 1", id="for-type-checkers"),
    ],
)
def test_leaves_alone_what_decides_nothing(source: str) -> None:
    """No mutant is made of it."""
    assert set() == changed(source)


def test_each_mutant_is_a_program_that_differs() -> None:
    """No two are alike, whatever stands before them in the line: text is replaced by bytes."""
    source = 'a = "ä" if b else c; d = e < f\n'
    mutants = mutants_of(source)

    assert 'a = "ä" if b else c; d = (e <= f)' in {mutant.now for mutant in mutants}
    assert len(mutants) == len({ast.dump(ast.parse(mutant.text)) for mutant in mutants} - {ast.dump(ast.parse(source))})


@pytest.mark.parametrize("file", sorted({*mutate.TARGETS}))
def test_what_is_listed_as_equivalent_is_still_made(file: str) -> None:
    """A line that has changed since is looked at again, and none is listed twice."""
    listed = mutate.equivalents(file)

    assert len(listed) == len(set(listed))
    assert set() == set(listed) - {mutate.key_of(mutant) for mutant in mutants_of((ROOT / file).read_text())}


def test_every_equivalent_has_a_file_and_a_reason() -> None:
    """A person can judge it."""
    for one in tomllib.loads(mutate.EQUIVALENTS.read_text())["equivalent"]:
        assert one["file"] in mutate.TARGETS
        assert one["reason"].endswith(".")


@pytest.mark.long
@pytest.mark.parametrize(
    ("claim", "code", "table"),
    [
        pytest.param("checks.math.inf > 0", 1, "0       2    0.0%", id="nothing-is-noticed"),
        pytest.param("Path(checks.__file__).read_text() == Path(ORIGINAL).read_text()", 0, "2       0  100.0%", id="all-is-noticed"),
    ],
)  # fmt: skip
def test_tells_what_tests_notice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], claim: str, code: int, table: str
) -> None:
    """A test that claims too little lets mutants through, and the checkout is as before."""
    file = "src/holdfast/policies/checks.py"
    before = (ROOT / file).read_text()
    test = tmp_path / "test_claim.py"
    test.write_text(
        "from pathlib import Path\n"
        "from holdfast.policies import checks\n"
        f"ORIGINAL = {str(ROOT / file)!r}\n"
        f"def test_claim():\n    assert {claim}\n"
    )

    found = mutate.main([file, "--tests", str(test), "--sample", "2", "--workers", "1"])

    assert code == found
    assert table in capsys.readouterr().out.splitlines()[-1]
    assert before == (ROOT / file).read_text()


@pytest.mark.long
def test_tests_that_fail_anyway_say_nothing_about_mutants(tmp_path: Path) -> None:
    """They are refused before any mutant is made."""
    test = tmp_path / "test_claim.py"
    test.write_text("def test_claim():\n    assert False\n")

    with pytest.raises(SystemExit, match="without any mutant"):
        mutate.main(["src/holdfast/policies/checks.py", "--tests", str(test), "--sample", "2", "--workers", "1"])


def test_a_file_without_tests_is_asked_about() -> None:
    """Nothing is tried that nobody is meant to hold."""
    with pytest.raises(SystemExit, match="Which tests hold"):
        mutate.main(["src/holdfast/errors.py"])
