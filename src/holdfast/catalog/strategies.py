"""What the catalog advises for a failed call: vendor-specific recovery, before the general routes (RECOVERY-006 of spec 000).

Pure: an entry and a verdict in, at most one piece of advice out. Conditions on an answer's headers and body are looked at
where the answer is at hand (`advice_in`) and their result is kept with the verdict. It does not know whether the advice can be followed
(whether a refresh action exists, whether a repeat is safe): the decision about that comes after it and keeps the
outcome rule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from holdfast.contract.catalog import ApiCatalogEntry, ApiRecoveryStrategy
from holdfast.faults.evidence import body_text
from holdfast.faults.fault import Fault
from holdfast.faults.patterns import compile_pattern
from holdfast.faults.rules import Quirks
from holdfast.faults.taxonomy import RecoveryStrategy
from holdfast.faults.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryOverride:
    """The strategy an API's entry names for a verdict; `rule` names the place in the entry, for `why`.

    `delay_s` is the least wait before it, in seconds; the server's stated wait is still never undercut.
    """

    strategy: RecoveryStrategy
    rule: str
    delay_s: float | None = None
    reason: str | None = None


def recovery_override(entry: ApiCatalogEntry, verdict: Verdict) -> RecoveryOverride | None:
    """The first of the entry's `recoveryStrategies` whose conditions all hold, or `None`.

    Conditions: `category`, `status`, `code` (exact), `pattern` (searched in the verdict's message), and `header` and
    `bodyPattern`, which hold where the verdict's `advice` names their place. One without
    conditions holds for every failure of this API, which makes it a fitting last item.

    Raises:
        BadInput: a pattern is not valid; entries of a `Catalog` were checked when it was loaded.
        MissingExtra: there are patterns, and RE2 is not installed.
    """
    for index, item in enumerate(entry.recovery_strategies or ()):
        looks_at_answer = item.header is not None or item.body_pattern is not None
        if looks_at_answer and index not in verdict.advice:
            continue
        if _holds(item, verdict, entry=entry, place=f"recoveryStrategies[{index}]"):
            delay_s = None if item.delay is None else item.delay / 1000
            rule = f"catalog:{entry.api_id}/recovery-strategies[{index}]"
            return RecoveryOverride(strategy=item.strategy, rule=rule, delay_s=delay_s, reason=item.reason)
    return None


def with_advice(entry: ApiCatalogEntry | None, verdict: Verdict, *, fault: Fault) -> Verdict:
    """The verdict about an answer, with the places of the entry's advice whose `header` and `bodyPattern` hold for it.

    A header holds when one of its values matches. Patterns see the first 64 KiB of the body's text, and nothing of
    binary data.

    Raises:
        BadInput: a pattern is not valid; entries of a `Catalog` were checked when it was loaded.
        MissingExtra: there are patterns, and RE2 is not installed.
    """
    items = (entry.recovery_strategies or ()) if entry is not None else ()
    if entry is None or not any(item.header or item.body_pattern for item in items):
        return verdict
    text = body_text(fault, quirks=Quirks())
    found = tuple(
        index
        for index, item in enumerate(items)
        if (item.header or item.body_pattern)
        and _answers(item, fault, text=text, source=f"catalog entry {entry.api_id!r}")
    )
    return replace(verdict, advice=found)


def _answers(item: ApiRecoveryStrategy, fault: Fault, *, text: str, source: str) -> bool:
    if item.header is not None:
        value = compile_pattern(item.header.pattern, source=source, path="header.pattern")
        if not any(value.is_in(one) for one in fault.header_values(item.header.name)):
            return False
    if item.body_pattern is None:
        return True
    return compile_pattern(item.body_pattern, source=source, path="bodyPattern").is_in(text)


def _holds(item: ApiRecoveryStrategy, verdict: Verdict, *, entry: ApiCatalogEntry, place: str) -> bool:
    if item.category is not None and item.category != verdict.category:
        return False
    if item.status is not None and item.status != verdict.status:
        return False
    if item.code is not None and item.code != verdict.code:
        return False
    if item.pattern is None:
        return True
    return compile_pattern(item.pattern, source=f"catalog entry {entry.api_id!r}", path=f"{place}.pattern").is_in(
        verdict.message
    )
