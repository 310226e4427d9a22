"""What makes a call one that can be made again."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from holdfast.errors import AnswerFailed, BadInput
from holdfast.faults.verdict import Outcome
from holdfast.guards.recovery_call import RecoveryCall


@dataclass(slots=True)
class Answer:
    """An answer as HTTP clients give it."""

    status_code: object = 200
    content: object = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


@dataclass(slots=True)
class Client:
    """A client that remembers what it was asked, and answers as it is told."""

    answer: object = field(default_factory=Answer)
    asked: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    base_url: object = None

    def request(self, method: str, url: str, /, **options: object) -> object:
        """Answer a request."""
        self.asked.append((method, url, options))
        return self.answer


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        pytest.param({}, (False, False), id="a function"),
        pytest.param({"repeatable": True}, (True, False), id="the caller's word"),
        pytest.param({"read_only": True}, (True, True), id="it only reads"),
        pytest.param({"method": "get"}, (True, True), id="GET"),
        pytest.param({"method": "GET", "read_only": False}, (True, False), id="a GET that is none"),
        pytest.param({"method": "GET", "repeatable": False}, (False, True), id="a GET that must not be repeated"),
        pytest.param({"method": "PUT"}, (True, False), id="PUT"),
        pytest.param({"method": "DELETE"}, (True, False), id="DELETE"),
        pytest.param({"method": "POST"}, (False, False), id="POST"),
        pytest.param({"method": "PATCH"}, (False, False), id="PATCH"),
        pytest.param({"method": "POST", "repeatable": True}, (True, False), id="a keyed POST"),
    ],
)
def test_methods_say_what_may_be_repeated(about: dict[str, object], expected: tuple[bool, bool]) -> None:
    """Without a word of the caller the method decides; without a method, nothing may be repeated."""
    call = RecoveryCall(len, **about)  # type: ignore[arg-type]  # fields by name

    assert expected == (call.is_repeatable, call.is_read_only)


def test_the_names_of_a_call() -> None:
    """A call is called after its function, and depends on itself, unless it is told otherwise."""
    assert ("len", "len") == (RecoveryCall(len).name, RecoveryCall(len).depends_on)
    assert ("NoneType", "crm") == (RecoveryCall().name, RecoveryCall(dependency="crm").depends_on)


def test_facts_tell_the_error_and_survive_a_strange_one() -> None:
    """Facts carry the error's words and class; an error whose own text raises has no words."""

    class Strange(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    call = RecoveryCall(len, credential="crm", endpoint="/x", method="GET")

    facts = call.facts(ValueError("x" * 9000), attempt=2)
    strange = call.facts(Strange(), attempt=1)

    assert (8192, "ValueError", 2, "crm", True) == (
        len(facts.message), facts.error_type, facts.attempt, facts.credential, facts.replayable,
    )  # fmt: skip
    assert ("", False) == (strange.message, RecoveryCall().facts(ValueError(), attempt=1).replayable)
    assert strange.error_type.endswith("Strange")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


def typed(value: object) -> object:
    """A value with its types, so that 1, 1.0 and True differ."""
    if isinstance(value, tuple):
        return ("tuple", tuple(typed(item) for item in value))
    return (type(value).__name__, repr(value))


@given(one=st.lists(plain, max_size=3).map(tuple), other=st.lists(plain, max_size=3).map(tuple))
def test_keys_are_equal_for_equal_inputs_only(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    """Nobody is given somebody else's answer: different inputs have different keys, also when they look alike."""
    first, second = (RecoveryCall(len, key_inputs=inputs).key() for inputs in (one, other))

    assert (typed(one) == typed(other)) == (first == second)


def test_keys_differ_between_calls_and_hide_their_inputs() -> None:
    """Operation, endpoint, method and dependency are part of a key; an input does not stand in it in clear."""
    about = {"operation": "read", "endpoint": "/a", "method": "GET", "dependency": "crm"}
    changes = [{}, {"operation": "r"}, {"endpoint": "/b"}, {"method": "HEAD"}, {"dependency": "erp"}]

    keys = [RecoveryCall(len, key_inputs=("hunter2",), **{**about, **change}).key() for change in changes]  # type: ignore[arg-type]  # fields by name

    assert len(changes) == len(set(keys))
    assert "hunter2" not in str(keys)
    assert str(keys[0]).startswith("holdfast:fallback:read:/a:")
    assert RecoveryCall(len).key() is None


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"function": 3}, id="nothing to call"),
        pytest.param({"attempt": 0}, id="attempt 0"),
        pytest.param({"attempt": True}, id="attempt true"),
        pytest.param({"key_inputs": ["a"]}, id="a list"),
        pytest.param({"key_inputs": "a"}, id="a text"),
        pytest.param({"key_inputs": (object(),)}, id="an object"),
        pytest.param({"key_inputs": (((((((((((),),),),),),),),),),)}, id="too deep"),
        pytest.param({"repeatable": False, "read_only": True}, id="a contradiction"),
    ],
)
def test_wrong_calls_are_refused(wrong: dict[str, object]) -> None:
    """A call that contradicts itself, or whose key would not be stable, is refused when it is made."""
    with pytest.raises(BadInput):
        RecoveryCall(**wrong)  # type: ignore[arg-type]  # wrong on purpose


# --- requests ---


def test_a_request_is_made_as_it_is_given() -> None:
    """Method, address and options reach the client, and its answer comes back."""
    client = Client()
    call = RecoveryCall.request(client, "get", "https://a.example/users?page=2", options={"headers": {"x": "y"}})

    assert client.answer == call.make()
    assert [("get", "https://a.example/users?page=2", {"headers": {"x": "y"}})] == client.asked
    assert ("GET /users", "a.example", "/users", "GET") == (call.name, call.depends_on, call.endpoint, call.method)


def test_a_request_is_named_after_its_client_when_the_address_has_no_host() -> None:
    """A relative address depends on the client's base address, or else stands for itself."""

    @dataclass
    class Base:
        host: str

    with_base = RecoveryCall.request(Client(base_url=Base("a.example")), "GET", "/users")
    without = RecoveryCall.request(Client(), "GET", "/users")
    secret = RecoveryCall.request(Client(), "GET", "https://me:pass@a.example/users")

    assert ("a.example", "GET /users", "a.example") == (with_base.depends_on, without.depends_on, secret.depends_on)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param(Answer(status_code=429), Outcome.NOT_EXECUTED, id="429"),
        pytest.param(Answer(status_code=500), Outcome.UNKNOWN, id="500"),
        pytest.param(Answer(content=b"{"), Outcome.EXECUTED, id="broken JSON"),
        pytest.param(Answer(status_code=503, content="text"), Outcome.UNKNOWN, id="a body that is no bytes"),
    ],
)
def test_a_failed_answer_is_a_failed_call(answer: Answer, outcome: Outcome) -> None:
    """An answer that is a failure is raised as one, with the answer and its verdict."""
    with pytest.raises(AnswerFailed) as caught:
        RecoveryCall.request(Client(answer), "GET", "/x").make()

    assert answer is caught.value.answer
    assert outcome == caught.value.verdict.outcome
    assert str(answer.status_code) in str(caught.value)


def test_headers_are_read_from_clients_of_any_kind() -> None:
    """Headers given twice are read where a client has them; an answer without headers is read as well."""

    class Headers:
        def multi_items(self) -> list[tuple[str, str]]:
            return [("Retry-After", "7")]

    waits = []
    for headers in (Headers(), {"Retry-After": "7"}, None):
        with pytest.raises(AnswerFailed) as caught:
            RecoveryCall.request(Client(Answer(status_code=429, headers=headers)), "GET", "/x").make()  # type: ignore[arg-type]  # as clients differ
        waits.append(caught.value.verdict.retry_after_s)

    assert [7.0, 7.0, None] == waits


def test_a_client_of_an_unknown_kind_is_refused() -> None:
    """An answer without a status says which clients can be used."""
    with pytest.raises(BadInput, match="httpx2, httpx or requests"):
        RecoveryCall.request(Client(object()), "GET", "/x").make()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, True, id="no body"),
        pytest.param({"content": b"x"}, True, id="bytes"),
        pytest.param({"json": {"a": [1, None, "x"]}}, True, id="JSON"),
        pytest.param({"data": {"a": ("b",)}}, True, id="a form"),
        pytest.param({"content": iter([b"x"])}, False, id="a generator"),
        pytest.param({"data": {"a": io.BytesIO()}}, False, id="a file in a form"),
        pytest.param({"files": [("a", io.BytesIO())]}, False, id="files"),
    ],
)
def test_a_body_that_is_read_once_is_sent_once(options: dict[str, object], *, expected: bool) -> None:
    """Only a body that stays the same can be sent again."""
    call = RecoveryCall.request(Client(), "PUT", "/x", options=options)

    assert expected == call.facts(ValueError(), attempt=1).replayable


@pytest.mark.parametrize(
    ("url", "address", "expected"),
    [
        pytest.param("https://a.example/v1/users?page=2", "https://b.example", "https://b.example/v1/users?page=2", id="host"),
        pytest.param("/users", "https://b.example/api/", "https://b.example/api/users", id="relative, below a path"),
        pytest.param("https://a.example", "https://b.example/api", "https://b.example/api", id="no path"),
    ],
)  # fmt: skip
def test_an_alternative_address_is_asked_for_the_same(url: str, address: str, expected: str) -> None:
    """The same path and query are asked for elsewhere, with the same options."""
    client = Client()
    call = RecoveryCall.request(client, "GET", url, options={"timeout": 3})

    assert call.elsewhere is not None
    call.elsewhere(address)

    assert [("GET", expected, {"timeout": 3})] == client.asked
