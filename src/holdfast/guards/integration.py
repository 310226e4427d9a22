"""An integration in use: requests to one API by its name in the settings, with all its strategies around them.

One policy serves plain and async requests, so that they share a circuit. What sends a request comes from outside (`holdfast.adapters.http`), and so
does the connection pool; this room knows neither the HTTP library nor where the settings came from.
"""

from __future__ import annotations

import json as json_text
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypedDict, cast

from holdfast.errors import BadSettings, Exhausted, PolicyError, Problem
from holdfast.faults.capture import capture_answer
from holdfast.faults.classify import examine
from holdfast.faults.health_checks import HealthResult
from holdfast.faults.rules import ApiRules
from holdfast.faults.verdict import Verdict
from holdfast.guards.ambient import remaining_s
from holdfast.guards.announcements import Announcements
from holdfast.guards.answers import Degraded
from holdfast.guards.integration_health import HealthAsking
from holdfast.guards.integration_requests import IDEMPOTENT, Parameter, Sendable, elsewhere, make_request
from holdfast.guards.policy import Policy, policy
from holdfast.guards.waiting_calls import WaitingCalls
from holdfast.guards.world import WORLD
from holdfast.policies.integration_parts import degradation_of, parts_of
from holdfast.ports.http import HttpAnswer, HttpRequest
from holdfast.ports.later import Receipt
from holdfast.settings import ApiFallback, Integration as Declared, QueueFallback

if TYPE_CHECKING:
    from holdfast.guards.engine import RecoveryEngine

__all__ = ["Integration", "Reply", "Senders", "secrets_of"]

LIMIT_MIN_S = 0.001
NOT_MODIFIED = 304
CAUSES_MAX = 8
READING = frozenset({"GET", "HEAD", "OPTIONS"})
PASSING = frozenset({"traceparent", "tracestate", "baggage", "x-request-id", "x-correlation-id", "idempotency-key"})
"""Headers that differ from call to call and change no answer."""

_Send = Callable[[HttpRequest], HttpAnswer]
_SendAsync = Callable[[HttpRequest], Awaitable[HttpAnswer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a request: its status, its headers in the order in which they came, and its whole body.

    A lesser answer says that it is one: `degraded` has how and why. A call that was kept for later is answered with 202, and its body says where.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    degraded: Degraded | None = None

    def header(self, name: str) -> str | None:
        """The first header of that name, whatever its spelling; None if there is none."""
        return next((value for own, value in self.headers if own.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        """The body as text, in UTF-8 unless it is something else by its own word; what cannot be read becomes a replacement sign."""
        _, _, charset = (self.header("content-type") or "").lower().partition("charset=")
        try:
            return self.body.decode(charset.split(";")[0].strip(" \"'") or "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self) -> object:
        """The body as JSON.

        Raises:
            ValueError: it is none.
        """
        try:
            return json_text.loads(self.body)
        except RecursionError:
            raise ValueError("the answer is nested too deeply to be read") from None


class Senders(Protocol):
    """What sends requests for one integration: one pool for plain requests, one for each event loop. Sends once and reads the whole answer."""

    def send(self, request: HttpRequest) -> HttpAnswer:
        """Send, and wait in this thread.

        Raises:
            Exception: whatever the HTTP library raises; `holdfast.faults.capture` knows what it means.
        """

    async def send_async(self, request: HttpRequest) -> HttpAnswer:
        """The same on an event loop."""

    def close(self) -> None:
        """Give back the connections of plain requests."""

    async def close_async(self) -> None:
        """Give back the connections of this event loop."""


class Exchange(TypedDict):
    """An answer with what it answers, as plain data that can be kept in any cache: the body is in Latin-1, a character for a byte."""

    method: str
    url: str
    status: int
    headers: list[list[str]]
    body: str


class Integration:
    """Requests to one API, by the settings of `[integrations.<id>]`. Safe to use from several threads and event loops at once.

    It is made once per process and id, by `holdfast.integration`; what it learns (an open circuit, a used-up budget) counts for all who use it.
    """

    def __init__(
        self,
        integration_id: str,
        declared: Declared,
        *,
        senders: Senders,
        secrets: Mapping[str, str],
        response_size_max_bytes: int,
        api: ApiRules | None = None,
    ) -> None:
        """Put the strategies together; nothing is sent or opened.

        `secrets` are the values of the variables that the settings name (see `secrets_of`); `api` is what the catalog knows.
        """
        self.id = integration_id
        self.declared = declared
        self._senders = senders
        self._sendable = Sendable(
            integration=integration_id,
            base_url=declared.base_url,
            headers=_headers(declared, secrets),
            timeout_s=declared.timeout_s,
            response_size_max_bytes=response_size_max_bytes,
        )
        self._reading = _Reading(integration_id, declared.api if api is None else api.api_id, api)
        self._secrets = dict(secrets)
        parts = parts_of(declared)
        self._policy = policy(
            integration_id,
            retry=parts.retry,
            timeout=parts.timeout,
            breaker=parts.breaker,
            rate_limit=parts.rate_limit,
            degradation=degradation_of(
                declared, queue=integration_id, alternative=self._alternative, default=_default, key=_key
            ),
            result=self._reading,
            api=api,
        )
        self._reading.announcements = self._policy.announcements
        self._health = HealthAsking(
            self._policy,
            base_url=declared.base_url,
            headers=tuple(self._sendable.headers),
            declared=declared.health_check,
            api=api,
        )
        self._guarded = {may: self._policy.guard(repeatable=may)(_exchange) for may in (True, False)}
        self._guarded_async = {may: self._policy.guard(repeatable=may)(_exchange_async) for may in (True, False)}

    def __repr__(self) -> str:
        return f"<holdfast integration {self.id!r}>"

    @property
    def name(self) -> str:
        """What people call it."""
        return self.declared.name or self.id

    @property
    def policy(self) -> Policy:
        """The policy around its requests: to explain, to look at, to steer and to listen to."""
        return self._policy

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Parameter | Sequence[Parameter]] | None = None,
        json: object = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """Make a request, and wait for the answer in this thread.

        An answer comes back only if it is one: a refusal or a failure is raised, after the attempts that the settings allow. Redirects are followed
        within the same origin, the answer is read whole, and nothing is sent beyond `path` below the integration's address.

        Args:
            method: such as GET.
            path: begins with a slash; it may have a query.
            params: added to the query; a sequence repeats its name.
            json: sent as JSON, unless it is None.
            content: sent as it is, text as UTF-8.
            headers: beat those of the integration.
            repeatable: your word on whether doing it twice does no harm; without it, the method's definition says so (RFC 9110 §9.2.2: not for
                POST and PATCH). A request that may have taken effect is not repeated otherwise.

        Raises:
            BadInput: the request cannot be sent; nothing was.
            Exhausted: it failed; `result` is the last answer as a `Reply`, if there was one, and `outcome` says whether it took effect.
            Rejected: it was turned away unsent, such as by an open circuit.
            DegradationFailed: it failed, and none of the fallbacks had an answer.
            Exception: what the HTTP library raised, where it is not to be repeated anyway.
        """
        request = make_request(self._sendable, method, path, params=params, json=json, content=content, headers=headers)
        guarded = self._guarded[_may_repeat(request, repeatable)]
        try:
            answer = self._policy.answer(guarded, self._senders.send, request)
        except PolicyError as error:
            _make_readable(error)
            raise
        return _reply(answer.value, degraded=answer.degraded)

    async def arequest(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Parameter | Sequence[Parameter]] | None = None,
        json: object = None,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
    ) -> Reply:
        """The same on an event loop, where an attempt that takes too long is interrupted; see `request`.

        Raises:
            PolicyError: as for `request`.
        """
        request = make_request(self._sendable, method, path, params=params, json=json, content=content, headers=headers)
        guarded = self._guarded_async[_may_repeat(request, repeatable)]
        try:
            answer = await self._policy.answer(guarded, self._senders.send_async, request)
        except PolicyError as error:
            _make_readable(error)
            raise
        return _reply(answer.value, degraded=answer.degraded)

    def check_health(self, *, recovery: RecoveryEngine | None = None) -> HealthResult:
        """Ask the API now whether it is well: `health_check.endpoint`, answered with a 2xx within `health_check.timeout_s`; never raises for that.

        It counts on the circuit like any request, and goes out even while the circuit is open. `recovery` is told of a failure, and its remedies
        may ask again; what is returned is what was found at first.
        """
        return self._health.ask(self._senders.send, recovery=recovery)

    async def acheck_health(self) -> HealthResult:
        """The same on an event loop, without recovery."""
        return await self._health.ask_async(self._senders.send_async)

    @property
    def waiting(self) -> WaitingCalls | None:
        """The calls that a fallback of type `queue` keeps, to be made by `waiting.run()` or `run_async()`; None if none are kept."""
        runtime = self._policy.degradation
        keeps = self.declared.queue.enabled and any(isinstance(one, QueueFallback) for one in self.declared.fallbacks)
        return runtime.queue(self.id) if runtime is not None and keeps else None

    def _alternative(self, fallback: ApiFallback) -> Callable[..., object]:
        """What asks another address: in the way in which the first one was asked."""
        other_url = fallback.endpoint or self.declared.fallback_url
        assert other_url is not None, "the settings refuse a fallback that leads nowhere"
        token = fallback.credential
        credential = None if token is None else self._secrets.get(token, token)
        base_url = self.declared.base_url

        def ask_other(send: _Send | _SendAsync, request: HttpRequest) -> object:
            moved = elsewhere(request, base_url=base_url, other_url=other_url, credential=credential)
            answer = send(_limited(moved))
            return self._checked(moved, answer) if isinstance(answer, HttpAnswer) else self._awaited(moved, answer)

        return ask_other

    async def _awaited(self, request: HttpRequest, answer: Awaitable[HttpAnswer]) -> Exchange:
        return self._checked(request, await answer)

    def _checked(self, request: HttpRequest, answer: HttpAnswer) -> Exchange:
        exchange = _kept(request, answer)
        verdict = self._reading(exchange)
        if verdict is not None:
            raise _Refused(verdict.message)
        return exchange

    def close(self) -> None:
        """Give back the connections of plain requests; the next request opens new ones."""
        self._senders.close()

    async def aclose(self) -> None:
        """Give back the connections of this event loop; do so before it ends."""
        await self._senders.close_async()


def secrets_of(integration_id: str, declared: Declared, *, environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables that an integration's settings name as `env:NAME`, by the settings' own words.

    Raises:
        BadSettings: naming every variable that is not set, and the setting that asks for it.
    """
    asked = {f"headers.{name}": value for name, value in declared.headers.items()}
    if declared.credential is not None:
        asked["credential"] = declared.credential
    for number, fallback in enumerate(declared.fallbacks):
        if isinstance(fallback, ApiFallback) and fallback.credential is not None:
            asked[f"fallbacks[{number}].credential"] = fallback.credential
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for place, word in asked.items():
        if not word.startswith("env:"):
            continue
        value = environ.get(word.removeprefix("env:"), "").strip()
        if value:
            found[word] = value
        else:
            message = f"asks for the variable {word.removeprefix('env:')}, which is not set. Set it, or leave the setting out."
            problems.append(Problem(source=f"integrations.{integration_id}", path=place, message=message))
    if problems:
        raise BadSettings(problems)
    return found


class _Reading:
    """Judges answers: what is a failure, and what kind of one."""

    def __init__(self, integration_id: str, api_id: str | None, api: ApiRules | None) -> None:
        self._integration_id = integration_id
        self._api_id = api_id
        self._api = api
        self.announcements: Announcements | None = None

    def __call__(self, result: object) -> Verdict | None:
        exchange = cast("Exchange", result)
        if exchange["status"] == NOT_MODIFIED:
            return None  # the answer to a question that was asked on purpose
        fault = capture_answer(
            exchange["status"],
            [(name, value) for name, value in exchange["headers"]],
            body=exchange["body"].encode("latin-1"),
            operation=self._integration_id,
            observed_at=WORLD.now(),
            method=exchange["method"],
            url=exchange["url"],
            api_id=self._api_id,
        )
        if self.announcements is not None:
            self.announcements.hear(fault.headers, self._api, place=self._integration_id, now=fault.observed_at)
        return examine(fault, api=self._api)


class _Refused(Exception):
    """The other address gave no answer either."""


def _exchange(send: _Send, request: HttpRequest) -> Exchange:
    return _kept(request, send(_limited(request)))


async def _exchange_async(send: _SendAsync, request: HttpRequest) -> Exchange:
    return _kept(request, await send(_limited(request)))


def _key(_send: object, request: HttpRequest) -> object:
    """What tells one request from another, for answers that are kept: all that is sent, credentials too, so that nobody gets another's answer.

    Only reading is kept. What a POST was answered is no answer to the next one.
    """
    if request.method not in READING:
        return object()  # has no stable form, so it is no key
    headers = sorted((name.lower(), value) for name, value in request.headers if name.lower() not in PASSING)
    return (request.method, request.url, headers, request.body)


def _default(value: object) -> Exchange:
    """A fixed value as an answer."""
    return _made(200, value)


def _made(status: int, value: object) -> Exchange:
    body = json_text.dumps(value, ensure_ascii=False).encode().decode("latin-1")
    return {"method": "", "url": "", "status": status, "headers": [["Content-Type", "application/json"]], "body": body}


def _limited(request: HttpRequest) -> HttpRequest:
    """The request with no more time than is left for the attempt."""
    left_s = remaining_s()
    return request if left_s is None else replace(request, timeout_s=max(LIMIT_MIN_S, min(request.timeout_s, left_s)))


def _kept(request: HttpRequest, answer: HttpAnswer) -> Exchange:
    return {
        "method": request.method,
        "url": request.url,
        "status": answer.status,
        "headers": [[name, value] for name, value in answer.headers],
        "body": answer.body.decode("latin-1"),
    }


def _reply(value: object, *, degraded: Degraded | None = None) -> Reply:
    if isinstance(value, Receipt):
        said = {"queued": True, "queue": value.queue, "place": value.place, "durable": value.durable, "id": value.id}
        value = _made(202, said)
    exchange = cast("Exchange", value)
    return Reply(
        status=exchange["status"],
        headers=tuple((name, value) for name, value in exchange["headers"]),
        body=exchange["body"].encode("latin-1"),
        degraded=degraded,
    )


def _make_readable(error: BaseException | None) -> None:
    """Give whoever catches it the answer in the form that they know."""
    for _ in range(CAUSES_MAX):
        if error is None:
            return
        if isinstance(error, Exhausted) and isinstance(error.result, dict):
            error.result = _reply(error.result)
        error = error.__cause__ or error.__context__


def _may_repeat(request: HttpRequest, said: bool | None) -> bool:  # noqa: FBT001 - what the caller said, or not
    return request.method in IDEMPOTENT if said is None else said


def _headers(declared: Declared, secrets: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    headers = [(name, secrets.get(value, value)) for name, value in declared.headers.items()]
    token = declared.credential
    if token is not None and not any(name.lower() == "authorization" for name, _ in headers):
        headers.append(("Authorization", f"Bearer {secrets.get(token, token)}"))
    return tuple(headers)
