"""`holdfast why`: what happened in an execution and why, with the rules that decided and the ways that were turned down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.options import Config, Database, ExecutionId, Json
from holdfast.cli.terminal import Terminal

if TYPE_CHECKING:
    from holdfast.ports.rows import EventRow

__all__ = ["event_json", "why"]


def why(
    execution: ExecutionId,
    action: Annotated[
        str | None, typer.Argument(metavar="[ACTION]", help="Only what concerns this action.", show_default=False)
    ] = None,
    *,
    db: Database = None,
    config: Config = None,
    is_json: Json = False,
) -> None:
    """Tell what happened and why: faults, verdicts, decisions with their rule, and the ways that were turned down.

    With --json: the raw events, as recorded.
    """
    from holdfast.cli.session import opened, resolve_id, run_async, settings_of  # noqa: PLC0415 - `--help` need not load the database
    from holdfast.cli.summary import answers_to, show_questions  # noqa: PLC0415 - as above
    from holdfast.cli.timeline import Timeline  # noqa: PLC0415 - as above
    from holdfast.errors import BadInput, Problem  # noqa: PLC0415 - as above

    settings = settings_of(db=db, config=config)

    async def work() -> None:
        """Read what happened and print it."""
        async with opened(settings, create=False) as hold:
            found = await resolve_id(hold, execution)
            state = await hold.state(found)
            if action is not None and action not in state.action_states:
                known = ", ".join(state.action_states)
                raise BadInput(
                    [
                        Problem(
                            source="ACTION", path=action, message=f"no such action in this execution; it has: {known}"
                        )
                    ]
                )
            events = await hold.events(found)
            questions = [one for one in await hold.questions(found) if action in (None, one.action)]
        if is_json:
            chosen = [event for event in events if action is None or event.data.get("actionId") in (action, None)]
            print(json.dumps([event_json(event) for event in chosen], ensure_ascii=False, indent=2))
            return
        width = max(map(len, state.action_states), default=1)
        terminal = Terminal()
        timeline = Timeline(terminal, starts={found: state.started_at}, action_width=width, has_details=True)
        for event in events:
            timeline.show(event, action=action)
        show_questions(terminal, questions)
        for command, meaning in [line for question in questions for line in answers_to(settings, question)]:
            terminal.line((f"  {command}", "title"), (f"   {meaning}", "faint"))

    run_async(work())


def event_json(event: EventRow) -> dict[str, object]:
    """Return an event as recorded."""
    return {
        "sequence": event.sequence,
        "id": event.id,
        "type": event.type,
        "time": event.time.isoformat().replace("+00:00", "Z"),
        "subject": event.execution,
        "data": dict(event.data),
    }
