"""What people do about executions: see who is asked for what, say yes or no, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.errors import UnknownExecution
from holdfast.hold.parts import HasParts
from holdfast.recovery.answering import answer
from holdfast.recovery.questions import CONFIRM, REJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from holdfast.ports.rows import QuestionRow
    from holdfast.ports.store import Snapshot

__all__ = ["ForPeople"]

QUESTIONS_MAX = 1000


class ForPeople(HasParts):
    """The part of an `AsyncHold` that waits for people."""

    async def questions(self, execution_id: str | None = None, *, limit: int = QUESTIONS_MAX) -> list[QuestionRow]:
        """Return what people are asked now, oldest first: in all executions, or in one.

        `options` of a question says what can be answered, `deadline` until when (None: as long as it takes), and `default_answer` what counts then.

        Raises:
            UnknownExecution: no such execution.
        """

        def look(snapshot: Snapshot) -> list[QuestionRow]:
            if execution_id is None:
                return snapshot.unanswered(limit=limit)
            row = snapshot.execution(execution_id)
            if row is None:
                raise UnknownExecution(execution_id)
            is_open = row.ended_at is None and row.closing is None
            return [q for q in snapshot.questions(execution_id) if is_open and q.answered_at is None][:limit]

        return await self._parts.store.read(look)

    async def confirm(
        self, execution_id: str, action: str | None = None, *, by: str | None = None, reason: str | None = None
    ) -> str:
        """Say yes to an action that waits to be confirmed; returns the action. The first answer wins.

        `action` may be left out when only one waits.

        Raises:
            UnknownExecution: no such execution.
            QuestionClosed: nobody waits for a yes any more: somebody was quicker, its time is over, or the execution ended.
            BadInput: several actions wait to be confirmed, or what waits is another kind of question.
        """
        return await self.answer(execution_id, CONFIRM, action=action, by=by, reason=reason)

    async def reject(
        self, execution_id: str, action: str | None = None, *, by: str | None = None, reason: str | None = None
    ) -> str:
        """Say no to an action that waits to be confirmed: it fails with `user_cancelled`, and the plan goes on as it provides for that.

        Raises:
            UnknownExecution: no such execution.
            QuestionClosed: nobody waits for an answer any more.
            BadInput: several actions wait to be confirmed, or what waits is another kind of question.
        """
        return await self.answer(execution_id, REJECT, action=action, by=by, reason=reason)

    async def answer(
        self,
        execution_id: str,
        choice: str,
        *,
        action: str | None = None,
        by: str | None = None,
        reason: str | None = None,
        output: Mapping[str, object] | None = None,
    ) -> str:
        """Answer the question an execution waits for; returns the action it was about. The first answer wins.

        `choice` is one of the question's options; `output` is the output of an action that is said to have happened.

        Raises:
            UnknownExecution: no such execution.
            QuestionClosed: nobody waits for an answer; the error says what was answered instead, and by whom.
            BadInput: not one of the options, or it could answer several questions that are open.
        """
        parts = self._parts
        return await parts.store.transact(
            lambda tx: answer(
                tx,
                parts.steps,
                plans=parts.plans,
                execution_id=execution_id,
                action_id=action,
                choice=choice,
                by=by,
                reason=reason,
                output=output,
            )
        )
