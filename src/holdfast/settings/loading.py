"""Where the values of settings come from: arguments, the environment, the file, and the order among them.

Every problem of every place is collected before anything is refused. What the settings are is not known here, but in `sections`.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path

from holdfast.errors import BadSettings, Problem
from holdfast.settings.aliases import aliases_given, document_integration
from holdfast.settings.integration import Integration
from holdfast.settings.integrations import INTEGRATIONS, read_integrations
from holdfast.settings.sections import Settings, by_name, table

CONFIG_FILE = "holdfast.toml"
# A configuration is a page of text; whatever is larger was not meant for us.
CONFIG_SIZE_MAX_BYTES = 1_048_576


def load(
    *,
    arguments: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    config_path: str | os.PathLike[str] | None = None,
    aliases: bool = False,
) -> Settings:
    """Reads the settings from all their places.

    `arguments` maps names such as `database.url` to values; None stands for an argument that was not given. `environ` is `os.environ` unless given.
    `config_path` must exist when given; otherwise `holdfast.toml` in the working directory is read if it is there. With `aliases`, the environment
    variables of spec 001 (`aliases()` lists them) count as well, below the file. Nothing is written.

    Raises:
        BadSettings: naming every value that is out of range, of the wrong type or unknown, with its place.
    """
    environ = os.environ if environ is None else environ
    problems: list[Problem] = []
    place, document = _document(config_path, problems=problems)
    others = aliases_given(environ, problems=problems) if aliases else {}
    others |= document_integration(others)
    given = {
        **{name: (raw, "alias", variable) for name, (raw, variable) in others.items() if name in by_name()},
        **_from_file(document, place=place, problems=problems),
        **_from_environment(environ),
        **_from_arguments(arguments or {}, problems=problems),
    }
    read = read_integrations(
        document.get(INTEGRATIONS, {}),
        place=place,
        environ=environ,
        arguments={
            name: raw for name, raw in (arguments or {}).items() if _is_of_integration(name) and raw is not None
        },
        aliases={name: raw for name, raw in others.items() if _is_of_integration(name)},
        problems=problems,
    )
    values: dict[str, dict[str, object]] = {}
    for name, (raw, source, place) in given.items():
        setting = by_name()[name]
        value = setting.parse(raw) if isinstance(raw, str) and source != "file" else raw
        if message := setting.problem_with(value):
            problems.append(Problem(source=place, path=name, message=message))
            continue
        section, _, key = name.partition(".")
        values.setdefault(section, {})[key] = float(typing.cast(float, value)) if setting.kind == "number" else value
    if problems:
        raise BadSettings(problems)
    return _assemble(
        values,
        integrations=read.integrations,
        sources={name: place for name, (_, _, place) in given.items()} | dict(read.sources),
        variables_unread=_unread_variables(environ, known=read.variables),
    )


# What was given for a setting: the raw value, the kind of place, and the place itself.
_Given = dict[str, tuple[object, str, str]]


def _document(
    config_path: str | os.PathLike[str] | None, *, problems: list[Problem]
) -> tuple[str, Mapping[str, object]]:
    """The name of the file, and what it says; nothing where there is none."""
    path = Path(CONFIG_FILE if config_path is None else config_path)
    if config_path is None and not path.is_file():
        return str(path), {}
    import tomllib  # noqa: PLC0415 - whoever has no file need not pay for its parser

    message = ""
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_SIZE_MAX_BYTES + 1)
        if len(content) <= CONFIG_SIZE_MAX_BYTES:
            return str(path), tomllib.loads(content.decode())
        message = f"larger than {CONFIG_SIZE_MAX_BYTES} bytes. Give a configuration file."
    except OSError as error:
        message = f"cannot be read: {error.strerror}. Check the path, or leave --config out."
    except UnicodeDecodeError:
        message = "is not UTF-8 text. Save it as UTF-8."
    except tomllib.TOMLDecodeError as error:
        message = f"is not TOML: {error}. Correct that line."
    except RecursionError:
        message = "is nested too deep to be read. Give a configuration file."
    problems.append(Problem(source=str(path), path="", message=message))
    return str(path), {}


def _from_file(document: Mapping[str, object], *, place: str, problems: list[Problem]) -> _Given:
    given: _Given = {}
    for name, value in _flat(document).items():
        if name in by_name():
            given[name] = (value, "file", place)
        else:
            problems.append(Problem(source=place, path=name, message=_unknown(name)))
    return given


def _flat(document: Mapping[str, object]) -> dict[str, object]:
    return {
        f"{section}.{key}" if key else section: value
        for section, content in document.items()
        if section != INTEGRATIONS
        for key, value in (content.items() if isinstance(content, dict) else [("", content)])
    }


def _from_environment(environ: Mapping[str, str]) -> _Given:
    return {
        setting.name: (environ[setting.variable], "environment", setting.variable)
        for setting in table()
        if environ.get(setting.variable)
    }


def _from_arguments(arguments: Mapping[str, object], *, problems: list[Problem]) -> _Given:
    given: _Given = {}
    for name, value in arguments.items():
        if _is_of_integration(name):
            continue
        if name not in by_name():
            problems.append(Problem(source="argument", path=name, message=_unknown(name)))
        elif value is not None:
            given[name] = (os.fspath(value) if isinstance(value, os.PathLike) else value, "argument", "argument")
    return given


def _unknown(name: str) -> str:
    import difflib  # noqa: PLC0415 - needed for refusals only

    near = difflib.get_close_matches(name, by_name(), n=1)
    return f"no setting has this name. {f'Did you mean {near[0]}?' if near else 'Leave it out; all of them: holdfast config show.'}"


def _is_of_integration(name: str) -> bool:
    return name.startswith(f"{INTEGRATIONS}.")


def _unread_variables(environ: Mapping[str, str], *, known: Iterable[str]) -> tuple[str, ...]:
    ours = {setting.variable for setting in table()}.union(known)
    words = {name.partition(".")[0] for name in by_name()} | {INTEGRATIONS}
    sections = tuple(f"HOLDFAST_{word.upper()}_" for word in words)
    return tuple(sorted(name for name in environ if name.startswith(sections) and name not in ours))


def _assemble(
    values: Mapping[str, Mapping[str, object]],
    *,
    integrations: Mapping[str, Integration],
    sources: Mapping[str, str],
    variables_unread: tuple[str, ...],
) -> Settings:
    kinds = typing.get_type_hints(Settings)
    sections = {name: kinds[name](**content) for name, content in values.items()}
    return Settings(**sections, integrations=integrations, sources=sources, variables_unread=variables_unread)
