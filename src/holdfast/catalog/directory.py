"""Reading a catalog from a directory of JSON and YAML files.

The only module of the catalog that touches files. A file holds one entry or a list of entries; one that overrides an entry of a lower
layer says only what differs. Everything that is wrong in any file is told at once, with file and path. It does not watch the directory:
loading again makes a new catalog.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from holdfast.catalog.entries import Catalog
from holdfast.catalog.layers import DIRECTORY, Layer, Piece
from holdfast.contract.checks import kind_of
from holdfast.errors import BadInput, MissingExtra, Problem

FILE_MAX_BYTES = 1_048_576
FILES_MAX = 10_000
_DEPTH_MAX = 50  # an entry needs six
_SUFFIXES = frozenset({".json", ".yaml", ".yml"})


def load_directory(path: str | Path | None, *, shipped: bool = True, below: Sequence[Layer] = ()) -> Catalog:
    """Load every `*.json`, `*.yaml` and `*.yml` of a directory (not of the directories below it), in the order of their names.

    Args:
        path: the directory; `None` for a catalog without one.
        shipped: whether the entries that come with Holdfast lie under those of the directory.
        below: layers between the two.

    Raises:
        BadInput: the directory or a file cannot be read, is too large, is not valid or does not fit the schema; an
            `apiId` occurs twice; a pattern is not valid. All problems of all files are listed.
        MissingExtra: there are YAML files or patterns, and the packages that read them are not installed.
    """
    problems: list[Problem] = []
    layers = [*below, *([] if path is None else [read_directory(path, problems)])]
    try:
        catalog = Catalog(layers=layers, shipped=shipped)
    except BadInput as err:
        problems.extend(err.problems)
    else:
        if not problems:
            return catalog
    raise BadInput(problems)


def read_directory(path: str | Path, problems: list[Problem]) -> Layer:
    """What the files of a directory say, not checked against the schema; files that cannot be read are added to the problems.

    Raises:
        BadInput: the directory cannot be read.
        MissingExtra: there are YAML files, and the package that reads them is not installed.
    """
    pieces: list[Piece] = []
    for file in _files(Path(path)):
        try:
            pieces.extend(read_file(file))
        except BadInput as err:
            problems.extend(err.problems)
    return Layer(name=DIRECTORY, pieces=tuple(pieces))


def state_of(directory: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of each file that would be read: it differs when one of them was written, without reading any."""
    found: list[tuple[str, int, int]] = []
    try:
        files = [file for file in directory.iterdir() if _is_entry(file)]
    except OSError as err:
        return ((f"cannot be read: {err.errno}", 0, 0),)
    for file in sorted(files)[:FILES_MAX]:
        try:
            facts = file.stat()
        except OSError:
            continue  # gone between the two calls: the next look sees what came of it
        found.append((file.name, facts.st_mtime_ns, facts.st_size))
    return tuple(found)


def read_places(places: Sequence[Path]) -> Layer:
    """What files and directories say, put together as one layer.

    Raises:
        BadInput: one of them cannot be read; every problem is listed.
        MissingExtra: there are YAML files, and the package that reads them is not installed.
    """
    problems: list[Problem] = []
    pieces: list[Piece] = []
    for place in places:
        try:
            pieces.extend(read_directory(place, problems).pieces if place.is_dir() else read_file(place))
        except BadInput as err:
            problems.extend(err.problems)
    if problems:
        raise BadInput(problems)
    return Layer(name=DIRECTORY, pieces=tuple(pieces))


def read_file(file: Path) -> Iterator[Piece]:
    """What a file says: one piece, or a list of them.

    Raises:
        BadInput: the file cannot be read, is too large, or holds no object.
        MissingExtra: it is a YAML file, and the package that reads it is not installed.
    """
    value = _value_of(file)
    items = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
    flaws = [
        Problem(
            source=str(file),
            path="" if index is None else f"[{index}]",
            message=f"must be an object, but is {kind_of(item)}",
        )
        for index, item in items
        if not isinstance(item, Mapping)
    ]
    yield from (
        Piece(wire=item, source=str(file), path="" if index is None else f"[{index}]")
        for index, item in items
        if isinstance(item, Mapping)
    )
    if flaws:
        raise BadInput(flaws)


def _files(directory: Path) -> list[Path]:
    try:
        files = sorted(file for file in directory.iterdir() if _is_entry(file))
    except OSError as err:
        message = f"cannot be read as a directory of catalog entries: {err.strerror or err}"
        raise BadInput([Problem(source=str(directory), path="", message=message)]) from err
    if len(files) > FILES_MAX:
        raise BadInput(
            [
                Problem(
                    source=str(directory),
                    path="",
                    message=f"holds {len(files)} files; a catalog has at most {FILES_MAX}",
                )
            ]
        )
    return files


def _is_entry(file: Path) -> bool:
    return file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")


def _value_of(file: Path) -> object:
    try:
        with file.open("rb") as stream:
            data = stream.read(FILE_MAX_BYTES + 1)
    except OSError as err:
        raise _refused(file, f"cannot be read: {err.strerror or err}") from err
    if len(data) > FILE_MAX_BYTES:
        raise _refused(file, f"is larger than {FILE_MAX_BYTES} bytes. Split it into one file per API.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise _refused(file, f"is not UTF-8: byte {err.start} cannot be read") from err
    if file.suffix.lower() == ".json":
        return _json_value(file, text)
    return _yaml_value(file, text)


def _json_value(file: Path, text: str) -> object:
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as err:
        raise _refused(file, f"is not JSON: {err.msg} (line {err.lineno}, column {err.colno})") from err
    except (ValueError, RecursionError) as err:
        raise _refused(file, "is not usable JSON: nested too deeply, or a number is too long") from err
    return value


def _yaml_value(file: Path, text: str) -> object:
    try:
        import yaml  # noqa: PLC0415 - part of an extra; a directory of JSON files needs none
    except ImportError as err:
        raise MissingExtra("reading YAML catalog files", "durable") from err
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            # An alias may be repeated inside what another alias repeats, and a small file then means billions of values.
            if isinstance(event, yaml.AliasEvent):
                raise _refused(file, "uses a YAML alias (*name), which catalog files may not. Write the value out.")
            # The parser's time grows with the square of the depth: 5,000 brackets take seconds.
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEPTH_MAX:
                raise _refused(file, f"is not YAML of a catalog: nested deeper than {_DEPTH_MAX} levels")
        value: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        mark = getattr(err, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""
        raise _refused(
            file, f"is not YAML: {getattr(err, 'problem', None) or 'nested too deeply or an impossible value'}{place}"
        ) from err
    return value


def _refused(file: Path, message: str) -> BadInput:
    return BadInput([Problem(source=str(file), path="", message=message)])
