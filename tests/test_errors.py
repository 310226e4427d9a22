"""Errors: one tree, stable slugs, facts as attributes, messages that say what to do."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable

import pytest

from holdfast import errors
from holdfast.errors import BadInput, BadSettings, HoldfastError, MissingExtra, Problem, StoreError
from holdfast.faults.taxonomy import ErrorCategory
from holdfast.faults.verdict import Family, Health, Outcome, Verdict

CLASSES = [value for name in errors.__all__ if issubclass(value := getattr(errors, name), HoldfastError)]
VALUES = {"Attempted", "HandedOver", "HandingOver", "Judged", "Problem", "Rejection"}
REJECTION = errors.Rejection(policy="payments", because="Circuit 'payments' is open", next_step="Wait.")
STORE = [kind for kind in CLASSES if issubclass(kind, StoreError)]

ATTEMPT = errors.Attempted(
    number=1,
    started_s=0.0,
    took_s=0.1,
    verdict=Verdict(
        category=ErrorCategory.NETWORK_TIMEOUT,
        family=Family.TRANSIENT,
        labels=("transient",),
        retryable=True,
        health=Health.FAILURE,
        outcome=Outcome.UNKNOWN,
        message="ReadTimeout",
        fingerprint="1:0",
        rule="exception:read-timeout",
    ),
)

# One of each kind, to look at its message.
SAMPLES: dict[str, Callable[[], HoldfastError]] = {
    "bad-input": lambda: BadInput([Problem(source="plan.json", path="actions[0]", message="is missing. Add it.")]),
    "bad-settings": lambda: BadSettings([Problem(source="argument", path="worker.speed", message="Leave it out.")]),
    "missing-extra": lambda: MissingExtra("The command line", "durable"),
    "unknown-execution": lambda: errors.UnknownExecution("e1"),
    "execution-conflict": lambda: errors.ExecutionConflict("e1"),
    "execution-live": lambda: errors.ExecutionLive("e1"),
    "stale-cursor": lambda: errors.StaleCursor(era=2, cursor_era=1),
    "question-closed": lambda: errors.QuestionClosed("e1", "a1"),
    "credential-moved": lambda: errors.CredentialMoved("crm", "somebody has set it in the meantime"),
    "action-not-registered": lambda: errors.ActionNotRegistered("crm.create"),
    "secret-key-missing": lambda: errors.SecretKeyMissing("there is no key"),
    "worker-already-running": lambda: errors.WorkerAlreadyRunning("holdfast.db", 7),
    "execution-newer": lambda: errors.ExecutionNewer("e1", contract=3, known=2),
    "engine-mismatch": lambda: errors.EngineMismatch(found="sql", wanted="dbos"),
    "overloaded": lambda: errors.Overloaded(live=7, most=7, retry_after_s=20.0),
    "policy-error": lambda: errors.TimedOut("payments", kind="deadline", limit_s=2.0),
    "timed-out": lambda: errors.TimedOut("payments", kind="attempt", limit_s=2.0, begun=False),
    "answer-failed": lambda: errors.AnswerFailed("GET /users", answer=None, verdict=ATTEMPT.verdict),
    "handover-unavailable": lambda: errors.HandoverUnavailable("payments", "no database is open"),
    "exhausted": lambda: errors.Exhausted(
        "payments", "budget", attempts=(ATTEMPT,), explanation="the budget is used up. Wait"
    ),
    **{kind.slug: lambda kind=kind: kind(REJECTION, 2.0) for kind in CLASSES if issubclass(kind, errors.Rejected)},
    **{
        kind.slug: lambda kind=kind: kind("payments", "cache", why="x. Wait")
        for kind in CLASSES
        if issubclass(kind, errors.DegradationFailed)
    },
    **{kind.slug: lambda kind=kind: kind("sqlite:///holdfast.db", "it is busy") for kind in STORE},
}


def test_all_errors_are_public_and_in_one_tree() -> None:
    """Catching HoldfastError catches every error of ours, and each of them can be imported."""
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__.startswith(errors.__name__)
    }

    assert defined == set(errors.__all__)
    assert VALUES == defined - {kind.__name__ for kind in CLASSES}


def test_every_slug_is_taken_once() -> None:
    """A slug names exactly one kind of error."""
    slugs = [kind.slug for kind in CLASSES]

    assert len(slugs) == len(set(slugs))
    assert all(kind is HoldfastError or "slug" in vars(kind) for kind in CLASSES)


def test_the_samples_are_complete() -> None:
    """No kind of error escapes the look at its message."""
    assert {kind.slug for kind in CLASSES} - {"holdfast-error"} == set(SAMPLES)


@pytest.mark.parametrize("slug", sorted(SAMPLES))
def test_every_message_says_what_to_do(slug: str) -> None:
    """Each message ends with something that its reader can do."""
    message = str(SAMPLES[slug]())

    assert any(
        word in message
        for word in ("Add ", "Leave ", "Install ", "List ", "Use ", "See", "Import ", "Set ", "Wait ", "Check ", "End ", "Free ",
                     "Give ", "Upgrade ", "Choose ", "Read ", "Come back", "Allow ", "guard it", "Register ")
    )  # fmt: skip


def test_lists_every_problem_of_an_input() -> None:
    """A refusal shows all that is wrong, not only the first."""
    error = BadInput(
        [
            Problem(source="plan.json", path="actions[0].id", message="is missing."),
            Problem(source="plan.json", path="", message="has no name."),
        ]
    )

    assert "2 problems:\n  plan.json: actions[0].id: is missing.\n  plan.json: has no name." == str(error)


def test_a_refusal_needs_a_reason() -> None:
    """An empty list of problems is a mistake of ours, not a refusal."""
    with pytest.raises(AssertionError, match="reason"):
        BadInput([])


@pytest.mark.parametrize("slug", sorted(SAMPLES))
def test_facts_are_attributes_as_well_as_text(slug: str) -> None:
    """What a message tells a person, an attribute tells a program."""
    error = SAMPLES[slug]()
    arguments = set(inspect.signature(type(error).__init__).parameters) - {"self"}
    if isinstance(error, errors.Rejected):  # made without an initialiser of its own
        arguments = {"rejection", "retry_after_s"}

    missing = {name for name in arguments if not hasattr(error, name)}

    assert set() == missing


def test_a_timeout_of_ours_has_no_error_number() -> None:
    """`TimedOut` is an OSError by way of TimeoutError; what is no number of the system's must not look like one."""
    error = errors.TimedOut("payments", kind="attempt", limit_s=2.0)

    assert (None, None) == (error.errno, error.strerror)


@pytest.mark.parametrize("make", SAMPLES.values(), ids=SAMPLES)
def test_an_error_survives_a_copy_and_another_process(make: Callable[[], HoldfastError]) -> None:
    """Copied or pickled, an error is of the same kind, says the same and has the same facts and notes."""
    error = make()
    error.add_note("while paying")

    for same in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(error) is type(same)
        assert (str(error), error.args, vars(error)) == (str(same), same.args, vars(same))
