"""Meanings of codes (`holdfast.faults.meanings`) as meanings of exceptions, for where a code came without the status that goes with it.

A code that an exception carries or is named after was said by the other side in a whole answer. Its status is not known, so the usual one of such
a code is put in: a server's own failure is a 5xx, a refusal a 4xx.
"""

from __future__ import annotations

from functools import lru_cache

from holdfast.faults import meanings as m
from holdfast.faults.fault import Phase
from holdfast.faults.meanings import Meaning, read_meaning
from holdfast.faults.raised.meaning import ExceptionMeaning, Weight
from holdfast.faults.reading import Reading
from holdfast.faults.verdict import Outcome

_OWN_FAILURES = frozenset({m.BROKEN, m.UNAVAILABLE, m.FULL, m.CONFIGURATION, m.UNCERTAIN})
_USUAL_REFUSAL = 400
_USUAL_FAILURE = 500
_MAX = 512


@lru_cache(maxsize=_MAX)
def reckon(meaning: Meaning, rule: str, *, status: int | None = None) -> ExceptionMeaning:
    """What a code means in an exception.

    Args:
        meaning: what the code means.
        rule: the rule that found it, in full.
        status: the status that it usually comes with, if it is not the usual one of its kind.
    """
    usual = status or (_USUAL_FAILURE if meaning in _OWN_FAILURES else _USUAL_REFUSAL)
    reading = read_meaning(meaning, usual, rule=rule) or _plainly(meaning, rule)
    return ExceptionMeaning(
        category=reading.category,
        phase=Phase.ANSWER,
        outcome=reading.outcome or Outcome.UNKNOWN,
        rule=rule,
        retryable=reading.retryable,
        weight=Weight.VAGUE if meaning in _OWN_FAILURES else Weight.ECHO,
    )


def _plainly(meaning: Meaning, rule: str) -> Reading:
    """A meaning that has nothing to say at its usual status stands for its category, and proves nothing about the effect."""
    return Reading(category=meaning.category, rule=rule, retryable=meaning.retryable, outcome=Outcome.UNKNOWN)
