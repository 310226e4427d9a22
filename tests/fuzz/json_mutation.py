"""Changes JSON as JSON, so that more of what a fuzzer makes is read to its end: bytes that are changed at random are mostly no JSON at all."""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING

from tests.fuzz.targets import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

ODD = (
    "",
    "\x00",
    "\ud800",
    "a" * 300,
    "é",
    "${a.output.id}",
    "(?i)x",
    -1,
    0,
    1,
    2**31,
    10**30,
    1.5,
    1e308,
    True,
    None,
    [],
    {},
)
VALUES = (*ODD, *WORDS.split())
CHANGES_MAX = 3


def mutated(data: bytes, size_max: int, seed: int, *, otherwise: Callable[[bytes, int], bytes]) -> bytes:
    """Return other bytes: half of the time each JSON value in them with places replaced, removed, added or repeated; else what `otherwise` makes.

    The JSON begins at the second byte; behind a NUL stands another one.
    """
    dice = random.Random(seed)
    head, *parts = (b"", *data.split(b"\x00")) if b"\x00" in data else (data[:1], data[1:])
    if dice.random() < 0.5:
        return otherwise(data, size_max)
    at = dice.randrange(len(parts))
    try:
        document = [json.loads(parts[at])]
    except (ValueError, RecursionError):
        return otherwise(data, size_max)
    for _ in range(dice.randint(1, CHANGES_MAX)):
        change(document, dice)
    try:
        parts[at] = json.dumps(document[0]).encode()
    except (ValueError, RecursionError):
        return otherwise(data, size_max)
    made = head + b"\x00".join(parts)
    return made if len(made) <= size_max else otherwise(data, size_max)


def change(document: list[object], dice: random.Random) -> None:
    """Change one place of a document, which is held by a list of one."""
    containers: list[list[object] | dict[str, object]] = [document]
    for one in containers:
        inner = one.values() if isinstance(one, dict) else one
        containers.extend(value for value in inner if isinstance(value, dict | list))
    holder = dice.choice(containers)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    # A copy: what stands in two places could be put into itself.
    fresh = copy.deepcopy(dice.choice(VALUES if dice.random() < 0.6 else containers))
    what = dice.choice(["replace", "remove", "add"]) if holder is not document else "replace"
    if what == "add" or not keys:
        if isinstance(holder, dict):
            holder[dice.choice(WORDS.split())] = fresh
        else:
            holder.append(fresh)
    elif what == "remove":
        del holder[dice.choice(keys)]  # type: ignore[arg-type]  # one of its own keys
    else:
        holder[dice.choice(keys)] = fresh  # type: ignore[index]  # as above
