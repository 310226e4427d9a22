"""Clients made resilient: transports for httpx2 and httpx, an adapter for requests, a middleware for aiohttp. None of them is imported from here."""
