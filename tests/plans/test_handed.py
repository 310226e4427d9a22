"""A failed call as a plan: the same request is made again, and nothing secret is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from holdfast.decisions.facts import Safety
from holdfast.errors import BadInput
from holdfast.plans.check import check
from holdfast.plans.files import sourced
from holdfast.plans.frozen import freeze, thaw
from holdfast.plans.handed import ACTION, arguments_of, definition_of, plan_of
from holdfast.plans.request import Extras, build_request
from holdfast.ports.handover import FailedCall, FailedRequest

if TYPE_CHECKING:
    from holdfast.plans.frozen import FrozenAction

WHEN = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
POST = FailedRequest(
    method="POST",
    url="https://api.example/customers?notify=true",
    headers=(("Host", "api.example"), ("Content-Type", "application/json"), ("X-Tenant", "north"), ("Accept", "*/*")),
    body=b'{"name": "Ada", "tags": ["a", {"b": null}]}',
    timeout_s=2.5,
)
GET = FailedRequest(method="GET", url="https://api.example/customers/7?a=1&b=%20#part")


def call(request: FailedRequest | None = None, **changes: object) -> FailedCall:
    """A failed call."""
    made = FailedCall(
        execution="11111111-1111-4111-8111-111111111111",
        action="crm.create",
        policy="crm",
        reason="budget",
        began_at=WHEN,
        ago_s=1.0,
        request=request,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields by name


def thawed(made: FailedCall) -> FrozenAction:
    """The call's action, as a worker reads it from the database."""
    definition = definition_of(made)
    checked = check(plan_of(made), sourced([definition]))
    arguments = arguments_of(made, size_max_bytes=10_000)
    frozen = freeze(checked.plan, checked.definitions, functions={}, entries={}, arguments={ACTION: arguments})
    return thaw(frozen.body).actions[ACTION]


def sent(made: FailedCall) -> tuple[str, str, dict[str, str], object]:
    """What a worker sends: method, address, headers and body."""
    action = thawed(made)
    assert action.definition is not None
    extras = Extras(
        secret="s3cret" if action.credential else None,
        key="the-key",
        idempotency_header=action.idempotency_header,
        timeout_s=1.0,
        response_size_max_bytes=1000,
    )
    request = build_request(action.definition, action.inputs, extras=extras)
    return request.method, request.url, dict(request.headers), json.loads(request.body) if request.body else None


def refused(request: FailedRequest, **changes: object) -> str:
    """Why a request cannot be kept, as one text."""
    with pytest.raises(BadInput) as found:
        definition_of(call(request, **changes))
    return str(found.value)


# --- the request ---


def test_the_same_request_is_made_again() -> None:
    """Method, address, query, headers and JSON body are those of the failed request; the rest is the transport's."""
    method, url, headers, body = sent(call(POST))

    assert ("POST", POST.url, json.loads(POST.body or b"")) == (method, url, body)
    assert {"X-Tenant": "north", "Accept": "*/*"}.items() <= headers.items()
    assert "Host" not in headers
    assert 2500 == definition_of(call(POST)).endpoint.timeout


def test_a_get_is_made_again_without_its_fragment() -> None:
    """A fragment is never sent; everything else of the address is kept as it was written."""
    method, url, _, body = sent(call(GET))

    assert ("GET", "https://api.example/customers/7?a=1&b=%20", None) == (method, url, body)


@given(st.text(alphabet="ab{}/$1.", max_size=12))
def test_an_address_is_never_read_as_a_template(path: str) -> None:
    """Braces in an address are its own: nothing of a body is filled in there."""
    request = replace(POST, url=f"https://api.example/x{path}", body=b'{"a": 1, "b": 2}')

    _, url, _, body = sent(call(request))

    assert request.url.replace("{", "%7B").replace("}", "%7D") == url
    assert {"a": 1, "b": 2} == body


def test_the_key_stays_in_its_header() -> None:
    """A request that had a key is recognised by it; its value is on the ledger and not in the definition."""
    request = replace(POST, headers=(*POST.headers, ("Idempotency-Key", "k-1")), key_header="idempotency-key")

    made = call(request, key="k-1")

    assert "the-key" == sent(made)[2]["idempotency-key"]
    assert "k-1" not in definition_of(made).to_json()
    assert Safety.KEYED is thawed(made).rules.safety


def test_a_header_without_a_key_makes_nothing_safe() -> None:
    """A client that could have sent a key and did not has sent none: the API could recognise nothing."""
    assert Safety.UNSAFE is thawed(call(replace(POST, key_header="Idempotency-Key"))).rules.safety


@pytest.mark.parametrize(
    ("request_", "repeatable", "safety"),
    [
        (GET, False, Safety.READ_ONLY),
        (POST, False, Safety.UNSAFE),
        (POST, True, Safety.IDEMPOTENT),
        (replace(POST, method="PUT"), False, Safety.IDEMPOTENT),
        (replace(GET, method="DELETE"), False, Safety.IDEMPOTENT),
    ],
    ids=["GET", "POST", "POST declared repeatable", "PUT", "DELETE"],
)
def test_what_makes_a_repeat_safe_is_the_method_or_the_word_of_the_author(
    request_: FailedRequest, repeatable: bool, safety: Safety
) -> None:
    """A POST without a key is not repeated blindly, unless its author has said that it may be."""
    assert safety is thawed(call(request_, repeatable=repeatable)).rules.safety


# --- secrets ---


def test_a_bearer_token_is_named_and_not_kept() -> None:
    """Of a credential, the name of its variable comes to rest; the worker puts the value of that time there."""
    request = replace(POST, headers=(("Authorization", "Bearer t0ken-of-now"),), credential="CRM_TOKEN")

    assert "Bearer s3cret" == sent(call(request))[2]["Authorization"]
    assert "t0ken-of-now" not in definition_of(call(request)).to_json()


def test_a_key_in_a_header_is_named_and_not_kept() -> None:
    """The same for an API key in a header of its own."""
    request = replace(POST, headers=(("X-Api-Key", "abc-of-now"),), credential="CRM_KEY")

    assert "s3cret" == sent(call(request))[2]["X-Api-Key"]
    assert "abc-of-now" not in definition_of(call(request)).to_json()


def test_a_named_credential_that_was_not_sent_is_a_bearer_token() -> None:
    """Whoever authenticates after the policy has looked at the request names the credential alone."""
    assert "Bearer s3cret" == sent(call(replace(POST, credential="CRM_TOKEN")))[2]["Authorization"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"headers": (("Authorization", "Bearer abc"),)}, "Name the environment variable"),
        ({"headers": (("Cookie", "a=b"),)}, "Cookie carries a credential"),
        ({"headers": (("Authorization", "Basic YTpi"),), "credential": "CRM"}, "not of the kind Bearer"),
        ({"headers": (("Authorization", "Bearer x"), ("X-Api-Key", "y")), "credential": "CRM"}, "only one header"),
        ({"headers": (("X-Note", "Bearer abcdefgh123456"),)}, "the value of X-Note looks like a secret"),
        ({"headers": (("X-Note", "{name}"),)}, "brace"),
        ({"credential": "s3cret-value!"}, "must be the name of an environment variable"),
        ({"url": "https://ada:pw@api.example/x"}, "carries a user or password"),
        ({"url": "https://api.example/x?api_key=abc"}, "'api_key' looks like a secret"),
        ({"method": "PROPFIND"}, "cannot be made durably"),
        ({"method": "GET"}, "a durable GET has none"),
        ({"body": None}, "is empty"),
    ],
    ids=[
        *("unnamed", "cookie", "basic", "two", "hidden in a value", "a template", "a secret for a name", "userinfo"),
        *("in the query", "a method", "a body", "no body"),
    ],
)
def test_what_cannot_rest_is_refused_without_repeating_it(change: dict[str, object], words: str) -> None:
    """Each way in which a secret could come to rest, or a request could not be made again, is told."""
    told = refused(replace(POST, **change))  # type: ignore[arg-type]  # fields by name

    assert words in told
    assert not any(secret in told for secret in ("abcdefgh123456", "s3cret-value", "pw@", "YTpi"))


def test_all_reasons_are_told_at_once() -> None:
    """A request with three flaws is refused with three problems."""
    request = replace(POST, method="GET", url="https://a:b@api.example/x", headers=(("Cookie", "c"),))

    with pytest.raises(BadInput) as found:
        definition_of(call(request))

    assert {"body", "url", "headers"} == {problem.path for problem in found.value.problems}


@pytest.mark.parametrize("body", [b"[1, 2]", b"a=b", b"\xff"], ids=["a list", "a form", "no text"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    """Forms, files and lists are not what a durable request can carry."""
    with pytest.raises(BadInput, match="JSON"):
        arguments_of(call(replace(POST, body=body)), size_max_bytes=10_000)


# --- arguments ---


def test_arguments_are_copied_as_json() -> None:
    """What the program changes afterwards changes nothing; a tuple is a list from then on."""
    tags = ["a"]
    made = call(arguments={"tags": tags, "pair": (1, 2), "none": None})

    kept = arguments_of(made, size_max_bytes=1000)
    tags.append("b")

    assert {"tags": ["a"], "pair": [1, 2], "none": None} == kept


def test_arguments_that_are_not_json_are_refused_all_at_once() -> None:
    """Each is named; none of the values is repeated."""
    arguments = {"at": datetime(1999, 1, 1, tzinfo=UTC), "rate": float("nan"), "by": {1: "one"}, "fine": 1}

    with pytest.raises(BadInput) as found:
        arguments_of(call(arguments=arguments), size_max_bytes=1000)

    assert ["at", "rate", "by"] == [problem.path for problem in found.value.problems]
    assert "1999" not in str(found.value)


def test_arguments_have_a_limit() -> None:
    """A call whose arguments would not fit a plan is refused, with the limit."""
    made = call(arguments={"text": "x" * 100})

    assert arguments_of(made, size_max_bytes=111)
    with pytest.raises(BadInput, match="111 bytes as JSON; the limit is 110"):
        arguments_of(made, size_max_bytes=110)


def test_a_deep_argument_is_refused_and_does_not_exhaust_the_program() -> None:
    """A value nested beyond measure is refused like any other that cannot be written."""
    value: list[object] = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(BadInput, match="nested too deeply"):
        arguments_of(call(arguments={"value": value}), size_max_bytes=1_000_000)


# --- the plan ---


def test_the_same_call_makes_the_same_plan() -> None:
    """The plan depends on the call and on nothing else, so that handing over twice meets the same document."""
    assert plan_of(call()) == plan_of(call(ago_s=99.0, wait_s=5.0))
    assert plan_of(call()).id == plan_of(call(began_at=datetime(2026, 6, 1, tzinfo=UTC))).id
    assert plan_of(call()).id != plan_of(call(action="crm.delete")).id


def test_any_name_makes_a_plan() -> None:
    """A name may hold anything that can be shown."""
    assert "kunde/größe ✓" == plan_of(call(action="kunde/größe ✓")).actions[0].action_definition_id


def test_an_ordinary_plan_is_written_as_before() -> None:
    """Arguments beside a plan are written for handovers alone; older releases read all other plans as ever."""
    made = call()

    ordinary = json.loads(freeze(plan_of(made), {}, functions={}, entries={}).body)
    handed = json.loads(freeze(plan_of(made), {}, functions={}, entries={}, arguments={ACTION: {}}).body)

    assert (1, False) == (ordinary["format"], "arguments" in ordinary)
    assert (2, {ACTION: {}}) == (handed["format"], handed["arguments"])


@pytest.mark.parametrize(
    ("given", "places"),
    [
        pytest.param({"headers": {"Authorization": "Bearer hunter2"}}, ["headers.Authorization"], id="headers"),
        pytest.param({"user": {"name": "Ada", "password": "hunter2"}}, ["user.password"], id="inside"),
        pytest.param({"api_key": "hunter2"}, ["api_key"], id="a name that a function takes among others"),
        pytest.param({"all": [1, {"Client-Secret": "hunter2"}, [{"token": "hunter2"}]]}, ["all[1].Client-Secret", "all[2][0].token"], id="deep"),
    ],
)  # fmt: skip
def test_a_secret_inside_an_argument_never_comes_to_rest(given: dict[str, object], places: list[str]) -> None:
    """What a parameter of that name would be refused for is refused inside of one, too; the value is not repeated."""
    body = json.dumps(given).encode()

    for made in (call(arguments=given), call(replace(POST, body=body))):
        with pytest.raises(BadInput) as found:
            arguments_of(made, size_max_bytes=10_000)
        assert places == [problem.path for problem in found.value.problems]
        assert "hunter2" not in str(found.value)


def test_empty_secrets_and_names_that_only_sound_like_one_may_rest() -> None:
    """A secret that was left out is none, and a page's token is no credential."""
    given = {"user": {"password": None, "token": ""}, "page_token": "7", "sort_key": "name"}

    assert given == arguments_of(call(arguments=given), size_max_bytes=10_000)
