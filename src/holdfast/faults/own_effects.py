"""Whether what a refusal names is this call's own effect: the record it wanted exists, or is already as it wanted it.

"Already captured" on the way to `/capture`, "job 5021 already exists" for a job whose id the caller chose, "deleted" for a
`DELETE`: the work was done, by an earlier try of the same call, and doing it again would do it twice. A duplicate by a
natural key (a name, an e-mail address) says nothing of the kind. It reads the address and the words, and nothing else.
"""

from __future__ import annotations

import re

from holdfast.faults import meanings as m
from holdfast.faults.evidence import Evidence
from holdfast.faults.fault import Fault
from holdfast.faults.meanings import Meaning
from holdfast.faults.message_words import meaning_of_words

HELD = frozenset({m.STATE, m.CONFLICT, m.DUPLICATE, m.LOCKED})
"""Meanings that say what a record is like, and hence may describe our own work."""

_MESSAGE_MAX_CHARS = 400
_DONE_VERB = re.compile(
    r"already[ _-]?(?:been[ _-]?)?(?:marked as )?([a-z]{4,20})|\b(?:is|was|been|_)?[ _](deleted|archived)"
)
_EFFECT_STATUS = re.compile(
    r"\bstatus (?:of|is) (?:already )?(succeeded|completed|captured|paid|processed|settled|done)\b"
)
_ACTS = frozenset(
    {"buy", "purchase", "pay", "capture", "charge", "confirm", "submit", "send", "publish", "complete", "issue"}
)
_ANSWERED = frozenset({"acknowledged", "answered", "replied", "responded"})
_ANSWERS = frozenset({"callback", "ack", "reply", "answer", "respond"})
_ELSEWHERE = re.compile(r"\b(?:location|country|region|territory)\b.{0,30}\bnot (?:supported|available|allowed)")


def is_own_effect(fault: Fault, evidence: Evidence) -> bool:
    """Whether what was already done is what this request wanted: the verb stands in the address, or the method deletes."""
    text = " ".join((*evidence.named, evidence.words)).lower()
    path = (fault.url or "").lower()
    for found in _DONE_VERB.finditer(text):
        verb = found[1] or found[2]
        if verb.startswith(("delete", "remove")):
            if fault.method == "DELETE" or "delete" in path:
                return True
        elif verb[:4] in path or (verb == "paid" and "pay" in path):
            return True
        if verb in _ANSWERED and last_part(fault) in _ANSWERS:
            return True
    return False


def settle_held(meaning: Meaning, fault: Fault, evidence: Evidence, status: int) -> Meaning:
    """A state or a duplicate, unless the words say that it is this call's own effect, or a place that is not served."""
    words = evidence.words
    if meaning is m.STATE:
        if status == 400 and _ELSEWHERE.search(words):
            return m.INVALID
        if last_part(fault) in _ACTS and _EFFECT_STATUS.search(words):
            return m.DONE_HERE
    if meaning is m.LOCKED or "exist" not in f"{words} {evidence.code or ''} {evidence.message or ''}".lower():
        return meaning
    # What a message quotes counts here: it can only make the answer more careful.
    told = (evidence.message or "")[:_MESSAGE_MAX_CHARS].lower()
    if m.DUPLICATE_ID in (meaning_of_words(words, 409), meaning_of_words(told, 409)):
        return m.DUPLICATE_ID
    if meaning is m.STATE:
        return meaning
    if last_part(fault) in _ACTS:
        return m.DUPLICATE_ID
    return m.DUPLICATE_ID if fault.method == "PUT" and names_own_id(fault, words) else meaning


def last_part(fault: Fault) -> str:
    """The last part of the address's path, in lower case."""
    return (fault.url or "").partition("?")[0].rstrip("/").rpartition("/")[2].lower()


def names_own_id(fault: Fault, words: str) -> bool:
    """Whether the words name what the address ends with, and that looks like an id and not like a name."""
    own = last_part(fault)
    return len(own) > 2 and any(character.isdigit() for character in own) and own in words
