"""Classification: a fault becomes a verdict, by the first rule that knows it.

The order is fixed: what the action's author foresaw (`knownErrors`) → what the catalog knows of the API → the generic
reading of statuses, obvious codes and exceptions. The rule that decided is named in the verdict, the other rules that
matched are kept as runners-up. Pure: same fault and rules, same verdict; it knows no clock, no database and no wire
format.

A rule decides the *category*. Whether the side effect happened is never a matter of words alone: a fault on the way
(a timeout, a reset) keeps the outcome of its phase, whatever a pattern made of its message.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache

from holdfast.faults.bare_exceptions import judge_bare
from holdfast.faults.context import NO_CONTEXT, trail_of
from holdfast.faults.delays import LONG_WINDOW_S, THROTTLED, Wait, stated_wait
from holdfast.faults.deprecations import has_passed_sunset
from holdfast.faults.evidence import Evidence, is_error_type, is_json_type, read_evidence
from holdfast.faults.exceptions import read_code, read_exception
from holdfast.faults.fault import BodyKind, Fault, Phase
from holdfast.faults.fingerprint import fingerprint
from holdfast.faults.moments import Clock
from holdfast.faults.places import as_text, values_at
from holdfast.faults.quotas import UsedUp, opens_in_s, used_up_window
from holdfast.faults.raised.meaning import UNKNOWN, ExceptionMeaning
from holdfast.faults.reading import Reading
from holdfast.faults.redact import one_line, plain, redact_text
from holdfast.faults.resets import is_used_up, names_long_window
from holdfast.faults.rules import ApiRules, ErrorMapping, FieldRule, KnownError, Quirks, RateLimitRules
from holdfast.faults.statuses import is_long_window, read_answer
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.traits import LABEL_PRIORITIES, family_of, traits_of
from holdfast.faults.verdict import Family, Outcome, Verdict

_NO_QUIRKS = Quirks()
_GONE = frozenset({400, 404, 410})
_RUNNERS_UP_MAX = 5
CHECKED_MAX_DAYS = 180
"""What is known of an API and was checked longer ago may have changed: the verdict says so."""

_REFUSED = THROTTLED | {
    ErrorCategory.AUTH_EXPIRED,
    ErrorCategory.AUTH_INVALID,
    ErrorCategory.API_ENDPOINT_REMOVED,
    ErrorCategory.VALIDATION_FAILED,
}
"""Categories of answers that say: I did not do it. The state of a record may have been changed by this very call, so it is not among them."""


_IN_BETWEEN = frozenset({408, 499, 502, 504, 520, 524, 598, 599})
"""Statuses of whoever stands between us and the server: what it says of a refusal is not the server's own word."""


def examine(
    fault: Fault,
    *,
    known_errors: Sequence[KnownError] = (),
    api: ApiRules | None = None,
    expects_json: bool = False,
    secrets: Sequence[str] = (),
) -> Verdict | None:
    """Judge a captured answer: `None` when it is a success, else its verdict.

    A 2xx is a failure when it was cut, is larger than the API ever answers, promises JSON and holds none, comes as
    the API's content type for errors, or (for an API known to do so) describes an error in its body. Arguments as in
    `classify`.

    Args:
        fault: what was captured.
        known_errors: the action's own rules.
        api: the catalog's rules of this API.
        expects_json: the caller cannot use any other body, not even an empty one.
        secrets: values to keep out of the verdict.
    """
    if (
        fault.phase is Phase.ANSWER
        and fault.status is not None
        and 200 <= fault.status < 300
        and _is_success(fault, api, expects_json=expects_json)
    ):
        return None
    return classify(fault, known_errors=known_errors, api=api, secrets=secrets)


def classify(
    fault: Fault, *, known_errors: Sequence[KnownError] = (), api: ApiRules | None = None, secrets: Sequence[str] = ()
) -> Verdict:
    """Classify a failure; every fault gets a verdict.

    Args:
        fault: what was captured, known to be a failure (see `examine` for answers that may be none).
        known_errors: the action's `knownErrors`, compiled, first match first; their order is the author's.
        api: the catalog's rules of this API, if it has an entry.
        secrets: exact values to keep out of the verdict's words.
    """
    if api is None and not (known_errors or secrets) and (bare := judge_bare(fault)) is not None:
        return bare if fault.context is NO_CONTEXT else replace(bare, trail=trail_of(fault.context))
    evidence = (
        read_evidence(fault, quirks=api.quirks, shape=api.shape) if api else read_evidence(fault, quirks=_NO_QUIRKS)
    )
    generic = _read_generic(fault, evidence)
    matched = [*_declared(evidence, known_errors), *(_of_catalog(fault, evidence, api) if api else ()), generic]
    best = matched[0]
    used_up = used_up_window(api.quota_windows, fault, evidence.codes) if api and api.quota_windows else None
    wait = stated_wait(fault, evidence, category=best.category, api=api, used_up=used_up)
    if best is generic or best.limit is not None:
        best = _windowed(best, fault, evidence, wait=wait, used_up=used_up)
    elif best.category is ErrorCategory.RATE_LIMIT_BURST and best.rule.startswith("catalog:") and _is_long(wait):
        # An entry knows the words of its API, not how long this wait is.
        best = replace(best, category=ErrorCategory.RATE_LIMIT_DAILY)
    return _verdict(
        fault,
        evidence,
        best,
        generic=generic,
        wait=wait,
        runners_up=matched[1:],
        secrets=secrets,
        api=api,
        used_up=used_up,
    )


# --- is it a failure at all? ---


def _is_success(fault: Fault, api: ApiRules | None, *, expects_json: bool) -> bool:
    quirks = api.quirks if api else _NO_QUIRKS
    if quirks.response_size_max_bytes is not None and fault.body_size_bytes > quirks.response_size_max_bytes:
        return False
    if fault.method == "HEAD" or (fault.status == 204 and quirks.empty_response_on_204):
        return True
    if is_error_type(fault.content_type, quirks=quirks):
        return False
    if api is not None and quirks.success_with_error_body and _describes_error(fault, api):
        return False
    if fault.body_kind is BodyKind.EMPTY:
        return not expects_json and fault.status != 204
    return fault.body_kind is BodyKind.JSON or not (expects_json or is_json_type(fault.content_type, quirks=quirks))


def _describes_error(fault: Fault, api: ApiRules) -> bool:
    evidence = read_evidence(fault, quirks=api.quirks, shape=api.shape)
    return evidence.says_error or next(_of_catalog(fault, evidence, api), None) is not None


# --- the rules, in order ---


def _declared(evidence: Evidence, known_errors: Sequence[KnownError]) -> Iterator[Reading]:
    for index, known in enumerate(known_errors):
        if known.pattern.is_in(evidence.text):
            yield Reading(category=known.category, rule=f"known-error[{index}]", suggestion=known.suggestion)


def _of_catalog(fault: Fault, evidence: Evidence, api: ApiRules) -> Iterator[Reading]:
    for index in _candidates(evidence, api):
        if _mapping_holds(api.mappings[index], fault, evidence):
            yield api.readings[index]
    for index, window in enumerate(api.quota_windows):
        if not window.codes.isdisjoint(evidence.codes):
            yield Reading(category=window.category, rule=f"catalog:{api.api_id}/quota-windows[{index}]")
    limits = api.rate_limiting
    if limits is not None and _is_throttled(fault, evidence, limits):
        rule = f"catalog:{api.api_id}/rate-limiting"
        limit = next(iter(fault.header_values(limits.limit_header)), "") if limits.limit_header else ""
        yield Reading(category=ErrorCategory.RATE_LIMIT_BURST, rule=rule, backoff=limits.backoff, limit=limit[:20])


def _candidates(evidence: Evidence, api: ApiRules) -> Sequence[int]:
    """The rules that may hold, in their order: those without codes, and those with a code that the answer carries."""
    coded = [index for code in evidence.codes for index in api.by_code.get(code, ())]
    return sorted({*coded, *api.uncoded}) if coded else api.uncoded


def _mapping_holds(mapping: ErrorMapping, fault: Fault, evidence: Evidence) -> bool:
    """Whether every condition holds. A success is touched only by rules that name its status, or when its body says that it is none."""
    if mapping.statuses is None:
        succeeded = fault.status is not None and fault.status < 300
        if succeeded and not evidence.says_error:
            return False
    elif fault.status not in mapping.statuses:
        return False
    if mapping.methods is not None and (fault.method or "").upper() not in mapping.methods:
        return False
    if mapping.url_pattern is not None and not mapping.url_pattern.is_in(_path_of(fault)):
        return False
    if mapping.header is not None and not any(
        mapping.header.pattern.is_in(value) for value in fault.header_values(mapping.header.name)
    ):
        return False
    if mapping.field is not None and not _field_holds(mapping.field, evidence):
        return False
    return mapping.pattern is None or mapping.pattern.is_in(evidence.text)


def _field_holds(rule: FieldRule, evidence: Evidence) -> bool:
    found = (as_text(item) for item in values_at(evidence.value, rule.place))
    return any(text is not None and rule.pattern.is_in(text) for text in found)


def _path_of(fault: Fault) -> str:
    """The path of the request's address, without scheme, host and query."""
    url = (fault.url or "").partition("?")[0].partition("#")[0]
    _, scheme, rest = url.partition("://")
    return f"/{rest.partition('/')[2]}" if scheme else url


def _is_throttled(fault: Fault, evidence: Evidence, limits: RateLimitRules) -> bool:
    if fault.status is None:
        return False
    failed = fault.status >= 300 or evidence.says_error
    if failed and any(pattern.is_in(evidence.text) for pattern in limits.body_patterns):
        return True
    if fault.status not in limits.status_codes or fault.status < 300:
        return False
    return fault.status == 429 or not (limits.headers or limits.body_patterns) or _has_limit_header(fault, limits)


def _has_limit_header(fault: Fault, limits: RateLimitRules) -> bool:
    remaining = (limits.remaining_header or "").lower()
    if remaining and is_used_up(fault.header_values(remaining)):
        return True
    return any(name.lower() != remaining and fault.header_values(name) for name in limits.headers)


def _read_generic(fault: Fault, evidence: Evidence) -> Reading:
    if _has_spoken(fault):
        if fault.status in _GONE and has_passed_sunset(fault):
            return Reading(
                category=ErrorCategory.API_ENDPOINT_REMOVED, rule="generic:sunset", outcome=Outcome.NOT_EXECUTED
            )
        coded = read_code(fault.exception_code, fault.message) if fault.exception_code else None
        return read_answer(fault, evidence) if coded is None else _as_reading(coded)
    if not fault.exception_lineage:
        # An answer that was never read to its end: its status promised something, and nobody knows what the rest said.
        return Reading(category=ErrorCategory.API_RESPONSE_MALFORMED, rule="generic:body-cut", outcome=Outcome.UNKNOWN)
    meaning = read_exception(
        fault.exception_lineage,
        fault.exception_chain,
        message=fault.message,
        code=fault.exception_code,
        words=fault.exception_words,
    )
    return _as_reading(meaning)


def _as_reading(meaning: ExceptionMeaning) -> Reading:
    return Reading(
        category=meaning.category,
        rule=meaning.rule,
        retryable=meaning.retryable,
        outcome=meaning.outcome,
        health=meaning.health,
    )


def _has_spoken(fault: Fault) -> bool:
    """Whether the other side gave its answer: a whole one, or a status that says no, for which the rest of the body does not matter."""
    return fault.status is not None and (fault.phase is Phase.ANSWER or fault.status >= 300)


# --- from the winning reading to the verdict ---


def _windowed(
    reading: Reading, fault: Fault, evidence: Evidence, *, wait: Wait | None, used_up: UsedUp | None
) -> Reading:
    """Tell a long window from a short one, where the rule itself did not say which: by the quota that is used up, else by wait and words."""
    if reading.category in THROTTLED and used_up is not None:
        return replace(reading, category=used_up.window.category)
    if reading.category is ErrorCategory.RATE_LIMIT_BURST and (
        is_long_window(evidence, wait_s=None if wait is None else wait.seconds) or names_long_window(fault.headers)
    ):
        return replace(reading, category=ErrorCategory.RATE_LIMIT_DAILY)
    return reading


def _is_long(wait: Wait | None) -> bool:
    return wait is not None and wait.seconds > LONG_WINDOW_S


def _notes(fault: Fault, wait: Wait | None, api: ApiRules | None) -> tuple[str, ...]:
    """What is worth knowing of the wait, and how old what is known of the API is."""
    notes = () if wait is None else wait.notes
    if api is None or api.date_checked is None:
        return notes
    checked = _day(api.date_checked[:10])
    checked_days = 0 if checked is None else (fault.observed_at.date() - checked).days
    if checked_days > CHECKED_MAX_DAYS:
        return (*notes, f"what is known of {api.api_id} was checked {checked_days} days ago")
    return notes


@lru_cache(maxsize=256)
def _day(day: str) -> date | None:
    try:
        return date.fromisoformat(day)
    except ValueError:
        return None  # the catalog's lint says so


def _is_retryable(fault: Fault, best: Reading, api: ApiRules | None, *, usually: bool) -> bool:
    """What the rule says, or else the category, unless the API forbids it or no machine can renew the credential."""
    retryable = usually if best.retryable is None else best.retryable
    if not retryable or _forbids_repeat(fault):
        return False
    is_final = api is not None and api.renewable is False and best.category is ErrorCategory.AUTH_EXPIRED
    return not (is_final and best.retryable is None)


@lru_cache(maxsize=512)
def _plain_code(code: str) -> str:
    """A code as it may be shown. An API has few, so that what was found of one is kept."""
    return redact_text(code)


def _outcome(fault: Fault, reading: Reading, generic: Reading) -> Outcome:
    """A rule that says "refused" is believed about a whole answer; everything else follows the evidence of the attempt."""
    assert generic.outcome is not None, "the generic reading always has an outcome"
    if reading is generic or not _has_spoken(fault) or fault.status is None:
        return generic.outcome
    if reading.outcome is not None:
        return reading.outcome
    if reading.category in _REFUSED and fault.status not in _IN_BETWEEN:
        return Outcome.NOT_EXECUTED
    if fault.status < 300:
        return Outcome.UNKNOWN
    return generic.outcome


def _verdict(
    fault: Fault,
    evidence: Evidence,
    best: Reading,
    *,
    generic: Reading,
    wait: Wait | None,
    runners_up: Sequence[Reading],
    secrets: Sequence[str],
    api: ApiRules | None,
    used_up: UsedUp | None,
) -> Verdict:
    traits = traits_of(best.category)
    retryable = _is_retryable(fault, best, api, usually=traits.retryable)
    # What nobody recognised is a server's fault as far as anybody knows, but its label says that nobody does (spec 001's `unknown`).
    labels = ("unknown",) if best.rule == UNKNOWN.rule else traits.labels
    code = evidence.code
    if code is not None:
        code = plain(redact_text(code, secrets=secrets) if secrets else _plain_code(code))
    opens = used_up is not None and best.category in THROTTLED
    message = _message(fault, evidence, code=code, limit=best.limit, secrets=secrets)
    return Verdict(
        category=best.category,
        family=Family.CRITICAL if best.critical else family_of(best.category, retryable=retryable),
        labels=_by_priority(labels),
        retryable=retryable,
        health=best.health or traits.health,
        outcome=_outcome(fault, best, generic),
        retry_after_s=None if wait is None else wait.seconds,
        notes=_notes(fault, wait, api),
        message=message,
        code=code,
        status=fault.status,
        suggestion=best.suggestion,
        api_id=fault.api_id,
        credential=fault.credential,
        fingerprint=fingerprint(
            best.category, fault.api_id or fault.operation, message=message, status=fault.status, code=code
        ),
        rule=best.rule,
        backoff=best.backoff,
        runners_up=tuple([reading.rule for reading in runners_up[:_RUNNERS_UP_MAX]]),
        quota_resets_in_s=opens_in_s(used_up.window, Clock(fault)) if opens and used_up else None,
        trail=tuple(
            (name, redact_text(value, secrets=secrets) if secrets else value) for name, value in trail_of(fault.context)
        ),
    )


@lru_cache(maxsize=64)
def _by_priority(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(labels, key=LABEL_PRIORITIES.__getitem__))


def _forbids_repeat(fault: Fault) -> bool:
    """Whether a header such as `Stripe-Should-Retry: false` says that a repeat is of no use."""
    for name, value in fault.headers:  # noqa: SIM110 - a generator costs more than the search
        if name[-12:].lower() == "should-retry" and value.strip() == "false":
            return True
    return False


def _message(fault: Fault, evidence: Evidence, *, code: str | None, limit: str | None, secrets: Sequence[str]) -> str:
    """One short line: the status and code or the kind of exception, then a bounded and redacted extract of its own words."""
    if fault.status is not None:
        head = f"HTTP {fault.status}" + (f" {code}" if code else "")
        words = evidence.message or ""
    else:
        head = plain((fault.exception_type or "fault").rpartition(".")[2])
        words = fault.message
    extract = one_line(words, secrets=secrets)
    tail = f" (limit {plain(limit)})" if limit else ""
    return (f"{head}: {extract}" if extract else head) + tail
