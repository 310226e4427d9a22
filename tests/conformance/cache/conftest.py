"""Each cache in turn, empty, with a way to let time pass."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.conformance.cache import stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.cache.stores import Tested

REDIS = "redis-server" if stores.HAS_REDIS else "redis-fake"


@pytest.fixture(scope="session")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real Redis for the whole run."""
    with stores.server(tmp_path_factory.mktemp("redis")) as socket:
        yield socket


@pytest.fixture(params=["memory", "sqlite", REDIS])
def tested(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tested]:
    """A cache without values."""
    with ExitStack() as stack:
        if request.param == "memory":
            yield stores.memory()
        elif request.param == "sqlite":
            one = stores.sqlite(tmp_path)
            stack.callback(one.cache.close)
            yield one
        elif request.param == "redis-fake":
            yield stores.redis_fake()
        else:
            yield stack.enter_context(stores.redis_real(request.getfixturevalue("redis_socket")))
