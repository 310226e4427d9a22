"""A shelf: where one policy keeps good values of its calls, by key. It joins a cache, the keys and the refreshing, and never breaks a call.

Trouble with the cache is no trouble of the call: what cannot be read is not there, what cannot be written is not kept, and a cache that fails is
left alone for a few seconds, so that a cache that is down does not slow down every call. It is logged once, until the cache works again; so are,
once each, a call that has no key and an answer that cannot be kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from holdfast.errors import BadInput
from holdfast.guards.caches.memory import MemoryCache
from holdfast.guards.keys import Anything, Declared, KeyMakers, Unkeyable, operation_of
from holdfast.guards.refreshing import Refresher
from holdfast.guards.snapshots import own_arguments
from holdfast.guards.world import WORLD
from holdfast.policies.cache import Freshness, freshness
from holdfast.ports.cache import CacheStore

__all__ = ["Call", "Found", "Missing", "Shelf"]

REST_S = 5.0
"""How long a cache that failed is left alone."""

_log = logging.getLogger("holdfast.cache")


def _every(value: object) -> bool:  # noqa: ARG001 - the answer does not hang on it
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A guarded call as lesser answers need it.

    `repeatable` is the policy's word on whether it may be made twice. `inner` is the function as its policy guards it, without degradation.
    `at_endpoint` makes the call at another base address; None if the call has none. `part_of` tells from the arguments which part of the dependency
    the call is for, where its policy has parts. `is_good` says whether an answer of it is one to keep. `keys` are the call's keys, by shelf: made
    before the call, since a function may change what it is given, and the answer would be kept under the key of another call.
    `key_inputs` is what tells the call from others of its function, in the order of its parameters; None: the arguments do.
    """

    function: Anything
    args: tuple[object, ...] = ()
    kwargs: dict[str, object]
    is_async: bool = False
    repeatable: bool = False
    inner: Callable[..., object]
    at_endpoint: Callable[[str], object] | None = None
    part_of: Callable[..., object] | None = None
    is_good: Callable[[object], bool] = _every
    keys: dict[object, str | None] = field(default_factory=dict, compare=False, repr=False)
    key_inputs: tuple[object, ...] | None = None

    @property
    def operation(self) -> str:
        """The function's qualified name."""
        return operation_of(self.function)

    def again(self) -> object:
        """Make it once more through the policy; returns the answer, or an awaitable of it if `is_async`."""
        return self.inner(*self.args, **self.kwargs)

    def own(self) -> Call:
        """The same call with arguments that the caller cannot change any more, as far as they can be copied; its keys are not known yet."""
        args, kwargs = own_arguments(self.args, self.kwargs)
        return replace(self, args=args, kwargs=kwargs, keys={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A kept value that may be answered: its age in seconds, and whether it is stale."""

    key: str
    value: object
    age_s: float
    is_stale: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no value that may be answered, and why."""

    why: str


class Shelf:
    """The good values of one policy's calls, under one declaration of what is kept and for how long. Safe over threads and loops."""

    def __init__(
        self,
        policy: str,
        *,
        ttl_s: float,
        stale_while_revalidate_s: float,
        key: Declared = None,
        cache: CacheStore | None = None,
    ) -> None:
        self._policy = policy
        self._ttl_s = ttl_s
        self._stale_s = stale_while_revalidate_s
        self.cache: CacheStore = MemoryCache() if cache is None else cache
        self._makers = KeyMakers(policy, key)
        self._refresher = Refresher(policy)
        self._rests_until: float | None = None
        self._complained: set[str] = set()

    @property
    def is_local(self) -> bool:
        """Whether its verbs take microseconds; if not, an event loop calls them in a thread."""
        return self.cache.is_local

    @property
    def refresher(self) -> Refresher:
        """What makes calls again in the background."""
        return self._refresher

    def check(self, function: Anything) -> None:
        """Look at a function when it is decorated.

        Raises:
            BadSettings: its calls have no stable key.
        """
        self._makers.check(function)

    def settle(self, call: Call) -> None:
        """Make the key of a call, before the call is made; one that has none here is neither found nor kept. Never raises."""
        call.keys[self] = self._key(call)

    def find(self, call: Call) -> Found | Missing:
        """The kept value of the same call, if it is not too old. Never raises."""
        key = call.keys.get(self)
        if key is None:
            return Missing("its arguments do not form a stable key")
        if self._is_resting():
            return Missing("the cache failed a moment ago and is left alone")
        try:
            entry = self.cache.get(key)
        except Exception as error:  # noqa: BLE001 - of any library; a cache that is down is an empty one
            self._rest(error)
            return Missing("the cache cannot be read")
        self._worked()
        if entry is None:
            return Missing("no good value of this call is kept")
        word = freshness(entry.age_s, ttl_s=self._ttl_s, stale_while_revalidate_s=self._stale_s)
        if word is Freshness.GONE:
            return Missing(f"the kept value is {entry.age_s:.3g} s old, more than it may be")
        return Found(key=key, value=entry.value, age_s=entry.age_s, is_stale=word is Freshness.STALE)

    def keep(self, call: Call, value: object) -> bool:
        """Keep a good value; whether it is kept now. Never raises."""
        keep_s = self._ttl_s + self._stale_s
        if keep_s <= 0 or self._is_resting() or not call.is_good(value):
            return False
        key = call.keys.get(self)
        if key is None:
            return False
        try:
            kept = self.cache.put(key, value, keep_s=keep_s)
        except BadInput as error:  # the value is to blame, not the cache
            self._complain("value", f"an answer is not kept: {error}")
            return False
        except Exception as error:  # noqa: BLE001 - of any library; the call itself was well
            self._rest(error)
            return False
        self._worked()
        return kept

    def refresh(self, call: Call, key: str, *, also: tuple[Shelf, ...] = ()) -> bool:
        """Make the call again in the background and keep its answer under `key`, and on other shelves under theirs.

        False when that is under way already, or too much is, or the arguments are others by now: the call that failed has changed them.
        """
        own = call.own()
        shelves = (self, *also)
        for shelf in shelves:
            shelf.settle(own)
        if own.keys[self] != key:
            return False
        if own.is_async:
            return self._refresher.begin_async(key, lambda: _refresh_async(own, shelves))
        return self._refresher.begin(key, lambda: _refresh(own, shelves))

    async def find_async(self, call: Call) -> Found | Missing:
        """`find`, without holding up the loop."""
        if self.is_local:
            return self.find(call)
        import asyncio  # noqa: PLC0415 - only who has a loop pays for it

        return await asyncio.to_thread(self.find, call)

    async def keep_async(self, call: Call, value: object) -> bool:
        """`keep`, without holding up the loop."""
        if self.is_local:
            return self.keep(call, value)
        import asyncio  # noqa: PLC0415 - only who has a loop pays for it

        return await asyncio.to_thread(self.keep, call, value)

    def _key(self, call: Call) -> str | None:
        try:
            if call.key_inputs is not None:
                return self._makers.key(call.function, call.key_inputs, kwargs={})
            part = None if call.part_of is None else str(call.part_of(*call.args, **call.kwargs))
            return self._makers.key(call.function, call.args, kwargs=call.kwargs, part=part)
        except Unkeyable as error:
            self._complain("key", f"a call is not kept: {error}")
        except Exception as error:  # noqa: BLE001 - the user's own function of the key
            self._complain("key", f"a call is not kept: making its key failed with {type(error).__name__}")
        return None

    def _is_resting(self) -> bool:
        until = self._rests_until
        return until is not None and WORLD.monotonic() < until

    def _rest(self, error: Exception) -> None:
        self._rests_until = WORLD.monotonic() + REST_S
        self._complain("cache", f"the cache failed with {type(error).__name__}; calls go on without it")

    def _worked(self) -> None:
        if self._rests_until is not None:
            self._rests_until = None
            self._complained.discard("cache")

    def _complain(self, about: str, text: str) -> None:
        """Say something once; each thing for itself, or a call without a key would hide that the cache is down."""
        if about not in self._complained:
            self._complained.add(about)
            _log.warning("%s: %s", self._policy, text)


def _refresh(call: Call, shelves: tuple[Shelf, ...]) -> None:
    value = call.again()
    for shelf in shelves:
        shelf.keep(call, value)


async def _refresh_async(call: Call, shelves: tuple[Shelf, ...]) -> None:
    value: object = await call.again()  # type: ignore[misc]  # awaitable, because the call is async
    for shelf in shelves:
        await shelf.keep_async(call, value)
