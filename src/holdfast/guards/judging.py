"""Judging what a guarded call came to: an exception or a result becomes a verdict, once, and everything after reads that.

What the user declared comes first, then what errors of ours say about themselves, then the general reading of `holdfast.faults`. Judging never
breaks a call: an exception that cannot even be read is an unknown failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from holdfast.apis.libraries import recognised
from holdfast.errors import BadSettings, Exhausted, Problem, Rejected, TimedOut
from holdfast.faults.capture import capture_exception
from holdfast.faults.classify import classify
from holdfast.faults.fingerprint import fingerprint, own_fingerprint, template_problem
from holdfast.faults.rules import ApiRules
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import LABEL_PRIORITIES, family_of, traits_of
from holdfast.faults.verdict import Health, Outcome, Verdict
from holdfast.guards.world import WORLD

__all__ = ["RESULT_RULE", "Judge", "Judgement", "ResultJudge", "own_error", "plain_verdict"]

RESULT_RULE = "result"
"""The rule of a verdict on a result of which is only known that it is a failure."""

REMEMBERED_MAX = 128
_MESSAGE_MAX_CHARS = 200

ResultJudge = Callable[[object], "Verdict | Judgement | bool | None"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a user declares about an exception or a result; None leaves the part to the general reading.

    `health` is what it says about the dependency, `category` what kind of thing it is, `retryable` whether the same call may succeed later, and
    `outcome` whether its effect happened. `fingerprint` is what such failures are counted under instead of their own: a text in which `{category}`,
    `{place}`, `{code}`, `{status}`, `{rule}` and `{standard}` are replaced.

    Raises:
        BadSettings: the fingerprint names something else in braces.
    """

    health: Health | None = None
    category: ErrorCategory | None = None
    retryable: bool | None = None
    outcome: Outcome | None = None
    retry_after_s: float | None = None
    fingerprint: str | None = None

    def __post_init__(self) -> None:
        if self.fingerprint is not None and (message := template_problem(self.fingerprint)) is not None:
            raise BadSettings([Problem(source="judgement", path="fingerprint", message=message)])


def plain_verdict(
    category: ErrorCategory,
    *,
    place: str,
    message: str,
    rule: str,
    outcome: Outcome,
    health: Health | None = None,
    retryable: bool | None = None,
    retry_after_s: float | None = None,
) -> Verdict:
    """A verdict with the defaults of its category."""
    traits = traits_of(category)
    may = traits.retryable if retryable is None else retryable
    return Verdict(
        category=category,
        family=family_of(category, retryable=may),
        labels=tuple(sorted(traits.labels, key=LABEL_PRIORITIES.__getitem__)),
        retryable=may,
        health=traits.health if health is None else health,
        outcome=outcome,
        message=message[:_MESSAGE_MAX_CHARS],
        fingerprint=fingerprint(category, place, message=message),
        rule=rule,
        retry_after_s=retry_after_s,
    )


class Judge:
    """Judges for one policy. Safe to use from several threads: what it remembers is only ever added to or dropped whole."""

    __slots__ = ("_api", "_declared", "_remembered", "_result", "place")

    def __init__(
        self,
        place: str,
        *,
        declared: Mapping[type[Exception], object] | None = None,
        result: ResultJudge | None = None,
        api: ApiRules | None = None,
    ) -> None:
        """Take what the user declared.

        Args:
            place: the policy's name.
            declared: exception class → `Judgement`, or in short a `Health` or its word (such a failure is then not repeated, unless it is
                `failure`), or an `ErrorCategory`. The nearest class in the exception's line of ancestors counts.
            result: looks at each result.
            api: what is known of the API.

        Raises:
            BadSettings: something declared is none of these; all of it is listed.
        """
        self.place = place
        self._declared = _declared(declared or {})
        self._result = result
        self._api = api
        self._remembered: dict[object, Verdict] = {}

    @property
    def judges_results(self) -> bool:
        """Whether results are looked at at all."""
        return self._result is not None

    @property
    def api(self) -> ApiRules | None:
        """What is known of the API."""
        return self._api

    def looking(self, result: ResultJudge, *, api: ApiRules | None = None) -> Judge:
        """A judge with the same declarations that looks at results in another way, and knows `api` if that is given."""
        other = Judge(self.place, result=result, api=api or self._api)
        other._declared = self._declared
        return other

    def exception(self, exc: BaseException) -> Verdict:
        """The verdict on an exception of the guarded call."""
        try:
            key = _identity(exc)
        except Exception:  # noqa: BLE001 - `args` may be anything that its author has written
            key = None
        if key is not None and (found := self._remembered.get(key)) is not None:
            return found
        verdict = self._read(exc)
        if key is not None:
            if len(self._remembered) >= REMEMBERED_MAX:
                self._remembered = {}
            self._remembered[key] = verdict
        return verdict

    def result(self, value: object) -> Verdict | None:
        """The verdict on a result: None when it is a success."""
        if self._result is None:
            return None
        found = self._result(value)
        if isinstance(found, Verdict):
            return found
        if isinstance(found, Judgement):
            return _amended(self._failed_result(), found, self.place)
        return self._failed_result() if found else None

    def _failed_result(self) -> Verdict:
        return plain_verdict(
            ErrorCategory.API_UNEXPECTED_STATUS,
            place=self.place,
            message="the result is a failure",
            rule=RESULT_RULE,
            outcome=Outcome.UNKNOWN,
        )

    def _read(self, exc: BaseException) -> Verdict:
        own = own_error(exc, self.place)
        if own is None:
            try:
                fault = capture_exception(exc, operation=self.place, observed_at=WORLD.now())
                api = self._api
                if api is None:
                    fault, api = recognised(fault)
                own = classify(fault, api=api)
            except Exception:  # noqa: BLE001 - an exception whose own text raises must not break the call
                own = plain_verdict(
                    ErrorCategory.API_UNEXPECTED_STATUS,
                    place=self.place,
                    message=type(exc).__name__,
                    rule="unreadable",
                    outcome=Outcome.UNKNOWN,
                )
        for kind in type(exc).__mro__:
            declared = self._declared.get(kind)
            if declared is not None:
                return _amended(own, declared, self.place)
        return own


def _declared(declared: Mapping[type[Exception], object]) -> dict[type, Judgement]:
    found: dict[type, Judgement] = {}
    problems: list[Problem] = []
    words: list[tuple[object, object]] = list(declared.items())
    for kind, word in words:
        name = getattr(kind, "__name__", repr(kind))
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            problems.append(Problem(source="classify", path=name, message="is no class of exceptions"))
        elif isinstance(word, Judgement):
            found[kind] = word
        elif isinstance(word, ErrorCategory):
            found[kind] = Judgement(category=word)
        elif isinstance(word, str) and word in set(Health):
            health = Health(word)
            found[kind] = Judgement(health=health, retryable=None if health is Health.FAILURE else False)
        else:
            message = f"must be a Judgement, an ErrorCategory or one of {', '.join(Health)}, not {word!r}"
            problems.append(Problem(source="classify", path=name, message=message))
    if problems:
        raise BadSettings(problems)
    return found


def _amended(verdict: Verdict, declared: Judgement, place: str) -> Verdict:
    if declared.category is not None:
        verdict = plain_verdict(
            declared.category,
            place=place,
            message=verdict.message,
            rule="declared",
            outcome=verdict.outcome,
            retry_after_s=verdict.retry_after_s,
        )
    own = declared.fingerprint
    return replace(
        verdict,
        rule="declared",
        fingerprint=verdict.fingerprint if own is None else own_fingerprint(own, verdict, place=place),
        health=declared.health or verdict.health,
        outcome=declared.outcome or verdict.outcome,
        retryable=verdict.retryable if declared.retryable is None else declared.retryable,
        retry_after_s=verdict.retry_after_s if declared.retry_after_s is None else declared.retry_after_s,
    )


def own_error(exc: BaseException, place: str) -> Verdict | None:
    """What errors of ours say about themselves: they come from a policy inside the guarded call."""
    if isinstance(exc, Exhausted):
        inner = exc.verdict
        if isinstance(inner, Verdict):
            return replace(inner, outcome=Outcome(exc.outcome))
    if isinstance(exc, Rejected):
        # The dependency further in was not asked, so this says nothing about ours; and it will be no different in a moment.
        return plain_verdict(
            ErrorCategory.NETWORK_CONNECTION_REFUSED,
            place=place,
            message=str(exc),
            rule=f"policy:{exc.slug}",
            outcome=Outcome.NOT_EXECUTED,
            health=Health.NEUTRAL,
            retryable=False,
            retry_after_s=exc.retry_after_s,
        )
    if isinstance(exc, TimedOut):
        return plain_verdict(
            ErrorCategory.NETWORK_TIMEOUT,
            place=place,
            message=str(exc),
            rule="policy:timed-out",
            outcome=Outcome.UNKNOWN if exc.begun else Outcome.NOT_EXECUTED,
            # A call that was never begun says nothing about whom it was meant for.
            health=Health.FAILURE if exc.begun else Health.NEUTRAL,
        )
    return None


def _identity(exc: BaseException) -> object | None:
    """What tells whether two exceptions are judged alike; None where more than class and words can matter."""
    if exc.__cause__ is not None or exc.__context__ is not None or isinstance(exc, BaseExceptionGroup):
        return None
    args = exc.args
    if getattr(exc, "__dict__", None) or len(args) > 2:
        return None
    for argument in args:
        if argument.__class__ not in {str, int} or (argument.__class__ is str and len(argument) > _MESSAGE_MAX_CHARS):
            return None
    return (exc.__class__, args)
