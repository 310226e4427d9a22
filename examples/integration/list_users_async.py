"""The same on an event loop, and what a failure looks like."""

import asyncio

import holdfast
from holdfast.errors import Exhausted


async def main() -> None:
    """Ask for what is there, and for what is not."""
    shop = holdfast.integration("primary-api")
    try:
        print((await shop.arequest("GET", "/users")).status)
        await shop.arequest("GET", "/nobody")
    except Exhausted as failure:
        print(failure.verdict.category, failure.outcome, failure.result.status)
    finally:
        await shop.aclose()


asyncio.run(main())
