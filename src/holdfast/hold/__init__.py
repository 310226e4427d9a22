"""The Python door to durable recovery: `Hold`, what `holdfast.open()` returns, and the async core below it.

`AsyncHold` is the whole of it, on ports; `Hold` is the one synchronous façade: it keeps an event loop in a thread of its own and hands every call to
it. With `worker=True` (the default) executions started here are also carried out here, in the background, as long as the process lives; a killed
process goes on where it was when the next one opens the same database.
"""

from __future__ import annotations

from holdfast.hold.async_hold import AsyncHold
from holdfast.hold.envelopes import EventLimits
from holdfast.hold.events import OutboxPage
from holdfast.hold.faults import FaultReader, FaultReport
from holdfast.hold.parts import Parts, Registry
from holdfast.hold.sync_hold import Execution, Hold
from holdfast.recovery.inbox import EventResult, Receipt

__all__ = [
    "AsyncHold",
    "EventLimits",
    "EventResult",
    "Execution",
    "FaultReader",
    "FaultReport",
    "Hold",
    "OutboxPage",
    "Parts",
    "Receipt",
    "Registry",
]
