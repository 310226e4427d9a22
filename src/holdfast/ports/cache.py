"""Where last known good values are kept: a small store with one verb to read and one to write.

It promises little on purpose. A value may be gone at any time, for want of room or because the store was restarted; whoever asks has to live with
that. What it must never do is give a value under a key that it was not put under, or say that a value is younger than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["CacheStore", "Entry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A kept value and its age in seconds, never negative, by the store's own clock: that of whoever wrote it may differ."""

    value: object
    age_s: float


class CacheStore(Protocol):
    """A bounded store of values. Safe to use from several threads.

    Keys are texts of at most 512 characters. A store in memory keeps Python values as they are, one outside the process keeps JSON values and
    refuses others. Verbs are synchronous and short; those that leave the process raise `OSError` or an error of their library when they cannot be
    carried out, and whoever guards a call treats that as "not there".
    """

    @property
    def keeps(self) -> str:
        """What kind of values it keeps: `python` or `json`."""

    @property
    def is_local(self) -> bool:
        """Whether its verbs take microseconds; if not, an event loop calls them in a thread."""

    def get(self, key: str) -> Entry | None:
        """The value under a key with its age, or None."""

    def put(self, key: str, value: object, *, keep_s: float) -> bool:
        """Keep a value for at least as long as there is room and at most about `keep_s` seconds (more than 0).

        False when it was not kept because it is larger than a single value may be; the older value under the key is gone then, too.

        Raises:
            BadInput: the store keeps JSON and the value is something else.
        """

    def remove(self, key: str) -> None:
        """Forget a key; nothing happens if it is not there."""
