"""What is personal in one attempt, kept out of everything that is told of it: trace, verdict, messages.

The request that is told of is built a second time, from inputs without what is personal, so that nothing has to be found again in an address.
What the other side answers loses marked fields by their structure; and what it quotes of the values, in a header or a message, goes like a secret.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.plans.output import as_output
from holdfast.plans.personal import NOTHING, PERSONAL, QUOTED_MIN, VALUES_MAX, Personal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdfast.faults.verdict import Verdict
    from holdfast.ports.http import HttpAnswer, HttpRequest

__all__ = ["Hidden"]

NOT_KEPT = f"[not kept: it may quote one of more than {VALUES_MAX} personal values]"
NOT_READ = "[not kept: it is no JSON, and this action has personal fields]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The fields that are personal in an attempt, its inputs, and the values among them that texts must not quote, the longest first."""

    personal: Personal = NOTHING
    inputs: Mapping[str, object]
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, personal: Personal, inputs: Mapping[str, object]) -> Hidden:
        """Return what is personal in these inputs."""
        return cls(personal=personal, inputs=inputs, values=quotable(personal.values(dict(inputs))) if personal else ())

    def told(self, request: HttpRequest, build: Callable[[Mapping[str, object]], HttpRequest]) -> HttpRequest:
        """Return the request as it may be told of."""
        if not self.personal:
            return request
        masked = self.personal.masked(dict(self.inputs))
        assert isinstance(masked, dict), "a copy of a mapping is one"
        return replace(build(masked), secrets=(*request.secrets, *self.values[:VALUES_MAX]))

    def heard(self, told: HttpRequest, received: HttpAnswer) -> tuple[HttpRequest, HttpAnswer]:
        """Return request and answer as they may be told of, once the answer is there: it has personal values of its own."""
        if not self.personal:
            return told, received
        output = as_output(received.body)
        own = quotable(self.personal.values(output))
        secrets = (*told.secrets, *(value for value in own if value not in told.secrets))
        if is_text(output):
            body = (
                NOT_READ.encode() if received.body else b""
            )  # it may be a form or XML, in which no field could be found
            return replace(told, secrets=secrets), replace(received, body=body)
        if len(secrets) > VALUES_MAX:
            # Too many to look for in texts: only what has structure is kept of the answer.
            headers = tuple((name, value) for name, value in received.headers if name.lower() == "content-type")
            body = json.dumps(self.personal.masked(output)).encode()
            return replace(told, secrets=secrets[:VALUES_MAX]), replace(received, headers=headers, body=body)
        masked = self.personal.masked(output)
        body = received.body if masked == output else json.dumps(masked).encode()
        return replace(told, secrets=secrets), replace(received, body=body)

    def spoken(self, verdict: Verdict, told: HttpRequest | None = None) -> Verdict:
        """Return a verdict whose words quote nothing personal; its other words have been looked at with the secrets."""
        number = len(self.values) if told is None else max(len(self.values), len(told.secrets))
        if number < VALUES_MAX:
            return verdict
        return replace(verdict, message=NOT_KEPT, code=PERSONAL if verdict.code else None)


def quotable(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `values` that are long enough to be looked for in texts."""
    return tuple(value for value in values if len(value) >= QUOTED_MIN)


def is_text(output: Mapping[str, object]) -> bool:
    """Whether an answer was no JSON, or none that could be read safely."""
    return set(output) == {"body"} and isinstance(output["body"], str)
