"""Decisions over every combination of facts: what may never be decided, and what always is."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from holdfast.decisions.decide import decide
from holdfast.decisions.decision import Decision, Move
from holdfast.decisions.facts import ActionRules, Bounds, Case, Ledger, Override, Safety
from holdfast.decisions.routes import ROUTES
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.faults.verdict import Backoff, BackoffKind, Outcome, Verdict
from holdfast.policies.retry import Retry
from tests.recovery.bench import fault

NO_RETRY = Retry(attempts_max=1)
REPEATS = (Move.RETRY, Move.REFRESH)


def case(
    category: str = "api_unexpected_status",
    outcome: str = "not_executed",
    *,
    safety: Safety = Safety.UNSAFE,
    ledger: Ledger | None = None,
    bounds: Bounds | None = None,
    override: Override | None = None,
    draw: float = 0.5,
    verdict: dict[str, object] | None = None,
    **rules: object,
) -> Case:
    """A failed attempt."""
    settings = {"retry": NO_RETRY, "timeout_s": 10.0, **rules}
    made = ActionRules(safety=safety, **settings)  # type: ignore[arg-type]  # the rules' own fields
    failure = fault(category, outcome, **(verdict or {}))  # type: ignore[arg-type]  # the verdict's own fields
    return Case(
        verdict=failure,
        rules=made,
        ledger=ledger or Ledger(attempts=1),
        bounds=bounds or Bounds(),
        draw=draw,
        override=override,
    )


ratios = st.floats(0, 1, exclude_max=True)
delays = st.none() | st.floats(0, 1e7)
verdicts = st.builds(
    lambda category, outcome, retryable, told, status, backoff: Verdict(
        **{
            **{
                name: getattr(fault(category), name)
                for name in ("family", "labels", "health", "message", "fingerprint", "rule")
            },
            "category": ErrorCategory(category),
            "outcome": outcome,
            "retryable": retryable,
            "retry_after_s": told,
            "status": status,
            "backoff": backoff,
        }
    ),
    st.sampled_from([str(one) for one in ErrorCategory]),
    st.sampled_from(Outcome),
    st.booleans(),
    delays,
    st.none() | st.just(503),
    st.none() | st.builds(Backoff, kind=st.sampled_from(BackoffKind), initial_delay_s=delays),
)
rule_sets = st.builds(
    ActionRules,
    safety=st.sampled_from(Safety),
    retry=st.builds(Retry, attempts_max=st.integers(1, 5), categories=st.frozensets(st.sampled_from(ErrorCategory))),
    timeout_s=st.floats(0.1, 1000),
    alternative=st.none() | st.just("other"),
    is_critical=st.booleans(),
    has_fallback=st.booleans(),
    continue_on_failure=st.booleans(),
    credential=st.none() | st.just("c"),
    can_refresh=st.booleans(),
    has_probe=st.booleans(),
    overrides=st.dictionaries(st.sampled_from(ErrorCategory), st.sampled_from(RecoveryStrategy), max_size=3),
    key_lifetime_s=st.none() | st.floats(0, 1e5),
    replays_errors=st.booleans(),
)
ledgers = st.builds(
    Ledger,
    attempts=st.integers(1, 20),
    attempts_by_recovery=st.integers(0, 20),
    recoveries=st.integers(0, 20),
    recoveries_in_execution=st.integers(0, 120),
    recoveries_in_category=st.integers(0, 8),
    refreshes=st.integers(0, 3),
    probes=st.integers(0, 7),
    questions=st.integers(0, 7),
    elapsed_s=st.floats(0, 1e6),
    key_age_s=st.floats(0, 1e6),
    is_in_doubt=st.booleans(),
    timeout_s=st.none() | st.floats(0.1, 1000),
)
overrides = st.none() | st.builds(
    Override, strategy=st.sampled_from(RecoveryStrategy), source=st.just("catalog:x"), delay_s=delays
)
cases = st.builds(
    Case,
    verdict=verdicts,
    rules=rule_sets,
    ledger=ledgers,
    bounds=st.just(Bounds()),
    draw=ratios,
    override=overrides,
    routes=st.dictionaries(st.sampled_from(ErrorCategory), st.sampled_from(RecoveryStrategy), max_size=3),
    can_roll_back=st.none() | st.booleans(),
    quota_reset_s=st.floats(0, 86_400, exclude_min=True),
)


@given(cases)
def test_always_decides_and_always_the_same(one: Case) -> None:
    """Every failed attempt gets a decision with a reason, and the same facts get the same one."""
    decision = decide(one)

    assert isinstance(decision, Decision)
    assert decision.reason
    assert decision == decide(one)


@given(cases)
def test_never_repeats_what_may_have_happened(one: Case) -> None:
    """Nothing is repeated or replaced blindly, whatever the category, the overrides and the policies say."""
    decision = decide(one)

    if decision.move in REPEATS:
        assert one.may_repeat
        assert one.outcome is Outcome.NOT_EXECUTED or one.is_key_fresh_after(decision.wait_s)
    if decision.move is Move.ALTERNATIVE:
        assert one.rules.safety is Safety.READ_ONLY or (
            one.verdict.outcome is Outcome.NOT_EXECUTED and not one.ledger.is_in_doubt
        )
    if decision.is_new_epoch:
        assert (Outcome.NOT_EXECUTED, False) == (one.verdict.outcome, one.ledger.is_in_doubt)


@given(cases)
def test_absorbs_nothing_that_only_a_person_can_know(one: Case) -> None:
    """While the outcome is open and no repeat is safe, the ways are a probe and a person; once both were asked often enough, it fails."""
    if one.outcome is not Outcome.NOT_EXECUTED and not one.may_repeat:
        move = decide(one).move
        assert move in (Move.PROBE, Move.ASK, Move.GIVE_UP)
        assert move is not Move.GIVE_UP or one.ledger.questions >= one.bounds.questions_max


@given(cases)
def test_skips_and_rolls_back_only_what_is_known(one: Case) -> None:
    """A skip, a rollback and an alternative rest on the knowledge that nothing happened; what is critical is never skipped."""
    decision = decide(one)

    if decision.strategy in (RecoveryStrategy.SKIP, RecoveryStrategy.ROLL_BACK, RecoveryStrategy.ALTERNATIVE):
        assert Outcome.NOT_EXECUTED is one.outcome
    if decision.strategy is RecoveryStrategy.SKIP:
        assert not one.rules.is_critical
    if decision.move is Move.ROLL_BACK:
        assert one.can_roll_back


@given(cases)
def test_asks_machines_and_people_within_bounds(one: Case) -> None:
    """Probes, questions and refreshes end as repeats do."""
    decision, ledger, bounds = decide(one), one.ledger, one.bounds

    if decision.move is Move.ASK:
        assert ledger.questions < bounds.questions_max
    if decision.move is Move.PROBE:
        assert ledger.probes < bounds.probes_max
    if decision.move is Move.REFRESH:
        assert ledger.refreshes < bounds.refreshes_per_action_max
    if decision.move in (Move.PROBE, Move.REFRESH):
        assert ledger.recoveries < bounds.attempts_per_action_max
        assert ledger.elapsed_s <= bounds.elapsed_max_s


@given(cases)
def test_never_undercuts_the_server_and_never_passes_the_bounds(one: Case) -> None:
    """A repeat waits at least as long as the server said, and starts within the bounds."""
    decision = decide(one)

    if decision.move is not Move.RETRY:
        return
    assert decision.wait_s >= (one.verdict.retry_after_s or 0.0)
    assert (one.verdict.retry_after_s or 0.0) <= one.bounds.retry_after_max_s
    assert one.ledger.elapsed_s + decision.wait_s <= one.bounds.elapsed_max_s
    if decision.is_recovery:
        assert one.ledger.recoveries < one.bounds.attempts_per_action_max
        assert one.ledger.recoveries_in_category < one.bounds.attempts_per_category_max
        assert one.ledger.recoveries_in_execution < one.bounds.attempts_per_execution_max
    if decision.timeout_s is not None:
        assert decision.timeout_s <= max(one.bounds.timeout_max_s, one.ledger.timeout_s or one.rules.timeout_s)


@pytest.mark.parametrize(
    ("safety", "outcome", "repeats"),
    [
        pytest.param(
            safety,
            outcome,
            outcome is Outcome.NOT_EXECUTED
            or safety is Safety.READ_ONLY
            or (outcome is Outcome.UNKNOWN and safety in (Safety.IDEMPOTENT, Safety.KEYED)),
            id=f"{safety}-{outcome}",
        )
        for safety, outcome in itertools.product(Safety, Outcome)
    ],
)
@pytest.mark.parametrize(
    "category", ["network_timeout", "network_connection_refused", "api_unexpected_status", "rate_limit_burst"]
)
def test_safety_and_outcome_decide_about_repeats(
    category: str, safety: Safety, outcome: Outcome, repeats: bool
) -> None:
    """The outcome and what makes repeats safe decide; the category only chooses the way."""
    decision = decide(case(category, str(outcome), safety=safety))

    assert repeats is (decision.move is Move.RETRY)
    if not repeats:
        assert Move.ASK is decision.move


@pytest.mark.parametrize("category", [str(one) for one in ErrorCategory])
def test_the_table_has_a_route_for_every_category(category: str) -> None:
    """Every category leads somewhere, and with nothing to go on it ends."""
    everything = case(category, credential="c", can_refresh=True, alternative="other")
    nothing = case(category, ledger=Ledger(attempts=9, recoveries=8, attempts_by_recovery=8, refreshes=2))

    assert decide(everything).move in {Move.RETRY, Move.REFRESH, Move.ALTERNATIVE}
    assert Move.GIVE_UP is decide(nothing).move
    assert ROUTES[ErrorCategory(category)].ends


@pytest.mark.parametrize(
    ("changes", "move"),
    [
        pytest.param(
            {"has_fallback": True, "continue_on_failure": True, "alternative": "b"}, Move.ALTERNATIVE, id="alternative"
        ),
        pytest.param({"has_fallback": True, "continue_on_failure": True}, Move.FALLBACK, id="fallback"),
        pytest.param({"continue_on_failure": True}, Move.CONTINUE, id="continue"),
        pytest.param({}, Move.GIVE_UP, id="give-up"),
    ],
)
def test_what_the_plan_provides_comes_in_its_order(changes: dict[str, object], move: Move) -> None:
    """After recovery: the alternative, the fallback value, going on, giving up; and what was turned down is said."""
    decision = decide(case("validation_failed", **changes))

    assert move is decision.move
    assert decision.rejected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"verdict": {"retry_after_s": 7e5}}, "are believed", id="absurd"),
        pytest.param({"ledger": Ledger(attempts=1, elapsed_s=604_799.9)}, "elapsed", id="elapsed"),
        pytest.param({"verdict": {"retryable": False}}, "not retryable", id="not retryable"),
    ],
)
@pytest.mark.parametrize("category", ["network_timeout", "api_unexpected_status", "rate_limit_burst"])
def test_says_why_it_does_not_repeat(category: str, changes: dict[str, object], words: str) -> None:
    """Every way that was turned down says which rule or bound was in the way."""
    policy = Retry(attempts_max=5)

    decision = decide(case(category, retry=policy, safety=Safety.IDEMPOTENT, **changes))

    assert Move.GIVE_UP is decision.move
    assert words in str(decision.rejected) or "since the first attempt" in str(decision.rejected)


def test_a_prescribed_backoff_is_a_floor_of_recovery() -> None:
    """An API that asks for two minutes between attempts gets them from recovery as well."""
    one = case("rate_limit_burst")
    slow = Verdict(
        **{
            **{name: getattr(one.verdict, name) for name in Verdict.__slots__},
            "backoff": Backoff(kind=BackoffKind.LINEAR, initial_delay_s=120.0),
        }
    )

    decision = decide(Case(verdict=slow, rules=one.rules, ledger=one.ledger, bounds=one.bounds, draw=0.0))

    assert 120.0 == decision.wait_s


def test_a_key_that_dies_during_the_wait_is_cleared_up_first() -> None:
    """Instead of a repeat beyond the key's lifetime, the API is asked, else a person."""
    old = Ledger(attempts=1, key_age_s=50.0)
    told = {"retry_after_s": 20.0}

    probed = decide(
        case(
            "network_timeout",
            "unknown",
            safety=Safety.KEYED,
            key_lifetime_s=60.0,
            ledger=old,
            verdict=told,
            has_probe=True,
        )
    )
    asked = decide(
        case("network_timeout", "unknown", safety=Safety.KEYED, key_lifetime_s=60.0, ledger=old, verdict=told)
    )

    assert (Move.PROBE, Move.ASK) == (probed.move, asked.move)
    assert "no longer recognises the key" in str(asked.rejected)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({}, "no credential", id="none"),
        pytest.param({"credential": "c"}, "no action refreshes", id="no refresh action"),
        pytest.param(
            {"credential": "c", "can_refresh": True, "ledger": Ledger(attempts=3, refreshes=2)},
            "refused each time",
            id="too often",
        ),
        pytest.param(
            {
                "credential": "c",
                "can_refresh": True,
                "ledger": Ledger(attempts=9, recoveries=8, attempts_by_recovery=8),
            },
            "the bound is 8",
            id="no room",
        ),
    ],
)
def test_says_why_it_does_not_refresh(changes: dict[str, object], words: str) -> None:
    """An expired credential that is not renewed says what is missing."""
    assert words in str(decide(case("auth_expired", **changes)).rejected)


@pytest.mark.parametrize(
    ("outcome", "words"), [("not_executed", "how to go on"), ("executed", "whether it happened")], ids=["no", "yes"]
)
def test_a_person_is_asked_the_right_question(outcome: str, words: str) -> None:
    """A person who is asked although nothing happened is not asked whether it happened."""
    override = Override(strategy=RecoveryStrategy.ASK_PERSON, source="catalog:x")

    assert words in decide(case(outcome=outcome, override=override)).reason


def test_a_basic_retry_keeps_within_the_elapsed_bound() -> None:
    """The action's own policy ends where the bound on elapsed time ends."""
    one = case(retry=Retry(attempts_max=5), ledger=Ledger(attempts=1, elapsed_s=604_799.9))

    assert "pass the bound on elapsed time" in str(decide(one).rejected)


@pytest.mark.parametrize(("outcome", "words"), [("executed", "never repeated"), ("unknown", "could do it twice")])
def test_an_override_does_not_lift_the_outcome_rule(outcome: str, words: str) -> None:
    """A catalog that advises to back off cannot make an unsafe repeat safe, nor can the wait pass an expired key."""
    from holdfast.decisions.strategies import back_off

    declined = back_off.consider(case(outcome=outcome, safety=Safety.UNSAFE))
    forgotten = back_off.consider(
        case(outcome="unknown", safety=Safety.KEYED, key_lifetime_s=1.0, ledger=Ledger(attempts=1, key_age_s=2.0))
    )

    assert words in declined.reason
    assert "outlived its lifetime" in forgotten.reason


def test_recoveries_do_not_use_up_the_basic_policy() -> None:
    """Attempts that recovery asked for are not counted as attempts of the action's own policy."""
    policy = Retry(attempts_max=3)

    moves = [decide(case(retry=policy, ledger=Ledger(attempts=3, attempts_by_recovery=done))).rule for done in (0, 1)]

    assert ["back-off", "retry-policy.retry"] == moves


def test_bounds_hold_to_the_second() -> None:
    """A key is dead at its lifetime; a wait that ends on the bound is still within it."""
    told = {"retry_after_s": 100.0}
    dead = case(
        "network_timeout",
        "unknown",
        safety=Safety.KEYED,
        key_lifetime_s=10.0,
        ledger=Ledger(attempts=1, key_age_s=10.0),
    )
    on_the_bound = case(verdict=told, bounds=Bounds(elapsed_max_s=100.0))
    beyond = case(verdict=told, bounds=Bounds(elapsed_max_s=99.9))

    assert [Move.ASK, Move.RETRY, Move.GIVE_UP] == [decide(one).move for one in (dead, on_the_bound, beyond)]


@pytest.mark.parametrize(("probes", "move"), [(4, Move.PROBE), (5, Move.ASK)])
def test_probes_are_bounded(probes: int, move: Move) -> None:
    """After so many probes a person is asked."""
    one = case(
        "network_timeout", "unknown", safety=Safety.PROBED, has_probe=True, ledger=Ledger(attempts=1, probes=probes)
    )

    assert move is decide(one).move


@pytest.mark.parametrize("category", ["network_timeout", "api_unexpected_status", "rate_limit_burst"])
def test_an_absurd_wait_is_not_believed_however_long_recovery_may_last(category: str) -> None:
    """What servers are believed and how long recovery may last are bounds of their own."""
    patient = Bounds(elapsed_max_s=1e9, retry_after_max_s=60.0)

    decision = decide(case(category, safety=Safety.IDEMPOTENT, bounds=patient, verdict={"retry_after_s": 61.0}))

    assert Move.GIVE_UP is decision.move


@pytest.mark.parametrize(
    ("verdict", "override", "between", "words"),
    [
        pytest.param(
            {"retry_after_s": 7200.0}, None, (7200.0, 7201.0), "the server says to come back in 7200 s", id="told"
        ),
        pytest.param(
            {}, None, (5000.0, 5300.0), "assuming that the quota opens at the next midnight UTC", id="midnight"
        ),
        pytest.param(
            {},
            Override(strategy=RecoveryStrategy.WAIT_DAILY, source="catalog:x", delay_s=60.0),
            (60.0, 61.0),
            "assuming 60 s as catalog:x has it",
            id="advised",
        ),
        pytest.param(
            {"quota_resets_in_s": 7000.0},
            None,
            (7000.0, 7300.0),
            "by its documentation the quota opens in 7000 s",
            id="documented",
        ),
        pytest.param(
            {"quota_resets_in_s": 7000.0},
            Override(strategy=RecoveryStrategy.WAIT_DAILY, source="catalog:x", delay_s=9000.0),
            (9000.0, 9300.0),
            "by its documentation",
            id="documented, and advised to wait longer",
        ),
        pytest.param(
            {"retry_after_s": 90.0, "quota_resets_in_s": 7000.0},
            None,
            (90.0, 91.0),
            "the server says",
            id="told and documented",
        ),
        pytest.param(
            {"retry_after_s": 90.0},
            Override(strategy=RecoveryStrategy.WAIT_DAILY, source="catalog:x", delay_s=60.0),
            (90.0, 91.0),
            "the server says",
            id="told and advised",
        ),
    ],
)
@pytest.mark.parametrize("draw", [0.0, 0.999])
def test_a_used_up_quota_is_waited_out(
    verdict: dict[str, object], override: Override | None, between: tuple[float, float], words: str, draw: float
) -> None:
    """The server's word counts, else the catalog's, else the next midnight UTC, and an assumption is called one."""
    one = replace(case("rate_limit_daily", verdict=verdict, override=override, draw=draw), quota_reset_s=5000.0)

    decision = decide(one)

    assert RecoveryStrategy.WAIT_DAILY is decision.strategy
    assert between[0] <= decision.wait_s <= between[1]
    assert words in decision.reason


def test_those_who_wait_for_midnight_do_not_come_at_once() -> None:
    """The same midnight is spread over minutes by chance, and never comes early."""
    waits = [decide(replace(case("rate_limit_daily", draw=draw), quota_reset_s=10.0)).wait_s for draw in (0.0, 0.5)]

    assert [10.0, 160.0] == waits


def test_a_daily_quota_ends_at_the_bounds() -> None:
    """Days of waiting end at the bound on recoveries for the category, and at the bound on elapsed time."""
    fifth = case(
        "rate_limit_daily", ledger=Ledger(attempts=6, recoveries=5, attempts_by_recovery=5, recoveries_in_category=5)
    )
    late = case("rate_limit_daily", ledger=Ledger(attempts=2, elapsed_s=604_000.0))

    assert [Move.GIVE_UP, Move.GIVE_UP] == [decide(one).move for one in (fifth, late)]


ORDER = ("action", "catalog:x", "deployment", None)


@pytest.mark.parametrize("first", range(4))
def test_the_nearest_route_wins_and_says_who_it_is(first: int) -> None:
    """The action's route beats the API's, that the deployment's, that the table; the rule of the decision tells which one decided."""
    kind = ErrorCategory.API_UNEXPECTED_STATUS
    own = {kind: RecoveryStrategy.SKIP} if first == 0 else {}
    advice = Override(strategy=RecoveryStrategy.ASK_PERSON, source="catalog:x") if first <= 1 else None
    common = {kind: RecoveryStrategy.RETRY_LARGER_TIMEOUT} if first <= 2 else {}

    decision = decide(replace(case(override=advice, overrides=own), routes=common))

    expected = ["action.skip", "catalog:x.ask-person", "deployment.retry-larger-timeout", "back-off"]
    assert expected[first] == decision.rule
    assert ORDER[first] is None or f"(by {ORDER[first]})" in decision.reason


@pytest.mark.parametrize(
    ("strategy", "changes", "words"),
    [
        pytest.param("fallback", {}, "no fallback value", id="fallback"),
        pytest.param("alternative", {}, "names no alternative", id="alternative"),
        pytest.param("skip", {"is_critical": True}, "marked as critical", id="critical"),
        pytest.param("roll-back", {}, "this deployment has no checkpoints", id="no checkpoints"),
        pytest.param("probe", {}, "no probe", id="probe"),
    ],
)
def test_a_prescribed_strategy_without_means_says_so(strategy: str, changes: dict[str, object], words: str) -> None:
    """What was prescribed and cannot be done is turned down with its reason and whose idea it was; the failure goes on."""
    override = Override(strategy=RecoveryStrategy(strategy), source="catalog:x")

    decision = decide(case(override=override, **changes))

    assert Move.GIVE_UP is decision.move
    assert words in decision.reason
    assert "(prescribed by catalog:x)" in decision.reason


def test_an_execution_without_a_checkpoint_is_not_rolled_back() -> None:
    """Where checkpoints are kept but this execution has none, that is the reason."""
    one = replace(case(), routes={ErrorCategory.API_UNEXPECTED_STATUS: RecoveryStrategy.ROLL_BACK})

    decisions = [decide(replace(one, can_roll_back=there)) for there in (False, True)]

    assert "no checkpoint to go back to" in decisions[0].reason
    assert Move.ROLL_BACK is decisions[1].move


def test_a_person_is_not_asked_without_end() -> None:
    """Whoever answers "again" five times has not mended it: the action fails, and nothing stands in for what may have happened."""
    one = case("network_timeout", "unknown", has_fallback=True, ledger=Ledger(attempts=6, questions=5))

    decision = decide(one)

    assert Move.GIVE_UP is decision.move
    assert "5 questions were asked" in decision.reason
    assert Outcome.UNKNOWN is decision.outcome


def test_a_refresh_keeps_to_the_time_the_server_named() -> None:
    """A refusal that names a time is obeyed after a refresh as well, and one beyond reason is not believed."""
    renewable = {"credential": "c", "can_refresh": True}

    soon = decide(case("auth_expired", verdict={"retry_after_s": 30.0}, **renewable))
    absurd = decide(case("auth_expired", verdict={"retry_after_s": 7e5}, **renewable))

    assert (Move.REFRESH, 30.0) == (soon.move, soon.wait_s)
    assert Move.GIVE_UP is absurd.move


def test_a_refresh_ends_at_the_bound_on_time() -> None:
    """A refusal that asks for more time than is left is not waited out."""
    late = Ledger(attempts=1, elapsed_s=604_790.0)

    decision = decide(
        case("auth_expired", verdict={"retry_after_s": 30.0}, ledger=late, credential="c", can_refresh=True)
    )

    assert Move.GIVE_UP is decision.move
    assert "since the first attempt" in str(decision.rejected)


def test_midnight_does_not_undercut_a_prescribed_backoff() -> None:
    """An API that asks for a longer pause than the rest of the day gets it."""
    one = case("rate_limit_daily")
    slow = replace(one.verdict, backoff=Backoff(kind=BackoffKind.LINEAR, initial_delay_s=9000.0))

    decision = decide(replace(one, verdict=slow, quota_reset_s=60.0))

    assert 9000.0 == decision.wait_s
