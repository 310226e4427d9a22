"""What is read from a body: codes, messages, status, and whether it is an error at all."""

from __future__ import annotations

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.evidence import Evidence, read_evidence
from holdfast.faults.patterns import compile_pattern
from holdfast.faults.rules import ApiRules, ErrorMapping, ErrorShape, FieldRule, Quirks
from holdfast.faults.taxonomy import ErrorCategory as C
from tests.faults.samples import answer

XML = "application/xml"


def read(
    body: object, *, status: int = 400, content_type: str = "application/json", shape: ErrorShape | None = None
) -> Evidence:
    """The evidence of an answer."""
    fault = answer(status, body, content_type=content_type)
    return read_evidence(fault, quirks=Quirks(), shape=shape or ErrorShape())


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param({"error": {"code": "a", "innererror": {"code": "b"}}}, ("b", "a"), id="the-innermost-first"),
        pytest.param(
            {"error": "invalid_grant", "error_description": "x", "code": 1}, ("invalid_grant", "1"), id="oauth"
        ),
        pytest.param({"error": {".tag": "path", "path": {".tag": "not_found"}}}, ("not_found", "path"), id="union"),
        pytest.param({"errorCode": {"authError": "TOKEN_EXPIRED"}}, ("TOKEN_EXPIRED",), id="enumeration"),
        pytest.param({"Errors": [{"Code": "x"}]}, ("x",), id="capital"),
        pytest.param({"error_code": "x", "error-code": "y", "ERROR_CODE": "z"}, ("x", "y", "z"), id="spellings"),
        pytest.param({"id": "not_found", "message": "x"}, ("not_found",), id="id-that-is-a-code"),
        pytest.param({"id": "a1b2_c3", "message": "x"}, (), id="id-that-is-an-id"),
        pytest.param({"data": {"code": "x"}}, (), id="data-is-no-error"),
        pytest.param({"data": {"errors": [{"code": "x"}]}}, ("x",), id="errors-in-data"),
        pytest.param({"error": {"code": True, "type": None, "status": 1.5}}, (), id="no-codes"),
        pytest.param(
            {"errors": [{"field": "refresh_token", "code": "invalid"}]},
            ("refresh_token.invalid",),
            id="credential-field",
        ),
        pytest.param({"code": 10**20}, (), id="absurd-number"),
    ],
)
def test_finds_the_codes(body: object, named: tuple[str, ...]) -> None:
    """Codes are found wherever APIs put them, the most telling first, and nowhere else."""
    assert named == read(body).named


def test_keeps_what_is_said_of_fields_apart() -> None:
    """The codes and sentences about single fields are not those of the error itself."""
    evidence = read({"code": "invalid", "errors": [{"field": "email", "code": "taken", "message": "is taken"}]})

    assert (("invalid",), ("taken",), True) == (evidence.named, evidence.field_codes, evidence.about_fields)
    assert evidence.codes == ("invalid", "taken")


def test_reads_errors_listed_by_field() -> None:
    """`{"errors": {"email": ["is taken"]}}` says what is wrong with which field."""
    evidence = read({"errors": {"email": ["is taken"], "name": [{"code": "blank"}]}})

    assert (True, "is taken", ("blank",)) == (evidence.about_fields, evidence.message, evidence.field_codes)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"error": {"status": 404, "message": "x"}}, 404, id="number"),
        pytest.param({"statusCode": "429", "message": "x"}, 429, id="text"),
        pytest.param({"code": 200, "message": "x"}, None, id="fine"),
        pytest.param({"code": 499, "message": "x"}, None, id="private"),
        pytest.param({"code": 1404, "message": "x"}, None, id="other-number"),
    ],
)
def test_reads_the_status_that_a_body_states(body: object, status: int | None) -> None:
    """A body may carry the status that the answer hides."""
    assert status == read(body).declared_status


@pytest.mark.parametrize(
    ("body", "codes", "message"),
    [
        pytest.param("<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>", ("nosuchkey",), "gone", id="s3"),
        pytest.param(
            "<e:Envelope><e:Body><e:Fault><faultcode>e:Server</faultcode><faultstring>a &amp; b</faultstring>"
            "<detail><code>LOCKED</code></detail></e:Fault></e:Body></e:Envelope>",
            ("locked", "server"),
            "a & b",
            id="soap-tells-the-service's-code-first",
        ),
        pytest.param("<a><Code><![CDATA[X1]]></Code></a>", ("x1",), None, id="cdata"),
        pytest.param(
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a><Code>&b;</Code><Code>X1</Code></a>",
            (),
            None,
            id="a-declaration-is-refused",
        ),
        pytest.param("<a><Code>x</Cod></a>", (), None, id="not-closed"),
    ],
)
def test_reads_xml_without_parsing_it(body: str, codes: tuple[str, ...], message: str | None) -> None:
    """The leaves of a document are read, nothing in it is expanded."""
    evidence = read(body, content_type=XML)

    assert (codes, message) == (evidence.codes, evidence.message)


def test_reads_the_title_and_words_of_a_page() -> None:
    """Scripts and styles are not what a page says."""
    page = "<!DOCTYPE html><html><head><title> A  b </title><script>throttled()</script></head><body>Hi <b>you</b></body></html>"

    evidence = read(page, content_type="text/html")

    assert ("A b", "A b Hi you") == (evidence.message, evidence.page)


def test_takes_the_heading_for_a_title() -> None:
    """A page without a title is called by its heading."""
    assert read("<html><h1>Oh <i>no</i></h1></html>", content_type="text/html").message == "Oh no"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param("error=invalid_grant&error_description=too+old", "invalid_grant", id="form"),
        pytest.param("rate_limited", "rate_limited", id="word"),
        pytest.param("Something is wrong", None, id="sentence"),
        pytest.param("42", None, id="number"),
    ],
)
def test_reads_a_plain_line(body: str, code: str | None) -> None:
    """A line may be a code, a form or a sentence."""
    assert code == read(body, content_type="text/plain").code


def test_reads_a_json_text() -> None:
    """A body that is nothing but a JSON text says what the text says."""
    assert read('"rate limit exceeded"').message == "rate limit exceeded"


def test_cuts_quoted_values_out_of_the_words() -> None:
    """The words that rules look at hold no values, the message keeps them."""
    evidence = read({"message": "No 'Secret Value' for \"Other\" isn't `that`"})

    assert ("no ''  for  ''  isn't  '' ", "No 'Secret Value' for \"Other\" isn't `that`") == (
        evidence.words,
        evidence.message,
    )


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        pytest.param({"ok": False}, True, id="not-ok"),
        pytest.param({"success": False}, True, id="no-success"),
        pytest.param({"error": {"code": 1}}, True, id="error"),
        pytest.param({"Fault": {"x": 1}}, True, id="fault"),
        pytest.param({"error": None, "errors": []}, False, id="nothing"),
        pytest.param({"errors": 0}, False, id="a-count-of-none"),
        pytest.param({"errors": 3}, False, id="a-count"),
        pytest.param({"status": "error", "message": "x"}, True, id="status"),
        pytest.param({"status": False, "message": "x"}, True, id="status-false"),
        pytest.param({"status": "error"}, False, id="a-record-in-that-state"),
        pytest.param({"status": 500, "message": "x"}, True, id="status-number"),
        pytest.param({"status": "404", "message": "x"}, True, id="status-text"),
        pytest.param({"status": 200, "message": "x"}, False, id="status-fine"),
        pytest.param({"object": "error"}, True, id="object"),
        pytest.param({"type": "error", "message": "x"}, True, id="type"),
        pytest.param({"errcode": 40001, "errmsg": "x"}, True, id="errcode"),
        pytest.param({"errcode": 0, "errmsg": "ok"}, False, id="errcode-none"),
        pytest.param({"code": "0", "msg": "success"}, False, id="code-none"),
        pytest.param({"code": "E1", "msg": "x"}, True, id="code"),
        pytest.param({"code": True, "msg": "x"}, False, id="code-boolean"),
        pytest.param({"data": {"a": {"userErrors": [{"message": "x"}]}}}, True, id="user-errors"),
        pytest.param({"data": {"a": {"userErrors": []}, "b": 1}}, False, id="no-user-errors"),
        pytest.param({"items": [{"error": "x"}]}, False, id="a-list-of-jobs"),
    ],
)
def test_tells_an_error_from_a_success_by_structure(body: object, is_error: bool) -> None:
    """Only what speaks for the whole answer makes it an error."""
    assert is_error == read(body, status=200).says_error


def test_looks_first_where_an_api_keeps_its_codes() -> None:
    """The places of an entry's codes come before the usual ones, and a rule with the code then holds."""
    shape = ErrorShape(codes=(("result", "why"),))
    body = {"result": {"why": "odd_thing"}, "code": "usual"}
    mapping = ErrorMapping(category=C.RATE_LIMIT_BURST, retryable=True, codes=frozenset({"odd_thing"}))

    verdicts = [
        classify(answer(400, body), api=ApiRules(api_id="a", mappings=(mapping,), shape=one))
        for one in (shape, ErrorShape())
    ]

    assert [C.RATE_LIMIT_BURST, C.VALIDATION_FAILED] == [verdict.category for verdict in verdicts]
    assert ("odd_thing", "usual") == read(body, shape=shape).named


def test_looks_first_where_an_api_keeps_its_messages() -> None:
    """The places of an entry's messages come before the usual ones."""
    shape = ErrorShape(messages=(("result", "text"),))

    assert read({"result": {"text": "theirs"}, "message": "usual"}, shape=shape).message == "theirs"
    assert read({"message": "usual"}, shape=shape).message == "usual"


def test_an_api_may_say_what_makes_a_success_a_failure() -> None:
    """The rule of an entry for failures decides where the usual structure says nothing."""
    rule = FieldRule(place=("result", "state"), pattern=compile_pattern("^nope$", source="t", path=""))

    read_with = [
        read({"result": {"state": state}}, status=200, shape=ErrorShape(failure=rule)) for state in ("nope", "yes")
    ]

    assert [True, False] == [evidence.says_error for evidence in read_with]
    assert not read({"result": {"state": "nope"}}, status=200).says_error
