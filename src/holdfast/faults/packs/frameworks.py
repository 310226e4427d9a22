"""The bodies that web frameworks and gateways answer with by themselves, before or instead of the application.

They matter for 404 and 403: a framework's own 404 is an unknown route, the application's is an unknown record.
Sources: Spring Boot's `BasicErrorController`, FastAPI's and Starlette's default `detail`, Express, NestJS, Laravel,
Kong, Tyk, Apigee, Traefik and Amazon API Gateway's gateway responses, each by its documentation.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdfast.faults import meanings as m
from holdfast.faults.packs.table import Match


def match(value: Mapping[object, object], status: int) -> Match | None:
    """Read a body that is a framework's own; `None` for an application's."""
    if status == 404:
        return _not_found(value)
    if status == 403 and value.get("message") == "Missing Authentication Token" and len(value) == 1:
        # What Amazon API Gateway says of a path or method that it has no route for.
        return "pack:frameworks/api-gateway-route", m.ROUTE
    fault = value.get("fault")
    if isinstance(fault, dict) and isinstance(fault.get("faultstring"), str):
        return _of_apigee(fault)
    return None


def _not_found(value: Mapping[object, object]) -> Match | None:
    if value.get("detail") == "Not Found" and len(value) == 1:
        return "pack:frameworks/starlette-route", m.ROUTE
    if {"timestamp", "status", "error", "path"} <= value.keys() and value.get("message") in _SPRING_SILENT:
        return "pack:frameworks/spring-route", m.ROUTE
    return None


def _of_apigee(fault: Mapping[object, object]) -> Match | None:
    detail = fault.get("detail")
    code = detail.get("errorcode") if isinstance(detail, dict) else None
    if not isinstance(code, str):
        return None
    found = next((meaning for start, meaning in _APIGEE if code.startswith(start)), None)
    return None if found is None else (f"pack:frameworks/apigee-{code[:60]}", found)


_SPRING_SILENT = (None, "", "No message available", "Not Found")
_APIGEE: tuple[tuple[str, m.Meaning], ...] = (
    ("policies.ratelimit.QuotaViolation", m.DAILY),
    ("policies.ratelimit.", m.BURST),
    ("oauth.v2.TokenExpired", m.EXPIRED),
    ("keymanagement.service.access_token_expired", m.EXPIRED),
    ("keymanagement.service.invalid_access_token", m.RENEWABLE),
    ("oauth.v2.", m.INVALID),
    ("keymanagement.service.", m.INVALID),
    ("steps.oauth.v2.", m.INVALID),
    ("messaging.adaptors.http.flow.ApplicationNotFound", m.ROUTE),
    ("messaging.adaptors.http.flow.ServiceUnavailable", m.UNAVAILABLE),
    ("messaging.adaptors.http.flow.NoActiveTargets", m.NOT_STARTED),
    ("messaging.adaptors.http.flow.GatewayTimeout", m.UNCERTAIN),
)
