"""Exceptions made to break whoever looks at them: a verdict all the same, in bounded time and memory."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from holdfast.faults.capture import capture_exception
from holdfast.faults.classify import classify
from holdfast.faults.fault import Fault
from tests.faults.samples import NOON


def captured(exc: BaseException) -> Fault:
    """The exception, captured; and a verdict could be reached."""
    fault = capture_exception(exc, operation="f", observed_at=NOON)
    assert classify(fault).message
    return fault


class Unspeakable(Exception):
    """Raises whatever is asked of it."""

    status_code = property(lambda self: 1 // 0)
    response = property(lambda self: 1 // 0)
    errno = property(lambda self: 1 // 0)

    def __str__(self) -> str:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None  # type: ignore[assignment]  # not even that


def test_an_exception_that_cannot_be_turned_into_text() -> None:
    """It is known by its class."""
    fault = captured(Unspeakable())

    assert ("", True) == (fault.message, (fault.exception_type or "").endswith("Unspeakable"))


def test_an_unspeakable_cause_hides_nothing_behind_it() -> None:
    """What lies behind a cause that raises is still found."""
    top, middle = RuntimeError("x"), Unspeakable()
    top.__cause__, middle.__cause__ = middle, ConnectionRefusedError()

    assert classify(captured(top)).outcome == "not_executed"


def test_an_answer_whose_attributes_raise_is_no_answer() -> None:
    """A response object that breaks when it is read is left alone."""
    error = RuntimeError("x")
    error.response = Unspeakable()

    assert captured(error).status is None


def test_headers_that_break_while_they_are_read_are_kept_so_far() -> None:
    """What was read before the break counts."""

    class Headers:
        def items(self) -> object:
            yield "Retry-After", "7"
            raise RuntimeError("no")

    error = RuntimeError("x")
    error.response = type("R", (), {"status_code": 429, "headers": Headers()})()

    assert classify(captured(error)).retry_after_s == 7.0


def test_a_chain_of_a_hundred_thousand_causes() -> None:
    """Only the nearest causes are looked at."""
    top = error = RuntimeError("0")
    links = []
    for number in range(100_000):
        error.__cause__ = RuntimeError(str(number))
        links.append(error)
        error = error.__cause__

    assert len(captured(top).exception_chain) == 32

    for link in reversed(links):  # taken apart from its end: Python itself would do it by recursion
        link.__cause__ = None


def test_groups_within_groups_ten_thousand_deep() -> None:
    """The members nearest to the surface are looked at."""
    group: Exception = ValueError("deep")
    layers = []
    for _ in range(10_000):
        group = ExceptionGroup("g", [group])
        layers.append(group)

    assert len(captured(group).exception_chain) == 32

    group = ValueError("done")
    while layers:  # as above
        layers.pop()


def test_a_wide_group() -> None:
    """Of very many members, some are looked at."""
    assert len(captured(ExceptionGroup("g", [RuntimeError(str(n)) for n in range(50_000)])).exception_chain) <= 33


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("x" * 20_000_000, id="huge"),
        pytest.param("(" * 100_000, id="brackets"),
        pytest.param("Error code: 429 - " + "{'a':" * 1_500, id="deep-literal"),
        pytest.param("Error code: 429 - " + "[" * 90 + "]" * 90, id="nested-literal"),
        pytest.param("\ud800 lone", id="surrogate"),
        pytest.param("\x1b[2J\x00\x07 control", id="control"),
        pytest.param("a" * 50 + "=" * 8_000, id="equals"),
        pytest.param("token=" * 2_000, id="pairs"),
        pytest.param("(1" * 4_000, id="replies"),
        pytest.param("connection to server at " * 400, id="libpq"),
        pytest.param("An error occurred (" * 400, id="aws"),
        pytest.param('details = "' * 800 + "StatusCode.UNKNOWN", id="grpc"),
    ],
)
@pytest.mark.parametrize(
    "kind",
    [
        "Exception",
        "openai.APIError",
        "botocore.ClientError",
        "grpc.RpcError",
        "psycopg.OperationalError",
        "smtplib.SMTPException",
    ],
)
def test_texts_made_to_hurt(kind: str, message: str) -> None:
    """No text takes long to read, whichever reader it is given to, and what is kept of it can be written down."""
    module, _, name = kind.rpartition(".")
    error = type(name, (Exception,), {"__module__": module or "builtins"})(message)

    fault = captured(error)

    assert len(fault.message) <= 8_192
    assert classify(fault).message.encode()


def test_a_class_with_an_endless_name() -> None:
    """Names are cut."""
    fault = captured(type("N" * 100_000, (Exception,), {"__module__": "m" * 100_000})())

    assert max(map(len, fault.exception_lineage)) <= 401


def test_a_string_that_is_no_plain_string() -> None:
    """A text whose author redefined slicing is cut all the same."""

    class Sly(str):
        __slots__ = ()

        def __getitem__(self, _: object) -> str:
            raise RuntimeError("no")

    class Odd(Exception):
        def __str__(self) -> str:
            return Sly("Connection refused")

    assert classify(captured(Odd())).category == "network_connection_refused"


@given(
    st.recursive(
        st.builds(ValueError, st.text(max_size=20)),
        lambda inner: st.lists(inner, min_size=1, max_size=4).map(lambda found: ExceptionGroup("g", found)),
        max_leaves=20,
    )
)
def test_any_tree_of_exceptions_gets_a_verdict(exc: Exception) -> None:
    """Whatever hangs together how: bounded, and judged."""
    fault = captured(exc)

    assert len(fault.exception_chain) <= 32
    assert len(fault.exception_words) == len(fault.exception_chain)
