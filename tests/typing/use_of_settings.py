"""Settings as a user's program reads them, for the type checkers: this file is checked, not run."""

from __future__ import annotations

from typing import assert_type

import holdfast
from holdfast.errors import BadSettings, Problem
from holdfast.settings import Settings, Worker, load

settings = load(arguments={"worker.concurrency": 4}, environ={}, config_path=None)
assert_type(settings, Settings)
assert_type(settings.worker.concurrency, int)
assert_type(settings.worker.poll_interval_s, float)
assert_type(settings.secret.key, str | None)
assert_type(settings.origin("worker.concurrency"), str)
assert_type(holdfast.Settings(worker=Worker(concurrency=2)).worker, Worker)

try:
    load()
except BadSettings as refused:
    assert_type(refused.problems, tuple[Problem, ...])
    assert_type(refused.slug, str)
except holdfast.HoldfastError:
    pass
