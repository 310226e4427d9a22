"""Asking an integration's API whether it is well. What comes of it counts on the integration's circuit like any other request.

A check goes out once, without repeats and fallbacks, even while the circuit turns requests away: it is how one learns that the API is back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from holdfast.errors import PolicyError, Rejected
from holdfast.faults.health_checks import HealthCheck, HealthResult, address_of, judge_answer, judge_exception
from holdfast.guards.judging import Judge
from holdfast.guards.loops import run_async, run_sync
from holdfast.guards.recovery_call import RecoveryCall
from holdfast.guards.world import WORLD
from holdfast.ports.http import HttpAnswer, HttpRequest
from holdfast.settings.integration import HealthCheck as Declared

if TYPE_CHECKING:
    from holdfast.faults.rules import ApiRules
    from holdfast.guards.course import Course
    from holdfast.guards.engine import RecoveryEngine
    from holdfast.guards.policy import Policy

__all__ = ["HealthAsking", "Unhealthy"]

Send = Callable[[HttpRequest], HttpAnswer]
SendAsync = Callable[[HttpRequest], Awaitable[HttpAnswer]]


class Unhealthy(Exception):
    """The API answered, and not as one that is well."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(f"the health check was answered with {answer.status}")
        self.response = _Response(answer)


class _Response:
    """An answer as clients show it, from which its status is read."""

    def __init__(self, answer: HttpAnswer) -> None:
        self.answer = answer
        self.status_code = answer.status
        self.headers = dict(answer.headers)


class HealthAsking:
    """Makes one integration's health checks."""

    def __init__(
        self,
        policy: Policy,
        *,
        base_url: str,
        headers: tuple[tuple[str, str], ...],
        declared: Declared | None,
        api: ApiRules | None,
    ) -> None:
        said = declared or Declared()
        self._policy = policy
        self._api = api
        # Answers are told apart here already; what is left to judge is what kept one away.
        self._judge = Judge(policy.name, declared=None, result=None, api=api)
        self._check = HealthCheck(
            api_id=policy.name,
            url=address_of(said.endpoint, base_url=base_url),
            expected_status=None,
            timeout_s=said.timeout_s,
        )
        self._request = HttpRequest(
            method="GET",
            url=self._check.url,
            headers=headers,
            body=None,
            timeout_s=said.timeout_s,
            response_size_max_bytes=1_048_576,
        )

    def ask(self, send: Send, *, recovery: RecoveryEngine | None = None) -> HealthResult:
        """Ask in this thread. If it fails, `recovery` gets the failure, and its remedies may ask again."""
        began = WORLD.monotonic()

        def once() -> HttpAnswer:
            return _healthy(send(self._request))

        try:
            answer = self._counted(once)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the check has found
            if recovery is not None:
                call = RecoveryCall(once, dependency=self._policy.name, repeatable=True)
                recovery.recover(_cause(error), call)
            return self._failed(error, began)
        return self._passed(answer, began)

    async def ask_async(self, send: SendAsync) -> HealthResult:
        """Ask on an event loop."""
        began = WORLD.monotonic()

        async def once() -> HttpAnswer:
            return _healthy(await send(self._request))

        try:
            try:
                answer = await run_async(self._policy.name, self._course(), once, (), {})
            except Rejected:
                answer = await once()
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(error, began)
        return self._passed(answer, began)

    def _counted(self, once: Callable[[], HttpAnswer]) -> object:
        try:
            return run_sync(self._policy.name, self._course(), once, (), {})
        except Rejected:
            return once()

    def _course(self) -> Course:
        composition = replace(self._policy.composition, retry=None, hedge=None)
        return self._policy.course_of(None, repeatable=False, judge=self._judge, composition=composition)

    def _passed(self, answer: object, began: float) -> HealthResult:
        assert isinstance(answer, HttpAnswer), "a course returns what the function returned"
        return self._judged(answer, began)

    def _failed(self, error: Exception, began: float) -> HealthResult:
        cause = _cause(error)
        if isinstance(cause, Unhealthy):
            return self._judged(cause.response.answer, began)
        took_s = WORLD.monotonic() - began
        return judge_exception(self._check, cause, at=WORLD.now(), duration_s=took_s, rules=self._api)

    def _judged(self, answer: HttpAnswer, began: float) -> HealthResult:
        return judge_answer(
            self._check,
            answer.status,
            answer.headers,
            body=answer.body,
            at=WORLD.now(),
            duration_s=WORLD.monotonic() - began,
            rules=self._api,
        )


def _healthy(answer: HttpAnswer) -> HttpAnswer:
    if not 200 <= answer.status < 300:
        raise Unhealthy(answer)
    return answer


def _cause(error: Exception) -> Exception:
    """What went wrong beneath what a policy says of it."""
    cause = error.__cause__
    return cause if isinstance(error, PolicyError) and isinstance(cause, Exception) else error
