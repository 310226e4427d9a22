"""Reading a scenario: JSON in, a `Scenario` or the list of everything that is wrong with it out.

The format is described in `holdfast.testing.fault_api.scenario`. Nothing here opens a socket or looks at a clock.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from holdfast.errors import BadInput, Problem
from holdfast.testing.fault_api.scenario import (
    Credential,
    Effect,
    Fault,
    FaultKind,
    RefusedPort,
    Route,
    Scenario,
    Since,
)
from holdfast.testing.fault_api.template import DEPTH_MAX, is_too_deep, unknown_placeholders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["load_scenario", "parse_scenario"]

FILE_SIZE_MAX_BYTES = 1_000_000
ROUTES_MAX = 500
HANG_MAX_S = 600.0
HUGE_BODY_MAX_BYTES = 256 * 1024 * 1024
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, not a secret
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_DEFAULT_EFFECT = {
    "GET": Effect.NONE,
    "PUT": Effect.UPSERT,
    "DELETE": Effect.UPSERT,
    "POST": Effect.CREATE,
    "PATCH": Effect.CREATE,
}

T = TypeVar("T")


def load_scenario(path: str | Path, *, environment: Mapping[str, str] | None = None) -> Scenario:
    """The scenario in a JSON file of at most 1 MB.

    `environment` supplies the values of `env:NAME` (default: the process's environment).

    Raises:
        BadInput: the file cannot be read, is not JSON, or says something a scenario cannot say; all problems at once.
    """
    source = str(path)
    try:
        with Path(path).open("rb") as file:
            raw = file.read(FILE_SIZE_MAX_BYTES + 1)
    except OSError as err:
        raise BadInput([Problem(source=source, path="", message=f"cannot be read: {err.strerror}")]) from err
    if len(raw) > FILE_SIZE_MAX_BYTES:
        raise BadInput(
            [
                Problem(
                    source=source,
                    path="",
                    message=f"is larger than {FILE_SIZE_MAX_BYTES} bytes; a scenario is a small file",
                )
            ]
        )
    try:
        document: object = json.loads(raw)
    except (ValueError, RecursionError) as err:
        raise BadInput([Problem(source=source, path="", message=f"is not JSON: {err}")]) from err
    return parse_scenario(document, source=source, environment=environment)


def parse_scenario(
    document: object, *, source: str = "scenario", environment: Mapping[str, str] | None = None
) -> Scenario:
    """The scenario that a decoded JSON document describes.

    `source` is the name that problems carry; `environment` as for `load_scenario`.

    Raises:
        BadInput: something in it cannot be used; every problem is listed with its path.
    """
    problems: list[Problem] = []
    top = _Fields(document, source=source, path="", problems=problems)
    if problems:
        raise BadInput(problems)  # not even an object: nothing in it can be named
    credentials = _read_credentials(top, os.environ if environment is None else environment)
    refused = _read_refused(top)
    routes = [_read_route(fields) for fields in top.objects("routes", required=True, limit=ROUTES_MAX)]
    top.close()
    if any(one.refresh_token or one.client_id for one in credentials) and not any(route.refreshes for route in routes):
        routes.append(Route(name="oauth_token", method="POST", path=TOKEN_PATH, effect=Effect.CREATE, refreshes=True))
    _check_names(top, routes, credentials)
    if problems:
        raise BadInput(problems)
    return Scenario(routes=tuple(routes), credentials=tuple(credentials), refused=refused)


class _Fields:
    """One JSON object being read: takes fields by name and type, and collects what is wrong instead of raising."""

    def __init__(self, value: object, *, source: str, path: str, problems: list[Problem]) -> None:
        self.source = source
        self.path = path
        self.problems = problems
        self.left: dict[str, object] = {}
        if isinstance(value, dict):
            self.left = {str(key): item for key, item in value.items()}
        else:
            self.complain("", f"must be an object, not {_kind(value)}")

    def complain(self, field: str, message: str) -> None:
        path = ".".join(part for part in (self.path, field) if part)
        self.problems.append(Problem(source=self.source, path=path, message=message))

    def has(self, field: str) -> bool:
        return field in self.left

    def take(self, field: str, accepts: Callable[[object], bool], *, default: T, wants: str) -> T:
        """The field's value, or the default when it is absent or wrong; wrong is remembered as a problem."""
        if field not in self.left:
            return default
        value = self.left.pop(field)
        if accepts(value):
            return cast("T", value)
        self.complain(field, f"must be {wants}, not {_show(value)}")
        return default

    def text(self, field: str, *, default: str = "", required: bool = False) -> str:
        if required and field not in self.left:
            self.complain(field, "is missing")
        return self.take(
            field, lambda value: isinstance(value, str) and (value != "" or not required), default=default, wants="text"
        )

    def optional_text(self, field: str) -> str | None:
        return self.take(
            field,
            lambda value: isinstance(value, str) and value != "",
            default=cast("str | None", None),
            wants="text that is not empty",
        )

    def flag(self, field: str, *, default: bool) -> bool:
        return self.take(field, lambda value: isinstance(value, bool), default=default, wants="true or false")

    def whole(self, field: str, *, low: int, high: int, default: T) -> T | int:
        def accepts(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

        return self.take(field, accepts, default=cast("T | int", default), wants=f"a whole number from {low} to {high}")

    def seconds(self, field: str, *, high: float, default: T) -> T | float:
        def accepts(value: object) -> bool:
            return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= high

        return self.take(
            field, accepts, default=cast("T | float", default), wants=f"a number of seconds from 0 to {high:g}"
        )

    def choice(self, field: str, kind: Callable[[str], T], *, options: tuple[str, ...], default: T) -> T:
        wants = "one of " + ", ".join(options)
        value = self.take(
            field, lambda one: isinstance(one, str) and one in options, default=cast("str | None", None), wants=wants
        )
        return default if value is None else kind(value)

    def headers(self, field: str) -> tuple[tuple[str, str], ...]:
        def accepts(value: object) -> bool:
            return isinstance(value, dict) and all(
                isinstance(one, str) and "\n" not in one and "\r" not in one for one in value.values()
            )

        found = self.take(field, accepts, default=cast("dict[str, str]", {}), wants="an object of one-line texts")
        return tuple(found.items())

    def objects(self, field: str, *, limit: int, required: bool = False) -> list[_Fields]:
        if required and field not in self.left:
            self.complain(field, "is missing")
        found = self.take(
            field,
            lambda value: isinstance(value, list) and len(value) <= limit,
            default=cast("list[object]", []),
            wants=f"a list of at most {limit}",
        )
        where = f"{self.path}.{field}" if self.path else field
        return [
            _Fields(item, source=self.source, path=f"{where}[{at}]", problems=self.problems)
            for at, item in enumerate(found)
        ]

    def close(self) -> None:
        """Complain about every field nobody asked for."""
        for field in self.left:
            self.complain(field, "is not a field of a scenario here; see the description of the format")


def _read_credentials(top: _Fields, environment: Mapping[str, str]) -> list[Credential]:
    named = top.take(
        "credentials", lambda value: isinstance(value, dict), default=cast("dict[str, object]", {}), wants="an object"
    )
    found = []
    for name, value in named.items():
        fields = _Fields(value, source=top.source, path=f"credentials.{name}", problems=top.problems)
        found.append(
            Credential(
                name=name,
                header=fields.text("header", default="Authorization"),
                prefix=fields.text("prefix", default="Bearer "),
                access_token=_secret(fields, "access_token", environment) or secrets.token_urlsafe(24),
                refresh_token=_secret(fields, "refresh_token", environment),
                expired_at_start=fields.flag("expired_at_start", default=False),
                expires_after_uses=fields.whole("expires_after_uses", low=1, high=1_000_000, default=None),
                expires_after_s=fields.seconds("expires_after_s", high=86_400.0, default=None),
                rotates=fields.flag("rotates", default=True),
                client_id=fields.optional_text("client_id"),
                client_secret=_secret(fields, "client_secret", environment),
                takes_secret_in_body_only=fields.flag("takes_secret_in_body_only", default=False),
                revokes_on_reuse=fields.flag("revokes_on_reuse", default=False),
            )
        )
        fields.close()
    return found


def _secret(fields: _Fields, field: str, environment: Mapping[str, str]) -> str | None:
    value = fields.optional_text(field)
    if value is None or not value.startswith("env:"):
        return value
    variable = value.removeprefix("env:")
    if not environment.get(variable):
        fields.complain(field, f"the environment variable {variable} is not set; set it before the fake API starts")
        return None
    return environment[variable]


def _read_refused(top: _Fields) -> RefusedPort | None:
    if not top.has("refused"):
        return None
    fields = _Fields(top.left.pop("refused"), source=top.source, path="refused", problems=top.problems)
    if fields.left.get("open_after_s", 0) is None:
        del fields.left["open_after_s"]
    found = RefusedPort(
        open_after_s=fields.seconds("open_after_s", high=HANG_MAX_S, default=None),
        since=fields.choice("since", Since, options=tuple(Since), default=Since.START),
    )
    fields.close()
    return found


def _read_route(fields: _Fields) -> Route:
    method = fields.choice("method", str, options=METHODS, default="GET")
    path = fields.text("path", required=True)
    if path and (not path.startswith("/") or path.startswith("/_control")):
        fields.complain("path", f"must start with / and not with /_control, which is the fake API's own: {path!r}")
    effect = fields.choice("effect", Effect, options=tuple(Effect), default=_DEFAULT_EFFECT[method])
    route = Route(
        name=fields.text("name", required=True),
        method=method,
        path=path,
        status=fields.whole("status", low=200, high=599, default=200),
        headers=fields.headers("headers"),
        body=fields.left.pop("body", None),
        effect=effect,
        business_id=fields.optional_text("business_id"),
        idempotency_header=fields.optional_text("idempotency_header"),
        replays_errors=fields.flag("replays_errors", default=False),
        credential=fields.optional_text("credential"),
        found_by=fields.optional_text("found_by"),
        refreshes=fields.flag("refreshes", default=False),
        faults=tuple(_read_fault(one) for one in fields.objects("faults", limit=100)),
    )
    if route.found_by and not route.business_id:
        fields.complain("business_id", "is needed with found_by: it says which effect is looked for")
    _check_templates(fields, route)
    fields.close()
    return route


_FAULT_FIELDS = {
    "status": (FaultKind.STATUS, FaultKind.REDIRECT),
    "headers": (FaultKind.STATUS,),
    "body": (FaultKind.STATUS,),
    "after_effect": (FaultKind.STATUS,),
    "location": (FaultKind.REDIRECT,),
    "seconds": (FaultKind.HANG_BEFORE_EFFECT, FaultKind.HANG_AFTER_EFFECT, FaultKind.SLOW_BODY),
    "size_bytes": (FaultKind.HUGE_BODY,),
}


def _read_fault(fields: _Fields) -> Fault:
    if not fields.has("kind"):
        fields.complain("kind", "is missing")
    kind = fields.choice("kind", FaultKind, options=tuple(FaultKind), default=FaultKind.STATUS)
    for field, kinds in _FAULT_FIELDS.items():
        if fields.has(field) and kind not in kinds:
            fields.complain(field, f"means nothing for a fault of kind {kind}")
            del fields.left[field]
    if kind is FaultKind.REDIRECT and not fields.has("location"):
        fields.complain("location", "is missing: where the client is sent")
    by_call, by_window = fields.has("calls"), fields.has("from_s") or fields.has("until_s")
    if by_call == by_window:
        fields.complain("calls", "give either calls, or from_s and until_s")
    calls = fields.take(
        "calls", _are_call_numbers, default=cast("list[int]", []), wants="a list of 1 to 1000 call numbers, from 1"
    )
    fault = Fault(
        kind=kind,
        calls=frozenset(calls),
        from_s=fields.seconds("from_s", high=86_400.0, default=0.0),
        until_s=fields.seconds("until_s", high=86_400.0, default=None),
        since=fields.choice("since", Since, options=tuple(Since), default=Since.START),
        status=fields.whole("status", low=200, high=599, default=302 if kind is FaultKind.REDIRECT else 500),
        headers=fields.headers("headers"),
        body=fields.left.pop("body", None),
        after_effect=fields.flag("after_effect", default=False),
        location=fields.text("location"),
        seconds=fields.seconds("seconds", high=HANG_MAX_S, default=30.0),
        size_bytes=fields.whole("size_bytes", low=32, high=HUGE_BODY_MAX_BYTES, default=1_000_000),
    )
    fields.close()
    return fault


def _are_call_numbers(value: object) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= 1000
        and all(isinstance(one, int) and not isinstance(one, bool) and one >= 1 for one in value)
    )


def _check_templates(fields: _Fields, route: Route) -> None:
    params = set(re.findall(r"\{(\w+)\}", route.path))
    templates = {"body": route.body, "headers": dict(route.headers), "business_id": route.business_id}
    templates |= {f"faults[{at}]": [fault.body, dict(fault.headers)] for at, fault in enumerate(route.faults)}
    for field, template in templates.items():
        if is_too_deep(template):
            fields.complain(field, f"nests deeper than {DEPTH_MAX} levels")
            continue
        for name in unknown_placeholders(template, path_params=params):
            fields.complain(
                field, f"the placeholder {{{name}}} names nothing; the path has {sorted(params) or 'no parameters'}"
            )


def _check_names(top: _Fields, routes: list[Route], credentials: list[Credential]) -> None:
    names = [route.name for route in routes]
    known_credentials = {one.name for one in credentials}
    for at, route in enumerate(routes):
        where = f"routes[{at}]"
        if route.name in names[:at]:
            top.complain(f"{where}.name", f"{route.name!r} is taken by another route")
        if any((route.method, route.path) == (other.method, other.path) for other in routes[:at]):
            top.complain(f"{where}.path", f"{route.method} {route.path} is served by another route")
        if route.credential and route.credential not in known_credentials:
            top.complain(
                f"{where}.credential",
                f"there is no credential {route.credential!r}; there are: {sorted(known_credentials)}",
            )
        if route.found_by and route.found_by not in names:
            top.complain(f"{where}.found_by", f"there is no route {route.found_by!r}")


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
