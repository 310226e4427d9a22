"""Reading what a user hands over: a plan, and the definitions of the actions it uses, from JSON and YAML files.

The first station of a plan's way; `holdfast.plans.check` judges what was read. It knows the shapes of the contract and nothing of meaning.
`document_of` and everything that takes values is pure; only `read_document` opens a file. Everything wrong in any file is told at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.contract import ActionDefinition, ExecutionPlan
from holdfast.contract.checks import kind_of
from holdfast.contract.json_text import read_json
from holdfast.contract.problems import path_text
from holdfast.errors import BadInput, MissingExtra, Problem

__all__ = [
    "Definitions",
    "SourcedDefinition",
    "definitions_in",
    "document_of",
    "gather_definitions",
    "read_definitions",
    "read_document",
    "read_plan",
    "read_plan_and_definitions",
    "sourced",
]

SIZE_MAX_BYTES = 10_485_760
"""The default of the setting `plan.size_max_bytes`."""

YAML_SUFFIXES = frozenset({".yaml", ".yml"})
FIELDS = frozenset(field.serialization_alias or name for name, field in ActionDefinition.model_fields.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedDefinition:
    """A definition and where it stands: the file or argument, and the place inside it (empty when it is the whole)."""

    definition: ActionDefinition
    source: str
    path: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The name and the version, which tell definitions apart."""
        return self.definition.id, self.definition.version

    @property
    def place(self) -> str:
        """Where it stands, in one text for messages."""
        return f"{self.source} at {self.path}" if self.path else self.source


Definitions = Mapping[tuple[str, str], SourcedDefinition]
"""Definitions by id and version."""


def read_plan(path: str | Path, *, size_max_bytes: int = SIZE_MAX_BYTES) -> ExecutionPlan:
    """Read a plan from a file: YAML when its name ends in `.yaml` or `.yml`, JSON otherwise.

    Raises:
        BadInput: the file cannot be read, is empty, too large, not text, neither JSON nor YAML, or no plan; every misfit is listed.
        MissingExtra: it is YAML, and the package that reads YAML is not installed.
    """
    return ExecutionPlan.from_wire(read_document(path, size_max_bytes=size_max_bytes), source=str(path))


def read_definitions(
    paths: Iterable[str | Path], *, size_max_bytes: int = SIZE_MAX_BYTES
) -> dict[tuple[str, str], SourcedDefinition]:
    """Read action definitions from files, each with one definition, a list, or a map from ids to definitions.

    Raises:
        BadInput: as `read_plan`, or the same id and version stands twice; all problems of all files are listed.
        MissingExtra: as `read_plan`.
    """
    found: list[SourcedDefinition] = []
    problems: list[Problem] = []
    for path in dict.fromkeys(str(path) for path in paths):
        try:
            document = read_document(path, size_max_bytes=size_max_bytes)
        except BadInput as err:
            problems.extend(err.problems)
        else:
            found.extend(definitions_in(document, source=path, problems=problems))
    definitions = gather_definitions(found, problems=problems)
    if problems:
        raise BadInput(problems)
    return definitions


def read_plan_and_definitions(
    plan: str | Path, actions: Iterable[str | Path], *, size_max_bytes: int = SIZE_MAX_BYTES
) -> tuple[ExecutionPlan, dict[tuple[str, str], SourcedDefinition]]:
    """Read a plan and its definitions; what is wrong in any of the files is told together.

    Raises:
        BadInput: as `read_plan` and `read_definitions`.
        MissingExtra: as `read_plan`.
    """
    problems: list[Problem] = []
    read: ExecutionPlan | None = None
    definitions: dict[tuple[str, str], SourcedDefinition] = {}
    try:
        read = read_plan(plan, size_max_bytes=size_max_bytes)
    except BadInput as err:
        problems.extend(err.problems)
    try:
        definitions = read_definitions(actions, size_max_bytes=size_max_bytes)
    except BadInput as err:
        problems.extend(err.problems)
    if problems or read is None:
        raise BadInput(problems)
    return read, definitions


def read_document(path: str | Path, *, size_max_bytes: int = SIZE_MAX_BYTES) -> object:
    """Read a file's one JSON or YAML value.

    Raises:
        BadInput: the file cannot be read, is larger than the limit, or holds no such value.
        MissingExtra: it is YAML, and the package that reads YAML is not installed.
    """
    source = str(path)
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(size_max_bytes + 1)
    except (OSError, ValueError) as err:
        why = (err.strerror if isinstance(err, OSError) else None) or str(err)
        raise BadInput([Problem(source=source, path="", message=f"cannot be read: {why}")]) from err
    if len(raw) > size_max_bytes:
        message = (
            f"is larger than {size_max_bytes:,} bytes (setting plan.size_max_bytes). Split it, or raise the limit."
        )
        raise BadInput([Problem(source=source, path="", message=message)])
    return document_of(raw, source=source, is_yaml=Path(path).suffix.lower() in YAML_SUFFIXES)


def document_of(raw: bytes, *, source: str, is_yaml: bool = False) -> object:
    """Return the value that the bytes of a file stand for.

    Raises:
        BadInput: they are empty, not UTF-8, or neither JSON nor YAML; with line and column.
        MissingExtra: it is YAML, and the package that reads YAML is not installed.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        message = f"is not UTF-8 text: byte {err.start} cannot be read"
        raise BadInput([Problem(source=source, path="", message=message)]) from err
    if not text.strip():
        raise BadInput([Problem(source=source, path="", message="is empty")])
    if not is_yaml:
        return read_json(text, source=source)
    try:
        from holdfast.plans.yaml_text import read_yaml  # noqa: PLC0415 - needs a package of an extra; JSON needs none
    except ImportError as err:
        raise MissingExtra("reading YAML files", "durable") from err
    return read_yaml(text, source=source)


def definitions_in(document: object, *, source: str, problems: list[Problem]) -> Iterator[SourcedDefinition]:
    """Yield the definitions of one document; what is wrong goes to `problems`."""
    for path, key, value in items_of(document, source=source, problems=problems):
        # In a map the key may stand for the id; where both are given they must agree.
        if key is not None and isinstance(value, dict) and "id" not in value:
            described: object = {**value, "id": key.partition("@")[0]}
        else:
            described = value
        try:
            definition = ActionDefinition.from_wire(described, source=source)
        except BadInput as err:
            problems.extend(moved(problem, path) for problem in err.problems)
            continue
        if key is not None and key not in (definition.id, f"{definition.id}@{definition.version}"):
            message = f"is {definition.id!r}, but stands under {key!r}. Make the two the same."
            problems.append(Problem(source=source, path=f"{path}.id", message=message))
            continue
        yield SourcedDefinition(definition=definition, source=source, path=path)


def items_of(document: object, *, source: str, problems: list[Problem]) -> Iterator[tuple[str, str | None, object]]:
    """Yield place, key (in a map) and value of each definition in a document: one, a list, or a map."""
    if isinstance(document, list):
        for index, value in enumerate(document):
            yield f"[{index}]", None, value
    elif not isinstance(document, dict):
        message = f"must hold one action definition, a list or a map of them, but is {kind_of(document)}"
        problems.append(Problem(source=source, path="", message=message))
    elif not FIELDS.isdisjoint(document) and not all(isinstance(value, dict) for value in document.values()):
        yield "", None, document
    else:
        for key, value in document.items():
            yield path_text([key]), key, value


def moved(problem: Problem, path: str) -> Problem:
    """Return a problem of one definition as seen from the top of its file."""
    inner = f".{problem.path}" if path and problem.path and not problem.path.startswith("[") else problem.path
    return Problem(source=problem.source, path=path + inner, message=problem.message)


def gather_definitions(
    found: Iterable[SourcedDefinition], *, problems: list[Problem]
) -> dict[tuple[str, str], SourcedDefinition]:
    """Return definitions by id and version; one that stands twice goes to `problems`, naming both places."""
    gathered: dict[tuple[str, str], SourcedDefinition] = {}
    for one in found:
        first = gathered.setdefault(one.key, one)
        if first is not one:
            name = f"{one.definition.id}@{one.definition.version}"
            message = f"{name!r} is defined already in {first.place}. Keep one of the two, or give it another version."
            problems.append(Problem(source=one.source, path=f"{one.path}.id" if one.path else "id", message=message))
    return gathered


def sourced(
    definitions: Iterable[ActionDefinition], *, source: str = "definitions"
) -> dict[tuple[str, str], SourcedDefinition]:
    """Return definitions that a program made, by id and version.

    Raises:
        BadInput: the same id and version stands twice.
    """
    problems: list[Problem] = []
    found = (
        SourcedDefinition(definition=definition, source=source, path=f"[{index}]")
        for index, definition in enumerate(definitions)
    )
    gathered = gather_definitions(found, problems=problems)
    if problems:
        raise BadInput(problems)
    return gathered
