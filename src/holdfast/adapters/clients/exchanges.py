"""Exchanges: what is the same for every client library. A request becomes a guarded call, with its key, its word on repeats, and its judge.

An exchange holds the last answer that was judged a failure until the next attempt begins, so that whatever ends the call, that answer is there to be
returned. It knows no client library; the files beside it translate.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, cast
from urllib.parse import urlsplit

from holdfast.adapters.clients.answers import Body, judge_answer, wants_body
from holdfast.adapters.clients.degraded import Lesser, Watch, lessening_of, refuse_for_client
from holdfast.apis.shipped import match_shipped, shipped_rules
from holdfast.errors import BadSettings, Problem
from holdfast.faults.rules import ApiRules
from holdfast.faults.verdict import Verdict
from holdfast.guards.ambient import remaining_s
from holdfast.guards.announcements import Announcements
from holdfast.guards.course import Course
from holdfast.guards.knowing import known_api
from holdfast.guards.policy import Policy
from holdfast.guards.world import WORLD
from holdfast.policies.composition import Composition
from holdfast.policies.retry import RetryDecision

if TYPE_CHECKING:
    # Type checkers accept what is like anything where a library asks for its own class, which we cannot be without importing it.
    from typing import Any as Likeness
else:
    Likeness = object

__all__ = [
    "IDEMPOTENCY_HEADER",
    "Answered",
    "ApiCatalog",
    "ClientOptions",
    "Exchange",
    "Exchanges",
    "HeaderMap",
    "Likeness",
    "Options",
    "Outgoing",
    "left_s",
    "pairs_of",
]

IDEMPOTENCY_HEADER = "Idempotency-Key"
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that do no more when repeated than once (RFC 9110 §9.2.2)."""

LEAST_S = 0.001
"""What a client is given when nothing is left: 0 means "at once" to some of them and "for ever" to others."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")

_NOT_REPLAYABLE = RetryDecision(
    retry=False,
    wait_s=0.0,
    rule="body-not-replayable",
    reason="its body can be sent only once; give bytes instead of a stream, so that it can be sent again",
)


class HeaderMap(Protocol):
    """Headers of a request, whose names know no case."""

    def get(self, name: str, /) -> str | None:
        """The value of a header; None without it."""

    def __contains__(self, name: object, /) -> bool:
        """Whether there is such a header."""

    def __setitem__(self, name: str, value: str, /) -> None:
        """Set a header."""


class ApiCatalog(Protocol):
    """What knows APIs by address: `holdfast.catalog.Catalog`."""

    def match(self, url: str) -> object | None:
        """The entry of the API that an address belongs to: something with `api_id`."""

    def rules(self, api_id: str) -> ApiRules | None:
        """What is known of an API."""


class ClientOptions(TypedDict, total=False):
    """The arguments that the doors of all clients have in common; `holdfast.transport` says what each of them means."""

    key: Callable[..., object] | None
    repeatable: bool | Callable[..., bool | None] | None
    api: ApiRules | str | None
    catalog: ApiCatalog | Literal[False] | None
    idempotency_header: str
    adds_idempotency_key: bool
    reraise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user may say about a guarded client; see `holdfast.transport`.

    Raises:
        BadSettings: something is of the wrong kind; all of it is listed.
    """

    key: Callable[..., object] | None = None
    repeatable: bool | Callable[..., bool | None] | None = None
    api: ApiRules | str | None = None
    catalog: ApiCatalog | Literal[False] | None = None
    idempotency_header: str = IDEMPOTENCY_HEADER
    adds_idempotency_key: bool = False
    reraise: bool = True

    def __post_init__(self) -> None:
        problems = [
            Problem(source="transport", path=path, message=message)
            for path, message in _problems(self)
            if message is not None
        ]
        if problems:
            raise BadSettings(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request as every library has it; `original` is the library's own, which users' functions get to see.

    `headers` know no case. With `unpacks`, bodies arrive unpacked while the headers still tell how they were packed.
    """

    original: object
    method: str
    url: str
    headers: HeaderMap
    is_replayable: bool
    unpacks: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """An attempt that brought an answer, and what it was judged to be: None for a success."""

    response: object
    verdict: Verdict | None


class Exchanges:
    """How one client's requests are guarded. Safe over threads and loops: it only remembers what a policy's settings make of it."""

    def __init__(self, policy: Policy, options: Options) -> None:
        given: object = policy
        if not isinstance(given, Policy):
            message = f"must be a policy, such as holdfast.policy('payments-api', retry=Retry()), not {given!r}"
            raise BadSettings([Problem(source="transport", path="policy", message=message)])
        refuse_for_client(policy.composition)
        self.policy = policy
        self.options = options
        self._api = known_api(options.api, source="transport")
        self._judge = policy.judge.looking(self._verdict, api=self._api)
        self._made_of: Composition | None = policy.composition
        self._composition = self._composed(policy.composition)
        self._lessening = lessening_of(policy.degradation, policy.composition)

    def begin(self, outgoing: Outgoing) -> Exchange:
        """Begin the guarded call of a request. If keys are to be added, the request has one from now on."""
        options, policy = self.options, self.policy
        header, api = self._known(outgoing.url)
        repeatable = self._repeatable(outgoing, header)
        composition = policy.composition
        if composition is not self._made_of:
            self._composition, self._lessening = (
                self._composed(composition),
                lessening_of(policy.degradation, composition),
            )
            self._made_of = composition
        if options.key is not None:
            made = options.key(outgoing.original)
            key = None if made is None else str(made)
        else:
            key = policy.key_of(outgoing.original) if policy.has_keys else host_of(outgoing.url)
        lesser = self._lesser(outgoing, header, repeatable=repeatable)
        steps = policy.course_of(
            key,
            repeatable=repeatable,
            judge=self._judge if lesser is None else lesser.watch,
            composition=self._composition,
            once=None if outgoing.is_replayable else _NOT_REPLAYABLE,
        )
        return Exchange(policy.name, outgoing, steps=steps, api=api, lesser=lesser, announcements=policy.announcements)

    def _lesser(self, outgoing: Outgoing, header: str, *, repeatable: bool) -> Lesser | None:
        if self._lessening is None:
            return None
        return Lesser(
            self._lessening,
            original=outgoing.original,
            method=outgoing.method,
            url=outgoing.url,
            headers=pairs_of(outgoing.headers),
            repeatable=repeatable,
            is_replayable=outgoing.is_replayable,
            unpacks=outgoing.unpacks,
            key_header=header,
            watch=Watch(self._judge),
        )

    def _known(self, url: str) -> tuple[str, ApiRules | None]:
        """The header that carries idempotency keys, and what is known of the API: said outright, else by the address."""
        options, header = self.options, self.options.idempotency_header
        rules = self._by_address(url)
        if rules is None or rules.idempotency is None or (options.catalog is None and header != IDEMPOTENCY_HEADER):
            # Who names a header of their own knows better than what comes with Holdfast.
            return header, rules
        return rules.idempotency.header, rules

    def _by_address(self, url: str) -> ApiRules | None:
        catalog, said = self.options.catalog, self._api or self.policy.judge.api
        if catalog is None and said is None:
            api_id = match_shipped(url)
            return None if api_id is None else shipped_rules(api_id)
        entry = catalog.match(url) if catalog else None
        return said if entry is None or not catalog else catalog.rules(cast(str, getattr(entry, "api_id", "")))

    def _repeatable(self, outgoing: Outgoing, header: str) -> bool:
        options = self.options
        word = options.repeatable(outgoing.original) if callable(options.repeatable) else options.repeatable
        idempotent = outgoing.method in IDEMPOTENT_METHODS
        if not idempotent and options.adds_idempotency_key and header not in outgoing.headers:
            outgoing.headers[header] = str(uuid.uuid4())
        if word is not None:
            return bool(word)
        return idempotent or bool(outgoing.headers.get(header)) or self.policy.composition.repeatable

    def _composed(self, composition: Composition) -> Composition:
        """The policy's strategies, ending as users of a client expect: with its last answer, or with its own exception."""
        retry = composition.retry
        if retry is not None and self.options.reraise:
            retry = replace(retry, reraise=True)
        return replace(composition, retry=retry, returns_last=True)

    def _verdict(self, result: object) -> Verdict | None:
        assert isinstance(result, Answered), "an attempt of an exchange brings an answer"
        return result.verdict or self.policy.judge.result(result.response)


class Exchange:
    """One request under way."""

    __slots__ = ("_announcements", "_api", "_failed", "lesser", "outgoing", "place", "steps")

    def __init__(
        self,
        place: str,
        outgoing: Outgoing,
        *,
        steps: Course,
        api: ApiRules | None,
        announcements: Announcements,
        lesser: Lesser | None = None,
    ) -> None:
        self._announcements = announcements
        self.lesser = lesser
        self.place = place
        self.outgoing = outgoing
        self.steps = steps
        self._api = api
        self._failed: object | None = None

    def wants_body(self, status: int, content_type: str | None) -> bool:
        """Whether the body of this answer has to be looked at."""
        return wants_body(status, content_type, api=self._api)

    def judged(self, response: object, status: int, headers: Iterable[tuple[str, str]], *, body: Body) -> Answered:
        """The answer with its verdict. It is held from now on, until the next attempt takes it."""
        verdict = self._verdict(status, headers, body, url=self.outgoing.url)
        self._failed = response
        return Answered(response, verdict)

    def is_good(self, status: int, headers: Iterable[tuple[str, str]], *, body: Body, url: str) -> bool:
        """Whether the answer of another address can stand in: it is a success, and sends nobody elsewhere."""
        is_redirect = 300 <= status < 400 and status != 304
        return not is_redirect and self._verdict(status, headers, body, url=url) is None

    def _verdict(self, status: int, headers: Iterable[tuple[str, str]], body: Body, *, url: str) -> Verdict | None:
        pairs, now = tuple(headers), WORLD.now()
        self._announcements.hear(pairs, self._api, place=host_of(url), now=now)
        return judge_answer(
            status,
            pairs,
            body=body,
            place=self.place,
            method=self.outgoing.method,
            url=url,
            observed_at=now,
            api=self._api,
        )

    def take(self) -> object | None:
        """The answer that is held, if any; whoever takes it returns or closes it."""
        held, self._failed = self._failed, None
        return held


def pairs_of(headers: object) -> tuple[tuple[str, str], ...]:
    """All headers of any library, repeated names as they came where it keeps them; requests allows bytes in them."""
    every = getattr(headers, "multi_items", None) or cast("Mapping[str, str]", headers).items
    pairs: Iterable[tuple[str | bytes, str | bytes]] = every()
    return tuple((_text(name), _text(value)) for name, value in pairs)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def left_s() -> float | None:
    """What is left of the time for the present attempt, more than nothing; None without a limit."""
    left = remaining_s()
    return None if left is None else max(left, LEAST_S)


def host_of(url: str) -> str:
    """Host and port of an address, in lower case; the port is left out where the scheme implies it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return host if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f"{host}:{port}"


def _problems(options: Options) -> list[tuple[str, str | None]]:
    """What is wrong; values are looked at as plain objects, because callers without a type checker send anything."""
    key: object = options.key
    repeatable: object = options.repeatable
    api: object = options.api
    catalog: object = options.catalog
    header: object = options.idempotency_header
    is_catalog = callable(getattr(catalog, "match", None)) and callable(getattr(catalog, "rules", None))
    no_catalog = not (is_catalog or catalog is None or catalog is False)
    no_word = not (repeatable is None or isinstance(repeatable, bool) or callable(repeatable))
    is_token = isinstance(header, str) and bool(header) and set(header) <= _TOKEN
    found = [
        ("key", None if key is None or callable(key) else f"must be a function of the request, not {key!r}"),
        ("repeatable", f"must be True, False or a function of the request, not {repeatable!r}" if no_word else None),
        ("api", None if api is None or isinstance(api, ApiRules | str) else f"must be a name or ApiRules, not {api!r}"),
        ("catalog", f"must be a catalog, or False for none, not {catalog!r}" if no_catalog else None),
        ("idempotency_header", None if is_token else f"must be the name of a header, not {header!r}"),
    ]
    if api is not None and catalog:
        found.append(("api", "is known from the catalog; give only one of the two"))
    for name in ("adds_idempotency_key", "reraise"):
        flag: object = getattr(options, name)
        found.append((name, None if isinstance(flag, bool) else f"must be True or False, not {flag!r}"))
    return found
