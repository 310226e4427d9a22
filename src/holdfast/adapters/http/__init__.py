"""HTTP by httpx2."""
