"""Two functions as actions of a plan: one that may be repeated, and one that recognises a repeat by its key."""

from __future__ import annotations

import json
from pathlib import Path

import holdfast

hold = holdfast.open("sqlite:///shop.db")
BOOKS = Path("books.json")


@hold.action("shop.price", repeatable=True)
def price(article: str) -> dict[str, object]:
    """Look up a price; looking twice is looking once."""
    return {"article": article, "cents": 1900}


@hold.action("shop.order")
def order(article: str, cents: int, idempotency_key: str) -> dict[str, object]:
    """Book an order under its key."""
    books = json.loads(BOOKS.read_text()) if BOOKS.exists() else {}
    books.setdefault(idempotency_key, {"article": article, "cents": cents})
    BOOKS.write_text(json.dumps(books))
    return {"orders": len(books)}
