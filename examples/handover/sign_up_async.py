"""The same on an event loop: there, hand_over() is awaited."""

from __future__ import annotations

import asyncio

from crm import invite

import holdfast
from holdfast.errors import Exhausted, Rejected


async def main() -> None:
    """Invite somebody, now or later."""
    try:
        print(await invite("Ada"))
    except (Exhausted, Rejected) as error:
        await error.hand_over()
        print("Ada will be invited later")


with holdfast.open("sqlite:///crm.db", worker=False):
    asyncio.run(main())
