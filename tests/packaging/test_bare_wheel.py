"""The wheel without extras: what works in an environment that holds nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import MissingExtra

ROOT = Path(__file__).resolve().parents[2]
# Whatever needs an extra must say so, and these must not be there to begin with.
HEAVY = {"asyncio", "pydantic", "sqlalchemy", "httpx2", "typer", "rich", "yaml", "cryptography", "dbos", "psycopg"}

REPORT = """
import json, sys
import {module}
from pathlib import Path
home = Path(sys.prefix).resolve()
loaded = {{name.partition(".")[0] for name in sys.modules}}
foreign = sorted(name for name in loaded if name not in sys.stdlib_module_names and name not in ("__main__", "holdfast"))
print(json.dumps({{"loaded": sorted(loaded), "foreign": foreign, "file": {module}.__file__}}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built with the backend from this environment, without network."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(target), str(ROOT)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("holdfast-*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binaries of an environment that holds the wheel and nothing else, not even pip."""
    environment = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    binaries = environment / ("Scripts" if sys.platform == "win32" else "bin")
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(binaries / "python"),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True)
    return binaries


def _run(bare: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(bare / arguments[0]), *arguments[1:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=bare,
        env={"PATH": ""},
    )


@pytest.mark.parametrize(
    "module",
    [
        "holdfast",
        "holdfast.policies",
        "holdfast.faults",
        "holdfast.errors",
        "holdfast.settings",
        "holdfast.apis.shipped",
    ],
)
def test_bare_rooms_load_nothing_but_python(bare: Path, module: str) -> None:
    """The library's policies, classification, errors and settings need no other package, and no event loop."""
    done = _run(bare, "python", "-I", "-c", REPORT.format(module=module))

    assert "" == done.stderr
    report = json.loads(done.stdout)
    assert [] == report["foreign"]
    assert set() == HEAVY & set(report["loaded"])
    assert str(bare.parent) in report["file"]


def test_importing_the_package_loads_no_room(bare: Path) -> None:
    """`import holdfast` costs nothing until a name is used."""
    done = _run(
        bare,
        "python",
        "-I",
        "-c",
        "import holdfast, sys; print([name for name in sys.modules if name.startswith('holdfast')])",
    )

    assert "['holdfast']" == done.stdout.strip()


USES_THE_CATALOG = """
import sys
import holdfast
from holdfast.apis.shipped import match_shipped, shipped_ids, shipped_rules
assert all(shipped_rules(name).api_id == name for name in shipped_ids())
assert match_shipped("https://api.stripe.com/v1/charges") == "stripe"
assert holdfast.policy("payments", api="stripe").judge.api is shipped_rules("stripe")
print(sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__", "holdfast"}))
"""


def test_the_bare_wheel_knows_how_apis_fail(bare: Path) -> None:
    """The entries that come with Holdfast work without pydantic, YAML and RE2: by name, by address, and in a policy."""
    done = _run(bare, "python", "-I", "-c", USES_THE_CATALOG)

    assert ("[]\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("demo",)], ids=["alone", "help", "demo"])
def test_the_command_says_which_extra_it_needs(bare: Path, arguments: tuple[str, ...]) -> None:
    """The bare wheel's `holdfast` says what to install, and leaves with exit code 2."""
    done = _run(bare, "holdfast", *arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert f"{MissingExtra('The command line', 'durable')}\n" == done.stderr


@pytest.mark.parametrize("module", ["holdfast.contract"])
def test_durable_rooms_say_which_extra_they_need(bare: Path, module: str) -> None:
    """A room that needs an extra names it, instead of failing with the name of somebody else's package."""
    done = _run(bare, "python", "-I", "-c", f"import {module}")

    assert 1 == done.returncode
    assert "holdfast.errors.MissingExtra" in done.stderr
    assert "pip install 'holdfast[durable]'" in done.stderr


def test_the_wheel_is_typed_and_holds_only_the_package(wheel: Path) -> None:
    """Type checkers of users read our annotations, and the wheel carries neither tests nor tools."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert "holdfast/py.typed" in names
    assert {"holdfast", f"holdfast-{holdfast.__version__}.dist-info"} == {name.partition("/")[0] for name in names}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "holdfast/apis/shipped.jsonl" in names
    assert [] == [name for name in names if name.startswith("holdfast/catalog/vendors")]


def test_the_version_is_the_same_everywhere(wheel: Path) -> None:
    """`holdfast.__version__` is the version of the distribution."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert project["version"] == holdfast.__version__
    assert wheel.name.startswith(f"holdfast-{holdfast.__version__}-")


def test_the_distribution_needs_nothing() -> None:
    """Installing Holdfast without extras installs nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert [] == project["dependencies"]
