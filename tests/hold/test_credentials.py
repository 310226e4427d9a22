"""All ways of authentication through the Python door, over real sockets, against an API that rotates and revokes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

import holdfast
from holdfast.errors import BadInput, CredentialMoved, SecretKeyMissing
from holdfast.recovery import claim
from holdfast.testing import FaultApi
from tests.planted import ACCESS_TOKEN, MARK, REFRESH_TOKEN, planted

if TYPE_CHECKING:
    from pathlib import Path

    from holdfast import OutgoingRequest
    from holdfast.hold import Hold

SECRET, USER_KEY, BY_HAND, SIGNED = (planted(name) for name in ("client:secret", "user-key", "by-hand", "signed"))
CLIENT = {"client_id": "me & co", "client_secret": SECRET}


def scenario(header: str = "Authorization", prefix: str = "Bearer ", **credential: object) -> dict[str, object]:
    """An API with one route behind a credential."""
    own = {"access_token": ACCESS_TOKEN, "header": header, "prefix": prefix, **credential}
    route = {
        "name": "pay",
        "method": "POST",
        "path": "/pay",
        "credential": "c",
        "body": {"id": "p1", "echo": "{body.note}"},
    }
    return {"credentials": {"c": own}, "routes": [route]}


def definition(api: FaultApi, authentication: dict[str, object]) -> dict[str, Any]:
    """A definition of that route."""
    return {
        "id": "pay", "name": "pay", "description": "pays", "version": "1.0.0",
        "endpoint": {"url": f"{api.url}/pay", "method": "POST", "headers": {}, "timeout": 5000},
        "authentication": authentication, "inputSchema": {}, "outputSchema": {}, "knownErrors": [], "examples": [],
        "retryPolicy": {
            "maxAttempts": 1, "initialDelay": 0, "maxDelay": 0, "backoffMultiplier": 1, "retryableErrors": [], "jitter": False,
        },
    }  # fmt: skip


def oauth(api: FaultApi, **changes: object) -> dict[str, object]:
    """The authentication by the API's token endpoint."""
    return {
        "type": "oauth2",
        "clientId": "me & co",
        "clientSecret": "env:CLIENT_SECRET",
        "tokenUrl": f"{api.url}/oauth/token",
        "scope": ["read", "write"],
        "refreshToken": "env:REFRESH_TOKEN",
        "credential": "crm",
        **changes,
    }


KEY = {"type": "api_key", "header": "X-Key", "value": "KEY", "valueFrom": "user_input"}
FLOW = {"type": "bearer", "token": "crm", "tokenFrom": "oauth_flow"}
CUSTOM = {"type": "custom", "handler": "signed"}


def plan(actions: int = 1) -> dict[str, Any]:
    """A plan of so many payments."""
    one = {"actionDefinitionId": "pay", "inputs": {"note": "n"}, "dependencies": []}
    return {
        "id": str(uuid.uuid4()), "name": "one", "description": "one",
        "intent": {"original": "", "interpreted": "", "confidence": 1},
        "actions": [{"id": f"pay{n}", **one, "errorHandling": {"continueOnFailure": False}} for n in range(actions)],
        "expectedOutcome": {"description": "", "validations": []},
        "metadata": {"createdAt": "2026-01-01T00:00:00Z", "estimatedDuration": 0, "tags": []},
    }  # fmt: skip


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database, and the variables that definitions name."""
    monkeypatch.setenv("CLIENT_SECRET", SECRET)
    monkeypatch.setenv("REFRESH_TOKEN", REFRESH_TOKEN)
    return f"sqlite:///{tmp_path}/h.db"


def calls(api: FaultApi, path: str) -> list[int | None]:
    """The statuses that requests to a path got."""
    return [one.status for one in api.ledger().requests if one.path == path]


def why(hold: Hold, execution: str) -> str:
    """Everything that is told about an execution."""
    return "\n".join(hold.why(execution)) + hold.state(execution).to_json() + repr(hold.credentials())


def clean(tmp_path: Path, *texts: str) -> list[str]:
    """The files of the deployment and the texts in which a planted secret stands in clear."""
    kept = [one.read_bytes().decode("latin-1") for one in tmp_path.rglob("*") if one.is_file()]
    return [text for text in (*kept, *texts) if MARK in text]


@pytest.mark.parametrize(
    ("credential", "changes"),
    [
        pytest.param({"refresh_token": REFRESH_TOKEN}, {}, id="refresh token"),
        pytest.param({}, {"refreshToken": None}, id="client credentials"),
        pytest.param({"refresh_token": REFRESH_TOKEN, "takes_secret_in_body_only": True}, {}, id="secret in the body"),
        pytest.param(
            {"refresh_token": REFRESH_TOKEN},
            {"clientSecret": SECRET, "refreshToken": REFRESH_TOKEN},
            id="secrets written out",
        ),
    ],
)
def test_a_token_is_fetched_and_used_and_no_secret_stays_in_clear(
    url: str, tmp_path: Path, credential: dict[str, object], changes: dict[str, object]
) -> None:
    """Whatever the grant, one token is fetched for all actions, and neither database, files nor what is told hold a secret."""
    wanted = {name: value for name, value in changes.items() if value is not None}
    with FaultApi(scenario(**CLIENT, **credential)) as api, holdfast.open(url) as hold:
        authentication = oauth(api, **wanted)
        if "refreshToken" in changes and changes["refreshToken"] is None:
            del authentication["refreshToken"]
        execution = hold.start(plan(5), [definition(api, authentication)])
        state = execution.wait(timeout_s=20)
        told = why(hold, execution.id)
        violations = api.ledger().violations

    assert ("completed", ()) == (state.status, tuple(violations))
    assert [200] * 5 == calls(api, "/pay")
    assert 1 == calls(api, "/oauth/token").count(200)
    assert [] == clean(tmp_path, told)


def test_a_rotated_refresh_token_is_never_sent_again(url: str) -> None:
    """Through several expiries the newest refresh token is used each time, and the provider sees none twice."""
    rotating = scenario(refresh_token=REFRESH_TOKEN, expires_after_uses=2, revokes_on_reuse=True, **CLIENT)
    with FaultApi(rotating) as api, holdfast.open(url) as hold:
        ended = [hold.start(plan(), [definition(api, oauth(api))]).wait(timeout_s=20).status.value for _ in range(7)]
        violations = tuple(api.ledger().violations)

    assert ["completed"] * 7 == ended
    assert ((), 4) == (violations, len(calls(api, "/oauth/token")))


def test_a_token_is_renewed_before_it_ends(url: str) -> None:
    """A token that ends as the answer said is renewed before it is used, so that no call is refused."""
    with FaultApi(scenario(refresh_token=REFRESH_TOKEN, **CLIENT)) as api, holdfast.open(url) as hold:
        hold.set_credential("crm", access_token=ACCESS_TOKEN, refresh_token=REFRESH_TOKEN, expires_in_s=0.001)
        state = hold.start(plan(), [definition(api, oauth(api))]).wait(timeout_s=20)
        paid, asked = calls(api, "/pay"), calls(api, "/oauth/token")

    assert ("completed", [200], [200]) == (state.status, paid, asked)


def test_a_dead_refresh_token_is_a_question_with_the_command_that_answers_it(url: str) -> None:
    """The execution pauses, `why` names the command, and the token that a person sets lets it go on."""
    with FaultApi(scenario(**CLIENT)) as api, holdfast.open(url) as hold:
        execution = hold.start(plan(2), [definition(api, oauth(api))])
        paused = execution.wait(timeout_s=20)
        told = "\n".join(execution.why())
        listed = [(one.name, one.state, one.generation) for one in hold.credentials()]
        hold.set_credential("crm", access_token=ACCESS_TOKEN, generation=0)
        state = execution.wait(timeout_s=20)

    assert ("paused_for_confirmation", "completed") == (paused.status, state.status)
    assert "holdfast credentials set crm" in told
    assert [("crm", "asked", 0)] == listed
    assert [400] == calls(api, "/oauth/token")


def test_a_refused_client_fails_with_the_reason(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that the provider does not know is a definite failure, told in the provider's word."""
    monkeypatch.setenv("CLIENT_SECRET", "wrong")
    with FaultApi(scenario(refresh_token=REFRESH_TOKEN, **CLIENT)) as api, holdfast.open(url) as hold:
        execution = hold.start(plan(), [definition(api, oauth(api))])
        state = execution.wait(timeout_s=20)
        told = "\n".join(execution.why())

    assert "failed" == state.status
    assert "invalid_client" in told
    assert [401, 401] == calls(api, "/oauth/token")


def test_the_same_plan_with_a_secret_written_out_is_the_same_execution(url: str) -> None:
    """Sealing what was written out gives the same document each time; another secret is another plan."""
    with FaultApi(scenario(**CLIENT)) as api, holdfast.open(url, worker=False) as hold:
        one, name = plan(), str(uuid.uuid4())
        ids = [hold.start(one, [definition(api, oauth(api, clientSecret=SECRET))], id=name).id for _ in range(2)]
        with pytest.raises(holdfast.HoldfastError):
            hold.start(one, [definition(api, oauth(api, clientSecret="another"))], id=name)

    assert [name, name] == ids


def test_a_secret_given_at_the_start_is_used_and_forgotten(url: str, tmp_path: Path) -> None:
    """A user's own key serves that user's execution and is gone when it has ended."""
    api_of = scenario("X-Key", "", access_token=USER_KEY)
    with FaultApi(api_of) as api, holdfast.open(url) as hold:
        execution = hold.start(plan(), [definition(api, KEY)], secrets={"KEY": USER_KEY})
        state = execution.wait(timeout_s=20)
        kept, told = hold.credentials(), why(hold, execution.id)

    assert ("completed", []) == (state.status, kept)
    assert [] == clean(tmp_path, told)


def test_a_secret_that_is_missing_pauses_its_own_execution_only(url: str) -> None:
    """Without its user's key an execution waits; the key of one execution does not let another go on."""
    with FaultApi(scenario("X-Key", "", access_token=USER_KEY)) as api, holdfast.open(url) as hold:
        mine, other = (hold.start(plan(), [definition(api, KEY)]) for _ in range(2))
        paused = [one.wait(timeout_s=20).status.value for one in (mine, other)]
        told = "\n".join(mine.why())
        hold.set_credential("KEY", access_token=USER_KEY, execution_id=mine.id)
        after = [one.wait(timeout_s=20).status.value for one in (mine, other)]
        with pytest.raises(CredentialMoved):
            hold.set_credential("KEY", access_token=USER_KEY, execution_id=mine.id)

    assert ["paused_for_confirmation"] * 2 == paused
    assert ["completed", "paused_for_confirmation"] == after
    assert f"holdfast credentials set KEY --execution {mine.id}" in told


def test_a_secret_that_an_execution_does_not_ask_for_is_refused(url: str) -> None:
    """It is told what is asked for instead, and nothing is kept that nobody would forget."""
    with FaultApi(scenario()) as api, holdfast.open(url, worker=False) as hold:
        execution = hold.start(plan(), [definition(api, KEY)])
        with pytest.raises(BadInput, match="'KEY'") as refused:
            hold.set_credential("KAY", access_token="hf-user-key-0003", execution_id=execution.id)

        assert [] == hold.credentials()
    assert "hf-user-key-0003" not in str(refused.value)


def test_it_is_kept_who_set_a_credential_and_who_gave_it_up(url: str) -> None:
    """Whoever looks at the list sees who changed each credential last, and when; a name is one line."""
    with FaultApi(scenario()) as api, holdfast.open(url) as hold:
        hold.set_credential("other", access_token="hf-by-hand-0004", by="Ada\nLovelace\x00")
        hold.start(plan(), [definition(api, FLOW)]).wait(timeout_s=20)
        hold.give_up_credential("crm", by="grace")
        kept = {one.name: (one.changed_by, one.state, one.changed_at is not None) for one in hold.credentials()}

    assert {"other": ("Ada Lovelace�", "ready", True), "crm": ("grace", "failed", True)} == kept


@pytest.mark.parametrize(
    ("secrets", "words"),
    [
        pytest.param({"KAY": "x"}, "'KEY'", id="unknown name"),
        pytest.param({"KEY": ""}, "empty", id="empty"),
        pytest.param({"KEY": f"{USER_KEY}\n"}, "line break", id="line break"),
    ],
)
def test_secrets_that_cannot_be_used_are_refused_without_being_repeated(
    url: str, secrets: dict[str, str], words: str
) -> None:
    """A name that nothing asks for, and a value that no header can carry, are told at the start; the value is not."""
    with FaultApi(scenario()) as api, holdfast.open(url, worker=False) as hold, pytest.raises(BadInput) as refused:
        hold.start(plan(), [definition(api, KEY)], secrets=secrets)

    assert words in str(refused.value)
    assert USER_KEY not in str(refused.value)


def test_an_authorised_token_is_set_once_for_all(url: str, tmp_path: Path) -> None:
    """A token that only a person can authorise is asked for, set by hand, and used from then on."""
    with FaultApi(scenario(access_token=BY_HAND)) as api, holdfast.open(url) as hold:
        first = hold.start(plan(), [definition(api, FLOW)])
        paused = first.wait(timeout_s=20)
        hold.set_credential("crm", access_token=BY_HAND)
        states = [first.wait(timeout_s=20), hold.start(plan(), [definition(api, FLOW)]).wait(timeout_s=20)]
        told = why(hold, first.id)

    assert ["paused_for_confirmation", "completed", "completed"] == [one.status.value for one in (paused, *states)]
    assert [] == clean(tmp_path, told)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_function_authenticates_each_request(url: str, tmp_path: Path, *, is_async: bool) -> None:
    """A registered function sees the request as it is sent and adds its headers, which are told to nobody."""
    seen: list[OutgoingRequest] = []

    def sign(request: OutgoingRequest) -> dict[str, str]:
        """Sign the request."""
        seen.append(request)
        return {"X-Signature": SIGNED}

    async def sign_later(request: OutgoingRequest) -> dict[str, str]:
        """Sign the request."""
        return sign(request)

    with FaultApi(scenario("X-Signature", "", access_token=SIGNED)) as api, holdfast.open(url) as hold:
        hold.authenticator("signed")(sign_later if is_async else sign)
        execution = hold.start(plan(), [definition(api, CUSTOM)])
        state, told = execution.wait(timeout_s=20), why(hold, execution.id)

    assert "completed" == state.status
    assert ("POST", f"{api.url}/pay", b'{"note":"n"}') == (seen[0].method, seen[0].url, seen[0].body)
    assert [] == clean(tmp_path, told)
    with pytest.raises(TypeError):
        seen[0].headers["X-Other"] = "x"  # type: ignore[index]  # it cannot be changed


def raising(_: OutgoingRequest) -> dict[str, str]:
    """Fail with a secret in hand."""
    raise ValueError(SIGNED)


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(raising, id="raises"),
        pytest.param(lambda _: SIGNED, id="no mapping"),
        pytest.param(lambda _: {"X": "a\r\nEvil: b"}, id="two headers in one"),
        pytest.param(lambda _: {"Content-Length": "1"}, id="of the transport"),
    ],
)
def test_a_function_that_fails_sends_nothing(url: str, tmp_path: Path, function: Any) -> None:
    """Whatever goes wrong in a user's function, nothing is sent, and its words are not repeated: they may hold a secret."""
    with FaultApi(scenario()) as api, holdfast.open(url) as hold:
        hold.authenticator("signed")(function)
        execution = hold.start(plan(), [definition(api, CUSTOM)])
        state, told = execution.wait(timeout_s=20), why(hold, execution.id)

    error = state.action_states["pay0"].result.error  # type: ignore[union-attr]  # it failed
    assert ("failed", "auth_invalid", "not_executed") == (state.status, error.category, error.outcome)
    assert ([], []) == (calls(api, "/pay"), clean(tmp_path, told))


def test_a_worker_without_the_authenticator_leaves_the_step_to_one_that_has_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forgotten import of an authenticator costs a wait, never a plan."""
    monkeypatch.setattr(claim, "UNABLE_PAUSE_S", 0.05)
    with FaultApi(scenario(access_token=SIGNED)) as api:
        with holdfast.open(url) as without:
            execution = without.start(plan(), [definition(api, CUSTOM)])
            waiting = execution.wait(timeout_s=0.5)
        with holdfast.open(url) as having:
            having.authenticator("signed")(lambda _: {"Authorization": f"Bearer {SIGNED}"})
            done = having.execution(execution.id).wait(timeout_s=20)

    assert ("running", "completed") == (waiting.status, done.status)


def test_on_a_shared_database_secrets_need_a_key(fresh_postgres_url: str, tmp_path: Path) -> None:
    """On PostgreSQL a plan with secrets to keep does not start without a key, whatever way of authentication needs it."""
    with FaultApi(scenario()) as api, holdfast.open(fresh_postgres_url, worker=False) as hold:
        for authentication in (KEY, FLOW, oauth(api, clientSecret="x", refreshToken="y")):
            with pytest.raises(SecretKeyMissing):
                hold.start(plan(), [definition(api, authentication)])


@pytest.mark.parametrize(
    "function", [pytest.param(lambda: {"X": "y"}, id="no argument"), pytest.param(lambda a, b: {}, id="two arguments")]
)
def test_functions_that_cannot_authenticate_are_refused_at_registration(url: str, function: Any) -> None:
    """A function that could never be called is told where it is written."""
    with holdfast.open(url, worker=False) as hold, pytest.raises(BadInput):
        hold.authenticator("signed")(function)
