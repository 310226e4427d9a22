"""Faults of one kind share one name."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.fingerprint import fingerprint, normalise, own_fingerprint, template_problem
from holdfast.faults.taxonomy import ErrorCategory as C
from tests.faults.correlation.faults_seen import seen


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Order 5021 failed", "Order 77 failed", id="numbers"),
        pytest.param("no 'a b'", 'no "c"', id="quoted"),
        pytest.param("at https://a.example/1?x=2", "at http://b.example", id="addresses"),
        pytest.param("id 123e4567-e89b-12d3-a456-426614174000", "id 923e4567-e89b-12d3-a456-426614174999", id="uuids"),
        pytest.param("cus_9AbC gone", "cus_7x gone", id="ids"),
        pytest.param("sent to ann@a.example", "sent to bob@b.example", id="mail-addresses"),
        pytest.param("no file /srv/a/b.txt", "no file /etc/c", id="paths"),
        pytest.param(r"no file C:\a\b", r"no file D:\c", id="paths-of-windows"),
        pytest.param("commit 3fa9c1e is gone", "commit deadb33f is gone", id="hexadecimal"),
        pytest.param("token eyJhbGciOiJIUzI1NiJ9+a/b== used", "token Zm9vYmFyMTIz used", id="base64"),
        pytest.param("at 2026-01-15T09:00:00Z", "at 2027-11-05T19:30:12Z", id="times"),
        pytest.param("x=5;name=foo77", "x=71;name=b0", id="fields"),
        pytest.param("订单5不存在", "订单777不存在", id="scripts-without-blanks"),
        pytest.param("Unknown column 'total sum'.", "Unknown column `x`.", id="quoted-otherwise"),
        pytest.param("Too  Many", "too many", id="case-and-space"),
    ],
)
def test_ignores_what_differs_from_call_to_call(one: str, other: str) -> None:
    """Numbers, ids, addresses and quoted values do not tell faults apart."""
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("couldn't find it, can't go on", "couldn't read it, can't go on", id="no-quotation"),
        pytest.param("connect/reset", "connect/refused", id="alternatives"),
        pytest.param("invalid_grant", "invalid_scope", id="codes"),
        pytest.param("Kunde gelöscht", "Kunde gesperrt", id="letters-beyond-ascii"),
        pytest.param("https://a.example is down", "https://a.example is slow", id="beside-an-address"),
    ],
)
def test_keeps_what_is_the_same_in_every_call(one: str, other: str) -> None:
    """Words tell faults apart, whatever stands around them."""
    assert normalise(one) != normalise(other)


@given(st.text(max_size=60), st.integers(0, 10**30), st.integers(0, 10**30))
def test_a_number_never_tells_faults_apart(words: str, one: int, other: int) -> None:
    """Whatever a message says, another number in it makes no other fingerprint."""
    assert normalise(f"{words} {one} {words}") == normalise(f"{words} {other} {words}")


@given(st.text(max_size=3_000))
def test_any_text_has_a_fingerprint(message: str) -> None:
    """Lone surrogates, control characters and long texts are read like any other, and only the beginning of a long one counts."""
    found = fingerprint(C.AUTH_INVALID, message, message=message)

    assert re.fullmatch("2:[0-9a-f]{16}", found)
    assert found == fingerprint(C.AUTH_INVALID, message, message=message[:1_000])


def test_tells_kinds_apart() -> None:
    """Category, place, status, code and words each make another fingerprint."""
    found = {
        fingerprint(C.AUTH_INVALID, "crm", message="a"),
        fingerprint(C.AUTH_EXPIRED, "crm", message="a"),
        fingerprint(C.AUTH_INVALID, "shop", message="a"),
        fingerprint(C.AUTH_INVALID, "crm", message="b"),
        fingerprint(C.AUTH_INVALID, "crm", message="a", status=401),
        fingerprint(C.AUTH_INVALID, "crm", message="a", code="x"),
    }

    assert len(found) == 6


def test_is_the_same_everywhere() -> None:
    """The fingerprint of version 2 never changes."""
    found = fingerprint(C.AUTH_INVALID, "crm", message="Order 5 failed", status=401, code="x")

    assert found == "2:b59f51d0aa3046d6"


@pytest.mark.parametrize(
    ("template", "found"),
    [
        pytest.param("card-declined", "own:card-declined", id="a-word"),
        pytest.param("{place} {category} {code} {status} {rule}", "own:crm auth_invalid  401 r", id="fields"),
        pytest.param("{standard}", "own:2:x", id="the-standard-one"),
        pytest.param("{{x}}", "own:{x}", id="braces"),
        pytest.param("x" * 200, "own:" + "x" * 80, id="long"),
    ],
)
def test_users_can_give_their_own(template: str, found: str) -> None:
    """A fingerprint of one's own is a text in which the verdict's facts are filled in."""
    verdict = seen(C.AUTH_INVALID, rule="r", status=401, fingerprint="2:x")

    assert template_problem(template) is None
    assert own_fingerprint(template, verdict, place="elsewhere") == found


@pytest.mark.parametrize("template", ["", "  ", 5, None, "{", "{message}", "{code!r}", "{code:>5}", "{0}"], ids=repr)
def test_a_template_that_names_something_else_is_a_problem(template: object) -> None:
    """What cannot be filled in is said when it is set, with what can."""
    assert template_problem(template) is not None
