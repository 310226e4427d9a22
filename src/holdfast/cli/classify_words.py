"""A verdict in words, for `holdfast classify`."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from holdfast.faults.taxonomy import ErrorCategory as C
from holdfast.faults.verdict import Health, Outcome

if TYPE_CHECKING:
    from holdfast.cli.known_apis import ApiPage
    from holdfast.cli.terminal import Terminal
    from holdfast.faults.fault import Fault
    from holdfast.faults.verdict import Verdict

__all__ = ["tell"]

MEANINGS: MappingProxyType[C, str] = MappingProxyType(
    {
        C.AUTH_EXPIRED: "A credential that worked has run out; a fresh one would be accepted.",
        C.AUTH_INVALID: "The credential is wrong, revoked or lacks a right. A person has to act.",
        C.RATE_LIMIT_DAILY: "A long allowance (day, month, plan or credit) is used up.",
        C.RATE_LIMIT_BURST: "Too many requests in a short time.",
        C.NETWORK_TIMEOUT: "No answer came within the time allowed.",
        C.NETWORK_CONNECTION_REFUSED: "There was no usable connection, or it was cut before an answer came.",
        C.API_RESPONSE_MALFORMED: "An answer came, but it cannot be read as what was promised.",
        C.API_ENDPOINT_REMOVED: "The address, method, model or version no longer exists.",
        C.API_UNEXPECTED_STATUS: "The other side failed in a way nothing more exact is known about.",
        C.VALIDATION_FAILED: "The request itself is refused; it has to change before it can work.",
        C.STATE_INCONSISTENT: "The world is not as the request assumes: a conflict, a duplicate, a missing or locked record.",
        C.USER_CANCELLED: "Our side stopped the call.",
    }
)
OUTCOMES: MappingProxyType[Outcome, str] = MappingProxyType(
    {
        Outcome.NOT_EXECUTED: "It did not happen: a repeat does nothing twice.",
        Outcome.UNKNOWN: "Nobody knows whether it happened: repeat only what is idempotent, carries a key or can be asked for.",
        Outcome.EXECUTED: "It happened: do not repeat it.",
    }
)
HEALTHS: MappingProxyType[Health, str] = MappingProxyType(
    {
        Health.FAILURE: "counts against the dependency (circuit breakers)",
        Health.SUCCESS: "the dependency is well; the request was at fault",
        Health.NEUTRAL: "says nothing about the dependency",
    }
)
_LABEL_WIDTH = 15


def tell(
    terminal: Terminal, verdict: Verdict | None, *, fault: Fault, page: ApiPage | None, is_off: bool = False
) -> None:
    """Say what a failure means, a line per question. `page` is what is known of its API; `is_off` says that nothing shall be."""
    if verdict is None:
        terminal.say(f"✓ HTTP {fault.status} is a success: nothing in it says that the call failed.", "good")
        return
    terminal.line((f"✗ {verdict.category}", "bad"), ("  ", "plain"), (verdict.message, "title"))
    rows = [
        ("what it is", MEANINGS[verdict.category]),
        ("send it again", _again(verdict)),
        ("side effect", OUTCOMES[verdict.outcome]),
        ("to do", verdict.suggestion or ""),
        ("health", HEALTHS[verdict.health]),
        ("known as", f"{verdict.family} · {', '.join(verdict.labels)} · {verdict.severity}"),
        ("decided by", verdict.rule),
        ("also matched", ", ".join(verdict.runners_up)),
        ("API", _api(page, fault=fault, is_off=is_off)),
        ("its errors", (page and page.errors) or ""),
        ("request id", fault.context.request_id or ""),
        ("to know", "; ".join(verdict.notes)),
        ("fingerprint", verdict.fingerprint),
    ]
    for label, text in rows:
        if text:
            terminal.line((f"  {label:<{_LABEL_WIDTH}}", "faint"), (text, "plain"), indent=_LABEL_WIDTH + 2)


def _again(verdict: Verdict) -> str:
    if not verdict.retryable:
        return "No: the same request would fail again."
    if verdict.retry_after_s is None and verdict.quota_resets_in_s is not None:
        return f"Its quota opens again in {_span(verdict.quota_resets_in_s)}, by its documentation; the answer states no wait."
    if verdict.retry_after_s is None:
        return "It may work later; the answer states no wait."
    return f"It may work after {_span(verdict.retry_after_s)}; the answer says so."


def _span(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            count = seconds / size
            return f"{count:.3g} {name} ({seconds:.0f} s)" if count < 1_000 else f"{count:,.0f} {name}"
    return f"{seconds:g} s"


def _api(page: ApiPage | None, *, fault: Fault, is_off: bool) -> str:
    if page is not None:
        checked = f", checked {page.date_checked}" if page.date_checked else ""
        return f"{page.name} (entry {page.api_id}{checked})"
    if is_off or fault.status is None:
        return ""
    if fault.url and "://" in fault.url:
        return (
            "none that is known has this address: judged by what is usual. To describe it: holdfast catalog new ID URL"
        )
    return "not said: judged by what is usual. To say it: --api ID (holdfast catalog list) or --url URL"
