"""What faults may have in common."""

from __future__ import annotations

import pytest

from holdfast.faults.correlation.causes import Cause, IncidentKind as Kind, cause_of
from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Verdict
from tests.faults.correlation.faults_seen import seen


@pytest.mark.parametrize(
    ("verdict", "cause"),
    [
        pytest.param(seen(C.NETWORK_CONNECTION_REFUSED, rule="exception:name-resolution"), Kind.NAME_RESOLUTION, id="rule"),
        pytest.param(seen(C.NETWORK_TIMEOUT, rule="exception:dns-timeout"), Kind.NAME_RESOLUTION, id="dns-rule"),
        pytest.param(
            seen(C.NETWORK_CONNECTION_REFUSED, rule="known-error[0]", message="OSError: getaddrinfo ENOTFOUND api.example"),
            Kind.NAME_RESOLUTION,
            id="words",
        ),
        pytest.param(seen(C.NETWORK_CONNECTION_REFUSED, rule="exception:refused"), Kind.CONNECTIVITY, id="refused"),
        pytest.param(seen(C.NETWORK_TIMEOUT, rule="exception:read-timeout"), Kind.CONNECTIVITY, id="timeout"),
        pytest.param(seen(C.NETWORK_TIMEOUT, rule="worker-lost"), None, id="our-worker"),
        pytest.param(seen(C.NETWORK_TIMEOUT, rule="generic:gateway", status=504), None, id="gateway-of-theirs"),
        pytest.param(seen(C.VALIDATION_FAILED), Kind.OWN_SIDE, id="invalid"),
        pytest.param(seen(C.AUTH_EXPIRED), Kind.CREDENTIAL, id="credential"),
        pytest.param(seen(C.API_UNEXPECTED_STATUS), None, id="server-error"),
    ],
)  # fmt: skip
def test_a_cause_is_read_from_the_verdict(verdict: Verdict, cause: Kind | None) -> None:
    """Names, connections, credentials and invalid requests can be a matter of all dependencies; all else is one's own."""
    expected = None if cause is None else Cause(cause)

    assert cause_of(verdict) == expected


def test_a_named_credential_is_a_cause_by_itself() -> None:
    """The credential's name is part of the cause."""
    found = cause_of(seen(C.AUTH_INVALID, credential="SHOP_TOKEN"))

    assert found == Cause(Kind.CREDENTIAL, "SHOP_TOKEN")


@pytest.mark.parametrize("rule", ["worker-lost", "restored", "too-many-overruns", "policy:timed-out"])
def test_what_we_say_of_ourselves_is_no_matter_of_the_network(rule: str) -> None:
    """A worker that was lost, and a limit of our own, are no sign that dependencies cannot be reached."""
    assert cause_of(seen(C.NETWORK_TIMEOUT, rule=rule)) is None


def test_the_words_of_kinds_stay() -> None:
    """The kinds of incidents stand in journals, in logs and in alerts: their words are an agreement."""
    assert ["dependency", "name-resolution", "connectivity", "credential", "own-side"] == [kind.value for kind in Kind]
