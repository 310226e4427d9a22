"""Ask a token endpoint for tokens (RFC 6749 §4.4, §5, §6): one attempt, judged like any other, and never a secret in what it reports.

The client proves itself by HTTP Basic (§2.3.1). A server that knows only `client_secret_post` answers that with `invalid_client`, before it has
looked at the grant; it is asked once more with the secret in the body.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, urlencode

from holdfast.drivers.trace import answered, refused_trace
from holdfast.errors import SecretKeyMissing
from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.classify import classify, examine
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Outcome
from holdfast.plans.authentication import LITERAL, VARIABLE_PREFIX
from holdfast.plans.output import output_text
from holdfast.plans.tokens import Tokens, read_tokens, token_text
from holdfast.ports.http import HttpRequest
from holdfast.recovery.answer import Answer
from holdfast.recovery.detail import error_detail, refusal_verdict

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from holdfast.faults.verdict import Verdict
    from holdfast.plans.authentication import Grant
    from holdfast.ports.clock import Clock
    from holdfast.ports.http import HttpAnswer, Transport
    from holdfast.ports.outputs import Sealer
    from holdfast.recovery.assigning import Assignment

__all__ = ["Granting", "believable_s"]

INVALID_CLIENT = "invalid_client"
REFUSALS = frozenset(
    {
        "invalid_request",
        INVALID_CLIENT,
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "access_denied",
    }
)
"""What a token endpoint says when repeating does not help (RFC 6749 §5.2)."""
EXPIRES_MAX_S = 315_360_000.0
"""Ten years; beyond that a lifetime is a mistake of the server, and counts as not told."""
ANSWER_SIZE_MAX_BYTES = 1_048_576


class Refused(Exception):
    """Nothing can be asked; the verdict says why."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(verdict.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What one request for tokens is made of; the secrets in clear."""

    grant: Grant
    client_secret: str
    refresh_token: str | None
    timeout_s: float

    def request(self, *, is_secret_in_body: bool) -> HttpRequest:
        """Return the request."""
        fields = {"grant_type": "refresh_token" if self.refresh_token else "client_credentials"}
        if self.refresh_token:
            fields["refresh_token"] = self.refresh_token
        if self.grant.scope:
            fields["scope"] = " ".join(self.grant.scope)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "User-Agent": "holdfast",
        }
        secrets = [self.client_secret, self.refresh_token or ""]
        if is_secret_in_body or not self.client_secret:
            fields["client_id"] = self.grant.client_id
            if self.client_secret:
                fields["client_secret"] = self.client_secret
        else:
            pair = f"{quote_plus(self.grant.client_id)}:{quote_plus(self.client_secret)}"
            basic = base64.b64encode(pair.encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
            secrets.append(basic)
        return HttpRequest(
            method="POST",
            url=self.grant.token_url,
            headers=tuple(headers.items()),
            body=urlencode(fields).encode(),
            timeout_s=self.timeout_s,
            response_size_max_bytes=ANSWER_SIZE_MAX_BYTES,
            secrets=tuple(secret for secret in secrets if secret),
        )


class Granting:
    """Fetches tokens. Safe to use for many at once on one event loop."""

    def __init__(
        self,
        *,
        transport: Transport,
        environ: Mapping[str, str],
        sealer: Sealer,
        clock: Clock,
        trace_body_max_bytes: int,
    ) -> None:
        self._transport = transport
        self._environ = environ
        self._sealer = sealer
        self._clock = clock
        self._trace_body_max_bytes = trace_body_max_bytes

    async def fetch(self, assignment: Assignment, *, timeout_s: float) -> Answer:
        """Ask for tokens and report; never raises for what the endpoint does."""
        grant = assignment.action.grant
        assert grant is not None, "the caller looked"
        try:
            tokens = self._tokens(assignment)
            asking = Asking(
                grant=grant,
                client_secret=self._secret(grant.client_secret, assignment),
                refresh_token=self._refresh_token(grant, tokens, assignment),
                timeout_s=timeout_s,
            )
            return await self._ask(asking, is_secret_in_body=False)
        except Refused as refused:
            return Answer(verdict=refused.verdict, observed_at=self._clock.now())
        except SecretKeyMissing as err:
            verdict = refusal_verdict(str(err), rule="secret-sealed", category=ErrorCategory.AUTH_INVALID)
            return Answer(verdict=verdict, observed_at=self._clock.now())

    def _tokens(self, assignment: Assignment) -> Tokens | None:
        return None if assignment.sealed is None else read_tokens(self._sealer.open(assignment.sealed))

    def _secret(self, name: str, assignment: Assignment) -> str:
        """Return what a name of a secret stands for."""
        if name.startswith(LITERAL):
            sealed = assignment.literals.get(name)
            if sealed is None:
                raise Refused(missing("a secret that was sealed at the start is gone"))
            return self._sealer.open(sealed)
        if name.startswith(VARIABLE_PREFIX):
            variable = name.removeprefix(VARIABLE_PREFIX)
            value = self._environ.get(variable)
            if not value:
                raise Refused(missing(f"the environment variable {variable} is not set in this worker"))
            return value
        return name

    def _refresh_token(self, grant: Grant, tokens: Tokens | None, assignment: Assignment) -> str | None:
        """Return the newest refresh token. One that a newer value has replaced is never sent: a provider may take that for theft."""
        if tokens is None:
            return self._secret(grant.refresh_token, assignment) if grant.refresh_token else None
        if tokens.refresh is None and grant.refresh_token:
            message = f"the credential {grant.credential!r} was set without a refresh token"
            verdict = refusal_verdict(message, rule="oauth.no-refresh-token", category=ErrorCategory.AUTH_INVALID)
            raise Refused(replace(verdict, code="invalid_grant"))
        return tokens.refresh

    async def _ask(self, asking: Asking, *, is_secret_in_body: bool) -> Answer:
        request = asking.request(is_secret_in_body=is_secret_in_body)
        began_at = self._clock.now()
        try:
            received = await self._transport.send(request)
        except Exception as exc:  # noqa: BLE001 - whatever the library raises is a fault of the call
            return self._unanswered(exc, asking, request, began_at=began_at)
        trace = answered(
            request, received, began_at=began_at, body_max_bytes=self._trace_body_max_bytes, is_secret=True
        )
        told = as_object(received.body)
        code = told.get("error")
        if code == INVALID_CLIENT and not is_secret_in_body and asking.client_secret:
            return await self._ask(asking, is_secret_in_body=True)
        now = self._clock.now()
        verdict = self._verdict(asking, request, received, told=told, now=now)
        if verdict is not None:
            return Answer(verdict=verdict, trace=trace, observed_at=now)
        access, refresh = told["access_token"], told.get("refresh_token")
        kept = refresh if isinstance(refresh, str) and refresh else asking.refresh_token
        return Answer(
            output=output_text({"refreshed": asking.grant.credential}),
            sealed_token=self._sealer.seal(token_text(Tokens(access=str(access), refresh=kept))),
            token_expires_s=believable_s(told.get("expires_in")),
            trace=trace,
            observed_at=now,
        )

    def _unanswered(self, exc: Exception, asking: Asking, request: HttpRequest, *, began_at: datetime) -> Answer:
        fault = capture_exception(
            exc,
            operation=f"token:{asking.grant.credential}",
            observed_at=self._clock.now(),
            method=request.method,
            url=request.url,
            credential=asking.grant.credential,
        )
        verdict = classify(fault, secrets=request.secrets)
        trace = refused_trace(
            request,
            began_at=began_at,
            error=error_detail(verdict, observed_at=fault.observed_at),
            body_max_bytes=self._trace_body_max_bytes,
            is_secret=True,
        )
        return Answer(verdict=verdict, trace=trace, observed_at=fault.observed_at)

    def _verdict(
        self,
        asking: Asking,
        request: HttpRequest,
        received: HttpAnswer,
        *,
        told: Mapping[str, object],
        now: datetime,
    ) -> Verdict | None:
        """Judge an answer; None when it holds a token that can be used."""
        name, code = asking.grant.credential, told.get("error")
        if isinstance(code, str) and code in REFUSALS:
            message = f"the token endpoint refuses the credential {name!r}: {code}"
            verdict = refusal_verdict(message, rule=f"oauth.{code}", category=ErrorCategory.AUTH_INVALID)
            return replace(verdict, code=code, status=received.status, credential=name)
        fault = capture_answer(
            received.status,
            received.headers,
            body=received.body,
            operation=f"token:{name}",
            observed_at=now,
            method=request.method,
            url=request.url,
            credential=name,
        )
        found = examine(fault, secrets=request.secrets)
        if found is not None:
            return found
        kind, access = told.get("token_type"), told.get("access_token")
        if isinstance(kind, str) and kind.lower() != "bearer":
            message = f"the token endpoint gives {name!r} a token of another type than bearer"
            return refusal_verdict(message, rule="oauth.token-type", category=ErrorCategory.API_RESPONSE_MALFORMED)
        if isinstance(access, str) and access:
            return None
        # A refresh token may have been replaced by an answer that cannot be read.
        return malformed(f"the token endpoint's answer for {name!r} holds no access_token")


def missing(message: str) -> Verdict:
    """Return the verdict about a secret that this worker does not have."""
    return refusal_verdict(message, rule="secret-missing", category=ErrorCategory.AUTH_INVALID)


def malformed(message: str) -> Verdict:
    """Return the verdict about an answer that came and cannot be used."""
    verdict = refusal_verdict(message, rule="oauth.no-token", category=ErrorCategory.API_RESPONSE_MALFORMED)
    return replace(verdict, outcome=Outcome.UNKNOWN, retryable=True)


def as_object(body: bytes) -> Mapping[str, object]:
    """Return a JSON object; empty for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def believable_s(told: object) -> float | None:
    """Return a lifetime in seconds as an answer tells it, a number or (some servers) a text of digits; None when it makes no sense."""
    if isinstance(told, str) and told.isascii() and told.isdigit() and len(told) <= 12:
        told = int(told)
    if isinstance(told, bool) or not isinstance(told, int | float) or not math.isfinite(told):
        return None
    return float(told) if 0 < told <= EXPIRES_MAX_S else None
