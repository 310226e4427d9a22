"""One request for tokens and what is made of its answer, without a socket."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote_plus

import pytest
from hypothesis import given, strategies as st

from holdfast.adapters.sealing.fernet import FernetSealer
from holdfast.drivers.granting import Granting, believable_s
from holdfast.faults.verdict import Outcome
from holdfast.plans.authentication import Grant
from holdfast.plans.tokens import Tokens, read_tokens, token_text
from holdfast.ports.http import HttpAnswer, HttpRequest
from holdfast.testing import VirtualClock
from tests.planted import ACCESS_TOKEN, REFRESH_TOKEN, planted

if TYPE_CHECKING:
    from holdfast.recovery.answer import Answer

pytestmark = pytest.mark.anyio
SECRET, ROTATED = planted("client:secret"), planted("rotated")
SEALER = FernetSealer(key="a key of some length", key_file=None)
GRANT = Grant(
    credential="crm", token_url="https://auth.example/token", client_id="me & co", client_secret="env:SECRET",
    refresh_token="env:REFRESH", scope=("read", "write"),
)  # fmt: skip
FINE = (200, {"access_token": ACCESS_TOKEN, "token_type": "bearer", "expires_in": 3600})


class Endpoint:
    """Answers by a script and keeps the requests."""

    def __init__(self, *answers: tuple[int, object] | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Give the next answer."""
        self.requests.append(request)
        given = self.answers.pop(0)
        if isinstance(given, Exception):
            raise given
        body = given[1] if isinstance(given[1], bytes) else json.dumps(given[1]).encode()
        return HttpAnswer(status=given[0], headers=(("Content-Type", "application/json"),), body=body, duration_s=0.1)

    async def close(self) -> None:
        """Nothing to give back."""

    def form(self, at: int = 0) -> dict[str, list[str]]:
        """The fields of a request."""
        return parse_qs((self.requests[at].body or b"").decode())


async def ask(endpoint: Endpoint, *, grant: Grant = GRANT, kept: Tokens | None = None) -> Answer:
    """Make one attempt."""
    granting = Granting(
        transport=endpoint,
        environ={"SECRET": SECRET, "REFRESH": REFRESH_TOKEN},
        sealer=SEALER,
        clock=VirtualClock(datetime(2026, 1, 1, tzinfo=UTC)),
        trace_body_max_bytes=4096,
    )
    sealed = None if kept is None else SEALER.seal(token_text(kept))
    assignment = SimpleNamespace(action=SimpleNamespace(grant=grant), sealed=sealed, literals={})
    return await granting.fetch(assignment, timeout_s=5.0)  # type: ignore[arg-type]  # what it reads of an assignment


def tokens(answer: Answer) -> Tokens:
    """What was sealed."""
    assert answer.sealed_token is not None
    return read_tokens(SEALER.open(answer.sealed_token))


async def test_the_request_is_as_the_rfc_has_it() -> None:
    """A form with grant, refresh token and scopes, and the client by HTTP Basic, each half encoded by itself."""
    endpoint = Endpoint(FINE)

    await ask(endpoint)

    headers = dict(endpoint.requests[0].headers)
    assert {
        "grant_type": ["refresh_token"],
        "refresh_token": [REFRESH_TOKEN],
        "scope": ["read write"],
    } == endpoint.form()
    assert "application/x-www-form-urlencoded" == headers["Content-Type"]
    assert f"me+%26+co:{quote_plus(SECRET)}".encode() == base64.b64decode(
        headers["Authorization"].removeprefix("Basic ")
    )


async def test_without_a_refresh_token_the_client_is_its_own_grant() -> None:
    """No refresh token anywhere: the client's credentials are traded for a token."""
    endpoint = Endpoint(FINE)
    grant = Grant(
        credential="c", token_url=GRANT.token_url, client_id="me", client_secret="", refresh_token=None, scope=()
    )

    await ask(endpoint, grant=grant)

    assert {"grant_type": ["client_credentials"], "client_id": ["me"]} == endpoint.form()
    assert "Authorization" not in dict(endpoint.requests[0].headers)


@pytest.mark.parametrize(
    ("told", "kept"),
    [pytest.param(ROTATED, ROTATED, id="rotated"), pytest.param(None, REFRESH_TOKEN, id="kept")],
)
async def test_a_rotated_refresh_token_replaces_the_old_one(told: str | None, kept: str) -> None:
    """The newest refresh token is kept; where the answer has none, the old one goes on being good."""
    answer = await ask(Endpoint((200, {**FINE[1], **({"refresh_token": told} if told else {})})))

    assert (ACCESS_TOKEN, kept) == (tokens(answer).access, tokens(answer).refresh)
    assert 3600.0 == answer.token_expires_s


async def test_the_sealed_refresh_token_beats_the_variable() -> None:
    """Once a token was rotated, the one in the variable is dead and never sent."""
    endpoint = Endpoint(FINE)

    await ask(endpoint, kept=Tokens(access="a", refresh=ROTATED))

    assert [ROTATED] == endpoint.form()["refresh_token"]


async def test_a_token_that_was_set_without_a_refresh_token_is_not_renewed_with_a_dead_one() -> None:
    """Somebody set an access token alone: the old refresh token stays unsent, and a person is asked again."""
    endpoint = Endpoint()

    answer = await ask(endpoint, kept=Tokens(access="a"))

    assert [] == endpoint.requests
    assert answer.verdict is not None
    assert ("invalid_grant", Outcome.NOT_EXECUTED) == (answer.verdict.code, answer.verdict.outcome)


async def test_a_server_that_wants_the_secret_in_the_body_gets_it_there() -> None:
    """After `invalid_client` the secret is sent in the body, once, in the same attempt."""
    endpoint = Endpoint((401, {"error": "invalid_client"}), FINE)

    answer = await ask(endpoint)

    assert answer.verdict is None
    assert (["me & co"], [SECRET]) == (endpoint.form(1)["client_id"], endpoint.form(1)["client_secret"])


@pytest.mark.parametrize(
    "code", ["invalid_grant", "invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_scope"]
)
async def test_what_the_endpoint_refuses_is_definite(code: str) -> None:
    """A refusal in the words of the RFC did nothing, is not repeated, and keeps its word."""
    answer = await ask(Endpoint((400, {"error": code, "error_description": f"{REFRESH_TOKEN} is bad"})))

    verdict = answer.verdict
    assert verdict is not None
    assert (code, Outcome.NOT_EXECUTED, False) == (verdict.code, verdict.outcome, verdict.retryable)
    assert REFRESH_TOKEN not in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param((200, b"<html>"), id="html"),
        pytest.param((200, {"token": "x"}), id="another name"),
        pytest.param((200, {"access_token": ""}), id="empty"),
        pytest.param((200, {"access_token": 7}), id="a number"),
        pytest.param((200, [1]), id="a list"),
        pytest.param((503, {}), id="503"),
        pytest.param(ConnectionResetError(), id="reset"),
    ],
)
async def test_an_answer_without_a_token_is_a_fault(answer: tuple[int, object] | Exception) -> None:
    """Nothing is sealed unless there is a token."""
    got = await ask(Endpoint(answer))

    assert got.verdict is not None
    assert got.sealed_token is None


async def test_another_type_of_token_is_refused() -> None:
    """A token that is bound to a key (DPoP, MAC) would not work as a bearer token, and is not taken for one."""
    answer = await ask(Endpoint((200, {**FINE[1], "token_type": "DPoP"})))

    assert answer.verdict is not None


@pytest.mark.parametrize(
    "answer", [FINE, (400, {"error": "invalid_grant"}), (503, {"x": REFRESH_TOKEN}), OSError(SECRET)]
)
async def test_no_trace_and_no_verdict_holds_a_secret(answer: tuple[int, object] | Exception) -> None:
    """Whatever the endpoint answers, what is reported about it is free of secrets."""
    got = await ask(Endpoint(answer))

    told = f"{got.trace} {got.output} {got.verdict}"
    basic = base64.b64encode(b"me+%26+co:s%3Aecret%2F1").decode()
    assert [] == [one for one in (SECRET, quote_plus(SECRET), basic, REFRESH_TOKEN, ACCESS_TOKEN) if one in told]


async def test_a_variable_that_is_missing_sends_nothing() -> None:
    """A worker without the secret says which variable it lacks."""
    endpoint = Endpoint()
    grant = Grant(
        credential="c",
        token_url=GRANT.token_url,
        client_id="me",
        client_secret="env:ELSEWHERE",
        refresh_token=None,
        scope=(),
    )

    answer = await ask(endpoint, grant=grant)

    assert [] == endpoint.requests
    assert answer.verdict is not None
    assert "ELSEWHERE" in answer.verdict.message


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())))
def test_a_lifetime_is_a_believable_number_or_none(told: object) -> None:
    """Whatever stands in `expires_in`, it becomes a positive number of seconds, at most ten years, or nothing."""
    seconds = believable_s(told)

    assert seconds is None or 0 < seconds <= 315_360_000


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(3600, 3600.0), ("3600", 3600.0), (True, None), (0, None), (-1, None), ("soon", None), (10**12, None)],
)
def test_lifetimes_as_servers_write_them(told: object, seconds: float | None) -> None:
    """Numbers count, digits in quotes too; nonsense does not."""
    assert seconds == believable_s(told)


@given(st.text(min_size=1), st.one_of(st.none(), st.text(min_size=1)))
def test_tokens_survive_being_written(access: str, refresh: str | None) -> None:
    """What is sealed is what is read, also for a bare secret."""
    found = read_tokens(token_text(Tokens(access=access, refresh=refresh)))

    assert (access, refresh) == (found.access, found.refresh)
