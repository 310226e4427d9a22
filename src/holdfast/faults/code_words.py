"""What an error code means when nobody knows the API: read as words, by a small grammar of subjects and predicates.

`InvalidAccessTokenException`, `token.expired`, `RATELIMITED` and `urn:x:daily-limit-exceeded` are taken apart into
words, words of one stem become one word (`exceeded`, `reached` and `exhausted` all say that a limit was passed), and
the first rule whose words are all there decides. Vendors choose codes for machines to read, so they are the best
evidence there is after knowledge of the vendor itself. It does not look at messages and does not know any vendor.
"""

from __future__ import annotations

import re
from functools import lru_cache

from holdfast.faults.code_grammar import RULES
from holdfast.faults.code_vocabulary import JOINED, STEMS
from holdfast.faults.meanings import Meaning

CODE_MAX_CHARS = 120
_WORDS_MAX = 14
_CACHED_MAX = 4_096
"""Distinct codes kept with their meaning: far more than one program's vendors use, and a bound for hostile ones."""

_RUN = re.compile(r"[A-Z]{1,60}[a-z]{0,60}|[a-z]{1,60}")


@lru_cache(maxsize=_CACHED_MAX)
def meaning_of_code(code: str) -> Meaning | None:
    """What a code means by its words; `None` when no rule knows them.

    Args:
        code: as the vendor wrote it; the case of letters tells words apart.
    """
    words = words_of(code)
    return next((meaning for rule, meaning in RULES if rule.holds(words)), None) if words else None


@lru_cache(maxsize=_CACHED_MAX)
def normal(code: str) -> str:
    """A code as tables hold it: its letters and digits in lower case, without a namespace before `#` or `/`."""
    last = code[:CODE_MAX_CHARS].rpartition("#")[2].rstrip("/").rpartition("/")[2]
    return "".join(character for character in last.lower() if character.isalnum())


def words_of(code: str) -> frozenset[str]:
    """The stems of a code's words; an address counts by its last part, as do Java-like and `#` namespaces."""
    text = code[:CODE_MAX_CHARS].rpartition("#")[2].rstrip("/").rpartition("/")[2]
    if text.startswith("urn:"):
        text = text.rpartition(":")[2]
    found: list[str] = []
    for run in _RUN.findall(text.replace("OAuth", "Oauth"))[:_WORDS_MAX]:
        for word in _split_case(run):
            found.extend(_stems(word.lower()))
    return frozenset(found)


def _split_case(run: str) -> tuple[str, ...]:
    """`HTTPError` is two words; `Error` and `ERROR` are one."""
    lower = next((index for index, character in enumerate(run) if character.islower()), len(run))
    return (run[: lower - 1], run[lower - 1 :]) if 1 < lower < len(run) else (run,)


def _stems(word: str) -> tuple[str, ...]:
    known = STEMS.get(word)
    if known is not None:
        return (known,)
    if len(word) > 3 and word.endswith("s"):
        single = word[:-1]
        if single in STEMS:
            return (STEMS[single],)
    if word in JOINED:
        return JOINED[word]
    return _unjoined(word) or (word,)


def _unjoined(word: str) -> tuple[str, ...]:
    """Words written without a gap (`toomanyrequests`): taken apart when known words cover all of it, the longest first."""
    if not 6 <= len(word) <= 48:
        return ()
    found: list[str] = []
    start = 0
    while start < len(word):
        end = next((e for e in range(min(len(word), start + 16), start + 1, -1) if word[start:e] in STEMS), 0)
        if not end:
            return ()
        found.append(STEMS[word[start:end]])
        start = end
    return tuple(found)
