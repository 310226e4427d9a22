"""Reading plans and definitions from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given as for_all, strategies as st

from holdfast.errors import BadInput
from holdfast.plans.files import (
    document_of,
    read_definitions,
    read_document,
    read_plan,
    read_plan_and_definitions,
    sourced,
)
from tests.plans.samples import action_wire, definition, definition_wire, plan_wire


def refusal(action: object, *arguments: object, **more: object) -> list[str]:
    """The problems that a call is refused with, as text."""
    with pytest.raises(BadInput) as refused:
        action(*arguments, **more)
    return [str(problem) for problem in refused.value.problems]


def written(directory: Path, name: str, value: object) -> Path:
    """A file with this value as JSON, or with this text."""
    path = directory / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "a: true\nb: false\nc: null\nd: ~\ne:", {"a": True, "b": False, "c": None, "d": None, "e": None}, id="words"
        ),
        pytest.param(
            "[on, off, yes, no, True, NULL, y]", ["on", "off", "yes", "no", "True", "NULL", "y"], id="no-other-words"
        ),
        pytest.param("[1, -2, 1.5, 1e3, 0, 1.0]", [1, -2, 1.5, 1000.0, 0, 1.0], id="numbers"),
        pytest.param(
            "[007, 0x1F, 1_000, 12:30, .5, .inf, 1.0.0]",
            ["007", "0x1F", "1_000", "12:30", ".5", ".inf", "1.0.0"],
            id="no-numbers",
        ),
        pytest.param("[2026-01-15, 2026-01-15T09:00:00Z]", ["2026-01-15", "2026-01-15T09:00:00Z"], id="dates"),
        pytest.param("['1', \"true\", !!str 5, !!int 5]", ["1", "true", "5", 5], id="quoted-and-tagged"),
        pytest.param("{1: a, on: b, ? c : d}", {"1": "a", "on": "b", "c": "d"}, id="keys"),
        pytest.param(
            "x: &one {a: 1, b: 2}\ny: *one\nz: {<<: *one, b: 3}",
            {"x": {"a": 1, "b": 2}, "y": {"a": 1, "b": 2}, "z": {"b": 3, "a": 1}},
            id="aliases",
        ),
        pytest.param("---\n- |\n  two\n  lines\n", ["two\nlines\n"], id="block"),
        pytest.param('"${a.output.id}"', "${a.output.id}", id="reference"),
    ],
)
def test_yaml_has_the_values_that_json_has(text: str, expected: object) -> None:
    """Dates, versions, `on` and `007` are texts; only what JSON would read as a number, a boolean or null is one."""
    actual = document_of(text.encode(), source="f", is_yaml=True)

    assert expected == actual
    assert repr(expected) == repr(actual)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: [1,\nb: 2", "at line", id="syntax"),
        pytest.param("a: 1\nb: 2\na: 3", "same key twice in one map, at line 3, column 1", id="key-twice"),
        pytest.param("a: !!python/object:os.system x", "tag that JSON has no value for", id="python"),
        pytest.param("a: !!timestamp 2026-01-15", "tag that JSON has no value for", id="timestamp"),
        pytest.param("a: !!set {x}", "tag that JSON has no value for", id="set"),
        pytest.param("a: 1\n---\nb: 2", "several documents", id="documents"),
        pytest.param("? [a, b]\n: 1", "list or a map as a key", id="list-as-key"),
        pytest.param("a: &x [*x]", "before its anchor is complete", id="inside-itself"),
        pytest.param("a: *x", "before its anchor is complete, at line 1, column 4", id="unknown-alias"),
        pytest.param("[" * 101 + "]" * 101, "deeper than 100", id="deep"),
        pytest.param("&a [x]: 1", "as a key", id="anchor-as-key"),
        pytest.param("# nothing\n", "is empty", id="comments-only"),
        pytest.param("a: \x07", "is not YAML", id="control-character"),
        pytest.param(
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{after}: &{after} [{','.join(['*' + before] * 10)}]\n"
                for before, after in zip("abcdef", "bcdefg", strict=True)
            ),
            "1,000,000 values",
            id="bomb",
        ),
        pytest.param(f"a: &a {'x' * 100_000}\nb: [{','.join(['*a'] * 200)}]", "1,000,000 values", id="text-bomb"),
    ],
)
def test_refuses_yaml_that_json_could_not_say(text: str, words: str) -> None:
    """What is no YAML, or has no single bounded JSON value, is refused with file and place."""
    (problem,) = refusal(document_of, text.encode(), source="f", is_yaml=True)

    assert words in problem
    assert problem.startswith("f: ")


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cn", "Cf", "Zl", "Zp")), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii", categories=("L",)), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@for_all(JSON_VALUES)
def test_json_means_the_same_as_yaml(value: object) -> None:
    """A JSON text read as YAML has the same value (escaped surrogate pairs excepted, which YAML does not know)."""
    text = json.dumps(value, ensure_ascii=False).encode()

    assert document_of(text, source="f") == document_of(text, source="f", is_yaml=True)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b" \n", "is empty", id="blank"),
        pytest.param(b'{"a": \xff}', "is not UTF-8 text: byte 6", id="not-utf-8"),
        pytest.param(b'{"a": 1,\n "b" 2}', "at line 2, column 6", id="not-json"),
        pytest.param(b"x" * 65, "is larger than 64 bytes", id="too-large"),
    ],
)
def test_refuses_a_file_that_is_no_document(tmp_path: Path, raw: bytes, words: str) -> None:
    """An empty, large, binary or broken file is refused by name, with line and column where there is one."""
    path = tmp_path / "plan.json"
    path.write_bytes(raw)

    (problem,) = refusal(read_document, path, size_max_bytes=64)

    assert problem.startswith(f"{path}: {words}") or words in problem


def test_the_size_limit_belongs_to_the_allowed(tmp_path: Path) -> None:
    """A file of exactly the limit is read."""
    assert {"a": 1} == read_document(written(tmp_path, "a.json", '{"a": 1}'), size_max_bytes=8)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("missing.json", id="missing"),
        pytest.param("", id="directory"),
        pytest.param("a\0b", id="impossible"),
    ],
)
def test_refuses_what_cannot_be_opened(tmp_path: Path, name: str) -> None:
    """A missing file, a directory and an impossible name are bad input, not a crash."""
    path = f"{tmp_path}/{name}"

    assert [True] == [problem.startswith(f"{path}: cannot be read: ") for problem in refusal(read_plan, path)]


def test_reads_a_plan_from_json_and_yaml(tmp_path: Path) -> None:
    """The same plan in both notations is the same plan; a byte order mark is no part of it."""
    document = json.dumps(plan_wire(action_wire("a")))

    from_json = read_plan(written(tmp_path, "plan.json", "\ufeff" + document))
    from_yaml = read_plan(written(tmp_path, "plan.YML", document))

    assert from_json == from_yaml


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(definition_wire("a"), id="one"),
        pytest.param([definition_wire("a")], id="list"),
        pytest.param({"a": definition_wire("a")}, id="map"),
        pytest.param({"a@1.0.0": definition_wire("a")}, id="map-by-version"),
        pytest.param(
            {"a": {name: value for name, value in definition_wire("a").items() if name != "id"}}, id="map-gives-the-id"
        ),
    ],
)
def test_reads_definitions_in_each_shape(tmp_path: Path, document: object) -> None:
    """A file holds one definition, a list, or a map from ids."""
    path = written(tmp_path, "actions.json", document)

    (one,) = read_definitions([path]).values()

    assert (definition("a"), str(path)) == (one.definition, one.source)


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        pytest.param(3, ["must hold one action definition, a list or a map of them, but is a number"], id="number"),
        pytest.param([definition_wire("a"), 3], ["[1]: must be"], id="in-list"),
        pytest.param({"b": definition_wire("a")}, ["b.id: is 'a', but stands under 'b'"], id="other-key"),
        pytest.param({"a": definition_wire("a"), "b": 3}, ["b: must be"], id="in-map"),
        pytest.param(definition_wire("a", endpoint__timeout="x"), ["endpoint.timeout: must be"], id="field"),
        pytest.param(
            [definition_wire("a", endpoint__timeout="x", version="1")],
            ["[0].version: must be", "[0].endpoint.timeout: must be"],
            id="fields",
        ),
    ],
)
def test_refuses_misfits_with_their_place_in_the_file(tmp_path: Path, document: object, problems: list[str]) -> None:
    """Every misfit of a definition is told, with its path from the top of the file."""
    path = written(tmp_path, "actions.json", document)

    told = refusal(read_definitions, [path])

    assert len(problems) == len(told)
    assert all(any(problem.startswith(f"{path}: {expected}") for problem in told) for expected in problems), told


def test_the_same_definition_twice_names_both_files(tmp_path: Path) -> None:
    """Two files that define the same id and version are refused; another version, or the same file named twice, is fine."""
    first = written(tmp_path, "a.json", [definition_wire("x"), definition_wire("y")])
    second = written(tmp_path, "b.yaml", definition_wire("y"))
    third = written(tmp_path, "c.json", definition_wire("y", version="1.0.1"))

    told = refusal(read_definitions, [first, second])

    assert [
        f"{second}: id: 'y@1.0.0' is defined already in {first} at [1]. Keep one of the two, or give it another version."
    ] == told
    assert {("x", "1.0.0"), ("y", "1.0.0"), ("y", "1.0.1")} == set(read_definitions([first, third, first]))


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """A broken plan and two broken files of definitions are one refusal."""
    plan_file = written(tmp_path, "plan.json", "{")
    first = written(tmp_path, "a.json", "[")
    second = tmp_path / "missing.yaml"

    told = refusal(read_plan_and_definitions, plan_file, [first, second])

    assert [str(plan_file), str(first), str(second)] == [problem.split(": ")[0] for problem in told]


def test_definitions_of_a_program_are_gathered_like_those_of_files() -> None:
    """Definitions handed over in Python may not repeat each other either."""
    assert {("a", "1.0.0"), ("b", "1.0.0")} == set(sourced([definition("a"), definition("b")]))
    assert ["definitions: [1].id: 'a@1.0.0'"] == [
        problem.partition(" is")[0] for problem in refusal(sourced, [definition("a"), definition("a")])
    ]
