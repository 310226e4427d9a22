"""Ids of a fault, from whoever knows them."""

from __future__ import annotations

from holdfast.faults.correlation.ids import Ids


def test_ids_of_an_answer_complete_those_of_the_program() -> None:
    """What the program says stays; the other side's name for the call is added, and what is no id is left out."""
    ours = Ids(correlation_id="ours")

    joined = ours.joined((("requestId", "theirs"), ("correlationId", "other"), ("payloadBytes", "3")))

    assert Ids(correlation_id="ours", request_id="theirs") == joined
    assert ours.joined((("payloadBytes", "3"),)) is ours
