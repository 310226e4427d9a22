"""The fake world by itself: effects, keys, tokens, gates and fault scripts, under a clock that the test holds."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.testing.fault_api.ledger import Ledger, ViolationKind
from holdfast.testing.fault_api.scenario_file import parse_scenario
from holdfast.testing.fault_api.world import Reply, Request, World

START_AT = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
CHARGE = {
    "name": "charge",
    "method": "POST",
    "path": "/charges",
    "status": 201,
    "idempotency_header": "Idempotency-Key",
    "business_id": "{body.order}",
    "body": {"id": "ch_{id}", "amount": "{body.amount}", "note": "order {body.order}", "none": "{body.missing}"},
}


class Play:
    """A world and a clock that moves only when told."""

    def __init__(self, *routes: dict[str, object], requests_max: int = 100, **rest: object) -> None:
        self.world = World(parse_scenario({"routes": list(routes), **rest}), requests_max=requests_max)
        self.now_s = 1000.0
        self.world.reset(now_s=self.now_s)

    def call(self, method: str, path: str, *, body: object = None, **headers: str) -> Reply:
        """Make one request, now."""
        raw = b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(method=method, path=path, headers=named, body=raw)
        return self.world.answer(request, now_s=self.now_s, now_at=START_AT + timedelta(seconds=self.now_s - 1000))

    @property
    def ledger(self) -> Ledger:
        """What the world has seen."""
        return self.world.ledger()

    @property
    def violations(self) -> list[ViolationKind]:
        """What it has seen that should not be."""
        return [one.kind for one in self.ledger.violations]


def test_fills_templates_from_the_request_and_keeps_types() -> None:
    """An answer echoes what the request said, as numbers where they were numbers."""
    play = Play(CHARGE)

    answer = json.loads(play.call("POST", "/charges", body={"order": "o1", "amount": 4900}).body)

    assert {"amount": 4900, "note": "order o1", "none": None} == {
        name: answer[name] for name in ("amount", "note", "none")
    }


def test_gives_the_same_business_id_the_same_id() -> None:
    """A generated id is stable: two worlds give the same order the same charge id, and another order another one."""
    bodies = [{"order": "o1"}, {"order": "o1"}, {"order": "o2"}]

    first, again, other = [json.loads(Play(CHARGE).call("POST", "/charges", body=body).body)["id"] for body in bodies]

    assert first == again
    assert first != other


def test_replays_the_stored_answer_for_a_key() -> None:
    """The same request under the same key does the work once and gets the same answer, marked as a replay."""
    play = Play(CHARGE)

    first = play.call("POST", "/charges", body={"order": "o1"}, idempotency_key="k1")
    again = play.call("POST", "/charges", body={"order": "o1"}, idempotency_key="k1")

    assert (first.status, first.body) == (again.status, again.body)
    assert ("Idempotent-Replayed", "true") in again.headers
    assert (2, 1, 1) == (
        play.ledger.route("charge").calls,
        play.ledger.route("charge").effects,
        play.ledger.route("charge").replays,
    )
    assert {"k1": 1} == play.ledger.route("charge").effects_by_key
    assert [] == play.violations


def test_refuses_another_request_under_a_used_key() -> None:
    """A key that comes with another body is answered 422 and is a violation; nothing is done."""
    play = Play(CHARGE)
    play.call("POST", "/charges", body={"order": "o1"}, idempotency_key="k1")

    reply = play.call("POST", "/charges", body={"order": "o2"}, idempotency_key="k1")

    assert 422 == reply.status
    assert 1 == play.ledger.route("charge").effects
    assert [ViolationKind.KEY_REUSED] == play.violations


def test_reports_a_second_effect_for_one_business_id() -> None:
    """Creating the same thing twice, here under two keys, is counted and is a violation."""
    play = Play(CHARGE)

    for key in ("k1", "k2"):
        play.call("POST", "/charges", body={"order": "o1"}, idempotency_key=key)

    assert {"o1": 2} == play.ledger.route("charge").effects_by_business_id
    assert ("k1", "k2") == play.ledger.route("charge").keys
    assert [ViolationKind.SECOND_EFFECT] == play.violations


def test_does_the_work_once_for_many_threads() -> None:
    """Threads that come at once with the same keys make one effect each, and no call is lost."""
    play = Play(CHARGE)
    line = threading.Barrier(8)

    def call_often() -> None:
        line.wait(timeout=30)
        for number in range(50):
            play.call("POST", "/charges", body={"order": number}, idempotency_key=f"k{number}")

    slice_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(call_often) for _ in range(8)]:
                done.result()
    finally:
        sys.setswitchinterval(slice_s)

    assert (400, 50, 350) == (
        play.ledger.route("charge").calls,
        play.ledger.route("charge").effects,
        play.ledger.route("charge").replays,
    )
    assert [] == play.violations


def test_counts_an_upsert_of_the_same_thing_once() -> None:
    """A PUT that comes again is a repeat, not a second effect."""
    play = Play({"name": "put", "method": "PUT", "path": "/things/{thing}"})

    for thing in ("a", "a", "b"):
        play.call("PUT", f"/things/{thing}")

    assert (2, 1) == (play.ledger.route("put").effects, play.ledger.route("put").repeats)
    assert [] == play.violations


def test_finds_only_what_another_route_made() -> None:
    """A lookup answers 404 until the thing was created, then with the id it was given."""
    play = Play(
        CHARGE,
        {
            "name": "find",
            "path": "/charges/{order}",
            "business_id": "{path.order}",
            "found_by": "charge",
            "body": "ch_{id}",
        },
    )

    before = play.call("GET", "/charges/o1")
    made = json.loads(play.call("POST", "/charges", body={"order": "o1"}).body)
    after = play.call("GET", "/charges/o1")

    assert (404, 200) == (before.status, after.status)
    assert made["id"] == json.loads(after.body)


@pytest.mark.parametrize(
    ("back_after_s", "expected"),
    [(1.99, [ViolationKind.EARLY_RETRY]), (2.0, []), (1.9995, [])],
    ids=["early", "in time", "within the grain of wire timestamps"],
)
@pytest.mark.parametrize("retry_after", ["2", "{http_date_in.2}"], ids=["seconds", "date"])
def test_flags_a_call_before_the_time_it_was_told(
    retry_after: str, back_after_s: float, expected: list[ViolationKind]
) -> None:
    """Coming back before Retry-After is a violation; at the time or later is not."""
    fault = {"kind": "status", "calls": [1], "status": 429, "headers": {"Retry-After": retry_after}}
    play = Play({**CHARGE, "faults": [fault]})
    play.call("POST", "/charges", body={"order": "o1"}, idempotency_key="k1")
    play.now_s += back_after_s

    play.call("POST", "/charges", body={"order": "o1"}, idempotency_key="k1")

    assert expected == play.violations


@pytest.mark.parametrize(
    ("path", "expected"), [("/things/a", [ViolationKind.EARLY_RETRY]), ("/things/b", [])], ids=["same", "other"]
)
def test_binds_calls_without_a_name_by_their_path(path: str, expected: list[ViolationKind]) -> None:
    """Without key and credential, the time that was told binds the same path only."""
    fault = {"kind": "status", "calls": [1], "status": 429, "headers": {"Retry-After": "2"}}
    play = Play({"name": "get", "path": "/things/{thing}", "faults": [fault]})
    play.call("GET", "/things/a")

    play.call("GET", path)

    assert expected == play.violations


def test_lets_others_in_while_one_key_waits() -> None:
    """The time that one key was told does not bind another."""
    fault = {"kind": "status", "calls": [1], "status": 429, "headers": {"Retry-After": "2"}}
    play = Play({**CHARGE, "faults": [fault]})
    play.call("POST", "/charges", body={"order": "o1"}, idempotency_key="k1")

    play.call("POST", "/charges", body={"order": "o2"}, idempotency_key="k2")

    assert [] == play.violations


@pytest.mark.parametrize(
    ("fault", "statuses"),
    [
        ({"calls": [1, 3]}, [503, 200, 503, 200]),
        ({"from_s": 10, "until_s": 20}, [200, 503, 200, 200]),
        ({"from_s": 15}, [200, 200, 503, 503]),
        ({"from_s": 10, "until_s": 20, "since": "first_request"}, [200, 503, 200, 200]),
    ],
    ids=["by call", "by window", "without an end", "since the first request"],
)
def test_injects_faults_by_call_number_and_by_window(fault: dict[str, object], statuses: list[int]) -> None:
    """A fault hits the calls or the seconds it is scripted for, and no others."""
    play = Play({"name": "get", "path": "/", "faults": [{"kind": "status", "status": 503, **fault}]})
    if "since" in fault:
        play.now_s += 500

    answered = []
    for _ in range(4):
        answered.append(play.call("GET", "/").status)
        play.now_s += 10

    assert statuses == answered


@pytest.mark.parametrize(
    ("after_effect", "effects"), [(False, 0), (True, 1)], ids=["before the work", "after the work"]
)
def test_says_whether_the_work_was_done_before_an_error(after_effect: bool, effects: int) -> None:
    """A scripted error status comes before the work, unless it says that it comes after."""
    play = Play({**CHARGE, "faults": [{"kind": "status", "calls": [1], "status": 500, "after_effect": after_effect}]})

    play.call("POST", "/charges", body={"order": "o1"})

    assert effects == play.ledger.route("charge").effects
    assert [after_effect] == [one.effect for one in play.ledger.requests]


@pytest.mark.parametrize(
    ("replays", "second"), [(True, 500), (False, 201)], ids=["vendor stores errors", "vendor does not"]
)
def test_replays_errors_where_the_vendor_stores_them(replays: bool, second: int) -> None:
    """Some vendors store an error under its key: the same key then never succeeds."""
    play = Play({**CHARGE, "replays_errors": replays, "faults": [{"kind": "status", "calls": [1], "status": 500}]})

    statuses = [play.call("POST", "/charges", body={"order": "o1"}, idempotency_key="k1").status for _ in range(2)]

    assert [500, second] == statuses


def _guarded(**credential: object) -> Play:
    route: dict[str, object] = {"name": "get", "path": "/", "credential": "crm"}
    return Play(route, credentials={"crm": {"access_token": "first", "refresh_token": "renew", **credential}})


@pytest.mark.parametrize(
    ("credential", "statuses"),
    [
        ({}, [200, 200, 200]),
        ({"expired_at_start": True}, [401, 401, 401]),
        ({"expires_after_uses": 2}, [200, 200, 401]),
        ({"expires_after_s": 20}, [200, 200, 401]),
    ],
    ids=["valid", "expired at start", "used up", "too old"],
)
def test_expires_tokens(credential: dict[str, object], statuses: list[int]) -> None:
    """A token is refused once it was used, or has lived, as often and as long as the scenario allows."""
    play = _guarded(**credential)

    answered = []
    for _ in range(3):
        answered.append(play.call("GET", "/", authorization="Bearer first").status)
        play.now_s += 10

    assert statuses == answered


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, "Bearer"),
        (
            {"authorization": "Bearer wrong"},
            'Bearer error="invalid_token", error_description="The access token is not known"',
        ),
        (
            {"authorization": "Bearer first"},
            'Bearer error="invalid_token", error_description="The access token expired"',
        ),
    ],
    ids=["missing", "unknown", "expired"],
)
def test_says_why_a_token_is_refused(headers: dict[str, str], challenge: str) -> None:
    """A refusal is a 401 with the challenge of RFC 6750."""
    play = _guarded(expired_at_start=True)

    reply = play.call("GET", "/", **headers)

    assert (401, challenge) == (reply.status, dict(reply.headers)["WWW-Authenticate"])


def test_a_refresh_replaces_the_access_token() -> None:
    """After a refresh the new token is let in and the old one is not; the refresh is counted."""
    play = _guarded(rotates=False)

    token = json.loads(play.call("POST", "/oauth/token", x_refresh_token="renew").body)["access_token"]

    assert 200 == play.call("GET", "/", authorization=f"Bearer {token}").status
    denied = play.call("GET", "/", authorization="Bearer first")
    assert 401 == denied.status
    assert "The access token expired" in dict(denied.headers)["WWW-Authenticate"]
    assert 1 == play.ledger.route("oauth_token").effects


@pytest.mark.parametrize(
    ("rotates", "statuses", "violations"),
    [(True, [200, 400], [ViolationKind.REFRESH_TOKEN_REUSED]), (False, [200, 200], [])],
    ids=["rotating", "lasting"],
)
def test_notices_a_refresh_token_that_comes_twice(
    rotates: bool, statuses: list[int], violations: list[ViolationKind]
) -> None:
    """A rotated refresh token that comes again is refused and is a violation; one that lasts may come again."""
    play = _guarded(rotates=rotates)

    answered = [play.call("POST", "/oauth/token", body={"refresh_token": "renew"}).status for _ in range(2)]

    assert statuses == answered
    assert violations == play.violations


def test_a_rotated_refresh_token_goes_on() -> None:
    """The refresh token that a refresh gave is good for the next one."""
    play = _guarded()
    renewed = json.loads(play.call("POST", "/oauth/token", x_refresh_token="renew").body)["refresh_token"]

    reply = play.call("POST", "/oauth/token", x_refresh_token=renewed)

    assert 200 == reply.status
    assert [] == play.violations


def _renewals(play: Play, *tokens: str | None) -> list[int]:
    return [play.call("POST", "/oauth/token", x_refresh_token=token or "").status for token in tokens]


def test_a_person_who_logs_in_anew_mends_a_revoked_grant() -> None:
    """After a reuse has revoked everything, a token that a person was given works, once, and what it gives works too."""
    play = _guarded(revokes_on_reuse=True)
    newest = json.loads(play.call("POST", "/oauth/token", x_refresh_token="renew").body)["refresh_token"]
    token = play.world.authorise("crm")

    assert [400, 400, 200] == _renewals(play, "renew", newest, token)
    assert [400] == _renewals(play, token)
    assert [ViolationKind.REFRESH_TOKEN_REUSED] * 2 == play.violations


def test_tokens_of_an_older_grant_do_not_revoke_the_newer_one() -> None:
    """A replaced token from before a login is refused and noted, and the grant of that login goes on."""
    play = _guarded(revokes_on_reuse=True)
    _renewals(play, "renew")
    token = play.world.authorise("crm")
    renewed = json.loads(play.call("POST", "/oauth/token", x_refresh_token=token or "").body)["refresh_token"]

    assert [400, 200] == _renewals(play, "renew", renewed)


def test_each_login_gives_a_token_of_its_own() -> None:
    """Two people who log in hold two tokens, and the first that is used does not end the other."""
    play = _guarded()
    one, other = play.world.authorise("crm"), play.world.authorise("crm")

    assert one != other
    assert [200, 200] == _renewals(play, other, one)
    assert play.world.authorise("nobody") is None


def test_keeps_secrets_out_of_the_ledger() -> None:
    """The ledger names a credential by a digest and never holds a token, not even one it gave out."""
    play = _guarded()
    token = json.loads(play.call("POST", "/oauth/token", x_refresh_token="renew").body)["access_token"]

    play.call("GET", "/", authorization=f"Bearer {token}")

    text = json.dumps(play.ledger.to_json())
    assert [] == [secret for secret in (token, "renew", "first") if secret in text]
    assert 12 == len(play.ledger.requests[-1].auth or "")


def test_forgets_old_requests_but_no_sums() -> None:
    """Only the newest requests are listed; the sums stay exact."""
    play = Play({"name": "get", "path": "/"}, requests_max=2)

    for _ in range(5):
        play.call("GET", "/")

    assert (2, 3, 5) == (len(play.ledger.requests), play.ledger.requests_forgotten, play.ledger.route("get").calls)


def test_a_reset_forgets_everything() -> None:
    """After a reset the same key is new, and the sums begin at nothing."""
    play = Play(CHARGE)
    play.call("POST", "/charges", body={"order": "o1"}, idempotency_key="k1")

    play.world.reset(now_s=play.now_s)

    assert 0 == play.ledger.route("charge").calls
    assert not play.call("POST", "/charges", body={"order": "o2"}, idempotency_key="k1").replayed


def test_a_ledger_survives_json() -> None:
    """What is read from a ledger's JSON equals the ledger."""
    play = Play(CHARGE)
    for order in ("o1", "o2"):
        play.call("POST", "/charges", body={"order": order}, idempotency_key="k1")
    play.call("GET", "/nowhere")

    copy = Ledger.from_json(json.loads(json.dumps(play.ledger.to_json())))

    assert play.ledger == copy
    assert 1 == len(copy.violations)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/charges", 405), ("POST", "/charges/", 404)],
    ids=["unknown path", "other method", "slash too many"],
)
def test_records_requests_that_no_route_takes(method: str, path: str, status: int) -> None:
    """A request for something that is not there is answered so, and is in the ledger."""
    play = Play(CHARGE)

    reply = play.call(method, path)

    assert status == reply.status
    assert [(path, None, status)] == [(one.path, one.route, one.status) for one in play.ledger.requests]


@pytest.mark.parametrize(
    ("refused", "before_s", "after_s"),
    [
        ({"open_after_s": 3}, 1003.0, 1003.0),
        ({"open_after_s": 3, "since": "first_request"}, None, 1013.0),
        ({"open_after_s": None}, None, None),
    ],
    ids=["since start", "since first request", "by hand"],
)
def test_says_when_the_refused_port_opens(
    refused: dict[str, object], before_s: float | None, after_s: float | None
) -> None:
    """The refusing port opens so long after the start, or after the first request, or only by hand."""
    play = Play({"name": "get", "path": "/"}, refused=refused)

    before = play.world.opens_at_s()
    play.now_s += 10
    play.call("GET", "/")

    assert (before_s, after_s) == (before, play.world.opens_at_s())
