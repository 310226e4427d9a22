"""The page of routes: which way each category of fault goes, and what each strategy asks before it acts.

A test reads this page as a user would, predicts every decision from it and compares it with the code: tests/decisions/test_routes_page.py.
"""

from __future__ import annotations

from holdfast.decisions.routes import ROUTES
from holdfast.decisions.terms import TERMS, Need
from tools.blocks import table

__all__ = ["routes_body"]

BELIEVES = {True: "declines", False: "—"}
YES = {True: "yes", False: "no"}


def routes_body() -> list[str]:
    """The parts of the page, below its title."""
    return [
        (
            "When an attempt has failed for good by its own `retryPolicy`, recovery takes the route of the fault's category.\n"
            "A route can be changed for a deployment, for an API and for one action ([how to](../how-to/change-a-route.md)).\n"
            "The order in which ways are considered is on [how decisions are made](../explanation/how-decisions-are-made.md)."
        ),
        "## Categories",
        (
            "The bounds are [settings](settings.md#recovery) of the section `recovery`.\n"
            "They count per action, except for `attempts_per_execution_max`, and every one of them ends the way for good."
        ),
        table(
            ["Category", "Strategy", "Why", "Bounds", "What ends it"],
            [
                [f"`{category}`", f"`{route.strategy}`", route.why, bounds_of(TERMS[route.strategy].bounds), route.ends]
                for category, route in ROUTES.items()
            ],
        ),
        "## Strategies",
        (
            "*Rests on* is what must be known about the side effect of the failed attempt.\n"
            "*Bare* means that nothing but time changes between the attempts, so that `retryable: false` forbids it.\n"
            "*Absurd wait* is a `Retry-After` beyond `recovery.retry_after_max_s`: nobody waits for it, and nobody comes sooner.\n"
            "*Without a word* is what happens when neither the server nor the API's catalog entry names a time.\n"
            "A strategy that declines leaves the failure to the next way: the alternative, the fallback value, `continueOnFailure`, giving up."
        ),
        table(
            [
                "Strategy",
                "What it does",
                "Move",
                "Rests on",
                "Bare",
                "Needs",
                "Absurd wait",
                "Without a word",
                "Bounds",
            ],
            [
                [
                    f"`{strategy}`",
                    terms.does,
                    f"`{terms.move}`",
                    terms.ground,
                    YES[terms.is_bare],
                    "—" if terms.need is Need.NOTHING else terms.need,
                    BELIEVES[terms.believes],
                    terms.silence,
                    bounds_of(terms.bounds),
                ]
                for strategy, terms in TERMS.items()
            ],
        ),
        (
            "Whatever the strategy: what may have taken effect is repeated only where a repeat is safe, and what certainly took effect never.\n"
            "Where a repeat is not safe, a probe is made, else a person is asked, before any route is taken\n"
            "([why](../explanation/why-outcome-before-category.md))."
        ),
    ]


def bounds_of(names: tuple[str, ...]) -> str:
    """The bounds of a strategy."""
    return ", ".join(f"`{name}`" for name in names) or "none"
