"""What clients of directories, stores and cloud services raise, by their own numbers and names."""

from __future__ import annotations

import pytest

from holdfast.faults.classify import classify
from holdfast.faults.raised.services import LIBRARIES
from tests.faults.samples import raised

ROWS = (
    ("pycurl.error", "(6, 'Could not resolve host: x')", "network_connection_refused", "not_executed"),
    ("pycurl.error", "(7, 'Failed to connect')", "network_connection_refused", "not_executed"),
    ("pycurl.error", "(28, 'Operation timed out after 300 ms with 0 bytes received')", "network_timeout", "unknown"),
    ("pycurl.error", "(28, 'Connection timed out after 300 ms')", "network_timeout", "not_executed"),
    ("pycurl.error", "(35, 'Recv failure: Connection reset by peer')", "network_connection_refused", "not_executed"),
    ("pycurl.error", "(18, 'transfer closed with 5 bytes remaining to read')", "api_response_malformed", "unknown"),
    ("pycurl.error", "(56, 'Recv failure: Connection reset by peer')", "network_connection_refused", "unknown"),
    ("pycurl.error", "(22, 'The requested URL returned error: 503')", "api_unexpected_status", "unknown"),
    ("pycurl.error", "(60, 'SSL certificate problem')", "network_connection_refused", "not_executed"),
    ("pycurl.error", "(47, 'Maximum (3) redirects followed')", "api_unexpected_status", "unknown"),
    ("curl_cffi.CurlError", "Failed to perform, curl: (7) Failed to connect", "network_connection_refused", "not_executed"),
    ("curl_cffi.CurlError", "Connection refused", "network_connection_refused", "not_executed"),
    ("snowflake.connector.errors.DatabaseError", "250001 (08001): Incorrect username or password", "auth_invalid", "not_executed"),
    ("snowflake.connector.errors.ProgrammingError", "390112 (08001): Session has expired", "auth_expired", "not_executed"),
    ("snowflake.connector.errors.ProgrammingError", "001003 (42000): SQL compilation error", "validation_failed", "not_executed"),
    ("neo4j.exceptions.ClientError", "{code: Neo.ClientError.Security.TokenExpired} {message: x}", "auth_expired", "not_executed"),
    ("neo4j.exceptions.ClientError", "{code: Neo.ClientError.Security.Forbidden} {message: x}", "auth_invalid", "not_executed"),
    ("neo4j.exceptions.ClientError", "{code: Neo.ClientError.Statement.SyntaxError} {message: x}", "validation_failed", "not_executed"),
    ("neo4j.exceptions.DatabaseError", "no code at all", "api_unexpected_status", "unknown"),
    ("clickhouse_driver.errors.ServerException", "Code: 202. DB::Exception: Too many queries", "rate_limit_burst", "not_executed"),
    ("clickhouse_driver.errors.ServerException", "Code: 241. DB::Exception: Memory limit exceeded", "api_unexpected_status", "not_executed"),
    ("clickhouse_driver.errors.ServerException", "DB::Exception without a number", "api_unexpected_status", "unknown"),
    ("clickhouse_driver.errors.NetworkError", "odd", "network_connection_refused", "unknown"),
    ("ldap3.core.exceptions.LDAPInvalidCredentialsResult", "x", "auth_invalid", "not_executed"),
    ("ldap3.core.exceptions.LDAPEntryAlreadyExistsResult", "x", "state_inconsistent", "not_executed"),
    ("ldap.INVALID_CREDENTIALS", "{'desc': 'Invalid credentials'}", "auth_invalid", "not_executed"),
    ("ldap.ALREADY_EXISTS", "{'desc': 'Already exists'}", "state_inconsistent", "not_executed"),
    ("ldap.SERVER_DOWN", "{'desc': \"Can't contact LDAP server\"}", "network_connection_refused", "unknown"),
    ("nats.errors.NoServersError", "nats: no servers available for connection", "network_connection_refused", "not_executed"),
    ("dns.resolver.LifetimeTimeout", "The resolution lifetime expired", "network_timeout", "not_executed"),
    ("cassandra.WriteTimeout", "x", "network_timeout", "unknown"),
    ("kazoo.exceptions.NodeExistsError", "x", "state_inconsistent", "not_executed"),
    ("poplib.error_proto", "b'-ERR [IN-USE] locked'", "state_inconsistent", "not_executed"),
    ("poplib.error_proto", "b'-ERR [AUTH] wrong'", "auth_invalid", "not_executed"),
    ("paramiko.ssh_exception.SSHException", "No authentication methods available", "auth_invalid", "not_executed"),
    ("elasticsearch.ConflictError", "ConflictError(409, 'x', '[1]: version conflict, document already exists')", "state_inconsistent", "executed"),
    ("elasticsearch.ConflictError", "ConflictError(409, 'x', '[1]: version conflict, required seqNo')", "state_inconsistent", "not_executed"),
    ("zeep.exceptions.Fault", "Order 5021 was not found", "validation_failed", "not_executed"),
    ("zeep.exceptions.Fault", "Something broke", "api_unexpected_status", "unknown"),
    ("azure.core.exceptions.ClientAuthenticationError", "(ExpiredAuthenticationToken) x", "auth_expired", "not_executed"),
    ("UnicodeEncodeError", "'latin-1' codec can't encode character", "validation_failed", "not_executed"),
    ("UnicodeEncodeError", "'charmap' codec can't encode character", "validation_failed", "unknown"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "message", "category", "outcome"), ROWS, ids=lambda one: str(one)[:40])
def test_reads_what_a_service_says(name: str, message: str, category: str, outcome: str) -> None:
    """A library's own numbers, classes and sentences mean what its documents say."""
    verdict = classify(raised(name, message))

    assert (verdict.category, verdict.outcome) == (category, outcome), verdict.rule


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_row_of_a_table_decides(library: str) -> None:
    """Each class of a table is known by its library's name, and nothing in it is read as a stranger."""
    for kind in LIBRARIES[library]:
        assert not classify(raised(f"{library}.{kind}")).rule.startswith("exception:name/"), kind
