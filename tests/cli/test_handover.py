"""A program hands a call over and is killed; the command line goes on with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.session import import_all, registry_of
from holdfast.errors import BadInput
from holdfast.guards.handover import HANDOVERS
from tests.cli.conftest import Call

MODULE = '''
"""A function of a program, under a policy."""
from pathlib import Path
import holdfast

crm = holdfast.policy("crm", retry=holdfast.Retry(attempts_max=1))


@crm.guard(handover="crm.create", repeatable=True)
def create(name: str, tags: list[str]) -> dict[str, object]:
    """Create a customer, unless the CRM is down."""
    if not Path("up").exists():
        raise ConnectionRefusedError("down")
    return {"name": name, "tags": tags}
'''
PROGRAM = """
import os, signal
import holdfast
from killed_crm import create

hold = holdfast.open("sqlite:///jobs.db")
try:
    create("Ada", tags=["a"])
except holdfast.errors.Exhausted as error:
    for _ in range(2):
        print(error.hand_over().wait().id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The module of a program, where commands are run."""
    monkeypatch.setattr(HANDOVERS, "_functions", {})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "killed_crm", raising=False)
    (tmp_path / "killed_crm.py").write_text(MODULE)
    return tmp_path


def test_a_call_survives_the_program_that_handed_it_over(call: Call, module: Path) -> None:
    """What was handed over before SIGKILL is done by the next command that imports the module, once, and `why` tells all of it."""
    paths = os.pathsep.join(str(Path(part).resolve()) for part in sys.path if part)
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=module,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ids = killed.stdout.split()
    (module / "up").touch()

    ended = call("resume", "--all", "--import", "killed_crm", "--db", "sqlite:///jobs.db")
    shown = call("executions", "show", ids[0], "--json", "--db", "sqlite:///jobs.db").fields
    why = call("why", ids[0], "--db", "sqlite:///jobs.db").out

    assert (-signal.SIGKILL, 1, 2) == (killed.returncode, len(set(ids)), len(ids)), killed.stderr
    assert (0, "completed") == (ended.code, shown["status"])
    assert '"tags": "[\\"a\\"]"' in json.dumps(shown)
    assert "handed over by the policy 'crm' after 1 attempt made in process" in why


def test_a_module_with_guarded_functions_needs_no_hold(module: Path) -> None:
    """A module that only guards functions by name can be imported by a worker; one that registers nothing is refused."""
    (module / "empty_crm.py").write_text("")

    assert {} == registry_of(import_all(["killed_crm"])).functions
    assert ["crm.create"] == list(HANDOVERS.functions)
    with pytest.raises(BadInput, match=r"empty_crm: has no hold .*handover=") as refused:
        registry_of(import_all(["killed_crm", "empty_crm"]))
    assert 1 == len(refused.value.problems)
