"""Our tables on SQLite and PostgreSQL: the store, and steps by a lease table beside it."""
