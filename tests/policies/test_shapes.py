"""What all settings and values of policies have in common."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from holdfast.policies.breaker import Breaker, Circuit, Probe
from holdfast.policies.budget import Budget, Purse
from holdfast.policies.composition import Composition
from holdfast.policies.retry import Retry, RetryDecision, RetryRule
from holdfast.policies.timeout import Timeout
from holdfast.policies.windows import Counts

VALUES = [
    Breaker(),
    Circuit(),
    Probe(number=1, leased_until=2.0),
    Budget(),
    Purse(tokens=1.0, calls=1, at=1.0),
    Composition(name="crm"),
    Retry(),
    RetryDecision(retry=False, wait_s=0.0, rule="retry", reason=""),
    RetryRule(),
    Timeout(attempt_s=1),
    Counts(calls=0, failures=0, slow=0, consecutive=0),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_never_changes(value: object) -> None:
    """Nobody sets a field of it, by name or by mistake, and its parts are given by name."""
    name = fields(value)[0].name  # type: ignore[arg-type]  # all of them are dataclasses

    with pytest.raises(FrozenInstanceError):
        setattr(value, name, 1)
    assert not hasattr(value, "__dict__")
    with pytest.raises(TypeError, match="positional"):
        type(value)(getattr(value, name))
