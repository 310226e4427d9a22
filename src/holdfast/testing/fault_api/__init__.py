"""A real HTTP server on loopback that fails on purpose, and keeps the books.

It stands in for other people's systems in tests, in the demo and on the newcomer's page: a scenario says what each
route answers and what goes wrong when; the ledger says what was called and how often each side effect really happened.
Standard library only; it knows nothing of plans.

```
with FaultApi(
    {
        "routes": [
            {
                "name": "charge",
                "method": "POST",
                "path": "/charges",
                "idempotency_header": "Idempotency-Key",
                "faults": [{"kind": "hang_after_effect", "calls": [1]}],
            }
        ]
    }
) as api:
    ...  # call api.url + "/charges"
    assert api.ledger().route("charge").effects == 1
```

The scenario format is described in `holdfast.testing.fault_api.scenario`.
As a process of its own: `python -m holdfast.testing.fault_api --help`.
"""

from holdfast.testing.fault_api.ledger import Ledger, RequestRecord, RouteLedger, Violation, ViolationKind
from holdfast.testing.fault_api.process import FaultApiProcess, read_ledger
from holdfast.testing.fault_api.scenario import (
    Credential,
    Effect,
    Fault,
    FaultKind,
    RefusedPort,
    Route,
    Scenario,
    Since,
)
from holdfast.testing.fault_api.scenario_file import load_scenario, parse_scenario
from holdfast.testing.fault_api.server import FaultApi

__all__ = [
    "Credential",
    "Effect",
    "Fault",
    "FaultApi",
    "FaultApiProcess",
    "FaultKind",
    "Ledger",
    "RefusedPort",
    "RequestRecord",
    "Route",
    "RouteLedger",
    "Scenario",
    "Since",
    "Violation",
    "ViolationKind",
    "load_scenario",
    "parse_scenario",
    "read_ledger",
]
