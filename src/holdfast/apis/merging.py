"""An entry over another of the same API: what a higher layer of the catalog says, put over what a lower one says.

Pure, over entries as JSON values. Objects are merged as RFC 7396 (JSON Merge Patch) has it: a value replaces what was there, `null` takes it
away, objects are merged key by key. Lists of rules are not replaced: the upper ones come first, because the first that fits counts. A value
where an object or a list of rules belongs stays where it is, whatever stands above it, so that the schema refuses the layer that is wrong and
layers without `null` say the same in whichever grouping they are put together.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.apis.inheriting import RULES

LISTS = (*RULES, "examples", "aliases", "baseUrls")
"""Lists that grow: the upper ones come first. A list anywhere else is a value like any other."""

_DEPTH_MAX = 4
"""Objects of an entry are three deep; what lies deeper is no part of one and is replaced whole."""

Wire = Mapping[str, object]


def merge(lower: Wire, upper: Wire) -> dict[str, object]:
    """The entry that both together say, the upper one having the last word."""
    merged = _merge_objects(lower, {name: value for name, value in upper.items() if name not in LISTS}, depth=1)
    for name in LISTS:
        if name not in upper:
            continue
        above, below = upper[name], lower.get(name)
        if above is None:
            merged.pop(name, None)
        elif isinstance(above, list) and isinstance(below, list):
            merged[name] = [*above, *below]
        elif below is None or not isinstance(above, list):
            merged[name] = above
    return merged


def _merge_objects(lower: Wire, upper: Wire, *, depth: int) -> dict[str, object]:
    merged = dict(lower)
    for name, value in upper.items():
        below = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping) and below is not None and depth < _DEPTH_MAX:
            if isinstance(below, Mapping):
                merged[name] = _merge_objects(below, value, depth=depth + 1)
        else:
            merged[name] = value
    return merged
