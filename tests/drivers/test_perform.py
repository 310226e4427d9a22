"""Making one attempt: over real sockets against an API that fails on purpose, and with Python functions."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from holdfast.adapters.files.outputs import FileOutputs
from holdfast.adapters.http.transport import Httpx2Transport
from holdfast.adapters.sealing.fernet import FernetSealer
from holdfast.contract import ActionDefinition
from holdfast.drivers.perform import Limits, Performer
from holdfast.errors import StoreFull
from holdfast.plans.frozen import FunctionRules, thaw
from holdfast.ports.rows import AttemptRow, Purpose
from holdfast.ports.steps import Step
from holdfast.recovery.assigning import Assignment
from holdfast.recovery.detail import verdict_json, verdict_of
from holdfast.recovery.turn import LOCATION
from holdfast.testing import FaultApi, VirtualClock
from tests.planted import ACCESS_TOKEN
from tests.recovery.bench import EXECUTION, action, definition, frozen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from holdfast.recovery.answer import Answer

pytestmark = pytest.mark.anyio
TOKEN = ACCESS_TOKEN
KEY = "k" * 16
OPENED: list[Httpx2Transport] = []


@pytest.fixture(autouse=True)
async def _close_connections() -> AsyncIterator[None]:
    """Give back what a test has opened."""
    yield
    while OPENED:
        await OPENED.pop().close()


def performer(
    directory: Path,
    *,
    functions: Mapping[str, Callable[..., object]] | None = None,
    limits: Limits | None = None,
    **changes: object,
) -> Performer:
    """A performer as wiring makes it, except for its clock."""
    transport = Httpx2Transport(connect_timeout_s=2.0, pool_connections_max=4, redirects_max=3)
    OPENED.append(transport)
    parts: dict[str, object] = {
        "transport": transport,
        "functions": functions or {},
        "environ": {"TOKEN": TOKEN},
        "outputs": FileOutputs(directory / "outputs"),
        "sealer": FernetSealer(key=KEY, key_file=None),
        "clock": VirtualClock(),
        "limits": limits or Limits(),
        **changes,
    }
    return Performer(**parts)  # type: ignore[arg-type]  # as above


def assignment(
    made: ActionDefinition | FunctionRules,
    *,
    inputs: dict[str, object] | None = None,
    parts: Mapping[str, Mapping[str, object]] | None = None,
    timeout_s: float = 5.0,
    sealed: bytes | None = None,
    purpose: Purpose = Purpose.PERFORM,
    catalog: dict[str, object] | None = None,
) -> Assignment:
    """One attempt at an action."""
    name = made.id if isinstance(made, ActionDefinition) else made.name
    planned = [action("pay", uses=name, inputs=inputs), action("big")]
    is_definition = isinstance(made, ActionDefinition)
    made_plan = frozen(planned, [made], catalog=catalog) if is_definition else frozen(planned, functions=[made])
    plan = thaw(made_plan.body)
    step = Step(key="s", purpose=purpose, execution=EXECUTION, action="pay", n=1)
    attempt = AttemptRow(
        execution=EXECUTION,
        action="pay",
        purpose=purpose,
        n=1,
        claims=1,
        key="the-key",
        started_at=VirtualClock().now(),
        worker="w",
    )
    return Assignment(
        step=step, attempt=attempt, action=plan.actions["pay"], timeout_s=timeout_s, parts=parts or {}, sealed=sealed
    )


def at(api: FaultApi, path: str = "/pay", method: str = "POST", **changes: object) -> ActionDefinition:
    """A definition that calls the fake API."""
    wire = definition("pay", method, **changes).to_wire()
    return ActionDefinition.from_wire({**wire, "endpoint": {**wire["endpoint"], "url": api.url + path}})


def scenario(body: object = None, *, method: str = "POST", **fault: object) -> dict[str, object]:
    """An API with one route that may fail once."""
    route = {"name": "pay", "method": method, "path": "/pay", "body": body or {"id": "p1"}}
    return {
        "routes": [
            {**route, "faults": [{"calls": [1], **fault}] if fault else []},
            {"name": "there", "method": method, "path": "/there", "body": {"id": "there"}},
        ]
    }


@pytest.mark.parametrize(
    ("fault", "category", "outcome"),
    [
        pytest.param({"kind": "hang_after_effect", "seconds": 3}, "network_timeout", "unknown", id="hang"),
        pytest.param({"kind": "slow_body", "seconds": 3}, "network_timeout", "unknown", id="slow body"),
        pytest.param({"kind": "reset_after_effect"}, "network_connection_refused", "unknown", id="reset"),
        pytest.param({"kind": "garbage"}, "api_response_malformed", "executed", id="garbage"),
        pytest.param({"kind": "huge_body", "size_bytes": 300_000}, "api_response_malformed", "unknown", id="too large"),
        pytest.param({"kind": "status", "status": 422}, "validation_failed", "not_executed", id="refused"),
        pytest.param(
            {"kind": "redirect", "location": "http://elsewhere.invalid/"}, "api_unexpected_status", None, id="elsewhere"
        ),
    ],
)
async def test_a_failing_exchange_is_judged_once(
    tmp_path: Path, fault: dict[str, object], category: str, outcome: str | None
) -> None:
    """Whatever goes wrong on the wire comes back as a verdict with its outcome, within the timeout and the size limit."""
    with FaultApi(scenario(**fault)) as api:
        answer = await performer(tmp_path, limits=Limits(response_size_max_bytes=100_000)).perform(
            assignment(at(api), timeout_s=1.2)
        )

    assert answer.verdict is not None
    assert category == answer.verdict.category
    assert outcome in {answer.verdict.outcome, None}


async def test_a_failed_attempt_leaves_a_trail(tmp_path: Path) -> None:
    """What was sent is kept as its digest, of an answer as well as of a lost connection."""
    trails: list[dict[str, str]] = []
    for fault in ({"kind": "status", "status": 422}, {"kind": "reset_after_effect"}):
        with FaultApi(scenario(**fault)) as api:
            answer = await performer(tmp_path).perform(assignment(at(api), inputs={"amount": 5}, timeout_s=2))
            assert answer.verdict is not None
            trails.append(dict(answer.verdict.trail))

    assert [64, 64] == [len(trail.get("payloadSha256", "")) for trail in trails]


async def test_the_answer_is_compared_with_the_catalog_while_it_is_at_hand(tmp_path: Path) -> None:
    """What a catalog entry wants to know of headers and body is kept with the verdict; the answer itself is not."""
    advice = [
        {"status": 409, "strategy": "give-up"},
        {"header": {"name": "X-Lock", "pattern": "held"}, "bodyPattern": "fault_409", "strategy": "wait-until"},
        {"bodyPattern": "something else", "strategy": "skip"},
    ]
    trouble = {"kind": "status", "status": 409, "headers": {"X-Lock": "held"}}
    with FaultApi(scenario(**trouble)) as api:
        answer = await performer(tmp_path).perform(assignment(at(api), catalog={"recoveryStrategies": advice}))

    assert answer.verdict is not None
    assert (1,) == answer.verdict.advice
    assert answer.verdict == verdict_of(verdict_json(answer.verdict))


async def test_an_announced_end_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A worker warns once of an API that goes away, and a hostile header writes no line of its own."""
    trouble = {
        "kind": "status",
        "status": 503,
        "headers": {"Sunset": "Wed, 01 Apr 2026 00:00:00 GMT", "Link": '<https://x.example/>; rel="sunset"'},
    }
    with FaultApi(scenario(**{**trouble, "calls": [1, 2]})) as api:
        one = performer(tmp_path)
        for _ in range(2):
            await one.perform(assignment(at(api)))

    lines = [record.getMessage() for record in caplog.records if record.name == "holdfast.drivers"]
    assert lines == [
        "api.deprecated api='pay' header='sunset' sunset_at='2026-04-01T00:00:00+00:00' link='https://x.example/'"
    ]


async def test_no_connection_within_the_timeout_is_not_unknown(tmp_path: Path) -> None:
    """When the time is over before a byte was sent, nothing happened: nobody has to be asked."""
    import socket

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = [socket.socket() for _ in range(4)]
        for other in others:  # fill the queue of connections, so that the next one is not answered
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        wire = definition("pay").to_wire()
        url = f"http://127.0.0.1:{full.getsockname()[1]}/pay"
        made = ActionDefinition.from_wire({**wire, "endpoint": {**wire["endpoint"], "url": url}})
        answer = await performer(tmp_path).perform(assignment(made, timeout_s=0.2))
        for other in others:
            other.close()

    assert answer.verdict is not None
    assert "not_executed" == answer.verdict.outcome


async def test_a_redirect_to_the_same_origin_is_followed(tmp_path: Path) -> None:
    """A read that moved within the same origin is found there."""
    with FaultApi(scenario(method="GET", kind="redirect", location="/there")) as api:
        answer = await performer(tmp_path).perform(assignment(at(api, method="GET")))

    assert '{"id":"there"}' == str(answer.output).replace(" ", "")


@pytest.mark.parametrize("place", ["http://127.0.0.1:{port}/there", "http://["], ids=["another origin", "nonsense"])
async def test_a_redirect_elsewhere_is_not_followed_and_carries_no_credential(tmp_path: Path, place: str) -> None:
    """The credential stays with the origin it was meant for; the redirect is a failure."""
    with FaultApi(scenario(method="GET")) as other:
        fault = {"kind": "redirect", "location": place.format(port=other.port)}
        with FaultApi(scenario(method="GET", **fault)) as api:
            answer = await performer(tmp_path).perform(assignment(at(api, method="GET", credential="TOKEN")))
        seen = other.ledger().requests

    assert answer.verdict is not None
    assert 0 == len(seen)


async def test_a_large_output_lies_in_a_file_and_references_read_it(tmp_path: Path) -> None:
    """An output above the limit is kept by its digest; a reference reads the typed value back from it."""
    one = performer(tmp_path, limits=Limits(inline_output_max_bytes=100))
    with FaultApi(scenario({"id": 7, "pad": "x" * 500})) as api:
        large = await one.perform(assignment(at(api)))
        parts = {"big": {LOCATION: json.loads(str(large.location)), "status": "completed"}}
        await one.perform(assignment(at(api), inputs={"id": "${big.output.id}"}, parts=parts))

    assert large.output is None
    assert json.loads(str(large.location))["size"] > 500


async def test_an_output_that_looks_like_a_place_is_an_output(tmp_path: Path) -> None:
    """What an API returns under `location` is data, and never a file of this machine."""
    got: list[object] = []
    parts = {"big": {"output": {"location": {"path": "/etc/hostname", "checksum": "0"}}}}

    answer = await performer(tmp_path, functions={"f": lambda place: got.extend([place])}).perform(
        assignment(FunctionRules(name="f"), inputs={"place": "${big.output.location.path}"}, parts=parts)
    )

    assert (["/etc/hostname"], None) == (got, answer.verdict)


async def test_a_lost_large_output_is_a_refusal_and_not_a_crash(tmp_path: Path) -> None:
    """When the kept file is gone, nothing is sent and the verdict says so."""
    parts = {"big": {LOCATION: {"path": str(tmp_path / "gone"), "checksum": "0"}}}

    answer = await performer(tmp_path).perform(
        assignment(definition("pay"), inputs={"id": "${big.output.id}"}, parts=parts)
    )

    assert ("not_executed", "output-lost") == (answer.verdict.outcome, answer.verdict.rule)


async def test_an_output_that_cannot_be_kept_leaves_the_outcome_open(tmp_path: Path) -> None:
    """A full disk after the call is no crash: what is safe is repeated, for the rest a person is asked."""

    class Full(FileOutputs):
        async def put(self, body: bytes, *, content_type: str) -> object:  # type: ignore[override]  # it only raises
            raise StoreFull("outputs", "no room")

    one = performer(tmp_path, limits=Limits(inline_output_max_bytes=1), outputs=Full(tmp_path))
    with FaultApi(scenario()) as api:
        answer = await one.perform(assignment(at(api)))

    assert ("unknown", "output-not-kept") == (answer.verdict.outcome, answer.verdict.rule)


@pytest.mark.parametrize(
    "sealed",
    [b"not sealed by us", FernetSealer(key="another key, as long", key_file=None).seal("t")],
    ids=["not ours", "another key"],
)
async def test_a_token_sealed_with_another_key_is_a_refusal(tmp_path: Path, sealed: bytes) -> None:
    """Nothing is sent when the credential cannot be opened, and nothing is in doubt."""
    answer = await performer(tmp_path).perform(assignment(definition("pay", credential="TOKEN"), sealed=sealed))

    assert ("not_executed", "auth_invalid") == (answer.verdict.outcome, answer.verdict.category)


async def test_secrets_are_in_no_part_of_an_answer(tmp_path: Path) -> None:
    """A server that answers with the request it got gives nothing away: not in the output, not in the trace."""
    with FaultApi(scenario({"echo": f"Bearer {TOKEN}", "id": 1})) as api:
        answer = await performer(tmp_path).perform(assignment(at(api, credential="TOKEN")))

    assert answer.verdict is None
    assert TOKEN not in f"{answer.output}{answer.trace}"


async def test_a_refresh_leaves_no_body_in_the_trace(tmp_path: Path) -> None:
    """A token request that fails on the way shows neither its body nor its answer."""
    with FaultApi(scenario(kind="reset_before_effect")) as api:
        made = at(api, refreshes="TOKEN")
        answer = await performer(tmp_path).perform(
            assignment(made, inputs={"assertion": "grant-me-please"}, purpose=Purpose.REFRESH)
        )

    assert answer.verdict is not None
    assert "grant-me-please" not in str(answer.trace)


async def test_the_trace_is_bounded(tmp_path: Path) -> None:
    """A body is kept up to its limit, and says that it was cut."""
    with FaultApi(scenario({"pad": "x" * 5_000})) as api:
        answer = await performer(tmp_path, limits=Limits(trace_body_max_bytes=100)).perform(assignment(at(api)))

    body = json.loads(str(answer.trace))[0]["response"]["body"]
    assert len(body) < 150


# --- Python functions ---


async def call(directory: Path, function: Callable[..., object], *, timeout_s: float = 5.0, **inputs: object) -> Answer:
    """Perform a function."""
    return await performer(directory, functions={"f": function}).perform(
        assignment(FunctionRules(name="f"), inputs=inputs, timeout_s=timeout_s)
    )


async def test_functions_may_be_plain_or_async(tmp_path: Path) -> None:
    """Both kinds return outputs; what is no object stands under `value`, nothing is an empty object."""

    async def double(n: int) -> dict[str, int]:
        return {"n": 2 * n}

    answers = [
        await call(tmp_path, double, n=2),
        await call(tmp_path, lambda n: n + 1, n=2),
        await call(tmp_path, lambda: None),
    ]

    assert [{"n": 4}, {"value": 3}, {}] == [json.loads(str(one.output)) for one in answers]


async def test_functions_get_their_key_when_they_ask_for_it(tmp_path: Path) -> None:
    """A parameter named `idempotency_key` receives the attempt's key."""
    answer = await call(tmp_path, lambda idempotency_key: idempotency_key)

    assert {"value": "the-key"} == json.loads(str(answer.output))


async def never(**_: object) -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


async def cancels_itself() -> None:
    """Raise what only a loop should raise."""
    raise asyncio.CancelledError


def raises() -> None:
    """Fail."""
    raise ConnectionResetError("by peer")


@pytest.mark.parametrize(
    "function", [never, cancels_itself, raises, lambda: {1, 2}], ids=["hangs", "cancels", "raises", "no JSON"]
)
async def test_a_function_that_fails_in_any_way_is_a_verdict_of_open_outcome(
    tmp_path: Path, function: Callable[..., object]
) -> None:
    """A function that began may have done its work, whatever it raised."""
    answer = await call(tmp_path, function, timeout_s=0.05)

    assert answer.verdict is not None
    assert "unknown" == answer.verdict.outcome


async def test_a_cancelled_worker_leaves_the_attempt_unsettled(tmp_path: Path) -> None:
    """Stopping a worker is not an answer."""
    work = asyncio.ensure_future(call(tmp_path, never))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    work.cancel()

    with pytest.raises(asyncio.CancelledError):
        await work


async def test_an_unregistered_function_is_refused(tmp_path: Path) -> None:
    """A worker that lacks the function says how to give it one."""
    answer = await performer(tmp_path).perform(assignment(FunctionRules(name="f")))

    assert ("not_executed", "action-not-registered") == (answer.verdict.outcome, answer.verdict.rule)


async def test_a_missing_reference_and_a_missing_variable_are_refused(tmp_path: Path) -> None:
    """What cannot be sent is not sent, and says what is missing."""
    one = performer(tmp_path, environ={})
    lost = await one.perform(
        assignment(definition("pay"), inputs={"id": "${big.output.id}"}, parts={"big": {"output": {}}})
    )
    bare = await one.perform(assignment(definition("pay", credential="TOKEN")))

    assert ["reference-missing", "secret-missing"] == [lost.verdict.rule, bare.verdict.rule]
    assert "TOKEN" in bare.verdict.message
