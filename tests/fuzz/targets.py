"""What is fuzzed: raw bytes on their way in. Each target takes bytes and returns quietly, or raises what a user should never see.

Hypothesis plays them in every run of the tests (`test_targets`), and `python -m tests.fuzz` lets a coverage-guided fuzzer do it for longer. A
target is a pure function of its bytes: what was found once is found again.
"""

from __future__ import annotations

import functools
import json
import uuid
from typing import TYPE_CHECKING, cast

from holdfast.apis.shipped import shipped_rules
from holdfast.catalog import Catalog
from holdfast.contract import Event, ExecutionPlan
from holdfast.contract.json_text import read_json
from holdfast.errors import BadInput
from holdfast.faults.capture import capture_answer
from holdfast.faults.cases import read_case
from holdfast.faults.classify import classify, examine
from holdfast.faults.fault import Fault, Phase
from holdfast.faults.pasted import read_pasted
from holdfast.faults.verdict import Outcome
from holdfast.hold.envelopes import EventLimits, as_event, envelope
from holdfast.plans.check import check
from holdfast.plans.files import definitions_in, document_of, gather_definitions
from holdfast.plans.frozen import FunctionRules, freeze, thaw
from holdfast.plans.value_schema import flaws, schema_of
from holdfast.recovery.inbox import EventResult
from tests.faults.samples import NOON
from tests.plans.samples import action_wire, definition_wire, plan_wire
from tests.planted import ACCESS_TOKEN
from tests.recovery.bench import EXECUTION, action, definition, frozen
from tests.recovery.executor import ExternalBench, named, success

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from holdfast.errors import Problem
    from holdfast.plans.check import Checked
    from holdfast.ports.steps import Step

LINES_MAX = 10_000
FUNCTIONS = {"work": FunctionRules(name="work", repeatable=True, input_schema={"x": "integer?"})}
LIMITS = EventLimits(size_max_bytes=10_000, depth_max=20)
FAILING = shipped_rules("stripe")
LOST = frozenset({Phase.WRITE, Phase.READ, Phase.BODY})
CLOSINGS = frozenset({"exception:smtp-closing", "exception:ftp-closing", "exception:sql-session-ended"})
"""Servers that say they close, and take nothing."""
PLAN = frozen(
    [action("pay"), action("note", "pay", inputs={"order": "${pay.output.id}"}, fallback={"id": "0"})],
    [definition("pay", probe="look"), definition("look", "GET"), definition("note", "PUT", attempts=2)],
)


def take_event(data: bytes) -> str:
    """Read an event and let it take effect, twice; return what came of it. The first byte says whether the rest is a payload alone."""
    kinds = (None, "action.execute.completed", "action.execute.failed", "error.occurred")
    kind = kinds[data[0] % 8 % len(kinds)] if data else None
    try:
        wire = cast("dict[str, object]", read_json(data[1:]))
        event = as_event(wire, kind=kind, deployment="test", limits=LIMITS)
    except BadInput as refusal:
        return refused(refusal)
    assert event == Event.from_json(event.to_json()), "an event survives the wire"
    bench = begun()

    first, second = bench.tell(event), bench.tell(event)
    bench.run_now()

    assert first.result is not EventResult.DUPLICATE
    assert second.result is EventResult.DUPLICATE
    letters = bench.read(lambda snapshot: snapshot.dead_letters(execution_id=None, limit=10))
    assert (first.result is EventResult.SET_ASIDE) == bool([letter for letter in letters if letter.kind == "event"])
    for row in bench.events(None):
        envelope(row, deployment="test").to_json().encode()
    return first.result.value


@functools.cache
def prepared() -> tuple[ExternalBench, bytes, dict[str, Step]]:
    """A bench with an execution whose first request is out, and what is in its database and its queue: made once, since that takes long."""
    bench = ExternalBench()
    bench.begin(PLAN)
    bench.run_now()
    return bench, database(bench).serialize(), dict(bench.steps._waiting)


def begun() -> ExternalBench:
    """The bench as it was when its execution had just begun. Its clock stands still."""
    bench, content, waiting = prepared()
    database(bench).deserialize(content)
    bench.steps._waiting = dict(waiting)
    bench.steps._leased = {}
    return bench


def database(bench: ExternalBench) -> sqlite3.Connection:
    """The bench's own database."""
    return cast("sqlite3.Connection", bench.store._connection.connection.dbapi_connection)


def take_plan(data: bytes) -> str:
    """Read, check, freeze and thaw a document with a plan and its definitions. The first byte says whether it is JSON or YAML."""
    try:
        document = document_of(data[1:], source="plan", is_yaml=bool(data) and data[0] % 2 == 1)
    except BadInput as refusal:
        return refused(refusal)
    is_both = isinstance(document, dict) and "plan" in document
    plan, made = (document["plan"], document.get("definitions")) if is_both else (document, document)  # type: ignore[index, attr-defined]  # it is a dict
    passed = judged(plan, made)
    if isinstance(passed, BadInput):
        return refused(passed)
    body = freeze(passed.plan, passed.definitions, functions=FUNCTIONS, entries=passed.entries).body
    assert passed.plan == thaw(body).plan, "a frozen plan thaws as it was"
    assert passed.plan == ExecutionPlan.from_json(passed.plan.to_json()), "a plan survives the wire"
    return "passed"


def take_schema(data: bytes) -> str:
    """Compile the text before the first NUL as a schema, and look at the JSON value behind it; where the library can judge, it has to agree."""
    text, _, value_text = data.decode("utf-8", "replace").partition("\0")
    try:
        schema = schema_of(text)
    except BadInput as refusal:
        return refused(refusal)
    try:
        value = read_json(value_text)
    except BadInput:
        return "no value"
    message = schema.flaw(value)
    assert message is None or (message.strip() and len(message) < 1_000)
    assert bool(flaws({"it": value}, {"it": schema})) == (
        message is not None and not (value is None and schema.is_optional)
    )
    said = by_library(text, value)
    assert said is None or (message is not None and "cannot be checked" in message) or said == (message is None)
    return "fits" if message is None else "does not fit"


def take_failure(data: bytes) -> str:
    """Judge a failed call: pasted text, a case as JSON, or a bare body whose status the first byte says. A verdict is bounded, and the same again."""
    kind, text = (data[0] % 4 if data else 0), data[1:].decode("utf-8", "replace")
    try:
        fault = failure_of(kind, data[1:], text)
    except BadInput as refusal:
        return refused(refusal)
    if fault is None:
        return "nothing known"
    for api in (None, FAILING):
        verdict = classify(fault, api=api)
        assert verdict == classify(fault, api=api), "judging knows no chance"
        assert verdict.outcome in Outcome
        assert len(verdict.message) < 1_000
        assert verdict.message.isprintable(), "a message is one line for terminals"
        assert verdict.retry_after_s is None or 0 <= verdict.retry_after_s < float("inf")
        if fault.phase in LOST and (fault.status or 0) < 300:
            assert verdict.outcome is not Outcome.NOT_EXECUTED or verdict.rule in CLOSINGS, (
                "what was sent may have been done"
            )
    examine(fault, api=FAILING, expects_json=True)
    return "judged"


def failure_of(kind: int, data: bytes, text: str) -> Fault | None:
    """The fault that bytes stand for, or None when nothing in them is known."""
    if kind == 0:
        case = read_pasted(text)
    elif kind == 1:
        case = cast("dict[str, object]", read_json(data))
        if not isinstance(case, dict):
            return None
    else:
        types = ((), (("Content-Type", "application/json"),))[kind - 2]
        status = (200, 400, 404, 429, 500, 503)[len(data) % 6]
        return capture_answer(
            status, types, body=data, operation="call", observed_at=NOON, url="https://a.example/v1/x"
        )
    return None if case is None else read_case(case | {"observed_at": "2026-03-02T12:00:00Z"}, source="fuzz")


TARGETS: dict[str, Callable[[bytes], str]] = {
    "event": take_event,
    "plan": take_plan,
    "schema": take_schema,
    "failure": take_failure,
}

NOT_COMPARED = ("pattern", "$ref", "$dynamicRef", "unevaluated", "uniqueItems")
"""Where ours differs on purpose: patterns are RE2's, references may go round, and `uniqueItems` is counted in another way."""


def by_library(text: str, value: object) -> bool | None:
    """Whether the library that ours is built on says that a value fits; None where the two need not agree."""
    from jsonschema import Draft202012Validator

    wanted = text.strip().removesuffix("?").strip()
    if not wanted.startswith("{") or len(text) > 500 or any(word in text for word in (*NOT_COMPARED, "\\u")):
        return None
    try:
        return Draft202012Validator(json.loads(wanted)).is_valid(value)
    except (RecursionError, ArithmeticError):
        return None


def judged(plan: object, made: object) -> Checked | BadInput:
    """What `validate` says of a plan: what passed, or the one error; nothing else is ever raised."""
    try:
        return checked(plan, made)
    except BadInput as refusal:
        return refusal


def checked(plan: object, made: object) -> Checked:
    """Read and check."""
    problems: list[Problem] = []
    found = gather_definitions(definitions_in(made, source="actions.json", problems=problems), problems=problems)
    if problems:
        raise BadInput(problems)
    read = ExecutionPlan.from_wire(plan, source="plan.json")
    return check(read, found, functions=FUNCTIONS, catalog=Catalog([]), environ={"SHOP_TOKEN": ACCESS_TOKEN})


def is_clear(refusal: BadInput) -> bool:
    """Whether an error names its places, in a bounded number of lines that no terminal chokes on."""
    lines = [str(problem) for problem in refusal.problems]
    return 0 < len(lines) <= LINES_MAX and all(line.strip() for line in lines)


def refused(refusal: BadInput) -> str:
    """What comes of an input that was refused, clearly."""
    assert is_clear(refusal), "a refusal names its places"
    return "refused"


def seeds() -> dict[str, list[bytes]]:
    """What the fuzzer begins with: inputs that get far, for each target."""
    request: dict[str, object] = {"executionId": EXECUTION, "actionId": "pay", "attemptNumber": 1}
    fault: dict[str, object] = {"category": "network_timeout", "message": "Slow.", "retryable": True, "context": {}}
    payloads = [
        {**named(request), "result": success({"id": "1"})},
        {**request, "error": {**fault, "outcome": "not_executed", "statusCode": 503, "retryAfter": "2026-01-15T09:00:00.000Z"}},
        {**request, "error": fault},
    ]  # fmt: skip
    names = ("action.execute.completed", "action.execute.failed", "error.occurred")
    events = [b"%d" % (at + 1) + written(payload) for at, payload in enumerate(payloads)]
    events += [
        b"0"
        + written({"specversion": "1.0", "id": str(uuid.UUID(int=9)), "source": "/x", "type": name, "data": payload})
        for name, payload in zip(names, payloads, strict=True)
    ]
    return {"event": events, "plan": plan_seeds(), "schema": schema_seeds(), "failure": failure_seeds()}


def failure_seeds() -> list[bytes]:
    """A pasted answer, a traceback, a line, cases, and bodies of each kind."""
    pasted = (
        b'HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Type: application/json\r\n\r\n{"error": {"code": "rate_limit"}}',
        (
            b'Traceback (most recent call last):\n  File "x", line 1\nhttpx.ReadTimeout: x\n\nThe above exception was the direct cause of the'
            b' following exception:\n\nTraceback (most recent call last):\n  File "x", line 1\napp.PayError: y\n'
        ),
        b"httpx.ConnectError: [Errno 111] Connection refused",
        b"curl: (28) Operation timed out",
    )
    http: dict[str, object] = {
        "kind": "http",
        "status": 400,
        "headers": {"X-Left": "0", "Retry-After": "x"},
        "body": "<Error><Code>A</Code></Error>",
    }
    raised: dict[str, object] = {
        "type": "sqlalchemy.exc.OperationalError",
        "message": "(1205, 'x') ORA-00054",
        "cause_types": ["TimeoutError"],
    }
    bodies: list[object] = [
        {"error": {"code": "card_declined", "type": "card_error", "message": "retry after 3 seconds"}},
        {"errors": [{"message": "x", "extensions": {"code": "THROTTLED"}}]},
        {"ok": False, "error": "not_authed"},
    ]
    return [
        *(b"1" + written(one) for one in (http, {"kind": "exception", "exception": raised})),
        *(b"0" + one for one in pasted),
        *(b"3" + written(one) for one in bodies),
        b"2<html><title>502 Bad Gateway</title></html>",
        b"2<?xml version='1.0'?><Error><Code>SlowDown</Code></Error>",
    ]


def plan_seeds() -> list[bytes]:
    """A plan with most of what a plan can hold, in both forms."""
    made = [
        definition_wire("find", knownErrors=[{"pattern": "(?i)gone", "category": "validation_failed", "suggestion": "Look."}]),
        definition_wire("send", endpoint__method="POST", inputSchema={"x": '{"type": "string"}?'}, outputSchema={"id": "string?"},
                        idempotency={"header": "Idempotency-Key"}, rateLimit={"requests": 2, "window": 1000, "scope": "global"},
                        authentication={"type": "bearer", "token": "SHOP_TOKEN", "tokenFrom": "env"}),
    ]  # fmt: skip
    planned = plan_wire(
        action_wire("a", actionDefinitionId="find"),
        action_wire("b", "a", actionDefinitionId="send@1.0.0", inputs={"x": "${a.output.id}"},
                    condition={"if": "${a.output.id}", "then": "execute", "else": "skip"},
                    userConfirmation={"required": True, "title": "Really?", "message": "Look."},
                    recovery={"network_timeout": "back-off"}, errorHandling__fallbackValue={"id": "0"}),
        validations=({"name": "there", "reference": "${a.status}", "operator": "exists"},),
    )  # fmt: skip
    import yaml

    whole = {"plan": planned, "definitions": made}
    return [b"0" + written(whole), b"1" + yaml.safe_dump(whole).encode(), b"0" + written(planned), b"0" + written(made)]


def schema_seeds() -> list[bytes]:
    """Words, and schemas with most of the rules."""
    rules: list[dict[str, object]] = [
        {"type": "object", "properties": {"a": {"type": ["string", "null"], "minLength": 1}}, "required": ["a"], "additionalProperties": False},
        {"type": "array", "items": {"$ref": "#/$defs/n"}, "uniqueItems": True, "$defs": {"n": {"type": "number", "multipleOf": 0.5}}},
        {"anyOf": [{"const": 1}, {"enum": ["x", None]}], "not": {"pattern": "^y+$"}},
        {"patternProperties": {"^x": {"minimum": 3}}, "propertyNames": {"maxLength": 4}, "dependentRequired": {"a": ["b"]}},
        {"if": {"type": "integer"}, "then": {"maximum": 9}, "else": {"prefixItems": [True], "contains": {"type": "null"}, "minContains": 1}},
        {"$dynamicRef": "#it", "$defs": {"x": {"$dynamicAnchor": "it", "type": "boolean"}}, "unevaluatedItems": False},
    ]  # fmt: skip
    values: list[object] = [{"a": "x"}, [1, 2.5], "x", {"xa": 4}, 12, [None]]
    texts = [b"integer?", b" string ", *(written(rule) for rule in rules)]
    return [text + b"\0" + written(value) for text, value in zip(texts, [3, "s", *values], strict=True)]


def written(value: object) -> bytes:
    """JSON text."""
    return json.dumps(value).encode()


WORDS = """
specversion 1.0 executionId actionId attemptNumber purpose perform probe refresh result status success output outputLocation fullOutput
error category outcome not_executed unknown executed retryAfter statusCode network_timeout auth_expired validation_failed
plan definitions actions actionDefinitionId dependencies inputs errorHandling fallbackValue alternativeActionId condition then else skip
userConfirmation required recovery back-off alternative give-up endpoint method headers timeout retryPolicy knownErrors pattern
rateLimit authentication tokenFrom inputSchema outputSchema expectedOutcome validations reference operator exists ${a.output.id}
type properties additionalProperties items prefixItems contains enum const allOf anyOf oneOf not if $ref #/$defs/n $defs $anchor
kind http exception type message cause_types headers body content_type observed_at Retry-After x-ratelimit-reset HTTP/1.1 Traceback
httpx.ReadTimeout ConnectionError TimeoutError ExceptionGroup errors extensions fault retry_after rate_limit invalid_token SQLSTATE ORA-00054
$dynamicRef $dynamicAnchor unevaluatedProperties patternProperties multipleOf minimum maximum uniqueItems default examples true null 1e400
"""
"""Words that a fuzzer would take long to find by itself."""
