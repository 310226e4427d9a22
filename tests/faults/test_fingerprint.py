"""Faults of one kind share one name."""

from __future__ import annotations

import pytest

from holdfast.faults.fingerprint import fingerprint, normalise
from holdfast.faults.taxonomy import ErrorCategory as C


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Order 5021 failed", "Order 77 failed", id="numbers"),
        pytest.param("no 'a b'", 'no "c"', id="quoted"),
        pytest.param("at https://a.example/1?x=2", "at http://b.example", id="addresses"),
        pytest.param("id 123e4567-e89b-12d3-a456-426614174000", "id 923e4567-e89b-12d3-a456-426614174999", id="uuids"),
        pytest.param("cus_9AbC gone", "cus_7x gone", id="ids"),
        pytest.param("Too  Many", "too many", id="case-and-space"),
    ],
)
def test_ignores_what_differs_from_call_to_call(one: str, other: str) -> None:
    """Numbers, ids, addresses and quoted values do not tell faults apart."""
    assert normalise(one) == normalise(other)


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
    """The fingerprint of version 1 never changes."""
    found = fingerprint(C.AUTH_INVALID, "crm", message="Order 5 failed", status=401, code="x")

    assert found == "1:514c989e37222ad399cb21c26ea1e02c2d9e7ee80fce3724aebfae552b2f3031"
