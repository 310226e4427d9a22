"""The short way to a verdict, for the commonest fault: an exception, nothing declared, no entry of a catalog, no answer.

The same verdict as the long way of `holdfast.faults.classify` (a test holds them together) without reading what is not there. A dependency that is
down raises the same exception again and again, so the last verdicts are remembered: a pure function of the fault, and verdicts are values. It
leaves everything else, throttling included, to the long way.
"""

from __future__ import annotations

from functools import lru_cache

from holdfast.faults.exceptions import read_exception
from holdfast.faults.fault import Fault
from holdfast.faults.fingerprint import fingerprint
from holdfast.faults.raised.meaning import BURST, DAILY, UNKNOWN
from holdfast.faults.redact import one_line, plain
from holdfast.faults.spoken import may_state_wait
from holdfast.faults.traits import LABEL_PRIORITIES, family_of, traits_of
from holdfast.faults.verdict import Verdict

_REMEMBERED_MAX = 256
_REMEMBERED_MAX_CHARS = 2_000
"""Longer texts are not kept: 256 verdicts and what they were made from stay within a megabyte."""


def judge_bare(fault: Fault) -> Verdict | None:
    """The verdict on an exception that came without an answer; `None` where the long way must be taken."""
    if fault.status is not None or fault.headers or not fault.exception_lineage:
        return None
    size = len(fault.message) + sum(map(len, fault.exception_words))
    judge = _judge if size <= _REMEMBERED_MAX_CHARS else _judge.__wrapped__
    return judge(
        fault.exception_lineage,
        fault.exception_chain,
        fault.message,
        fault.exception_code,
        fault.exception_words,
        fault.operation,
        fault.api_id,
        fault.credential,
    )


@lru_cache(maxsize=_REMEMBERED_MAX)
def _judge(  # noqa: PLR0917 - called in one place, with a row of columns; names would cost more than the lookup
    lineage: tuple[str, ...],
    chain: tuple[str, ...],
    message: str,
    code: str | None,
    words: tuple[str, ...],
    operation: str,
    api_id: str | None,
    credential: str | None,
) -> Verdict | None:
    meaning = read_exception(lineage, chain, message=message, code=code, words=words)
    category = meaning.category
    if category is BURST or category is DAILY or may_state_wait(message):
        return None  # how long, and which window is used up, may stand in the text and depends on the time
    traits = traits_of(category)
    retryable = traits.retryable if meaning.retryable is None else meaning.retryable
    head = plain(lineage[0].rpartition(".")[2])
    line = one_line(message)
    told = f"{head}: {line}" if line else head
    return Verdict(
        category=category,
        family=family_of(category, retryable=retryable),
        labels=("unknown",) if meaning.rule == UNKNOWN.rule else _labels(traits.labels),
        retryable=retryable,
        health=meaning.health or traits.health,
        outcome=meaning.outcome,
        message=told,
        fingerprint=fingerprint(category, api_id or operation, message=told),
        rule=meaning.rule,
        api_id=api_id,
        credential=credential,
    )


def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    return labels if len(labels) < 2 else tuple(sorted(labels, key=LABEL_PRIORITIES.__getitem__))
