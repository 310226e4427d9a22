"""A plain program: what the policy gives up goes on in the database, and the program with it."""

from __future__ import annotations

from pathlib import Path

from crm import create

import holdfast
from holdfast.errors import Exhausted

with holdfast.open("sqlite:///crm.db", worker=False):
    try:
        print(create("Ada", tags=["new"]))
    except Exhausted as error:
        execution = error.hand_over().wait()
        Path("execution").write_text(execution.id)
        print("Ada will be created later;", len(error.attempts), "attempts are on the ledger")
