"""Perform one attempt: resolve its inputs, find its secret, make the call once, and report what came of it.

Runs outside any transaction. It judges the answer (capture → classify) because the verdict belongs to the attempt, but decides nothing: whatever
happens here comes back as an `Answer`, and a cancelled worker leaves the attempt unsettled for the next one to find.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.catalog.strategies import with_advice
from holdfast.contract.json_text import write_json
from holdfast.drivers.authenticating import AuthenticatorFailed, authenticated
from holdfast.drivers.calling import FunctionCalls
from holdfast.drivers.checking import Refused, misfit_of, refuse_late, refuse_misfits
from holdfast.drivers.circumstances import circumstances
from holdfast.drivers.granting import Granting, believable_s
from holdfast.drivers.hidden import Hidden
from holdfast.drivers.trace import answered, refused_trace
from holdfast.errors import SecretKeyMissing, StoreError
from holdfast.faults.capture import capture_answer, capture_exception
from holdfast.faults.classify import classify, examine
from holdfast.faults.context import FaultContext
from holdfast.faults.fault import BodyKind
from holdfast.faults.redact import REDACTED, spellings
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.guards.announcements import Announcements
from holdfast.plans.authentication import Source, variables_of
from holdfast.plans.output import as_output, output_text
from holdfast.plans.references import LOCATION, MISSING, Reference, parse_reference, resolve
from holdfast.plans.request import Extras, UnusableRequest, build_request
from holdfast.plans.tokens import read_tokens
from holdfast.ports.http import ResponseTooLarge
from holdfast.ports.rows import Purpose
from holdfast.recovery.answer import Answer
from holdfast.recovery.detail import (
    error_detail,
    refusal_verdict,
    unkept_verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from holdfast.contract import ActionDefinition
    from holdfast.drivers.calling import TellLate
    from holdfast.faults.fault import Fault
    from holdfast.plans.frozen import FrozenAction
    from holdfast.ports.clock import Clock
    from holdfast.ports.http import HttpAnswer, HttpRequest, OutgoingRequest, Transport
    from holdfast.ports.outputs import Outputs, Sealer
    from holdfast.recovery.assigning import Assignment

__all__ = ["Limits", "Performer"]

_log = logging.getLogger("holdfast.drivers")

ECHO_LENGTH_MIN = 8
"""Shorter secrets are not looked for in outputs: replacing them would spoil data that only happens to look alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes: of an answer that is read, of an output that is kept in its row, of a body that is kept in the trace."""

    response_size_max_bytes: int = 10_485_760
    inline_output_max_bytes: int = 65_536
    trace_body_max_bytes: int = 4_096


class Performer:
    """Makes attempts. One per worker; safe to use for many attempts at once on one event loop."""

    def __init__(
        self,
        *,
        transport: Transport,
        functions: Mapping[str, Callable[..., object]],
        environ: Mapping[str, str],
        outputs: Outputs,
        sealer: Sealer,
        clock: Clock,
        limits: Limits,
        authenticators: Mapping[str, Callable[[OutgoingRequest], object]] | None = None,
        overruns_max: int = 32,
    ) -> None:
        self._transport = transport
        self._environ = environ
        self._outputs = outputs
        self._sealer = sealer
        self._clock = clock
        self._limits = limits
        self._authenticators = {} if authenticators is None else authenticators
        self._announcements = Announcements(_warn)
        self._granting = Granting(
            transport=transport,
            environ=environ,
            sealer=sealer,
            clock=clock,
            trace_body_max_bytes=limits.trace_body_max_bytes,
        )
        self._calls = FunctionCalls(functions, clock=clock, keep=self._keep, overruns_max=overruns_max)

    def hand_late_answers_to(self, tell: TellLate) -> None:
        """Name who is told what came of a function that ended after its time."""
        self._calls.hand_late_answers_to(tell)

    def can_perform(self, action: FrozenAction) -> bool:
        """Whether this worker has what an action needs: its function, if it is a Python action, and the one that authenticates it."""
        if action.handler is not None and action.handler not in self._authenticators:
            return False
        return action.function is None or self._calls.knows(action.definition_id)

    async def perform(self, assignment: Assignment) -> Answer:
        """Make the attempt and report. Never raises for anything the attempt did."""
        try:
            refuse_late(assignment, now=self._clock.now())
            if assignment.action.grant is not None:
                return await self._granting.fetch(assignment, timeout_s=assignment.timeout_s)
            inputs = await self._inputs(assignment)
            refuse_misfits(inputs, assignment)
            if assignment.action.function is not None:
                return await self._calls.call(assignment, inputs)
            return await self._call_http(assignment, inputs)
        except Refused as refused:
            return Answer(verdict=refused.verdict, observed_at=self._clock.now())

    async def _inputs(self, assignment: Assignment) -> dict[str, object]:
        """Replace references by values; a large output is read from its file."""
        values: dict[str, object] = {}
        for name, value in assignment.action.inputs.items():
            reference = assignment.action.references.get(name)
            if reference is None:
                values[name] = value
                continue
            parts = await self._with_large_output(reference, assignment.parts.get(reference.action, {}))
            resolved = resolve(reference, parts)
            if resolved is MISSING:
                message = f"the input {name!r} references {reference.text}, which is not there. Look at what {reference.action!r} returned"
                raise Refused(refusal_verdict(message, rule="reference-missing"))
            values[name] = resolved
        return values

    async def _with_large_output(self, reference: Reference, parts: Mapping[str, object]) -> Mapping[str, object]:
        location = parts.get(LOCATION)
        if reference.part != "output" or not isinstance(location, dict):
            return parts
        try:
            body = await self._outputs.get(str(location["path"]), checksum=str(location["checksum"]))
        except StoreError as err:
            raise Refused(
                refusal_verdict(
                    f"the output of {reference.action!r} is not where it was kept: {err}", rule="output-lost"
                )
            ) from err
        return {**parts, "output": json.loads(body)}

    async def _call_http(self, assignment: Assignment, inputs: Mapping[str, object]) -> Answer:
        """Send one request and judge the answer."""
        action, definition = assignment.action, assignment.action.definition
        assert definition is not None, "an action is a function or has a definition"
        request = await self._authenticated(self._request(assignment, definition, inputs), assignment)
        hidden = Hidden.of(action.personal, inputs)
        told = hidden.told(request, lambda masked: self._request(assignment, definition, masked))
        is_secret = definition.refreshes is not None
        began_at = self._clock.now()
        try:
            received = await self._transport.send(request)
        except asyncio.CancelledError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever the library raises is a fault of the call
            context = circumstances(assignment, request, told=told, hidden=hidden)
            fault = self._captured(exc, action, told, context=context)
            api = action.api
            verdict = hidden.spoken(classify(fault, known_errors=action.known_errors, api=api, secrets=told.secrets))
            detail = error_detail(verdict, observed_at=fault.observed_at)
            trace = refused_trace(
                told,
                began_at=began_at,
                error=detail,
                body_max_bytes=self._limits.trace_body_max_bytes,
                is_secret=is_secret,
            )
            return Answer(verdict=verdict, trace=trace, observed_at=fault.observed_at)
        observed_at = self._clock.now()
        told, shown = hidden.heard(told, received)
        trace = answered(
            told, shown, began_at=began_at, body_max_bytes=self._limits.trace_body_max_bytes, is_secret=is_secret
        )
        fault = capture_answer(
            received.status,
            received.headers,
            body=received.body,
            operation=action.definition_id,
            observed_at=observed_at,
            method=request.method,
            url=told.url,
            api_id=action.api.api_id if action.api else definition.api_id,
            credential=action.credential,
            context=circumstances(assignment, request, told=told, hidden=hidden),
        )
        self._announcements.hear(fault.headers, action.api, place=fault.api_id or action.definition_id, now=observed_at)
        found = examine(fault, known_errors=action.known_errors, api=action.api, secrets=told.secrets)
        if found is not None:
            found = with_advice(action.entry, found, fault=fault)
            return Answer(verdict=hidden.spoken(found, told), trace=trace, observed_at=observed_at)
        if is_secret:
            return self._token(definition, received, trace=trace)
        output = as_output(received.body)
        is_own_answer = fault.body_kind not in {BodyKind.EMPTY, BodyKind.HTML}
        misfit = await misfit_of(output, action, size=len(received.body), is_own_answer=is_own_answer)
        if misfit is not None:
            misfit = replace(misfit, status=fault.status, api_id=fault.api_id, credential=fault.credential)
            return Answer(verdict=misfit, trace=trace, observed_at=observed_at)
        text = without(output_text(output), request.secrets)
        return await self._keep(text, assignment=assignment, trace=trace)

    async def _authenticated(self, request: HttpRequest, assignment: Assignment) -> HttpRequest:
        """Let the function that authenticates an action add its headers, if it has one."""
        handler = assignment.action.handler
        if handler is None:
            return request
        try:
            return await authenticated(request, self._authenticators.get(handler), timeout_s=assignment.timeout_s)
        except AuthenticatorFailed as err:
            message = f"the authenticator {handler!r} made no request that can be sent: {err.why}"
            verdict = refusal_verdict(message, rule="authenticator-failed", category=ErrorCategory.AUTH_INVALID)
            raise Refused(verdict) from None

    def _request(
        self, assignment: Assignment, definition: ActionDefinition, inputs: Mapping[str, object]
    ) -> HttpRequest:
        quirks = assignment.action.api.quirks if assignment.action.api else None
        limit = self._limits.response_size_max_bytes
        if quirks is not None and quirks.response_size_max_bytes is not None:
            limit = min(limit, quirks.response_size_max_bytes)
        extras = Extras(
            secret=self._secret(definition, assignment),
            key=assignment.attempt.key,
            idempotency_header=assignment.action.idempotency_header,
            timeout_s=assignment.timeout_s,
            response_size_max_bytes=limit,
            user_agent=quirks.user_agent if quirks else None,
        )
        try:
            return build_request(definition, inputs, extras=extras)
        except (UnusableRequest, ValueError) as err:
            raise Refused(refusal_verdict(f"the request cannot be made: {err}", rule="unusable-request")) from None

    def _secret(self, definition: ActionDefinition, assignment: Assignment) -> str | None:
        """Return the credential's newest value: the sealed one where there is one, else the environment's."""
        source = assignment.action.source
        if source is None or source is Source.FUNCTION:
            return None
        # A refresh action uses another credential than the one that it renews.
        if assignment.sealed is not None and (assignment.step.purpose is not Purpose.REFRESH or source.is_held):
            return self._opened(assignment.sealed)
        if source is Source.ENVIRONMENT:
            name = next(iter(variables_of(definition).values()), "")
            value = self._environ.get(name)
            message = f"the environment variable {name} is not set in this worker; it holds the credential of {definition.id!r}"
        else:
            value = None
            message = f"the credential {assignment.action.credential!r} of {definition.id!r} has no value"
        if not value:
            raise Refused(refusal_verdict(message, rule="secret-missing", category=ErrorCategory.AUTH_INVALID))
        return value

    def _opened(self, sealed: bytes) -> str:
        """Return the access token or key that was sealed."""
        try:
            access = read_tokens(self._sealer.open(sealed)).access
        except SecretKeyMissing as err:
            raise Refused(refusal_verdict(str(err), rule="secret-sealed", category=ErrorCategory.AUTH_INVALID)) from err
        if access is None:
            message = "the credential has a refresh token and no access token yet"
            raise Refused(refusal_verdict(message, rule="secret-missing", category=ErrorCategory.AUTH_INVALID))
        return access

    def _captured(self, exc: Exception, action: FrozenAction, request: HttpRequest, *, context: FaultContext) -> Fault:
        observed_at = self._clock.now()
        if isinstance(exc, ResponseTooLarge):
            return capture_answer(
                exc.status,
                (),
                body=b"",
                operation=action.definition_id,
                observed_at=observed_at,
                method=request.method,
                url=request.url,
                complete=False,
                context=context,
            )
        return capture_exception(
            exc,
            operation=action.definition_id,
            observed_at=observed_at,
            method=request.method,
            url=request.url,
            api_id=action.api.api_id if action.api else None,
            credential=action.credential,
            context=context,
        )

    def _token(self, definition: ActionDefinition, received: HttpAnswer, *, trace: str) -> Answer:
        """Take the new secret out of a refresh answer and seal it; the rest is forgotten."""
        reference = parse_reference(f"${{refresh.output.{definition.token_path or 'access_token'}}}")
        value = resolve(reference, {"output": as_output(received.body)}) if reference else MISSING
        if not isinstance(value, str) or not value:
            message = f"the answer of {definition.id!r} holds no token at {definition.token_path!r}"
            verdict = refusal_verdict(message, rule="token-missing", category=ErrorCategory.API_RESPONSE_MALFORMED)
            return Answer(verdict=verdict, trace=trace, observed_at=self._clock.now())
        output = output_text({"refreshed": definition.refreshes})
        beside = parse_reference(f"${{refresh.output.{beside_token(definition.token_path or '')}}}")
        told = resolve(beside, {"output": as_output(received.body)}) if beside else MISSING
        return Answer(
            output=output,
            sealed_token=self._sealer.seal(value),
            token_expires_s=believable_s(told),
            trace=trace,
            observed_at=self._clock.now(),
        )

    async def _keep(self, text: str, *, assignment: Assignment, trace: str | None) -> Answer:
        """Report an output: in the row when it is small, in a file of its own when it is large."""
        body = text.encode("utf-8", "surrogatepass")
        if len(body) <= self._limits.inline_output_max_bytes or assignment.step.purpose is Purpose.PROBE:
            return Answer(output=text, trace=trace, observed_at=self._clock.now())
        try:
            stored = await self._outputs.put(body, content_type="application/json")
        except StoreError as err:
            # It was done, and its result is lost here: a repeat that is safe may bring it back, else a person has to look.
            verdict = unkept_verdict(f"The action was performed, but its output could not be kept: {err}")
            return Answer(verdict=verdict, trace=trace, observed_at=self._clock.now())
        location = {
            "provider": "local",
            "path": stored.path,
            "size": stored.size,
            "checksum": stored.checksum,
            "contentType": stored.content_type,
            "metadata": {
                "execution": assignment.step.execution,
                "action": assignment.step.action,
                **watched_values(text, assignment.action),
            },
        }
        return Answer(location=json.dumps(location), trace=trace, observed_at=self._clock.now())


def beside_token(path: str) -> str:
    """Return where a token's lifetime stands: `expires_in`, beside the token (RFC 6749 §5.1)."""
    head, dot, _ = path.rpartition(".")
    return f"{head}{dot}expires_in"


def watched_values(text: str, action: FrozenAction) -> dict[str, str]:
    """Return what the plan's expected outcome looks at in a large output, as JSON text: its checks are made under a lock, where no file is read."""
    if not action.watched:
        return {}
    parts = {"output": json.loads(text)}
    found = {reference.text: resolve(reference, parts) for reference in action.watched}
    return {name: json.dumps(value, ensure_ascii=False) for name, value in found.items() if value is not MISSING}


def without(text: str, secrets: tuple[str, ...]) -> str:
    """Return an output without the secrets that were sent for it: some servers answer with the request they got."""
    for secret in secrets:
        if len(write_json(secret)[1:-1]) >= ECHO_LENGTH_MIN:
            for written in sorted(spellings(secret), key=len, reverse=True):
                text = text.replace(write_json(written)[1:-1], REDACTED)
    return text


def _warn(name: str, **facts: object) -> None:
    """One line of the log; values from answers are quoted, so that none can write a line of its own."""
    told = " ".join(f"{fact}={value!r}" for fact, value in facts.items() if value is not None)
    _log.warning("%s %s", name, told, extra={"event": name})
