"""Degrading a guarded client: when a request has failed for good, a lesser answer in its place, as an answer of the client's own library.

What is tried is decided and done by `holdfast.guards.degrading`; here a request becomes a call that it knows, and a value an answer.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from holdfast.adapters.clients import substitutes
from holdfast.adapters.clients.substitutes import DEGRADED_HEADER, Given
from holdfast.errors import BadSettings, CacheMissed, DegradationFailed, Problem, Rejected
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Health, Outcome, Verdict
from holdfast.guards.answers import Answer
from holdfast.guards.degrading import DegradationRuntime, Failure
from holdfast.guards.judging import Judge
from holdfast.guards.shelf import Call
from holdfast.policies.composition import Composition
from holdfast.policies.degradation import Degradation, Rule, When
from holdfast.policies.lesser_answers import MISSING, Alternative, Cached, Default, QueueForLater, Reduced, Strategy

__all__ = [
    "CannotBeSentAgain",
    "Face",
    "Lessening",
    "Lesser",
    "Place",
    "Watch",
    "lessening_of",
    "problems_of",
    "refuse_for_client",
    "unanswered",
]

_LIMITS = frozenset({ErrorCategory.RATE_LIMIT_BURST, ErrorCategory.RATE_LIMIT_DAILY})
_DEFAULT_WHEN = When.dependency_fails()

_log = logging.getLogger("holdfast.clients")

Pairs = Iterable[tuple[str, str]]


class Face(Protocol):
    """How the answers of one library are made and marked."""

    def is_answer(self, value: object) -> bool:
        """Whether it is an answer of this library."""

    def made(self, given: Given) -> object:
        """An answer of this library."""

    def mark(self, response: object, headers: Mapping[str, str]) -> None:
        """Add headers to an answer."""

    def failed(self, response: object) -> Exception:
        """What the library raises for a status that tells of a failure."""


class CannotBeSentAgain(Exception):
    """The request's body could be sent only once, and was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a request goes instead: its address, its headers there, and whether it may take along what proves who somebody is."""

    url: str
    headers: tuple[tuple[str, str], ...]
    is_same_origin: bool
    is_trusted: bool


class Watch(Judge):
    """A judge that remembers the verdicts of one request's attempts; `last` is None when it was a success."""

    __slots__ = ("_judge", "attempts", "last", "outcomes")

    def __init__(self, judge: Judge) -> None:
        super().__init__(judge.place)
        self._judge = judge
        self.last: Verdict | None = None
        self.attempts = 0
        self.outcomes: set[Outcome] = set()

    def exception(self, exc: BaseException) -> Verdict:
        """The verdict on an exception."""
        verdict = self._judge.exception(exc)
        self._note(verdict)
        return verdict

    def result(self, value: object) -> Verdict | None:
        """The verdict on a result."""
        verdict = self._judge.result(value)
        self._note(verdict)
        return verdict

    @property
    def worst(self) -> Verdict | None:
        """The last verdict, with the worst that is known of the effects of all attempts."""
        if self.last is None:
            return None
        ranked = (Outcome.EXECUTED, Outcome.UNKNOWN)
        return replace(
            self.last, outcome=next((word for word in ranked if word in self.outcomes), Outcome.NOT_EXECUTED)
        )

    def plain(self, exc: BaseException) -> Verdict:
        """The verdict on an exception of no attempt: it is not remembered."""
        return self._judge.exception(exc)

    def _note(self, verdict: Verdict | None) -> None:
        self.attempts += 1
        self.last = verdict
        if verdict is not None:
            self.outcomes.add(verdict.outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessening:
    """The lesser answers of one client, as they are for requests that may be answered from what is kept, and for all others."""

    runtime: DegradationRuntime
    reading: Degradation
    other: Degradation | None
    trusted: frozenset[str]


def lessening_of(runtime: DegradationRuntime | None, composition: Composition) -> Lessening | None:
    """What a policy's degradation means for a client; None without it.

    A policy that was changed in use to something that clients cannot do is told once in the log, and its clients go on without lesser answers.
    """
    settings = composition.degradation
    if runtime is None or settings is None:
        return None
    problems = problems_of(composition)
    if problems:
        text = "; ".join(f"{problem.path} {problem.message}" for problem in problems)
        _log.warning("%s: its HTTP clients give no lesser answers now: %s", composition.name, text)
        return None
    rules = tuple(replace(rule, strategy=_for_client(rule.strategy)) for rule in settings.rules)
    others = tuple(rule for rule in rules if not isinstance(rule.strategy, Cached))
    alternatives = [rule.strategy for rule in rules if isinstance(rule.strategy, Alternative)]
    wary = {one.base_url for one in alternatives if not one.sends_credentials}
    return Lessening(
        runtime=runtime,
        reading=replace(settings, rules=rules),
        other=replace(settings, rules=others) if others else None,
        trusted=frozenset(one.base_url for one in alternatives if one.base_url is not None) - wary,
    )


class Lesser:
    """The lesser answer of one request, should it be needed."""

    __slots__ = (
        "_is_replayable",
        "_key_header",
        "_original",
        "_repeatable",
        "_trusted",
        "_unpacks",
        "headers",
        "method",
        "runtime",
        "settings",
        "url",
        "watch",
    )

    def __init__(
        self,
        lessening: Lessening,
        *,
        original: object,
        method: str,
        url: str,
        headers: tuple[tuple[str, str], ...],
        repeatable: bool,
        is_replayable: bool,
        unpacks: bool,
        key_header: str,
        watch: Watch,
    ) -> None:
        self.runtime = lessening.runtime
        self.method, self.url, self.headers = method, url, headers
        self.watch = watch
        self.settings = lessening.reading if substitutes.may_keep(method, headers) else lessening.other
        self._trusted = lessening.trusted
        self._original = original
        self._repeatable = repeatable
        self._unpacks = unpacks
        self._key_header = key_header
        self._is_replayable = is_replayable

    @property
    def keeps(self) -> bool:
        """Whether good answers to this request are kept."""
        return bool(self.runtime.shelves) and substitutes.may_keep(self.method, self.headers)

    @property
    def is_users_matter(self) -> bool:
        """Whether the answer says something of the request and nothing of the dependency: a 404, a 409, a 422."""
        verdict = self.watch.last
        return verdict is not None and verdict.health is Health.NEUTRAL and verdict.category not in _LIMITS

    def settings_for(self, held: object | None) -> Degradation | None:
        """The rules for how it failed; None when there is none.

        An answer about the request itself is not hidden, unless a rule of the user's own is meant for it.
        """
        settings = self.settings
        if settings is None or held is None or not self.is_users_matter:
            return settings
        rules = tuple(rule for rule in settings.rules if rule.when != _DEFAULT_WHEN)
        return replace(settings, rules=rules) if rules else None

    def failure(self, error: Exception) -> Failure:
        """How the request failed, for the rules."""
        return Failure(
            exception=error,
            verdict=None if isinstance(error, Rejected) else self.watch.worst or self.watch.exception(error),
            judge=self.watch.plain,
        )

    def call(self, at_endpoint: Callable[[str], object] | None, *, is_async: bool) -> Call:
        """The request as a guarded call: users' functions are given the library's own request."""
        call = Call(
            function=request,
            args=(self._original,),
            kwargs={},
            is_async=is_async,
            repeatable=self._repeatable,
            inner=_never,
            at_endpoint=at_endpoint,
            key_inputs=(*substitutes.key_inputs(self.method, self.url, self.headers), self._unpacks),
        )
        for shelf in self.runtime.shelves:
            shelf.settle(call)
        return call

    def place(self, base_url: str) -> Place:
        """Where the request goes instead.

        Raises:
            CannotBeSentAgain: its body was sent, and could be sent only once.
        """
        if not self._is_replayable and self.watch.attempts:
            raise CannotBeSentAgain
        self.watch.attempts += 1
        url = substitutes.moved(self.url, base_url)
        same = substitutes.is_same_origin(self.url, url)
        trusted = same or base_url in self._trusted
        headers = substitutes.headers_elsewhere(self.headers, url, key_header=self._key_header, all_of_them=trusted)
        return Place(url=url, headers=headers, is_same_origin=same, is_trusted=trusted)

    def response(self, face: Face, answer: Answer[object]) -> object:
        """The lesser answer as one of the library's, marked with the strategy.

        Raises:
            CacheMissed: what was kept is no answer of a client.
        """
        degraded = answer.degraded
        assert degraded is not None, "a lesser answer says that it is one"
        response = answer.value
        if degraded.strategy == "cached":
            given = substitutes.restored(response, method=self.method, age_s=degraded.age_s or 0.0)
            if given is None:
                raise CacheMissed(self.runtime.policy, "cached", why="what is kept is no answer of a client")
            response = face.made(given)
        elif not face.is_answer(response):
            response = face.made(substitutes.given_of(response, method=self.method))
        face.mark(response, {DEGRADED_HEADER: degraded.strategy})
        return response

    def keep(self, status: int, headers: Pairs, body: bytes) -> None:
        """Keep a good answer whose body was read to its end. Never raises."""
        call, value = self.call(None, is_async=False), substitutes.kept_of(status, headers, body)
        for shelf in self.runtime.shelves:
            shelf.keep(call, value)

    async def keep_async(self, status: int, headers: Pairs, body: bytes) -> None:
        """The same on an event loop, without holding it up."""
        call, value = self.call(None, is_async=True), substitutes.kept_of(status, headers, body)
        for shelf in self.runtime.shelves:
            await shelf.keep_async(call, value)


def request(method: str, url: str, headers: tuple[tuple[str, str], ...], unpacks: bool) -> None:  # noqa: FBT001 - its names stand in keys
    """What a request is called in keys; it is made by a client, never by this."""


def _never() -> object:
    raise AssertionError("a client's stale answers are not refreshed behind its back: such settings are refused")


def unanswered(error: Exception, failed: Exception, *, reraise: bool) -> Exception:
    """What is raised when there was no lesser answer either: the client's own exception with a note, or ours."""
    if failed is error or not isinstance(failed, DegradationFailed):
        return failed
    if not reraise:
        return failed
    error.add_note(f"No lesser answer: {failed.why}.")
    return error


# --- what clients can do ---


def problems_of(composition: Composition) -> list[Problem]:
    """What a policy asks for that its clients cannot do."""
    found: list[tuple[str, str]] = []
    if composition.cache is not None:
        found.append(("cache", "is for functions; for a client, guard the function that sends and reads"))
    if composition.hedge is not None:
        found.append(("hedge", "is for async functions; for a client, guard the function that sends and reads"))
    rules: tuple[Rule, ...] = () if composition.degradation is None else composition.degradation.ordered
    for place, rule in enumerate(rules):
        message = _problem_of(rule.strategy)
        if message is not None:
            found.append((f"degradation.rules[{place}]", message))
    return [
        Problem(source=f"policy {composition.name!r} around a client", path=path, message=why) for path, why in found
    ]


def refuse_for_client(composition: Composition) -> None:
    """Refuse what clients cannot do.

    Raises:
        BadSettings: with all of it.
    """
    problems = problems_of(composition)
    if problems:
        raise BadSettings(problems)


def _problem_of(strategy: Strategy) -> str | None:
    match strategy:
        case QueueForLater():
            return "a client waits for an answer, and a queue has none: QueueForLater is for functions"
        case Cached() if strategy.key is not None:
            return "names a key; a client's answers are told apart by method, address and headers, so leave it out"
        case Cached() if strategy.stale_while_revalidate_s > 0:
            return "a client's kept answers are not refreshed behind its back; leave stale_while_revalidate_s at 0"
        case Default() if strategy.value is not MISSING:
            return _value_problem(strategy.value)
        case _:
            return None


def _value_problem(value: object) -> str | None:
    try:
        substitutes.given_of(value, method="GET")
    except (TypeError, ValueError, RecursionError):
        return f"an answer's body is bytes, a text or a JSON value, not {type(value).__name__}; or give a factory"
    return None


def _for_client(strategy: Strategy) -> Strategy:
    """The strategy with functions whose values are looked at: what cannot be an answer is a failure of that strategy."""
    match strategy:
        case Alternative() if strategy.call is not None:
            return replace(strategy, call=_looked_at(strategy.call))
        case Reduced() if strategy.call is not None:
            return replace(strategy, call=_looked_at(strategy.call))
        case Default() if strategy.factory is not None:
            return replace(strategy, factory=_looked_at(strategy.factory))
        case _:
            return strategy


def _looked_at(function: Callable[..., object]) -> Callable[..., object]:
    async def later(awaited: Awaitable[object]) -> object:
        return _answerable(await awaited)

    def call(*args: object) -> object:
        value = function(*args)
        return later(value) if inspect.isawaitable(value) else _answerable(value)

    return call


def _answerable(value: object) -> object:
    """The value, if it can be an answer.

    Raises:
        TypeError: it is neither an answer nor a JSON value.
    """
    is_answer = hasattr(value, "headers") and (hasattr(value, "status_code") or hasattr(value, "status"))
    if not is_answer:
        substitutes.given_of(value, method="GET")
    return value
