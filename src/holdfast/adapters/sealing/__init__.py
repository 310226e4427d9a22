"""Secrets at rest: sealed with the deployment's key, or with a key file beside a SQLite database."""
