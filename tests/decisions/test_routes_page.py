"""The page of routes and the code say the same: every decision is predicted from the printed page and compared, over the whole product of facts."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from holdfast.decisions import decide as deciding
from holdfast.decisions.decide import decide
from holdfast.decisions.decision import Move
from holdfast.decisions.facts import ActionRules, Bounds, Case, Ledger, Override, Safety
from holdfast.decisions.routes import ROUTES
from holdfast.faults.taxonomy import ErrorCategory, RecoveryStrategy
from holdfast.faults.verdict import Outcome
from holdfast.policies.retry import Jitter, Retry
from tests.recovery.bench import fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/routes.md"
BOUNDS = Bounds(
    probes_max=4, questions_max=3, refreshes_per_action_max=2, retry_after_max_s=1000.0, elapsed_max_s=200_000.0
)
FRESH = Ledger(attempts=1)
USED_UP = {
    "nothing": FRESH,
    "attempts_per_action_max": replace(FRESH, attempts=9, attempts_by_recovery=8, recoveries=8),
    "attempts_per_category_max": replace(
        FRESH, attempts=6, attempts_by_recovery=5, recoveries=5, recoveries_in_category=5
    ),
    "attempts_per_execution_max": replace(FRESH, recoveries_in_execution=100),
    "elapsed_max_s": replace(FRESH, elapsed_s=200_000.1),
    "refreshes_per_action_max": replace(FRESH, attempts=3, attempts_by_recovery=2, recoveries=2, refreshes=2),
    "probes_per_action_max": replace(FRESH, probes=4),
    "questions_per_action_max": replace(FRESH, questions=3),
}
"""A ledger for each bound that is used up, with room everywhere else."""
ABSURD_S, SHORT_S = 1000.5, 3.0
NO_RETRY = Retry(attempts_max=1)
LISTED = Retry(attempts_max=20, jitter=Jitter.NONE, initial_delay_s=1.0, categories=frozenset(ErrorCategory))
BARE = {"safety": Safety.UNSAFE, "retry": NO_RETRY, "timeout_s": 10.0}
MEANS: Mapping[str, dict[str, object]] = {
    "nothing": {},
    "everything": {
        "credential": "c",
        "can_refresh": True,
        "has_probe": True,
        "alternative": "b",
        "has_fallback": True,
        "continue_on_failure": True,
    },
    "a critical action with a probe and a credential that nobody refreshes": {
        "is_critical": True,
        "has_probe": True,
        "credential": "c",
    },
    "a fallback value and a retry policy": {"has_fallback": True, "retry": LISTED},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy as the page has it."""

    move: str
    rests_on: str
    is_bare: bool
    needs: str
    is_shy: bool
    silence: str
    bounds: frozenset[str]


def read_tables(text: str) -> list[list[dict[str, str]]]:
    """Return the tables of a page, each row by its column's name."""
    tables: list[list[dict[str, str]]] = []
    for found in re.finditer(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[0].splitlines()]
        tables.append([dict(zip(head, row, strict=True)) for row in rows])
    return tables


def words(cell: str) -> frozenset[str]:
    """Return the names that stand in a cell as code."""
    return frozenset(re.findall(r"`([^`]+)`", cell))


def read_page() -> tuple[dict[str, str], dict[str, Row]]:
    """Return what the page says: the strategy of each category, and the terms of each strategy."""
    categories, strategies = read_tables(PAGE.read_text())
    routes = {row["Category"].strip("`"): row["Strategy"].strip("`") for row in categories}
    terms = {
        row["Strategy"].strip("`"): Row(
            move=row["Move"].strip("`"),
            rests_on=row["Rests on"],
            is_bare=row["Bare"] == "yes",
            needs=row["Needs"],
            is_shy=row["Absurd wait"] == "declines",
            silence=row["Without a word"],
            bounds=words(row["Bounds"]),
        )
        for row in strategies
    }
    return routes, terms


PAGE_ROUTES, PAGE_TERMS = read_page()


class Oracle:
    """Predicts move and strategy from the page and the order on `how decisions are made`; shares no code with what it checks."""

    def __init__(self, case: Case, used_up: str) -> None:
        self.case = case
        self.used_up = used_up
        verdict, rules = case.verdict, case.rules
        has_effect = rules.safety is not Safety.READ_ONLY
        self.outcome = str(verdict.outcome) if has_effect else "not_executed"
        repeats_well = str(rules.safety) in ("read-only", "idempotent", "keyed")
        self.may_repeat = self.outcome == "not_executed" or (self.outcome == "unknown" and repeats_well)
        self.is_absurd = verdict.retry_after_s == ABSURD_S

    def predict(self) -> tuple[str, str | None]:
        """Return what must be decided."""
        if self.policy_repeats():
            return "retry", None
        if not self.may_repeat:
            return self.cleared_up() or ("give-up", None)
        taken = self.take(self.prescribed() or PAGE_ROUTES[self.case.verdict.category])
        return taken or self.provided()

    def prescribed(self) -> str | None:
        """The action's own route beats the API's, and that the deployment's."""
        category, case = self.case.verdict.category, self.case
        return (
            case.rules.overrides.get(category)
            or (case.override.strategy if case.override else None)
            or case.routes.get(category)
        )

    def policy_repeats(self) -> bool:
        """The action's own policy: only a bare repeat, never with the same expired credential, within the bound on time."""
        return (
            self.case.rules.retry is LISTED
            and self.case.verdict.category != "auth_expired"
            and self.case.verdict.retryable
            and self.may_repeat
            and not self.is_absurd
            and self.used_up != "elapsed_max_s"
        )

    def take(self, strategy: str) -> tuple[str, str | None] | None:
        """What a strategy does by its row of the page; None when it declines."""
        row, rules = PAGE_TERMS[strategy], self.case.rules
        is_there = {
            "—": True,
            "a credential with a refresh action": rules.credential is not None and rules.can_refresh,
            "a probe": rules.has_probe,
            "an alternative action": rules.alternative is not None,
            "a fallback value": rules.has_fallback,
            "an action that is not critical": not rules.is_critical,
            "a checkpoint": self.case.can_roll_back is True,
            "never taken": False,
        }[row.needs]
        is_silent = self.case.verdict.retry_after_s is None and not (self.case.override and self.case.override.delay_s)
        declines = (
            not is_there
            or self.used_up in row.bounds
            or (row.is_bare and not self.case.verdict.retryable)
            or (row.is_shy and self.is_absurd)
            or (is_silent and f"declines for `{self.case.verdict.category}`" in row.silence)
        )
        if declines:
            return None
        match row.rests_on:
            case "a safe repeat":
                return (row.move, strategy) if self.may_repeat else None
            case "it did not happen":
                return (row.move, strategy) if self.outcome == "not_executed" else None
            case "cleared up first":
                return (row.move, strategy) if self.outcome == "not_executed" else self.cleared_up()
            case "anything":
                return row.move, strategy
        raise AssertionError(f"the page has a new word: {row.rests_on}")

    def cleared_up(self) -> tuple[str, str | None] | None:
        """A probe, else a person."""
        return self.take("probe") or self.take("ask-person")

    def provided(self) -> tuple[str, str | None]:
        """What the plan provides once recovery has ended."""
        rules = self.case.rules
        if rules.alternative is not None and self.outcome == "not_executed":
            return "alternative", "alternative"
        if rules.has_fallback:
            return "fallback", None
        return ("continue", None) if rules.continue_on_failure else ("give-up", None)


def differences(pairs: Iterable[tuple[Case, str]]) -> Iterator[str]:
    """Compare the page's prediction with the code's decision; yields a line for each difference."""
    for case, used_up in pairs:
        decision = decide(case)
        expected = Oracle(case, used_up).predict()
        found = (str(decision.move), None if decision.strategy is None else str(decision.strategy))
        if expected != found:
            yield f"page {expected}, code {found}, {used_up} used up: {case}"


def hints(category: str) -> Iterator[dict[str, object]]:
    """Every verdict: outcome, Retry-After, retryable, suggestion."""
    for outcome, told, retryable, suggestion in itertools.product(
        Outcome, (None, SHORT_S, ABSURD_S), (True, False), (None, "Do something.")
    ):
        plain = fault(category, str(outcome), retry_after_s=told, retryable=retryable)
        yield replace(plain, suggestion=suggestion)


def product(category: str, means: Mapping[str, dict[str, object]] = MEANS) -> Iterator[tuple[Case, str]]:
    """Every case of a category: every outcome with every safety, hint, means and used-up bound."""
    verdicts = list(hints(category))
    for (safety, given), verdict, (used_up, ledger) in itertools.product(
        itertools.product(Safety, means.values()), verdicts, USED_UP.items()
    ):
        rules = ActionRules(**{**BARE, **given, "safety": safety})  # type: ignore[arg-type]  # the rules' own fields
        yield Case(verdict=verdict, rules=rules, ledger=ledger, bounds=BOUNDS, draw=0.5), used_up


def prescribed(strategy: RecoveryStrategy, category: str) -> Iterator[tuple[Case, str]]:
    """Every case of a category with a strategy that the action, the API or the deployment prescribes."""
    kind = ErrorCategory(category)
    chosen = {name: MEANS[name] for name in ("nothing", "everything")}
    for number, (case, used_up) in enumerate(product(category, chosen)):
        if case.verdict.suggestion is not None:
            continue  # one half of the product is enough here; the suggestion decides nothing, as the whole product shows
        can_roll_back = (None, False, True)[number % 3]
        by_action = replace(case.rules, overrides={kind: strategy})
        by_api = Override(strategy=strategy, source="catalog:x/0", delay_s=(None, 2.0)[number % 2])
        yield replace(case, rules=by_action, can_roll_back=can_roll_back), used_up
        yield replace(case, override=by_api, can_roll_back=can_roll_back), used_up
        yield replace(case, routes={kind: strategy}, can_roll_back=can_roll_back), used_up


@pytest.mark.parametrize("category", [str(one) for one in ErrorCategory])
def test_the_page_predicts_every_decision_of_a_category(category: str) -> None:
    """Every outcome with every safety, hint, means and used-up bound: what the page says is what is decided."""
    wrong = list(itertools.islice(differences(product(category)), 3))

    assert [] == wrong


@pytest.mark.parametrize("strategy", [str(one) for one in RecoveryStrategy])
def test_the_page_predicts_every_decision_of_a_prescribed_strategy(strategy: str) -> None:
    """Whoever prescribes a strategy, for whichever category: it does what its row of the page says."""
    one = RecoveryStrategy(strategy)
    at = list(RecoveryStrategy).index(one)
    categories = [str(list(ErrorCategory)[at]), "rate_limit_daily", "network_timeout"]

    wrong = [line for category in categories for line in itertools.islice(differences(prescribed(one, category)), 3)]

    assert [] == wrong


def test_the_page_is_complete() -> None:
    """Every category and every strategy stands on the page once, and every move that a row names exists."""
    assert {str(one) for one in ErrorCategory} == PAGE_ROUTES.keys()
    assert {str(one) for one in RecoveryStrategy} == PAGE_TERMS.keys()
    assert {row.move for row in PAGE_TERMS.values()} <= {str(move) for move in Move}
    assert frozenset().union(*(row.bounds for row in PAGE_TERMS.values())) == USED_UP.keys() - {"nothing"}


@pytest.mark.parametrize("category", [str(one) for one in ErrorCategory])
def test_a_changed_route_is_noticed(category: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the code's route of any category another one than the page's, the comparison would say so."""
    kind = ErrorCategory(category)
    other = RecoveryStrategy.ASK_PERSON
    changed = MappingProxyType({**ROUTES, kind: replace(ROUTES[kind], strategy=other)})
    monkeypatch.setattr(deciding, "ROUTES", changed)

    assert next(differences(product(category)), None) is not None


@pytest.mark.parametrize("strategy", [str(one) for one in RecoveryStrategy if one is not RecoveryStrategy.GIVE_UP])
def test_a_changed_row_is_noticed(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a strategy's row of the page another one than the code's, the comparison would say so."""
    # The plan's alternative follows by itself when the strategy declines, which looks the same; so it is made to follow too often.
    change = {"rests_on": "anything"} if strategy == "alternative" else {"needs": "never taken"}
    monkeypatch.setitem(PAGE_TERMS, strategy, replace(PAGE_TERMS[strategy], **change))

    assert next(differences(prescribed(RecoveryStrategy(strategy), "network_timeout")), None) is not None
