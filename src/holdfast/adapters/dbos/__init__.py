"""Steps on DBOS Transact, used as a queue and for nothing else; beside our own tables, on PostgreSQL or SQLite."""
