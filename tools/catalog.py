"""Compile the catalog's YAML into what the wheel ships, or check single entries while they are written.

python -m tools.catalog                  write src/holdfast/apis/shipped.jsonl
python -m tools.catalog --check [ID …]   lint the entries and judge their examples, without writing
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import yaml

from holdfast.apis.compiling import compile_rules
from holdfast.apis.inheriting import resolve
from holdfast.catalog.examples import judge_examples
from holdfast.contract.catalog import ApiCatalogEntry
from holdfast.errors import BadInput
from holdfast.faults.linear import linear_problem
from holdfast.faults.patterns import compile_pattern, compile_shipped

ROOT = Path(__file__).resolve().parents[1]
VENDORS = ROOT / "src/holdfast/catalog/vendors"
SHIPPED = ROOT / "src/holdfast/apis/shipped.jsonl"

Wire = Mapping[str, object]


def read_vendors() -> dict[str, Wire]:
    """All entries by id, as they are written; the id is the name of the file."""
    found: dict[str, Wire] = {}
    for file in sorted(VENDORS.glob("*.yaml")):
        wire = cast(Wire, yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        if wire.get("apiId") != file.stem:
            raise SystemExit(f"{file.name}: apiId must be {file.stem!r}")
        found[file.stem] = wire
    return found


def resolved(entries: Mapping[str, Wire]) -> dict[str, ApiCatalogEntry]:
    """All entries with what they take over from others, checked against the schema."""
    return {
        api_id: ApiCatalogEntry.from_wire(resolve(wire, entries.get, source=f"{api_id}.yaml"), source=f"{api_id}.yaml")
        for api_id, wire in entries.items()
    }


def shipped_text(entries: Mapping[str, Wire]) -> str:
    """The file that the wheel ships: an index, then one line per entry, as it is written. The entries were checked before."""
    index = [
        {
            "apiId": api_id,
            "aliases": wire.get("aliases") or [],
            # Programs that people run themselves: whatever listens on a port of this machine need not be one of them.
            "baseUrls": [
                url
                for url in (cast(str, wire["baseUrl"]), *cast("list[str]", wire.get("baseUrls") or []))
                if "://localhost" not in url
            ],
        }
        for api_id, wire in entries.items()
    ]
    lines = [index, *entries.values()]
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


def problems_of(entry: ApiCatalogEntry) -> Iterator[str]:
    """What is wrong with an entry: patterns that are not linear or not RE2, rules that cannot be compiled, examples judged otherwise."""
    wire = entry.to_wire()
    for path, expression in _expressions(wire, entry.api_id):
        problem = linear_problem(expression)
        if problem:
            yield f"{path}: pattern {expression!r} {problem}"
    try:
        compile_rules(wire, make_pattern=compile_pattern, source=entry.api_id)
        rules = compile_rules(wire, make_pattern=compile_shipped, source=entry.api_id)
    except BadInput as err:
        yield str(err)
        return
    for result in judge_examples(entry, rules):
        for difference in result.differences:
            yield f"{entry.api_id}: example {result.title!r}: {difference}"


def _expressions(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name in {"pattern", "bodyPattern", "urlPattern"} and isinstance(item, str):
                yield f"{path}.{name}", item
            elif name == "bodyPatterns":
                yield from ((f"{path}.{name}", text) for text in item)
            elif name != "examples":
                yield from _expressions(item, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _expressions(item, f"{path}[{index}]")


def main(arguments: list[str]) -> int:
    """Run the tool; 0 when nothing is wrong."""
    try:
        written = read_vendors()
        entries = resolved(written)
    except BadInput as err:
        print(err)
        return 1
    if arguments[:1] == ["--check"]:
        wanted = arguments[1:] or list(entries)
        found = [problem for api_id in wanted for problem in problems_of(entries[api_id])]
        print("\n".join([*found, f"{len(wanted)} entries, {len(found)} problems"]))
        return 1 if found else 0
    SHIPPED.write_text(shipped_text(written), encoding="utf-8")
    print(f"{len(entries)} entries, {SHIPPED.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
