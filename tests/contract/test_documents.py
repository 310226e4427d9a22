"""Reading, refusing and writing the documents of the contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from holdfast.contract import (
    ActionDefinition,
    ActionExecutionState,
    ApiCatalogEntry,
    ApiQuirks,
    Authentication,
    BearerAuthentication,
    ErrorCategory,
    ErrorDetail,
    ErrorOccurred,
    ISODateTime,
    PlannedAction,
    RecoveryStrategy,
    parse,
    to_wire,
)
from holdfast.errors import BadInput
from tools.zod_parity.cases import OURS, samples_of

UUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ERROR = {"category": "rate_limit_burst", "message": "slow down", "retryable": True, "context": {"host": "a"}}
ACTION = {
    "id": "create",
    "actionDefinitionId": "crm.create",
    "inputs": {"amount": 5},
    "dependencies": [],
    "errorHandling": {"continueOnFailure": False},
}


def refusals(
    model: type[ErrorDetail | PlannedAction | ErrorOccurred | ActionExecutionState], document: object
) -> list[str]:
    """The problems the model finds in the document, as text."""
    with pytest.raises(BadInput) as caught:
        model.from_wire(document)
    return [str(problem) for problem in caught.value.problems]


def test_lists_every_problem_with_its_path() -> None:
    """A refusal lists all that is wrong, each with a path that leads there."""
    action = ACTION | {"id": 3, "inputs": {"amount": None, "b c": []}, "dependencies": ["a", 1]}
    del action["actionDefinitionId"]

    problems = refusals(PlannedAction, action)

    assert [
        "id: must be a string, but is a number",
        "actionDefinitionId: is missing; it is required",
        "inputs.amount: must be a string, a number or a boolean, but is null",
        "inputs['b c']: must be a string, a number or a boolean, but is an array",
        "dependencies[1]: must be a string, but is a number",
    ] == problems


def test_leaves_variant_names_out_of_paths() -> None:
    """Inside a result the path shows the fields only."""
    state = {"actionId": "a", "status": "failed", "attempts": 1, "httpTrace": []}

    problems = refusals(
        ActionExecutionState, state | {"result": {"status": "failure", "error": ERROR | {"message": 1}}}
    )

    assert ["result.error.message: must be a string, but is a number"] == problems


def test_never_repeats_a_string_it_was_given() -> None:
    """A refused string, which may be a secret, does not appear in the message."""
    with pytest.raises(BadInput) as caught:
        parse(Authentication, {"type": "bearer", "token": ["hunter2"], "tokenFrom": "hunter2"})

    assert "hunter2" not in str(caught.value)


def test_suggests_the_word_that_was_meant() -> None:
    """A misspelt word of a closed list is answered with the nearest one."""
    (problem,) = refusals(ErrorDetail, ERROR | {"category": "rate_limit_brust"})

    assert problem.endswith("; did you mean 'rate_limit_burst'?")


@pytest.mark.parametrize("document", [None, [], "text", 3, True], ids=["null", "array", "string", "number", "boolean"])
def test_refuses_what_is_no_object(document: object) -> None:
    """A document has to be an object."""
    (problem,) = refusals(ErrorDetail, document)

    assert problem.startswith("must be an object, but is ")


def test_drops_unknown_keys() -> None:
    """Keys the contract does not know are dropped, Python's own spelling of a known one among them."""
    error = ErrorDetail.from_wire(ERROR | {"extra": {"deep": []}, "status_code": 500})

    assert ERROR == error.to_wire()
    assert error.status_code is None


def test_refuses_null_for_an_absent_field_on_the_wire_only() -> None:
    """On the wire an optional field is left out, never null; Python code may pass None."""
    from_python = ErrorDetail(category=ErrorCategory.AUTH_EXPIRED, message="m", code=None, retryable=False, context={})

    assert ["code: must be a string, but is null"] == refusals(ErrorDetail, ERROR | {"code": None})
    assert "code" not in from_python.to_wire()


def test_refuses_a_boolean_for_a_number() -> None:
    """true is not 1."""
    (problem,) = refusals(ErrorOccurred, {"executionId": UUID, "actionId": "a", "error": ERROR, "attemptNumber": True})

    assert "attemptNumber: must be a number, but is a boolean" == problem


def test_fills_in_the_defaults_of_the_contract() -> None:
    """The three quirks that have a default are written even if they were absent."""
    quirks = ApiQuirks.from_wire({})

    assert {
        "successWithErrorBody": False,
        "emptyResponseOn204": True,
        "binaryErrorResponses": False,
    } == quirks.to_wire()


def test_documents_cannot_be_changed() -> None:
    """A document is a value: its fields cannot be set."""
    error = ErrorDetail.from_wire(ERROR)

    with pytest.raises(ValidationError, match="frozen"):
        error.message = "other"  # type: ignore[misc] # what is being tested


@pytest.mark.parametrize("schema", OURS)
def test_our_fields_survive_the_way_to_the_wire_and_back(schema: str) -> None:
    """Our optional fields are read, written and read again without loss."""
    import holdfast.contract

    kind = getattr(holdfast.contract, schema)
    for case in samples_of(schema, seed=7, count=30):
        assert isinstance(case.document, dict)

        value = parse(kind, case.document)

        wire = to_wire(value)
        assert isinstance(wire, dict)
        assert set(case.document) <= set(wire)
        assert value == parse(kind, json.loads(json.dumps(wire)))


@pytest.mark.parametrize(
    ("schema", "field"),
    [(schema, field) for schema, fields in OURS.items() for field in fields],
    ids=lambda value: value,
)
@pytest.mark.parametrize("wrong", [None, 0, [0], {"x": 0}], ids=["null", "number", "array", "object"])
def test_refuses_a_malformed_field_of_ours(schema: str, field: str, wrong: object) -> None:
    """A field of ours that cannot be what it should be is refused, not silently ignored."""
    import holdfast.contract

    kind = getattr(holdfast.contract, schema)
    case = next(iter(samples_of(schema, seed=7, count=1)))
    assert isinstance(case.document, dict)

    with pytest.raises(BadInput) as caught:
        parse(kind, case.document | {field: wrong})

    assert all(problem.path.startswith(field) for problem in caught.value.problems)


def test_reads_recovery_by_category() -> None:
    """A plan may name a strategy for a category; both come out as members of their lists."""
    action = PlannedAction.from_wire(ACTION | {"recovery": {"network_timeout": "probe"}})

    assert {ErrorCategory.NETWORK_TIMEOUT: RecoveryStrategy.PROBE} == action.recovery
    assert [] != refusals(PlannedAction, ACTION | {"recovery": {"network": "probe"}})
    assert [] != refusals(PlannedAction, ACTION | {"recovery": {"network_timeout": "pray"}})


def test_is_built_from_python_values() -> None:
    """Python code uses snake_case names and aware times; the wire shows camelCase and UTC."""
    moment = datetime(2026, 1, 31, 11, 0, tzinfo=timezone(timedelta(hours=2)))

    error = ErrorDetail(
        category=ErrorCategory.AUTH_EXPIRED,
        message="m",
        retryable=False,
        context={},
        retry_after=moment,
        status_code=401,
    )

    assert "2026-01-31T09:00:00Z" == error.to_wire()["retryAfter"]
    assert 401 == error.to_wire()["statusCode"]


def test_refuses_a_time_without_zone_from_python() -> None:
    """A naive datetime is a mistake, not UTC."""
    with pytest.raises(ValidationError, match="naive"):
        ErrorDetail(
            category=ErrorCategory.AUTH_EXPIRED,
            message="m",
            retryable=False,
            context={},
            retry_after=datetime(2026, 1, 1),  # noqa: DTZ001
        )


def test_reads_a_variant_as_its_own_document() -> None:
    """A union told apart by a field is read as the document that field names, also inside another document."""
    value = parse(Authentication, {"type": "bearer", "token": "T", "tokenFrom": "env", "handler": "dropped"})

    assert BearerAuthentication(type="bearer", token="T", token_from="env") == value


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("2026-01-31T09:00Z", "2026-01-31T09:00:00Z", id="no seconds"),
        pytest.param("2026-01-31T09:00:00.1Z", "2026-01-31T09:00:00.100Z", id="tenths"),
        pytest.param("2026-01-31T09:00:00.000123Z", "2026-01-31T09:00:00.000123Z", id="microseconds"),
        pytest.param("2026-01-31T09:00:00.1234569Z", "2026-01-31T09:00:00.123456Z", id="more decimals are cut"),
        pytest.param("2026-01-31T09:00:00+02:00", "2026-01-31T07:00:00Z", id="offset"),
        pytest.param("2026-01-31T23:30:00-0130", "2026-02-01T01:00:00Z", id="offset without colon"),
        pytest.param("0000-02-29T12:00:00Z", "0001-01-01T00:00:00Z", id="year 0"),
    ],
)
def test_writes_times_in_utc(text: str, written: str) -> None:
    """However a moment was written, it leaves in UTC with Z, down to the microsecond."""
    moment = parse(ISODateTime, text)

    assert isinstance(moment, datetime)
    assert UTC == moment.tzinfo
    assert written == to_wire(moment)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T09:00:00+24:00",
        "2026-01-31T09:00:00+02",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:00-01:00",
        "2026-02-30T00:00:00+00:00",
    ],
)
def test_refuses_offsets_that_lead_nowhere(text: str) -> None:
    """An offset beyond a day, half an offset, or one that leaves the calendar is refused."""
    with pytest.raises(BadInput, match="must be a time"):
        parse(ISODateTime, text)


def test_reads_json_text_as_javascript_does() -> None:
    """The last of two equal keys counts, unknown depths are no matter, and bytes may begin with a mark."""
    text = b'\xef\xbb\xbf{"category":"x","category":"auth_expired","message":"\\ud800","retryable":true,"context":{"__proto__":"p"}}'

    error = ErrorDetail.from_json(text)

    assert ErrorCategory.AUTH_EXPIRED == error.category
    assert {} == error.context
    assert '{"category":"auth_expired","message":"\\ud800","retryable":true,"context":{}}' == error.to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('{\n  "a": 1,,\n}', "at line 2, column 10", id="comma"),
        pytest.param('{"x": "NaN",\n "a": NaN}', "NaN is no JSON value, at line 2, column 7", id="NaN"),
        pytest.param('{"a": -Infinity}', "-Infinity is no JSON value, at line 1, column 7", id="infinity"),
        pytest.param("", "line 1, column 1", id="nothing"),
        pytest.param("\ufeff{}", "is not JSON", id="mark in text"),
        pytest.param(b'{"a": "\xff"}', "is not UTF-8 text: byte 7", id="not UTF-8"),
        pytest.param("[" * 200_000, "is nested too deeply", id="deep"),
        pytest.param('{"a":' * 200_000, "is nested too deeply", id="deep objects"),
    ],
)
def test_says_where_json_is_broken(text: str | bytes, message: str) -> None:
    """Text that is no JSON is refused once, with the place, and never crashes the reader."""
    with pytest.raises(BadInput) as caught:
        ErrorDetail.from_json(text, source="event.json")

    assert 1 == len(caught.value.problems)
    assert str(caught.value).startswith("event.json: ")
    assert message in str(caught.value)


def test_reads_numbers_beyond_doubles_as_infinite() -> None:
    """A literal too large for a double is infinite, as for JSON.parse, and is written so that it is read as infinite again."""
    occurred = {"executionId": UUID, "actionId": "a", "error": ERROR}

    event = ErrorOccurred.from_json(json.dumps(occurred)[:-1] + ', "attemptNumber": 1e999}')

    assert float("inf") == event.attempt_number
    assert event == ErrorOccurred.from_json(event.to_json())
    assert "Infinity" not in event.to_json()


def test_reads_numbers_of_any_length() -> None:
    """A number of ten thousand digits is infinite, though Python by itself would refuse to read it."""
    occurred = {"executionId": UUID, "actionId": "a", "error": ERROR}

    event = ErrorOccurred.from_json(json.dumps(occurred)[:-1] + ', "attemptNumber": ' + "9" * 10_000 + "}")

    assert float("inf") == event.attempt_number


def test_reads_whole_numbers_as_doubles_hold_them() -> None:
    """1.0 is the whole number 1, and 2**53 + 1 becomes its even neighbour, as in JavaScript."""
    error = ErrorDetail.from_wire(ERROR | {"statusCode": 2**53 + 1})

    assert 2**53 == error.status_code
    assert type(ErrorDetail.from_wire(ERROR | {"statusCode": 1.0}).status_code) is int


def test_shows_the_whole_contract_as_attributes() -> None:
    """A definition and a catalog entry are read with their nested documents as attributes."""
    samples = {
        schema: next(iter(samples_of(schema, seed=3, count=1))).document
        for schema in ("ActionDefinition", "ApiCatalogEntry")
    }

    definition = ActionDefinition.from_wire(samples["ActionDefinition"])
    entry = ApiCatalogEntry.from_wire(samples["ApiCatalogEntry"])

    assert 1 <= definition.retry_policy.max_attempts <= 10
    assert isinstance(entry.quirks.empty_response_on_204, bool)
