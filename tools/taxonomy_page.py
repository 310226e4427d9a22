"""The page of the taxonomy: how the words of the five documents map to one another, from the one table in `holdfast.faults.traits`."""

from __future__ import annotations

from holdfast.faults.taxonomy import SEVERITY_ALIASES
from holdfast.faults.traits import LABEL_PRIORITIES, PRIORITY_DEFAULT, TRAITS
from tools.blocks import table

__all__ = ["taxonomy_body"]

YES = {True: "yes", False: "no"}


def taxonomy_body() -> list[str]:
    """The parts of the page, below its title."""
    aliases = ", ".join(f"`{word}` = `{ours}`" for word, ours in SEVERITY_ALIASES.items())
    return [
        (
            "Every fault gets one *category*; everything else follows from it unless a rule knows better.\n"
            "Families are those of document 002, labels those of 001, codes those of 004, types those of 003.\n"
            "A verdict is CRITICAL only where a rule or a declaration says so; an expired credential that no machine can renew is SECURITY."
        ),
        "## Categories",
        table(
            ["Category", "Family", "Labels", "Severity", "Health", "Code (004)", "Type (003)"],
            [
                [
                    f"`{category}`",
                    f"{traits.family}",
                    ", ".join(f"`{label}`" for label in traits.labels),
                    f"`{traits.severity}`",
                    f"`{traits.health}`",
                    f"`{traits.code}`" if traits.code else "—",
                    f"`{traits.kind}`" if traits.kind else "—",
                ]
                for category, traits in TRAITS.items()
            ],
        ),
        "## May the same request be sent again?",
        (
            "These are defaults: a rule that knows the fault better decides otherwise.\n"
            "None of them says that a repeat is *safe*: that is the [outcome](../GLOSSARY.md) alone."
        ),
        table(
            ["Category", "Holdfast", "001", "002", "003", "004", "Why we differ"],
            [
                [
                    f"`{category}`",
                    YES[traits.retryable],
                    YES[traits.retryable_001],
                    YES[traits.retryable_002],
                    YES[traits.retryable_003],
                    YES[traits.retryable_004],
                    traits.differs or "—",
                ]
                for category, traits in TRAITS.items()
            ],
        ),
        "## Labels",
        f"Of several labels the lowest priority counts; without a known one it is {PRIORITY_DEFAULT}.",
        table(["Label", "Priority"], [[f"`{label}`", str(number)] for label, number in LABEL_PRIORITIES.items()]),
        "## Severities",
        f"`info`, `warning`, `error` and `critical`; of other words, {aliases}.",
    ]
