"""What every cache promises, whatever it is made of."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st

from holdfast.errors import BadInput
from tests.conformance.cache import stores

if TYPE_CHECKING:
    from tests.conformance.cache.stores import Tested

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.skipif(not stores.HAS_REDIS, reason="no redis-server with its client here: Redis was a fake in this run")
def test_redis_was_a_real_server() -> None:
    """The run says whether Redis was real."""
    assert stores.SERVER


def test_what_was_never_put_is_not_there(tested: Tested) -> None:
    """An empty cache has nothing, and forgetting nothing is fine."""
    tested.cache.remove("key")

    assert tested.cache.get("key") is None


@given(value=JSON)
@settings(max_examples=40)
def test_a_value_comes_back_as_it_went_in(tested: Tested, value: object) -> None:
    """Any JSON value is given back equal, of the same types, and new."""
    assert tested.cache.put("key", value, keep_s=60)

    found = tested.cache.get("key")

    assert found is not None
    assert repr(value) == repr(found.value)
    assert 0.0 <= found.age_s < 30


def test_null_is_a_value(tested: Tested) -> None:
    """A kept None is something else than nothing kept."""
    tested.cache.put("key", None, keep_s=60)

    found = tested.cache.get("key")

    assert found is not None
    assert found.value is None


def test_its_age_grows_until_it_is_gone(tested: Tested) -> None:
    """Ages are true, and after its time a value is gone."""
    tested.cache.put("key", 1, keep_s=10)

    tested.advance(7)
    young = tested.cache.get("key")
    tested.advance(4)

    assert young is not None
    assert 7 <= young.age_s < 9
    assert tested.cache.get("key") is None


def test_the_newest_value_counts(tested: Tested) -> None:
    """A value replaces the one before, with its age."""
    tested.cache.put("key", "old", keep_s=10)
    tested.advance(8)
    tested.cache.put("key", "new", keep_s=10)
    tested.advance(8)

    found = tested.cache.get("key")

    assert found is not None
    assert ("new", True) == (found.value, 8 <= found.age_s < 10)


def test_keys_are_not_mixed_up(tested: Tested) -> None:
    """Keys that look alike are different keys, long ones and strange ones too."""
    keys = ["a", "A", "a ", "a:b", "ä", "key\n", "%", "k" * 512]
    for key in keys:
        tested.cache.put(key, key, keep_s=60)
    tested.cache.remove("a")

    found = {key: tested.cache.get(key) for key in keys}

    assert [None, *keys[1:]] == [entry and entry.value for entry in found.values()]


def test_a_given_value_is_the_askers_own(tested: Tested) -> None:
    """Changing what was put in or given out changes nothing for others."""
    value = {"rows": [1]}
    tested.cache.put("key", value, keep_s=60)
    value["rows"].append(2)

    tested.cache.get("key").value["rows"].append(3)

    assert {"rows": [1]} == tested.cache.get("key").value


def test_a_value_too_large_is_not_kept_and_the_old_one_is_gone(tested: Tested) -> None:
    """Nobody is given a value that was replaced."""
    tested.cache.put("key", "old", keep_s=60)

    kept = tested.cache.put("key", "x" * 20_000, keep_s=60)

    assert not kept
    assert tested.cache.get("key") is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param((1, 2), id="a tuple"),
        pytest.param({1: 2}, id="a number as a key"),
        pytest.param([{"deep": {3}}], id="a set inside"),
        pytest.param(float("nan"), id="not a number"),
        pytest.param(float("inf"), id="without end"),
        pytest.param(b"x", id="bytes"),
        pytest.param(object(), id="an object"),
        pytest.param(10**5000, id="thousands of digits"),
    ],
)
def test_what_would_come_back_as_something_else_is_refused(tested: Tested, value: object) -> None:
    """Caches outside the process keep JSON only, and say so; memory keeps Python values."""
    if tested.cache.keeps == "python":
        assert tested.cache.put("key", value, keep_s=60)
        return
    with pytest.raises(BadInput):
        tested.cache.put("key", value, keep_s=60)


def test_circles_and_depths_are_refused(tested: Tested) -> None:
    """Hostile values are cut off, whatever the cache."""
    circle: list[object] = []
    circle.append(circle)
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]

    for value in (circle, deep):
        try:
            assert not tested.cache.put("key", value, keep_s=60)
        except BadInput:
            assert "json" == tested.cache.keeps
    while isinstance(deep, list):  # taken apart by hand: the interpreter would do it by calling itself
        deep = deep.pop()


def test_threads_do_not_disturb_one_another(tested: Tested) -> None:
    """Several threads put and get at once, and each finds what is its own."""
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(25):
            tested.cache.put(f"key {number}", [number, turn], keep_s=60)
            found = tested.cache.get(f"key {number}")
            if found is None or found.value != [number, turn]:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == wrong
