"""Documents for the comparison with zod: valid ones of every schema of spec 000, and many broken in one or two places.

Everything follows from a seed through `Random.random()` alone, whose sequence Python keeps the same over versions; so only zod's verdicts
are stored, not the documents. The shapes below are written from the spec, independently of `holdfast.contract`, which they test.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeVar

from tools.zod_parity.values import GOOD, STRANGE, WRONG

__all__ = ["OURS", "SHAPES", "Case", "cases_of", "samples_of"]

T = TypeVar("T")
Shape = object
"""A key of `GOOD`, or one of the classes below, or a dictionary of fields."""


@dataclass(frozen=True, slots=True)
class Opt:
    """A field that may be absent."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Rec:
    """An object with free keys."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Arr:
    """An array."""

    item: Shape


@dataclass(frozen=True, slots=True, init=False)
class Word:
    """One of some words."""

    words: tuple[str, ...]

    def __init__(self, *words: str) -> None:
        object.__setattr__(self, "words", words)


@dataclass(frozen=True, slots=True, init=False)
class Either:
    """One of some shapes."""

    options: tuple[Shape, ...]

    def __init__(self, *options: Shape) -> None:
        object.__setattr__(self, "options", options)


CATEGORIES: Final = [
    "auth_expired",
    "auth_invalid",
    "rate_limit_daily",
    "rate_limit_burst",
    "network_timeout",
    "network_connection_refused",
    "api_response_malformed",
    "api_endpoint_removed",
    "api_unexpected_status",
    "validation_failed",
    "state_inconsistent",
    "user_cancelled",
]
STRATEGIES: Final = [
    "refresh-then-retry",
    "wait-until",
    "wait-daily",
    "retry-larger-timeout",
    "back-off",
    "probe",
    "alternative",
    "fallback",
    "skip",
    "roll-back",
    "ask-person",
    "give-up",
]
CATEGORY: Final = Word(*CATEGORIES)
STRATEGY: Final = Word(*STRATEGIES)

ERROR_DETAIL: Final = {
    "category": CATEGORY,
    "message": "text",
    "code": Opt("text"),
    "statusCode": Opt("int"),
    "retryable": "flag",
    "retryAfter": Opt("time"),
    "context": Rec("text"),
    "suggestion": Opt("text"),
}
STORAGE_LOCATION: Final = {
    "provider": Word("local"),
    "path": "text",
    "size": "duration",
    "checksum": "text",
    "contentType": "text",
    "metadata": Rec("text"),
}
API_ERROR_MAPPING: Final = {
    "pattern": Opt("text"),
    "status": Opt("int"),
    "header": Opt({"name": "text", "pattern": "text"}),
    "category": CATEGORY,
    "retryable": "flag",
    "backoffStrategy": Opt(Word("exponential", "linear", "custom")),
}
API_RATE_LIMIT_CONFIG: Final = {
    "detection": {"statusCodes": Arr("int"), "headers": Arr("text"), "bodyPatterns": Opt(Arr("text"))},
    "extraction": {
        "limitHeader": Opt("text"),
        "remainingHeader": Opt("text"),
        "resetHeader": Opt("text"),
        "resetFormat": Opt(Word("unix_seconds", "unix_ms", "iso8601")),
    },
    "backoffStrategy": {
        "type": Word("exponential", "linear", "respect_reset"),
        "initialDelay": Opt("duration"),
        "maxDelay": Opt("duration"),
    },
}
API_QUIRKS: Final = {
    "successWithErrorBody": Opt("flag"),
    "errorContentType": Opt("text"),
    "emptyResponseOn204": Opt("flag"),
    "binaryErrorResponses": Opt("flag"),
    "nonStandardJsonContentType": Opt("text"),
    "requiresUserAgent": Opt("text"),
    "maxResponseSize": Opt("positive"),
}
API_CATALOG_ENTRY: Final = {
    "apiId": "text",
    "name": "text",
    "version": "text",
    "baseUrl": "url",
    "errorMappings": Arr(API_ERROR_MAPPING),
    "rateLimiting": Opt(API_RATE_LIMIT_CONFIG),
    "quirks": API_QUIRKS,
    "healthCheck": Opt({"endpoint": "text", "expectedStatus": "int", "timeout": "duration"}),
    "notes": Opt("text"),
}
AUTHENTICATION: Final = Either(
    {"type": Word("bearer"), "token": "text", "tokenFrom": Word("env", "user_input", "oauth_flow")},
    {"type": Word("api_key"), "header": "text", "value": "text", "valueFrom": Word("env", "user_input")},
    {
        "type": Word("oauth2"),
        "clientId": "text",
        "clientSecret": "text",
        "tokenUrl": "url",
        "scope": Arr("text"),
        "refreshToken": Opt("text"),
    },
    {"type": Word("custom"), "handler": "text"},
)
RETRY_POLICY: Final = {
    "maxAttempts": "one_to_ten",
    "initialDelay": "duration",
    "maxDelay": "duration",
    "backoffMultiplier": "one_to_five",
    "retryableErrors": Arr(CATEGORY),
    "jitter": "flag",
}
OPERATOR: Final = Word("exists", "equals", "contains", "matches")
ACTION_DEFINITION: Final = {
    "id": "text",
    "name": "text",
    "description": "text",
    "version": "version",
    "endpoint": {
        "url": "url",
        "method": Word("GET", "POST", "PUT", "PATCH", "DELETE"),
        "headers": Rec("text"),
        "timeout": "duration",
    },
    "authentication": Opt(AUTHENTICATION),
    "inputSchema": Rec("text"),
    "outputSchema": Rec("text"),
    "retryPolicy": RETRY_POLICY,
    "knownErrors": Arr({"pattern": "text", "category": CATEGORY, "suggestion": "text"}),
    "rateLimit": Opt({"requests": "positive", "window": "duration", "scope": Word("global", "per_user", "per_ip")}),
    "examples": Arr({"name": "text", "input": Rec("text"), "output": Rec("text")}),
}
PLANNED_ACTION: Final = {
    "id": "text",
    "actionDefinitionId": "text",
    "inputs": Rec(Either("text", "number", "flag", "reference")),
    "dependencies": Arr("text"),
    "condition": Opt({"if": "reference", "then": Word("execute"), "else": Word("skip", "fail")}),
    "errorHandling": {
        "continueOnFailure": "flag",
        "fallbackValue": Opt(Rec("text")),
        "alternativeActionId": Opt("text"),
    },
    "userConfirmation": Opt({"required": "flag", "title": "text", "message": "text", "timeout": Opt("duration")}),
}
EXECUTION_PLAN: Final = {
    "id": "uuid",
    "name": "text",
    "description": "text",
    "intent": {"original": "text", "interpreted": "text", "confidence": "zero_to_one"},
    "actions": Arr(PLANNED_ACTION),
    "expectedOutcome": {
        "description": "text",
        "validations": Arr({"name": "text", "reference": "reference", "operator": OPERATOR, "value": Opt("text")}),
    },
    "metadata": {
        "createdAt": "time",
        "createdBy": Opt("uuid"),
        "estimatedDuration": "duration",
        "tags": Arr("text"),
    },
}
ACTION_EXECUTION_STATE: Final = {
    "actionId": "text",
    "status": Word("pending", "running", "completed", "failed", "skipped"),
    "startedAt": Opt("time"),
    "completedAt": Opt("time"),
    "duration": Opt("duration"),
    "attempts": "int",
    "result": Opt(
        Either(
            {"status": Word("success"), "output": Rec("text"), "outputLocation": STORAGE_LOCATION},
            {"status": Word("failure"), "error": ERROR_DETAIL, "partialOutput": Opt(Rec("text"))},
            {"status": Word("skipped"), "reason": "text"},
        )
    ),
    "httpTrace": Arr(
        {
            "timestamp": "time",
            "request": {"method": "text", "url": "url", "headers": Rec("text"), "body": Opt("text")},
            "response": Opt({"status": "int", "headers": Rec("text"), "body": "text", "duration": "duration"}),
            "error": Opt(ERROR_DETAIL),
        }
    ),
}
EXECUTION_STATE: Final = {
    "id": "uuid",
    "planId": "uuid",
    "status": Word("initializing", "running", "paused_for_confirmation", "completed", "failed", "cancelled"),
    "startedAt": "time",
    "completedAt": Opt("time"),
    "actionStates": Rec(ACTION_EXECUTION_STATE),
    "confirmations": Arr(
        {
            "actionId": "text",
            "requestedAt": "time",
            "respondedAt": Opt("time"),
            "confirmed": Opt("flag"),
            "userId": Opt("text"),
        }
    ),
    "error": Opt(ERROR_DETAIL),
    "metrics": {
        "totalActions": "int",
        "completedActions": "int",
        "failedActions": "int",
        "skippedActions": "int",
        "totalDuration": Opt("duration"),
    },
}

SHAPES: Final[Mapping[str, Shape]] = {
    "UserId": "uuid",
    "CustomerId": "uuid",
    "ExecutionId": "uuid",
    "ActionId": "text",
    "PatternId": "uuid",
    "ISODateTime": "time",
    "UUID": "uuid",
    "URL": "url",
    "DurationMs": "duration",
    "ErrorCategory": CATEGORY,
    "ErrorDetail": ERROR_DETAIL,
    "StorageLocation": STORAGE_LOCATION,
    "ApiErrorMapping": API_ERROR_MAPPING,
    "ApiRateLimitConfig": API_RATE_LIMIT_CONFIG,
    "ApiQuirks": API_QUIRKS,
    "ApiCatalogEntry": API_CATALOG_ENTRY,
    "Authentication": AUTHENTICATION,
    "RetryPolicy": RETRY_POLICY,
    "ActionDefinition": ACTION_DEFINITION,
    "ActionReference": "reference",
    "PlannedAction": PLANNED_ACTION,
    "ExecutionPlan": EXECUTION_PLAN,
    "ActionExecutionState": ACTION_EXECUTION_STATE,
    "ExecutionState": EXECUTION_STATE,
    "ErrorOccurred": {"executionId": "uuid", "actionId": "text", "error": ERROR_DETAIL, "attemptNumber": "number"},
}
"""Every schema of spec 000, by name."""

OURS: Final[Mapping[str, Mapping[str, Shape]]] = {
    "ErrorDetail": {
        "outcome": Word("not_executed", "unknown", "executed"),
        "apiId": "text",
        "credential": "text",
        "fingerprint": "text",
    },
    "ActionDefinition": {
        "apiId": "text",
        "idempotency": {"header": "text"},
        "probe": {
            "actionDefinitionId": "text",
            "inputs": Rec(Either("text", "number", "flag")),
            "happenedIf": {"reference": "reference", "operator": OPERATOR, "value": Opt("text")},
        },
        "refreshes": "text",
        "tokenPath": "text",
        "repeatable": "flag",
        "personal": Arr("text"),
    },
    "Authentication": {"credential": "text"},
    "PlannedAction": {
        "phase": "text",
        "agent": "text",
        "checkpoint": Word("before", "after", "both"),
        "recovery": {category: Opt(STRATEGY) for category in CATEGORIES},
        "critical": "flag",
    },
    "ActionExecutionState": {
        "recoveries": Arr(
            {
                "attempt": "int",
                "at": "time",
                "category": CATEGORY,
                "strategy": "text",
                "decision": "text",
                "reason": "text",
                "rule": "text",
                "dueAt": Opt("time"),
            }
        )
    },
    "ApiCatalogEntry": {
        "idempotency": {"header": "text", "keyLifetime": Opt("duration"), "replaysErrors": Opt("flag")},
        "recoveryStrategies": Arr(
            {
                "category": Opt(CATEGORY),
                "status": Opt("int"),
                "code": Opt("text"),
                "pattern": Opt("text"),
                "header": Opt({"name": "text", "pattern": "text"}),
                "bodyPattern": Opt("text"),
                "strategy": STRATEGY,
                "delay": Opt("duration"),
                "reason": Opt("text"),
            }
        ),
    },
}
"""Our optional fields, by the schema they are added to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One document to be judged by one schema."""

    schema: str
    document: object


def cases_of(schema: str, *, seed: int, count: int) -> Iterator[Case]:
    """`count` documents for `schema`: about one in eight is valid by construction, the others are changed in one or two places."""
    dice = Random(f"{seed}/{schema}")  # noqa: S311 # reproducible on purpose
    document: object = None
    for index in range(count):
        if index % 8 == 0:
            document = _valid(SHAPES[schema], dice)
            yield Case(schema=schema, document=copy.deepcopy(document))
            continue
        broken = copy.deepcopy(document)
        for _ in range(1 + int(dice.random() * 1.5)):
            broken = _break(broken, SHAPES[schema], dice)
        yield Case(schema=schema, document=broken)


def samples_of(schema: str, *, seed: int, count: int) -> Iterator[Case]:
    """`count` valid documents for `schema` that also carry our optional fields, where the schema has some."""
    dice = Random(f"{seed}/ours/{schema}")  # noqa: S311 # reproducible on purpose
    for _ in range(count):
        document = _valid(SHAPES[schema], dice)
        assert isinstance(document, dict)
        ours = OURS.get(schema, {})
        document |= {name: _valid(shape, dice) for name, shape in ours.items() if dice.random() < 0.7}
        yield Case(schema=schema, document=document)


def _pick(items: Sequence[T], dice: Random) -> T:
    return items[int(dice.random() * len(items))]


def _valid(shape: Shape, dice: Random) -> object:
    match shape:
        case str():
            return _pick(GOOD[shape], dice)
        case dict():
            return {
                name: _valid(_present(field), dice)
                for name, field in shape.items()
                if not isinstance(field, Opt) or dice.random() < 0.5
            }
        case Word():
            return _pick(shape.words, dice)
        case Either():
            return _valid(_pick(shape.options, dice), dice)
        case Arr():
            return [_valid(shape.item, dice) for _ in range(int(dice.random() * 3))]
        case Rec():
            return {str(_pick(GOOD["key"], dice)): _valid(shape.item, dice) for _ in range(int(dice.random() * 3))}
    raise AssertionError(shape)


def _present(shape: Shape) -> Shape:
    return shape.shape if isinstance(shape, Opt) else shape


def _break(document: object, shape: Shape, dice: Random) -> object:
    """Walk down to a random place of the document, change it there, and return the document (another one, if its root was changed)."""
    holder = _Place(at=[document], key=0, shape=shape)
    place = holder
    while dice.random() < 0.85:
        below = _below(place)
        if not below:
            break
        place = _pick(below, dice)
        if place.is_absent():
            break
    place.change(dice)
    return holder.value()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A place inside a document: a key of an object (perhaps absent) or an index of an array."""

    at: dict[str | int, object] | list[object]
    key: str | int
    shape: Shape

    def is_absent(self) -> bool:
        return isinstance(self.at, dict) and self.key not in self.at

    def value(self) -> object:
        return self.at.get(self.key) if isinstance(self.at, dict) else self.at[int(self.key)]

    def put(self, value: object) -> None:
        if isinstance(self.at, dict):
            self.at[self.key] = value
        else:
            self.at[int(self.key)] = value

    def change(self, dice: Random) -> None:
        roll = dice.random()
        here = self.value()
        if roll < 0.15 and isinstance(self.at, dict):
            self.at.pop(self.key, None)
        elif roll < 0.25 and isinstance(here, dict):
            here[str(_pick(GOOD["strange_key"], dice))] = _pick(WRONG, dice)
        elif roll < 0.3 and isinstance(here, list):
            here.append(_pick(WRONG, dice))
        else:
            pool = _strange(_present(self.shape)) if dice.random() < 0.6 else WRONG
            self.put(copy.deepcopy(_pick(pool, dice)))


def _below(place: _Place) -> list[_Place]:
    here = place.value()
    match _present(place.shape), here:
        case dict() as fields, dict():
            return [_Place(at=here, key=name, shape=shape) for name, shape in fields.items()]
        case Either(options=options), dict():
            variants = [option for option in options if isinstance(option, dict) and set(here) <= set(option)]
            return [_Place(at=here, key=name, shape=shape) for name, shape in (variants or [{}])[0].items()]
        case Rec(item=item), dict():
            return [_Place(at=here, key=name, shape=item) for name in here]
        case Arr(item=item), list():
            return [_Place(at=here, key=index, shape=item) for index in range(len(here))]
    return []


def _strange(shape: Shape) -> Sequence[object]:
    match shape:
        case str():
            return STRANGE[shape]
        case Word(words=words):
            return [*words, words[0].upper(), words[0] + " ", words[0] + "\n", "", [words[0]]]
        case Either(options=(str() as first, *_)):
            return STRANGE[first]
    return WRONG
