"""The door of the package: public names are found lazily, and a missing extra is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

import holdfast
from holdfast.errors import MissingExtra


def test_every_public_name_can_be_found() -> None:
    """Whatever `__all__` promises is there."""
    found = {name: getattr(holdfast, name) for name in holdfast.__all__}

    assert set(holdfast.__all__) == set(found)
    assert set(holdfast.__all__) <= set(dir(holdfast))


def test_an_unknown_name_is_an_attribute_error_that_lists_the_names() -> None:
    """A misspelt name is answered with the names that exist."""
    with pytest.raises(AttributeError, match="HoldfastError"):
        holdfast.__getattr__("HoldfastEror")


def test_an_error_that_is_looked_for_at_the_door_is_shown_the_way() -> None:
    """Who asks the door for an error is told where errors are."""
    with pytest.raises(AttributeError, match=r"holdfast\.errors\.CircuitOpen"):
        holdfast.__getattr__("CircuitOpen")


@pytest.mark.parametrize("package", ["errors", "settings", "testing"])
def test_public_packages_need_no_import_of_their_own(package: str) -> None:
    """After `import holdfast` alone, the errors, the settings and the tools for tests are there."""
    program = f"import holdfast; print(holdfast.{package}.__name__)"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert f"holdfast.{package}\n" == ran.stdout


def test_a_missing_package_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose room needs an extra says which one."""
    monkeypatch.setitem(holdfast._ROOMS, "Anything", ("package_that_is_not_there", "durable"))

    with pytest.raises(MissingExtra) as caught:
        holdfast.__getattr__("Anything")

    assert "durable" == caught.value.extra


def test_an_integration_without_its_packages_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calling an API by its name needs an HTTP client, which the bare wheel has not."""
    for module in ("integrations", "senders", "transport"):
        monkeypatch.delitem(sys.modules, f"holdfast.adapters.http.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "httpx2", None)

    with pytest.raises(MissingExtra) as caught:
        holdfast.integration("primary-api")

    assert "durable" == caught.value.extra
