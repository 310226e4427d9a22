"""References: what they name and what they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all, strategies as st

from holdfast.plans.references import MISSING, parse_reference, resolve

NAMES = st.text("abcXYZ019_", min_size=1, max_size=6)
PATHS = st.lists(NAMES | st.integers(0, 999), max_size=5)


def written(path: list[str | int]) -> str:
    """A path as it is written."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


@for_all(NAMES, NAMES, PATHS)
def test_a_reference_is_read_as_it_is_written(action: str, part: str, path: list[str | int]) -> None:
    """Action, part and path of a reference come back as they were written."""
    text = f"${{{action}.{part}{written(path)}}}"

    reference = parse_reference(text)

    assert reference is not None
    assert (text, action, part, tuple(path)) == (reference.text, reference.action, reference.part, reference.path)


@for_all(PATHS, st.none() | st.integers() | st.text() | st.booleans())
def test_a_reference_finds_what_was_put_in_its_place(path: list[str | int], value: object) -> None:
    """Following a reference gives the very value that stands there, typed; one step further there is nothing."""
    made: object = value
    for part in reversed(path):
        made = [*["other"] * part, made] if isinstance(part, int) else {part: made, "other": 1}
    reference = parse_reference(f"${{a.output{written(path)}}}")
    further = parse_reference(f"${{a.output{written([*path, 'zz'])}}}")
    assert reference is not None
    assert further is not None

    assert value is resolve(reference, {"output": made})
    assert MISSING is resolve(further, {"output": made})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("plain", id="text"),
        pytest.param("x ${a.output}", id="inside-a-text"),
        pytest.param("${a.output}\n", id="line-break"),
        pytest.param("${a}", id="no-part"),
        pytest.param("${a-b.output}", id="dash"),
        pytest.param("${a..b}", id="two-dots"),
        pytest.param("${a.b.}", id="ends-in-dot"),
        pytest.param("${a.[0]}", id="begins-with-index"),
        pytest.param("${a.b.[0]}", id="dot-before-index"),
        pytest.param("${a.b[0]c}", id="name-after-index"),
        pytest.param("${a.b[x]}", id="index-is-no-number"),
        pytest.param("${a.b[1234567890]}", id="index-too-long"),
        pytest.param("${a.b[0}", id="open"),
        pytest.param(3, id="number"),
    ],
)
def test_anything_else_is_a_literal(value: object) -> None:
    """What does not have the exact form as a whole is a plain value."""
    assert parse_reference(value) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${a.output.list.1}", "two", id="digits-index-a-list"),
        pytest.param("${a.output.list[2]}", MISSING, id="beyond-the-end"),
        pytest.param(f"${{a.output.list.{'1' * 5000}}}", MISSING, id="absurd-index"),
        pytest.param("${a.output.list.x}", MISSING, id="name-in-a-list"),
        pytest.param("${a.output.map[7]}", "seven", id="index-names-a-key"),
        pytest.param("${a.output.none}", None, id="null-is-there"),
        pytest.param("${a.error}", MISSING, id="no-such-part"),
    ],
)
def test_resolves_what_is_there(text: str, expected: object) -> None:
    """Null is a value; what is not there is missing, whatever the reference asks for."""
    reference = parse_reference(text)
    assert reference is not None

    assert expected == resolve(reference, {"output": {"list": ["one", "two"], "map": {"7": "seven"}, "none": None}})
