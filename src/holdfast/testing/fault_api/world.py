"""The fake world behind the API: plays a scenario, request by request, and keeps the ledger.

It decides what is answered and how it is delivered; it knows no socket and no clock (the present comes in as an argument).
Thread-safe: one lock around each decision, so effects, keys and sums are exact under concurrency.

For one request, in this order: route → credential → fault before the work → idempotency key → the work → fault after the work.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from holdfast.testing.fault_api.ledger import Ledger, RequestRecord, RouteLedger, Violation, ViolationKind
from holdfast.testing.fault_api.scenario import Effect, Fault, FaultKind, Route, Scenario, Since
from holdfast.testing.fault_api.template import Facts, fill, fill_text
from holdfast.testing.fault_api.tokens import TokenBook

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Delivery", "Reply", "Request", "World"]

KEYS_MAX = 100_000
"""Keys, business ids and gates remembered per route: forgetting one would make the proof of "once" worthless, so beyond it the API answers 507."""
VIOLATIONS_MAX = 1_000
CLOCK_GRAIN_S = 0.001
"""`retryAfter` on the wire has milliseconds: a client that comes back up to one early has kept its word as it was told."""
HTML_PAGE = b"<!doctype html><title>Down for maintenance</title><h1>We will be right back</h1>"
GARBAGE = b'{"id": "8f\x00\xff", "amount": 12'


class Delivery(StrEnum):
    """How a reply goes out on the wire."""

    WHOLE = "whole"
    SILENCE = "silence"
    RESET = "reset"
    TRUNCATED = "truncated"
    SLOW = "slow"
    HUGE = "huge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the world sees it; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to answer and how to deliver it; `seconds` for silence and slow bodies, `size_bytes` for huge ones."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    delivery: Delivery = Delivery.WHOLE
    seconds: float = 0.0
    size_bytes: int = 0
    replayed: bool = False


@dataclass(slots=True)
class _RouteState:
    """The running sums and memory of one route."""

    calls: int = 0
    effects: int = 0
    repeats: int = 0
    replays: int = 0
    faults: int = 0
    effects_by_key: dict[str, int] = field(default_factory=dict)
    effects_by_business_id: dict[str, int] = field(default_factory=dict)
    answers: dict[str, tuple[str, Reply]] = field(default_factory=dict)
    gates: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Call:
    """One request being answered: what is known of it so far."""

    request: Request
    route: Route
    state: _RouteState
    facts: Facts
    at_s: float
    key: str | None = None
    auth: str | None = None
    fault: Fault | None = None
    effect: bool = False


class World:
    """Plays one scenario. `requests_max` bounds the requests remembered in detail (the sums are exact beyond it)."""

    def __init__(self, scenario: Scenario, *, requests_max: int = 10_000) -> None:
        assert requests_max >= 1
        self._scenario = scenario
        self._requests_max = requests_max
        self._lock = Lock()
        self._clear(now_s=0.0)

    def _clear(self, *, now_s: float) -> None:
        self._states = {route.name: _RouteState() for route in self._scenario.routes}
        self._requests: deque[RequestRecord] = deque(maxlen=self._requests_max)
        self._requests_seen = 0
        self._violations: list[Violation] = []
        self._violations_seen = 0
        self._started_s = now_s
        self._first_request_s: float | None = None
        self._tokens = TokenBook(self._scenario.credentials, now_s=now_s)

    def reset(self, *, now_s: float) -> None:
        """Forget everything: sums, keys, effects, tokens given out; the seconds of the scenario begin anew."""
        with self._lock:
            self._clear(now_s=now_s)

    def authorise(self, credential: str) -> str | None:
        """A refresh token as a person gets one who logs in anew; None where the scenario has no such credential."""
        with self._lock:
            return self._tokens.authorise(credential)

    def ledger(self) -> Ledger:
        """What was seen so far."""
        with self._lock:
            return Ledger(
                routes={name: _sums(name, state) for name, state in self._states.items()},
                requests=tuple(self._requests),
                violations=tuple(self._violations),
                requests_forgotten=self._requests_seen - len(self._requests),
                violations_forgotten=self._violations_seen - len(self._violations),
            )

    def opens_at_s(self) -> float | None:
        """When the refused port opens, on the caller's clock; None while that is not settled."""
        refused = self._scenario.refused
        with self._lock:
            origin_s = self._started_s if refused and refused.since is Since.START else self._first_request_s
            if refused is None or refused.open_after_s is None or origin_s is None:
                return None
            return origin_s + refused.open_after_s

    def answer(self, request: Request, *, now_s: float, now_at: datetime) -> Reply:
        """Decide about one request; every effect it has is done and in the ledger when this returns.

        `now_s` is monotonic and the same clock as everywhere in this world; `now_at` the wall clock, for dates in answers.
        """
        with self._lock:
            if self._first_request_s is None:
                self._first_request_s = now_s
            found = self._find_route(request)
            if found is None:
                known = any(route.match(request.path) is not None for route in self._scenario.routes)
                reply = _problem(405, "method_not_allowed") if known else _problem(404, "not_found")
                self._record(request, None, reply, at_s=now_s - self._started_s)
                return reply
            route, params = found
            facts = Facts(path=params, query=request.query, body=_decode(request), now_at=now_at)
            call = _Call(
                request=request, route=route, state=self._states[route.name], facts=facts, at_s=now_s - self._started_s
            )
            reply = self._answer_call(call, now_s=now_s)
            self._remember_gate(call, reply)
            self._record(request, call, reply, at_s=call.at_s)
            return reply

    def _find_route(self, request: Request) -> tuple[Route, Mapping[str, str]] | None:
        for route in self._scenario.routes:
            params = route.match(request.path) if route.method == request.method else None
            if params is not None:
                return route, params
        return None

    def _answer_call(self, call: _Call, *, now_s: float) -> Reply:
        route, state = call.route, call.state
        state.calls += 1
        call.key = call.request.headers.get(route.idempotency_header.lower()) if route.idempotency_header else None
        call.auth = self._tokens.digest(call.request.headers, credential=route.credential)
        if call.key is not None:
            if call.key not in state.effects_by_key and len(state.effects_by_key) >= KEYS_MAX:
                return _problem(507, "too_many_keys")
            state.effects_by_key.setdefault(call.key, 0)
        self._check_gate(call)
        if route.credential and (
            denial := self._tokens.check(call.request.headers, credential=route.credential, now_s=now_s)
        ):
            return Reply(status=401, headers=denial.headers, body=_json(denial.body))
        call.fault = self._choose_fault(call, now_s=now_s)
        state.faults += call.fault is not None
        if call.fault and not call.fault.is_after_effect:
            reply = _spoil(call.fault, _problem(500, "unreachable"), facts=call.facts)
            if route.replays_errors and call.fault.kind is FaultKind.STATUS:
                return self._once_per_key(call, fresh=reply)
            return reply
        reply = self._once_per_key(call, fresh=None)
        return _spoil(call.fault, reply, facts=call.facts) if call.fault and reply.status != 422 else reply

    def _choose_fault(self, call: _Call, *, now_s: float) -> Fault | None:
        since_first_s = now_s - (now_s if self._first_request_s is None else self._first_request_s)
        for fault in call.route.faults:
            if fault.applies(call.state.calls, since_start_s=call.at_s, since_first_request_s=since_first_s):
                return fault
        return None

    def _once_per_key(self, call: _Call, *, fresh: Reply | None) -> Reply:
        """The stored answer of the key; else `fresh` or, where that is None, the answer of doing the work, which is stored."""
        state, key = call.state, call.key
        if key is None:
            return fresh or self._do_work(call)
        digest = hashlib.sha256(call.request.path.encode() + b"\n" + call.request.body).hexdigest()
        if key in state.answers:
            first_digest, stored = state.answers[key]
            if first_digest != digest:
                self._violate(ViolationKind.KEY_REUSED, call, f"key {key} came again with a different request")
                return _problem(422, "idempotency_key_reused")
            state.replays += 1
            return replace(stored, replayed=True, headers=(*stored.headers, ("Idempotent-Replayed", "true")))
        reply = fresh or self._do_work(call)
        if reply.status != 507:
            state.answers[key] = (digest, reply)
        return reply

    def _do_work(self, call: _Call) -> Reply:
        route, state = call.route, call.state
        if route.refreshes:
            return self._refresh(call)
        business_id = fill_text(route.business_id, call.facts) if route.business_id else None
        if route.found_by and business_id not in self._states[route.found_by].effects_by_business_id:
            return _problem(404, "not_found")
        if route.effect is Effect.UPSERT and business_id is None:
            business_id = call.request.path
        if route.effect is not Effect.NONE:
            if business_id is not None and not self._note_business_id(call, business_id):
                return _problem(507, "too_many_business_ids")
            if route.effect is Effect.UPSERT and state.effects_by_business_id.get(business_id or "", 0) > 1:
                state.effects_by_business_id[business_id or ""] = 1
                state.repeats += 1
            else:
                self._count_effect(call)
        seed = business_id or call.key or str(state.effects)
        maker = route.found_by or route.name
        facts = replace(
            call.facts, id=hashlib.sha256(f"{maker}\n{seed}".encode()).hexdigest()[:12], effect=state.effects
        )
        headers = tuple((name, fill_text(value, facts)) for name, value in route.headers)
        body = b"" if route.status == 204 else _json(fill(route.body, facts))
        return Reply(status=route.status, headers=headers, body=body)

    def _note_business_id(self, call: _Call, business_id: str) -> bool:
        seen = call.state.effects_by_business_id
        if business_id not in seen and len(seen) >= KEYS_MAX:
            return False
        seen[business_id] = seen.get(business_id, 0) + 1
        if call.route.effect is Effect.CREATE and seen[business_id] > 1:
            self._violate(ViolationKind.SECOND_EFFECT, call, f"{business_id} was created {seen[business_id]} times")
        return True

    def _count_effect(self, call: _Call) -> None:
        call.effect = True
        call.state.effects += 1
        if call.key is not None:
            call.state.effects_by_key[call.key] += 1

    def _refresh(self, call: _Call) -> Reply:
        refreshed = self._tokens.refresh(call.request.headers, body=call.facts.body, now_s=call.at_s + self._started_s)
        if refreshed.reused:
            self._violate(
                ViolationKind.REFRESH_TOKEN_REUSED,
                call,
                f"a replaced refresh token of {refreshed.credential!r} came again",
            )
        if refreshed.body is None:
            status = 401 if refreshed.error == "invalid_client" else 400
            return Reply(status=status, body=_json({"error": refreshed.error}))
        self._count_effect(call)
        return Reply(status=200, headers=(("Cache-Control", "no-store"),), body=_json(refreshed.body))

    def _identities(self, call: _Call) -> tuple[str, ...]:
        named = tuple(
            f"{kind} {value}" for kind, value in (("key", call.key), ("credential", call.auth)) if value is not None
        )
        return named or (f"path {call.request.path}",)

    def _check_gate(self, call: _Call) -> None:
        for identity in self._identities(call):
            allowed_s = call.state.gates.get(identity, 0.0)
            if call.at_s < allowed_s - CLOCK_GRAIN_S:
                self._violate(
                    ViolationKind.EARLY_RETRY,
                    call,
                    f"{identity}: {allowed_s - call.at_s:.3f} s before the time it was told",
                )
                return

    def _remember_gate(self, call: _Call, reply: Reply) -> None:
        value = dict(reply.headers).get("Retry-After")
        wait_s = (
            None if value is None or reply.delivery is not Delivery.WHOLE else _retry_after_s(value, call.facts.now_at)
        )
        if wait_s is None:
            return
        for identity in self._identities(call):
            if identity in call.state.gates or len(call.state.gates) < KEYS_MAX:
                call.state.gates[identity] = call.at_s + wait_s

    def _violate(self, kind: ViolationKind, call: _Call, detail: str) -> None:
        self._violations_seen += 1
        if len(self._violations) < VIOLATIONS_MAX:
            self._violations.append(Violation(kind=kind, route=call.route.name, at_s=call.at_s, detail=detail))

    def _record(self, request: Request, call: _Call | None, reply: Reply, *, at_s: float) -> None:
        self._requests_seen += 1
        is_answered = reply.delivery not in (Delivery.SILENCE, Delivery.RESET)
        self._requests.append(
            RequestRecord(
                at_s=round(at_s, 6),
                method=request.method,
                path=request.path,
                route=call.route.name if call else None,
                key=call.key if call else None,
                auth=call.auth if call else None,
                status=reply.status if is_answered else None,
                fault=call.fault.kind.value if call and call.fault else None,
                effect=call.effect if call else False,
                replayed=reply.replayed,
            )
        )


def _sums(name: str, state: _RouteState) -> RouteLedger:
    return RouteLedger(
        route=name,
        calls=state.calls,
        effects=state.effects,
        repeats=state.repeats,
        replays=state.replays,
        faults=state.faults,
        effects_by_key=dict(state.effects_by_key),
        effects_by_business_id=dict(state.effects_by_business_id),
    )


def _spoil(fault: Fault, reply: Reply, *, facts: Facts) -> Reply:
    """The reply as the fault leaves it."""
    match fault.kind:
        case FaultKind.STATUS:
            headers = tuple((name, fill_text(value, facts)) for name, value in fault.headers)
            body = (
                _json(fill(fault.body, facts))
                if fault.body is not None
                else _json({"error": {"code": f"fault_{fault.status}"}})
            )
            return replace(
                reply, status=fault.status, headers=headers, body=b"" if fault.status in (204, 304) else body
            )
        case FaultKind.REDIRECT:
            return Reply(status=fault.status, headers=(("Location", fault.location),))
        case FaultKind.HANG_BEFORE_EFFECT | FaultKind.HANG_AFTER_EFFECT:
            return replace(reply, delivery=Delivery.SILENCE, seconds=fault.seconds)
        case FaultKind.RESET_BEFORE_EFFECT | FaultKind.RESET_AFTER_EFFECT:
            return replace(reply, delivery=Delivery.RESET)
        case FaultKind.TRUNCATE:
            return replace(reply, delivery=Delivery.TRUNCATED)
        case FaultKind.GARBAGE:
            return replace(reply, body=GARBAGE)
        case FaultKind.HTML:
            return replace(reply, status=200, headers=(("Content-Type", "text/html; charset=utf-8"),), body=HTML_PAGE)
        case FaultKind.SLOW_BODY:
            return replace(reply, delivery=Delivery.SLOW, seconds=fault.seconds)
        case FaultKind.HUGE_BODY:
            return replace(reply, delivery=Delivery.HUGE, size_bytes=fault.size_bytes)


def _problem(status: int, code: str) -> Reply:
    return Reply(status=status, body=_json({"error": {"code": code}}))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _decode(request: Request) -> object:
    """The request's JSON or form body; None for anything else."""
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        decoded: object = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return decoded


def _retry_after_s(value: str, now_at: datetime) -> float | None:
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        named_at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (named_at.replace(tzinfo=named_at.tzinfo or UTC) - now_at).total_seconds())
