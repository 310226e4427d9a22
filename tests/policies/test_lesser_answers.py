"""The settings of the five strategies, and the addresses of other endpoints."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import BadSettings
from holdfast.policies.cache import Cache, Freshness, freshness
from holdfast.policies.endpoints import endpoint_problem, with_scheme
from holdfast.policies.features import Feature, is_off
from holdfast.policies.lesser_answers import (
    MISSING,
    Alternative,
    Cached,
    Default,
    QueueForLater,
    Reduced,
    word_of,
)

NAN = math.nan
SECONDS = st.floats(0, 1e7)


@pytest.mark.parametrize(
    ("make", "paths"),
    [
        pytest.param(lambda: Cached(ttl_s=-1, stale_while_revalidate_s=NAN, key="user"), {"ttl_s", "stale_while_revalidate_s", "key"}, id="cached"),
        pytest.param(lambda: Cached(key=()), {"key"}, id="a key of nothing"),
        pytest.param(lambda: Cached(key=("user", 3)), {"key"}, id="a key of numbers"),
        pytest.param(lambda: Cache(ttl_s=True, stale_while_revalidate_s=math.inf), {"ttl_s", "stale_while_revalidate_s"}, id="cache"),
        pytest.param(Alternative, {"call"}, id="no way"),
        pytest.param(lambda: Alternative(call=print, endpoint="x.example"), {"call"}, id="two ways"),
        pytest.param(lambda: Alternative(call="x.example", repeatable="yes"), {"call", "repeatable"}, id="an address as a function"),
        pytest.param(lambda: Reduced(features="ads", call=3, off_s=-1, repeatable=0), {"features", "call", "off_s", "repeatable"}, id="reduced"),
        pytest.param(lambda: Reduced(features=("",)), {"features"}, id="an empty name"),
        pytest.param(Default, {"value"}, id="no default"),
        pytest.param(lambda: Default(value=1, factory=dict), {"value"}, id="two defaults"),
        pytest.param(lambda: Default(factory=3), {"factory"}, id="a factory that is none"),
        pytest.param(lambda: QueueForLater(queue="a\nb", size_max=0, repeatable=1), {"queue", "size_max", "repeatable"}, id="queue"),
        pytest.param(lambda: Feature(name="", off_from=0, policy=3), {"name", "off_from", "policy"}, id="feature"),
        pytest.param(lambda: Feature(name="x", off_from=4), {"off_from"}, id="a level that there is not"),
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_all_at_once(make: object, paths: set[str]) -> None:
    """Each problem is listed with its place."""
    with pytest.raises(BadSettings) as caught:
        make()

    assert paths == {problem.path for problem in caught.value.problems}


def test_null_is_a_default_like_any_other() -> None:
    """A default of None is not a missing default."""
    assert Default(value=None).value is None
    assert "MISSING" == repr(MISSING)


def test_each_strategy_has_a_word() -> None:
    """Answers name their strategy by a word of its own."""
    strategies = [Cached(), Alternative(call=print), Reduced(), Default(value=1), QueueForLater()]

    assert ["cached", "alternative", "reduced", "default", "queued"] == [word_of(strategy) for strategy in strategies]


@given(ttl_s=SECONDS, stale_s=SECONDS, age_s=SECONDS)
def test_a_value_is_fresh_then_stale_then_gone(ttl_s: float, stale_s: float, age_s: float) -> None:
    """A value is answered up to its bound and not after; in the second part of the time it is refreshed."""
    found = freshness(age_s, ttl_s=ttl_s, stale_while_revalidate_s=stale_s)

    assert (age_s <= ttl_s) == (found is Freshness.FRESH)
    assert (age_s > ttl_s + stale_s) == (found is Freshness.GONE and age_s > ttl_s)


@pytest.mark.parametrize(
    ("age_s", "word"),
    [
        pytest.param(300.0, Freshness.FRESH, id="at the bound"),
        pytest.param(300.001, Freshness.STALE, id="just after"),
        pytest.param(360.0, Freshness.STALE, id="at the second bound"),
        pytest.param(360.001, Freshness.GONE, id="after both"),
    ],
)
def test_the_bounds_of_age_are_included(age_s: float, word: Freshness) -> None:
    """A value of exactly the allowed age is still answered."""
    assert word is freshness(age_s, ttl_s=300.0, stale_while_revalidate_s=60.0)


@pytest.mark.parametrize(
    "address",
    ["backup.example.com", "backup.example.com:8443/v2", "http://localhost:8080", "https://[::1]/", "https://xn--d1acufc.example"],
)  # fmt: skip
def test_hosts_and_addresses_are_endpoints(address: str) -> None:
    """A host by itself is meant to be https; an address stays as it is."""
    assert endpoint_problem(address) is None
    assert with_scheme(address).startswith(("http://", "https://"))


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("", id="nothing"),
        pytest.param(None, id="none"),
        pytest.param(b"https://x.example", id="bytes"),
        pytest.param("ftp://x.example", id="another scheme"),
        pytest.param("https://", id="no host"),
        pytest.param("https://user:secret@x.example", id="credentials"),
        pytest.param("https://x.example/?a=1", id="a query"),
        pytest.param("https://x.example/#a", id="a fragment"),
        pytest.param("https://x.example:99999", id="a port that there is not"),
        pytest.param("https://[::1", id="half an address"),
        pytest.param("https://x.example/a b", id="a space"),
        pytest.param("https://x.example\\@evil.example", id="a backslash"),
        pytest.param("x" * 2001, id="too long"),
    ],
)
def test_what_is_no_endpoint_is_refused(address: object) -> None:
    """Credentials, other schemes and broken addresses are refused, and a secret in them is not repeated."""
    problem = endpoint_problem(address)

    assert problem is not None
    assert "secret" not in problem
    assert len(problem) < 200


@given(level=st.integers(0, 3), off_from=st.integers(1, 3))
def test_a_feature_is_off_from_its_level_on(level: int, off_from: int) -> None:
    """The higher the level, the more is off, and never less."""
    feature = Feature(name="ads", off_from=off_from)

    assert (level >= off_from) == is_off(feature, level=level, off_until=None, now=0.0)


def test_a_feature_that_was_switched_off_comes_back_by_itself() -> None:
    """It is off until the moment that was set, and on from then."""
    assert is_off(None, level=0, off_until=10.0, now=9.9)
    assert not is_off(None, level=3, off_until=10.0, now=10.0)
