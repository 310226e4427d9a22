"""Two functions under one policy. Their failed calls can go on durably: each has a name, and arguments that are JSON."""

from __future__ import annotations

from pathlib import Path

import holdfast

crm = holdfast.policy("crm", retry=holdfast.Retry(attempts_max=2, initial_delay_s=0.1))


@crm.guard(handover="crm.create", repeatable=True)
def create(name: str, *, tags: list[str] | None = None) -> dict[str, object]:
    """Create a customer; creating twice is creating once."""
    call_crm()
    return {"customer": name, "tags": tags}


@crm.guard(handover="crm.invite", repeatable=True)
async def invite(name: str) -> dict[str, object]:
    """Invite a customer."""
    call_crm()
    return {"invited": name}


def call_crm() -> None:
    """Stands for a request: the CRM is there once this file is."""
    if not Path("crm-is-up").exists():
        raise ConnectionRefusedError("the CRM is down")
