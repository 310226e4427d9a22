"""Every exception Holdfast raises, in one tree.

```
HoldfastError
├── BadInput                    what a user handed us cannot be used; lists every problem
│   └── BadSettings             the same, for settings
├── MissingExtra                an optional part of the distribution is not installed
├── UnknownExecution            no execution has that id
├── ExecutionConflict           the id is taken by an execution of something else
├── ExecutionLive               what is asked for can only be done to an execution that has ended
├── ExecutionNewer              it uses what only a newer release can do
├── EngineMismatch              the database's steps are kept by another engine
├── Overloaded                  as many executions live as may; come back later
├── StaleCursor                 a cursor into the outbox is from before this database was restored
├── QuestionClosed              nobody is waiting for that answer (any more)
├── CredentialMoved             somebody was quicker with a credential
├── ActionNotRegistered         a plan names a Python action that this process does not have
├── SecretKeyMissing            secrets cannot be sealed or opened here
├── WorkerAlreadyRunning        another worker process owns this SQLite file
├── PolicyError                 a policy around a call did not let it succeed
│   ├── Exhausted               attempts were made, and none of them worked
│   ├── TimedOut                the time allowed for the call is over
│   ├── AnswerFailed            an answer came, and it is a failure
│   ├── DegradationFailed       no lesser answer could be given either
│   │   ├── NoStrategy          none is meant for this kind of failure
│   │   ├── CacheMissed         there is no last known good value that is young enough
│   │   ├── AlternativeFailed   the other way failed, too
│   │   ├── FunctionalityReduced  there is no reduced version to fall back on
│   │   ├── DefaultMissing      there is no default value
│   │   └── QueueFull           no room to keep it for later
│   └── Rejected                nothing was sent
│       ├── CircuitOpen         the dependency is known to be failing
│       ├── BulkheadFull        as many calls are under way as may be
│       ├── RateLimited         as many calls began as may begin
│       ├── Throttled           the dependency refuses more than it takes
│       └── LimitReached        more calls at once make it slower, not faster
├── HandoverUnavailable         a call cannot be continued durably
└── StoreError                  the database cannot be used; nothing was lost
    ├── StoreLocked             busy beyond the bound
    ├── StoreFull               no room left on the device
    ├── StoreReadOnly           the file or directory may not be written
    ├── StoreMissing            there is no database at that address yet
    ├── StoreNewer              written by a newer release
    ├── StoreUnreachable        no connection
    └── StoreCorrupt            not a database of ours, or damaged
```

A *fault* is something that went wrong in the user's world and is a value (see `holdfast.faults`); an *error* is one of these exceptions.
Messages follow one pattern: what happened, why, what to do next. Facts are attributes as well as text; `slug` names the entry in
`docs/reference/errors.md` and never changes. No message carries a secret, a payload or personal data.
"""

from __future__ import annotations

from holdfast.errors.durable import (
    ActionNotRegistered,
    CredentialMoved,
    EngineMismatch,
    ExecutionConflict,
    ExecutionLive,
    ExecutionNewer,
    Overloaded,
    QuestionClosed,
    SecretKeyMissing,
    StaleCursor,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMissing,
    StoreNewer,
    StoreReadOnly,
    StoreUnreachable,
    UnknownExecution,
    WorkerAlreadyRunning,
)
from holdfast.errors.guarding import (
    AlternativeFailed,
    AnswerFailed,
    Attempted,
    BulkheadFull,
    CacheMissed,
    CircuitOpen,
    DefaultMissing,
    DegradationFailed,
    Exhausted,
    FunctionalityReduced,
    HandedOver,
    HandingOver,
    HandoverUnavailable,
    Judged,
    LimitReached,
    NoStrategy,
    PolicyError,
    QueueFull,
    RateLimited,
    Rejected,
    Rejection,
    Throttled,
    TimedOut,
)
from holdfast.errors.roots import (
    BadInput,
    BadSettings,
    HoldfastError,
    MissingExtra,
    Problem,
)

__all__ = [
    "ActionNotRegistered",
    "AlternativeFailed",
    "AnswerFailed",
    "Attempted",
    "BadInput",
    "BadSettings",
    "BulkheadFull",
    "CacheMissed",
    "CircuitOpen",
    "CredentialMoved",
    "DefaultMissing",
    "DegradationFailed",
    "EngineMismatch",
    "ExecutionConflict",
    "ExecutionLive",
    "ExecutionNewer",
    "Exhausted",
    "FunctionalityReduced",
    "HandedOver",
    "HandingOver",
    "HandoverUnavailable",
    "HoldfastError",
    "Judged",
    "LimitReached",
    "MissingExtra",
    "NoStrategy",
    "Overloaded",
    "PolicyError",
    "Problem",
    "QuestionClosed",
    "QueueFull",
    "RateLimited",
    "Rejected",
    "Rejection",
    "SecretKeyMissing",
    "StaleCursor",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreMissing",
    "StoreNewer",
    "StoreReadOnly",
    "StoreUnreachable",
    "Throttled",
    "TimedOut",
    "UnknownExecution",
    "WorkerAlreadyRunning",
]

# Tracebacks name the door, which is what one imports, and not the room behind it.
for _name in __all__:
    globals()[_name].__module__ = __name__
