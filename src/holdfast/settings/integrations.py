"""The integrations of a deployment, read from their places: the tables `[integrations.<id>]` of the file, variables, arguments and aliases.

A file declares an integration; a variable `HOLDFAST_INTEGRATIONS_<ID>_<KEY>` changes one value of one that is declared. So the names that can
occur are known before a variable is looked at, and one that two integrations would share is refused: no name has to be taken apart by guessing.
What an integration is, and what its values may be, is known to `integration`.
"""

from __future__ import annotations

import json
import re
import reprlib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from holdfast.errors import BadSettings, Problem
from holdfast.settings.integration import (
    FALLBACK_TYPES,
    FALLBACKS_MAX,
    SUBTABLES,
    DefaultFallback,
    Integration,
    IntegrationFallback,
    integration_keys,
)
from holdfast.settings.setting import HIDDEN, Scalar, Setting, settings_of

__all__ = ["INTEGRATIONS", "Given", "IntegrationLine", "Read", "integration_lines", "read_integrations", "variable_of"]

INTEGRATIONS = "integrations"
INTEGRATIONS_MAX = 200
_ID = re.compile(r"[a-z][a-z0-9_-]{0,62}")
# What spec 001 calls them, so that whoever comes from there is told our word.
_SPEC_WORDS = {
    "id": "[integrations.<id>]",
    "baseURL": "base_url",
    "timeout": "timeout_s",
    "retryStrategy": "retry",
    "retryStrategy.maxAttempts": "retry.attempts_max",
    "retryStrategy.initialDelay": "retry.initial_delay_s",
    "retryStrategy.backoffFactor": "retry.multiplier",
    "retryStrategy.maxDelay": "retry.max_delay_s",
    "circuitBreaker": "breaker",
    "circuitBreaker.enabled": "breaker.enabled",
    "circuitBreaker.threshold": "breaker.failures",
    "circuitBreaker.timeout": "attempt_timeout_s",
    "circuitBreaker.resetTimeout": "breaker.open_s",
    "healthCheck": "health_check",
    "healthCheck.endpoint": "health_check.endpoint",
    "healthCheck.interval": "health_check.interval_s",
    "healthCheck.timeout": "health_check.timeout_s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A value as it was given, and by whom. `is_text` for values that have no type of their own, as in variables."""

    raw: object
    place: str
    is_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What came of reading: the integrations by id, where each value came from, and the variables that set something or could have."""

    integrations: Mapping[str, Integration] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    variables: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrationLine:
    """One value of one integration as people may see it: `shown` has its secrets hidden. `variable` is empty for what only the file can say.

    `value` is the value itself, or what is shown of it where it is secret or has several parts.
    """

    name: str
    shown: str
    value: Scalar
    origin: str
    unit: str = ""
    variable: str = ""


def variable_of(integration_id: str, key: str) -> str:
    """The environment variable that sets a key of an integration."""
    return "HOLDFAST_INTEGRATIONS_" + re.sub(r"[.-]", "_", f"{integration_id}_{key}").upper()


def read_integrations(
    tables: object,
    *,
    place: str,
    environ: Mapping[str, str],
    arguments: Mapping[str, object],
    aliases: Mapping[str, tuple[object, str]],
    problems: list[Problem],
) -> Read:
    """Read every integration; what is wrong goes to `problems`, all of it.

    `tables` is what the file says under `integrations` and `place` the file. `arguments` and `aliases` map full names to values, aliases with the
    variable each came from. The nearest place wins, key by key: arguments, then variables, the file, aliases.
    """
    declared = _declared(tables, place=place, problems=problems)
    for name, (raw, variable) in aliases.items():
        _, integration_id, key = name.split(".", 2)
        if integration_id in declared or f"{INTEGRATIONS}.{integration_id}.base_url" in aliases:
            declared.setdefault(integration_id, {}).setdefault(key, Given(raw=raw, place=variable, is_text=True))
    for name, raw in arguments.items():
        _, integration_id, key = name.split(".", 2) if name.count(".") > 1 else (INTEGRATIONS, "", name)
        if _has_good_id(integration_id, place="argument", problems=problems):
            declared.setdefault(integration_id, {})[key] = Given(raw=raw, place="argument")
    if len(declared) > INTEGRATIONS_MAX:
        message = f"{len(declared)} integrations are more than the {INTEGRATIONS_MAX} that are allowed. Leave some out."
        problems.append(Problem(source=place, path=INTEGRATIONS, message=message))
        return Read()
    variables = _variables(declared, place=place, problems=problems)
    for variable, (integration_id, key) in variables.items():
        if environ.get(variable) and declared[integration_id].get(key, _NOBODY).place != "argument":
            declared[integration_id][key] = Given(raw=environ[variable], place=variable, is_text=True)
    found = {
        integration_id: integration
        for integration_id, given in declared.items()
        if (integration := _integration(integration_id, given, place=place, problems=problems)) is not None
    }
    sources = {f"{INTEGRATIONS}.{one}.{key}": given.place for one in declared for key, given in declared[one].items()}
    return Read(integrations=found, sources=sources, variables=frozenset(variables))


def integration_lines(integrations: Mapping[str, Integration], sources: Mapping[str, str]) -> Iterator[IntegrationLine]:
    """Every value of every integration, for people: names like `integrations.primary-api.retry.attempts_max`. `sources` is that of the settings."""
    for integration_id, integration in integrations.items():
        prefix = f"{INTEGRATIONS}.{integration_id}."
        for setting in integration_keys():
            table, _, key = setting.name.rpartition(".")
            owner: object = getattr(integration, table) if table else integration
            if owner is not None:
                value: Scalar = getattr(owner, key)
                shown = _open_reference(value) or setting.shown(value)
                yield IntegrationLine(
                    name=prefix + setting.name,
                    shown=shown,
                    value=shown if value is not None and (setting.secret or setting.address) else value,
                    origin=sources.get(prefix + setting.name, "default"),
                    unit=setting.unit if value is not None else "",
                    variable=variable_of(integration_id, setting.name),
                )
        several = [(f"headers.{name}", _open_reference(value) or HIDDEN) for name, value in integration.headers.items()]
        several += [(f"fallbacks[{n}]", _shown_fallback(fallback)) for n, fallback in enumerate(integration.fallbacks)]
        for key, shown in several:
            origin = sources.get(prefix + re.split(r"[.\[]", key)[0], "default")
            yield IntegrationLine(name=prefix + key, shown=shown, value=shown, origin=origin)


_NOBODY = Given(raw=None, place="")


def _declared(tables: object, *, place: str, problems: list[Problem]) -> dict[str, dict[str, Given]]:
    """What the file says, key by key."""
    if not isinstance(tables, dict):
        message = "is no table. Give each integration a table of its own, as in [integrations.primary-api]."
        problems.append(Problem(source=place, path=INTEGRATIONS, message=message))
        return {}
    declared: dict[str, dict[str, Given]] = {}
    for integration_id, content in tables.items():
        if not _has_good_id(integration_id, place=place, problems=problems):
            continue
        if not isinstance(content, dict):
            message = f"is no table. Declare an integration as [integrations.{integration_id}]."
            problems.append(Problem(source=place, path=f"{INTEGRATIONS}.{integration_id}", message=message))
            continue
        declared[integration_id] = {key: Given(raw=raw, place=place) for key, raw in _flat(content)}
    return declared


def _flat(content: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, value in content.items():
        if isinstance(value, dict) and key != "headers":
            yield from ((f"{key}.{inner}", raw) for inner, raw in value.items())
            if not value and key in SUBTABLES:
                # An empty table says: as usual, but have it. Its first default, said aloud, is just that.
                first = settings_of(SUBTABLES[key])[0]
                yield first.name, first.default
        else:
            yield key, value


def _has_good_id(integration_id: str, *, place: str, problems: list[Problem]) -> bool:
    if _ID.fullmatch(integration_id):
        return True
    message = "is no id of an integration. Begin with a small letter, go on with small letters, digits, - and _; at most 63 of them."
    problems.append(Problem(source=place, path=f"{INTEGRATIONS}.{reprlib.repr(integration_id)}", message=message))
    return False


def _variables(declared: Iterable[str], *, place: str, problems: list[Problem]) -> dict[str, tuple[str, str]]:
    """The variables that can set something: each with the id and the key."""
    owners: dict[str, tuple[str, str]] = {}
    for integration_id in declared:
        for setting in integration_keys():
            variable = variable_of(integration_id, setting.name)
            owner = owners.setdefault(variable, (integration_id, setting.name))
            if owner[0] != integration_id:
                message = f"has the variable {variable} in common with {INTEGRATIONS}.{'.'.join(owner)}. Rename one of the two."
                problems.append(Problem(source=place, path=f"{INTEGRATIONS}.{integration_id}", message=message))
                break
    return owners


def _integration(
    integration_id: str, given: Mapping[str, Given], *, place: str, problems: list[Problem]
) -> Integration | None:
    """Build one; None, with all the reasons among the problems, where it cannot be."""
    prefix = f"{INTEGRATIONS}.{integration_id}."
    found: list[Problem] = []
    known = {setting.name: setting for setting in integration_keys()}
    values: dict[str, dict[str, object]] = {"": {"base_url": None}}
    for key, one in given.items():
        table, _, name = key.rpartition(".")
        if key in known:
            value, refusal = _value(known[key], one)
            if refusal is None:
                values.setdefault(table, {})[name] = value
            else:
                found.append(Problem(source=one.place, path=key, message=refusal))
        elif key == "headers":
            values[""][key] = one.raw
        elif key == "fallbacks":
            values[""][key] = _fallbacks(one, problems=found)
        else:
            found.append(Problem(source=one.place, path=key, message=_unknown(key)))
    integration = _built(values, given=given, place=place, problems=found)
    problems += [Problem(source=one.source, path=prefix + one.path, message=one.message) for one in found]
    return None if found else integration


def _value(setting: Setting, given: Given) -> tuple[object, str | None]:
    """A value in its own type, and what is wrong with it."""
    value = setting.parse(given.raw) if given.is_text and isinstance(given.raw, str) else given.raw
    if setting.name == "base_url":
        return value, None  # said with the whole, where a missing one is told, too
    if message := setting.problem_with(value):
        return None, message
    return (float(typing.cast(float, value)) if setting.kind == "number" else value), None


def _built(
    values: Mapping[str, Mapping[str, object]], *, given: Mapping[str, Given], place: str, problems: list[Problem]
) -> Integration | None:
    try:
        parts: dict[str, object] = {}
        for table, content in values.items():
            parts |= {table: SUBTABLES[table](**content)} if table else content
        return Integration(**parts)  # type: ignore[arg-type]  # each value was checked by the rule of its key
    except BadSettings as refusal:
        for problem in refusal.problems:
            whole = re.split(r"[.\[]", problem.path)[0]
            owner = given.get(problem.path) or given.get(whole)
            problems.append(Problem(source=owner.place if owner else place, path=problem.path, message=problem.message))
        return None


def _fallbacks(given: Given, *, problems: list[Problem]) -> tuple[IntegrationFallback, ...]:
    """The fallbacks; none of them where one is wrong, so that the numbers in messages stay true."""
    if not isinstance(given.raw, list) or not all(isinstance(one, dict) for one in given.raw):
        message = 'is no list of tables. Write it as in fallbacks = [{type = "cache", ttl_s = 300, priority = 1}].'
        problems.append(Problem(source=given.place, path="fallbacks", message=message))
        return ()
    found: list[IntegrationFallback] = []
    for number, content in enumerate(given.raw[: FALLBACKS_MAX + 1]):
        place = f"fallbacks[{number}]"
        try:
            found.append(_fallback(content, number=number))
        except BadSettings as refusal:
            problems += [
                Problem(source=given.place, path=problem.path.replace("fallbacks", place, 1), message=problem.message)
                for problem in refusal.problems
            ]
    return tuple(found) if len(found) == min(len(given.raw), FALLBACKS_MAX + 1) else ()


def _fallback(content: Mapping[str, object], *, number: int) -> IntegrationFallback:
    """One fallback; its place in the list is its priority where it names none.

    Raises:
        BadSettings: naming each key that is wrong.
    """
    word = content.get("type")
    kind = FALLBACK_TYPES.get(word) if isinstance(word, str) else None
    if kind is None:
        message = f"{reprlib.repr(word)} is no type of fallback. Give one of: {', '.join(FALLBACK_TYPES)}."
        raise BadSettings([Problem(source="", path="fallbacks.type", message=message)])
    rules = {setting.name.partition(".")[2]: setting for setting in settings_of(kind)}
    keys = [*rules, *(["value"] if kind is DefaultFallback else [])]
    problems: list[Problem] = []
    values: dict[str, object] = {"priority": number + 1}
    refusal: str | None
    for key, raw in content.items():
        if key in rules:
            values[key], refusal = _value(rules[key], Given(raw=raw, place=""))
        else:
            values[key] = raw
            refusal = (
                None
                if key in {"type", *keys}
                else f"a fallback of type {word} has no such key; it has: {', '.join(keys)}."
            )
        if refusal:
            problems.append(Problem(source="", path=f"fallbacks.{key}", message=refusal))
    if problems:
        raise BadSettings(problems)
    values.pop("type")
    return kind(**values)  # type: ignore[arg-type]  # each value was checked by the rule of its key


def _unknown(key: str) -> str:
    import difflib  # noqa: PLC0415 - needed for refusals only

    if key in SUBTABLES:
        return f"is no table. Write it as in {key} = {{{settings_of(SUBTABLES[key])[0].name.partition('.')[2]} = …}}."
    if key in _SPEC_WORDS:
        return f"is called {_SPEC_WORDS[key]} here; times are in seconds. Rename it."
    names = {_plain(setting.name): setting.name for setting in integration_keys()}
    names |= {_plain(name): name for name in ("headers", "fallbacks", *SUBTABLES)}
    near = difflib.get_close_matches(_plain(key), names, n=1)
    advice = f"Did you mean {names[near[0]]}?" if near else "Leave it out; all of them: docs/reference/settings.md."
    return f"no key of an integration has this name. {advice}"


def _plain(name: str) -> str:
    return re.sub(r"[_-]", "", name).lower()


def _open_reference(value: object) -> str:
    """The name of a variable may be seen, whatever is in it; empty for all else."""
    return value if isinstance(value, str) and value.startswith("env:") else ""


def _shown_fallback(fallback: IntegrationFallback) -> str:
    word = next(word for word, kind in FALLBACK_TYPES.items() if isinstance(fallback, kind))
    shown = [
        f"{key} {_open_reference(value) or setting.shown(value)} {setting.unit}".strip()
        for setting in settings_of(type(fallback))
        if (key := setting.name.partition(".")[2]) != "priority" and (value := getattr(fallback, key)) is not None
    ]
    if isinstance(fallback, DefaultFallback):
        shown.append(f"value {json.dumps(fallback.value, ensure_ascii=False)}")
    return ", ".join([word, *shown])
