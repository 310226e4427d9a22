"""The other side: APIs that do what their scripts say, remember keys, expire tokens, and record every call and every side effect.

Second in the simulation's story. The world knows what truly happened; the system under test hears of it only through answers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from holdfast.ports.http import HttpAnswer
from holdfast.ports.rows import Purpose
from tests.simulation.office import Office
from tests.simulation.virtual_time import suspend

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from holdfast.ports.http import HttpRequest
    from holdfast.recovery.assigning import Assignment
    from tests.simulation.scenario import ActionScript, Scenario
    from tests.simulation.virtual_time import VirtualClock

__all__ = ["Call", "Line", "World"]

JSON = (("Content-Type", "application/json"),)
# Refusals of the application itself: one that has done the work under a key answers with what it did instead.
OF_THE_APPLICATION = ("invalid", "conflict")
REMEMBERED_ERRORS = ("invalid", "conflict", "error_lost")


@dataclass(slots=True)
class Call:
    """One call as the other side saw it. `end` is empty until the caller has heard: then `ok` or the trouble's name."""

    at: datetime
    worker: str
    execution: str
    action: str
    purpose: Purpose
    n: int
    claims: int
    key: str | None
    token: str | None
    has_effect: bool = False
    end: str = ""
    ended_at: datetime | None = None
    told_s: float | None = None


@dataclass(slots=True)
class Place:
    """What the world keeps about one action of one execution."""

    execution: str
    script: ActionScript
    met: int = 0
    probed: int = 0
    effects: list[str] = field(default_factory=list)
    keys: dict[str, tuple[datetime, str]] = field(default_factory=dict)


class World:
    """All APIs of one scenario."""

    def __init__(
        self, scenario: Scenario, clock: VirtualClock, *, dice: random.Random, tell: Callable[[str], None]
    ) -> None:
        self.clock = clock
        self.dice = dice
        self.tell = tell
        self.calls: list[Call] = []
        self.in_flight: dict[int, Call] = {}
        self.places = {
            (f"e{index}", name): Place(execution.id, script)
            for index, execution in enumerate(scenario.executions)
            for name, script in execution.actions.items()
        }
        self.offices = {script.name: Office(script).first(dict(scenario.environ)) for script in scenario.credentials}
        self.by_action = {(place.execution, place.script.id): place for place in self.places.values()}

    def effects(self, execution: str, action: str) -> int:
        """How often the side effect of an action happened."""
        return len(self.by_action[execution, action].effects)

    async def call(self, request: HttpRequest, assignment: Assignment, worker: str) -> HttpAnswer:
        """Receive a request: the work is done in the middle of the exchange, and whoever calls may be dead before, between or after."""
        headers = {name.lower(): value for name, value in request.headers}
        token = headers.get("authorization", "").removeprefix("Bearer ") or None
        attempt = assignment.attempt
        call = Call(
            self.clock.now(),
            worker,
            attempt.execution,
            attempt.action,
            attempt.purpose,
            attempt.n,
            attempt.claims,
            headers.get("idempotency-key"),
            token,
        )
        self.calls.append(call)
        self.in_flight[id(call)] = call
        self.tell(
            f"call      {worker} {attempt.purpose} {attempt.execution[:8]}/{attempt.action} n={attempt.n} claim={attempt.claims}"
        )
        try:
            await suspend(self.dice.choice((0.01, 0.2, 1.0)))
            answer = self.answer(request, call)
            takes_s = (
                request.timeout_s
                if isinstance(answer, TimeoutError)
                else min(self.dice.choice((0.01, 0.2, 2.0, 30.0)), request.timeout_s * 0.9)
            )
            await suspend(takes_s)
        finally:
            del self.in_flight[id(call)]
        call.end, call.ended_at = call.end or "ok", self.clock.now()
        self.tell(
            f"answer    {worker} {attempt.purpose} {attempt.execution[:8]}/{attempt.action} n={attempt.n}: {call.end} (effect: {call.has_effect})"
        )
        if isinstance(answer, Exception):
            raise answer
        return answer

    def answer(self, request: HttpRequest, call: Call) -> HttpAnswer | Exception:
        """Do what is asked and return what the caller will hear."""
        kind, *rest = urlsplit(request.url).path.strip("/").split("/")
        if kind in ("refresh", "token"):
            return self.refresh(self.offices[rest[0]], request, call)
        rest = rest[0].split("-") if len(rest) == 1 else rest
        place = self.places[rest[0], rest[1]]
        if kind == "probe":
            return self.probe(place, call)
        refused = self.refuse_token(place, call)
        return refused if refused is not None else self.do(place, call)

    def refuse_token(self, place: Place, call: Call) -> HttpAnswer | None:
        """Answer 401 when the token is not the one that is accepted; the message quotes it, as some servers do."""
        if place.script.credential is None:
            return None
        if self.offices[place.script.credential].accepts(call.token, now=self.clock.now()):
            return None
        call.end = "expired"
        message = f"the access token {call.token} expired"
        return reply(
            401, {"error": {"message": message}}, headers=(("WWW-Authenticate", 'Bearer error="invalid_token"'),)
        )

    def do(self, place: Place, call: Call) -> HttpAnswer | Exception:
        """Perform the action, or not, as the script says."""
        known = self.known(place, call)
        if known is not None and known in REMEMBERED_ERRORS:
            call.end = known
            return self.trouble(known, place, call)
        trouble = self.next_trouble(place)
        if trouble in OF_THE_APPLICATION and known == "done":
            trouble = None
        call.end = trouble or "ok"
        if trouble is None or trouble.endswith("_done"):
            self.take_effect(place, call, known=known)
        elif place.script.kind.replays_errors and call.key and trouble in REMEMBERED_ERRORS:
            place.keys[call.key] = (self.clock.now(), trouble)
        if trouble is None:
            return reply(200, {"id": f"{call.action}-{len(place.effects)}", "flag": place.script.flag})
        return self.trouble(trouble, place, call)

    def known(self, place: Place, call: Call) -> str | None:
        """What the API remembers for the call's key: `done`, an error it answered, or nothing (any more)."""
        if call.key is None or call.key not in place.keys:
            return None
        at, what = place.keys[call.key]
        lifetime_s = place.script.kind.key_lifetime_s
        if lifetime_s is not None and (self.clock.now() - at).total_seconds() >= lifetime_s:
            del place.keys[call.key]
            return None
        return what

    def next_trouble(self, place: Place) -> str | None:
        """The trouble of this call, if any is left."""
        troubles = place.script.troubles
        if place.met < len(troubles):
            place.met += 1
            return troubles[place.met - 1]
        return troubles[-1] if place.script.is_lasting else None

    def take_effect(self, place: Place, call: Call, *, known: str | None) -> None:
        """The side effect happens, unless the key says that it has happened."""
        if not place.script.kind.has_effect or known == "done":
            return
        call.has_effect = True
        place.effects.append(call.key or f"n={call.n}")
        if call.key is not None:
            place.keys[call.key] = (self.clock.now(), "done")

    def trouble(self, name: str, place: Place, call: Call) -> HttpAnswer | Exception:
        """What the caller hears of a trouble."""
        wait_s = {"daily": 7200.0, "daily_absurd": 40 * 86_400.0}.get(name, place.script.wait_s)
        if name in ("burst", "daily", "daily_absurd", "busy", "busy_done", "busy_lost"):
            call.told_s = wait_s
        return told(name, wait_s)

    def probe(self, place: Place, call: Call) -> HttpAnswer | Exception:
        """Tell the truth, once the probe's own troubles are over."""
        place.probed += 1
        troubles = place.script.probe_troubles
        if place.probed <= len(troubles):
            call.end = troubles[place.probed - 1]
            return told(call.end, 1.0)
        happened = bool(place.effects)
        call.end = "happened" if happened else "not there"
        return reply(200, {"happened": happened, "id": f"{call.action}-{len(place.effects)}"})

    def refresh(self, office: Office, request: HttpRequest, call: Call) -> HttpAnswer | Exception:
        """Issue a new token; the one before is no longer accepted."""
        trouble, is_refused = office.next_trouble(), office.is_refused(request, call)
        if trouble in (None, "timeout_done") and is_refused:
            trouble = "denied"
        call.end = trouble or "ok"
        if trouble in (None, "timeout_done"):
            issued = office.issue(now=self.clock.now())
        if trouble == "denied":
            return reply(400, {"error": "invalid_grant"})
        if trouble == "tokenless":
            return reply(200, {"note": "no token here"})
        if trouble is not None:
            return told({"unavailable": "error_lost"}.get(trouble, trouble), 1.0)
        return reply(200, issued.wire())


class Line:
    """The transport of one attempt: it tells the world who calls."""

    def __init__(self, world: World, assignment: Assignment, worker: str) -> None:
        self._world = world
        self._assignment = assignment
        self._worker = worker

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Call the world."""
        return await self._world.call(request, self._assignment, self._worker)

    async def close(self) -> None:
        """Nothing is open."""


def reply(status: int, body: object, *, headers: tuple[tuple[str, str], ...] = ()) -> HttpAnswer:
    """Return a JSON answer."""
    return HttpAnswer(status=status, headers=(*JSON, *headers), body=json.dumps(body).encode(), duration_s=0.01)


def told(name: str, wait_s: float) -> HttpAnswer | Exception:
    """Return what a trouble looks like from outside."""
    cause = name.removesuffix("_done").removesuffix("_lost")
    later = (("Retry-After", f"{wait_s:.0f}" if wait_s >= 1 else "1"),)
    match cause:
        case "timeout":
            return TimeoutError("no answer in time")
        case "refused":
            return ConnectionRefusedError("Connection refused")
        case "reset":
            return ConnectionResetError("Connection reset by peer")
        case "broken":
            return HttpAnswer(status=200, headers=JSON, body=b'{"id": "half', duration_s=0.01)
        case "page":
            page = b"<html><body>please wait</body></html>"
            return HttpAnswer(
                status=200, headers=(*JSON[:0], ("Content-Type", "application/json")), body=page, duration_s=0.01
            )
        case "busy":
            # A bare 503 does not say whether the work was done; one that says "overloaded" does.
            words = "overloaded, try later" if name == "busy" else "internal trouble"
            return reply(503, {"error": {"message": words}}, headers=later)
        case "burst":
            return reply(429, {"error": {"message": "too many requests"}}, headers=later)
        case "daily" | "daily_absurd":
            return reply(429, {"error": {"message": "daily limit reached"}}, headers=later)
        case _:
            status, words = PLAIN[cause]
            return reply(status, {"error": {"message": words}})


PLAIN = {
    "forbidden": (403, "you may not"),
    "burst_silent": (429, "too many requests"),
    "daily_silent": (429, "the daily limit is reached"),
    "error": (500, "internal error"),
    "removed": (410, "this endpoint was removed"),
    "invalid": (422, "the amount is missing"),
    "conflict": (409, "version mismatch"),
    "stopped": (499, "client closed request"),
}
