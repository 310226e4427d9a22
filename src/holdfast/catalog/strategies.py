"""What the catalog advises for a failed call: vendor-specific recovery, before the general routes (RECOVERY-006 of spec 000).

Pure: an entry and a verdict in, at most one piece of advice out. It does not know whether the advice can be followed
(whether a refresh action exists, whether a repeat is safe): the decision about that comes after it and keeps the
outcome rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.contract.catalog import ApiCatalogEntry, ApiRecoveryStrategy
from holdfast.faults.patterns import compile_pattern
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

    Conditions: `category`, `status`, `code` (exact) and `pattern` (searched in the verdict's message). One without
    conditions holds for every failure of this API, which makes it a fitting last item.

    Raises:
        BadInput: a pattern is not valid; entries of a `Catalog` were checked when it was loaded.
        MissingExtra: there are patterns, and RE2 is not installed.
    """
    for index, item in enumerate(entry.recovery_strategies or ()):
        if _holds(item, verdict, entry=entry, place=f"recoveryStrategies[{index}]"):
            delay_s = None if item.delay is None else item.delay / 1000
            rule = f"catalog:{entry.api_id}/recovery-strategies[{index}]"
            return RecoveryOverride(strategy=item.strategy, rule=rule, delay_s=delay_s, reason=item.reason)
    return None


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
