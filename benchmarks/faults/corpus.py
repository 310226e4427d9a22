"""The labelled corpora and how verdicts are scored against them.

A category is right when it is among those that a careful person could defend (`accept`); a stated wait is right within
one second and judged where one is stated, and a claim where none is stated counts as false; `unsafe` is "not executed"
said of something that was, or may have been. See `benchmarks/corpus/README.md` for the files and the rules of the labels.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import cast

from holdfast.apis.shipped import shipped_rules
from holdfast.faults.cases import read_case
from holdfast.faults.classify import classify

__all__ = ["CORPORA", "SEEN", "Case", "Said", "Score", "by_catalog", "by_generic", "kept_back", "read_corpus", "score"]

DIRECTORY = Path(__file__).resolve().parent.parent / "corpus"
CORPORA = ("dev", "unseen_http_a", "unseen_http_b", "unseen_exceptions")
"""The first was there while the rules were written; the others were written by people who did not know the rules."""

SEEN = frozenset({"dev"})
"""Corpora that were read whole. Of the others one half was read for a second round of rules, and one half is kept back."""

Case = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a classifier says of a case."""

    category: str
    retryable: bool
    outcome: str
    retry_after_s: float | None
    rule: str = ""


Classifier = Callable[[Case], Said]


@dataclass(slots=True)
class Score:
    """Right answers, in percent."""

    count: int = 0
    right: Counter[str] = field(default_factory=Counter)
    stated: int = 0

    def percent(self, name: str) -> float:
        """The share that is right: `category`, `retryable`, `outcome`, `safe`, `retry_after` (of the cases that state one) or `false_claims`."""
        of = {"retry_after": self.stated, "false_claims": self.count - self.stated}.get(name, self.count)
        return 100.0 * self.right[name] / max(of, 1)


def read_corpus(name: str) -> list[Case]:
    """The cases of a corpus, with their labels."""
    text = (DIRECTORY / f"{name}.jsonl").read_text(encoding="utf-8")
    return [cast(Case, json.loads(line)) for line in text.splitlines() if line.strip()]


def kept_back(cases: Iterable[Case]) -> list[Case]:
    """The half of a corpus that nobody reads: the cases whose id has an odd SHA-256."""
    return [case for case in cases if int(sha256(str(case["id"]).encode()).hexdigest(), 16) % 2]


def by_catalog(case: Case) -> Said:
    """Ours, as shipped: the entry of the case's vendor, if there is one, before generic knowledge."""
    return _said(case, known=True)


def by_generic(case: Case) -> Said:
    """Ours, with the catalog switched off."""
    return _said(case, known=False)


def score(cases: Iterable[Case], classifier: Classifier) -> Score:
    """Score a classifier over cases."""
    found = Score()
    for case in cases:
        add(found, case, classifier(case))
    return found


def add(found: Score, case: Case, said: Said) -> None:
    """Count one answer."""
    wanted = cast("Mapping[str, object]", case["expect"])
    stated = cast("float | None", wanted.get("retry_after_s"))
    accepted = cast("Sequence[str]", wanted.get("accept") or [wanted["category"]])
    found.count += 1
    found.stated += stated is not None
    found.right["category"] += said.category in accepted
    found.right["retryable"] += said.retryable is wanted["retryable"]
    found.right["outcome"] += said.outcome == wanted["outcome"]
    found.right["safe"] += not (said.outcome == "not_executed" and wanted["outcome"] != "not_executed")
    if stated is None:
        found.right["false_claims"] += said.retry_after_s is not None
    else:
        found.right["retry_after"] += said.retry_after_s is not None and abs(said.retry_after_s - stated) <= 1


def _said(case: Case, *, known: bool) -> Said:
    fault = read_case(case)
    verdict = classify(fault, api=shipped_rules(fault.api_id) if known and fault.api_id else None)
    return Said(
        category=verdict.category.value,
        retryable=verdict.retryable,
        outcome=verdict.outcome.value,
        retry_after_s=verdict.retry_after_s,
        rule=verdict.rule,
    )
