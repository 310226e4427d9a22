"""Elasticsearch, OpenSearch and Solr-like engines: `error.type` with the `root_cause` that brought it about.

Source: the exceptions of https://github.com/elastic/elasticsearch (server/src/main/java/org/elasticsearch) and the
statuses their `RestStatus` gives them.
"""

from __future__ import annotations

from holdfast.faults import meanings as m
from holdfast.faults.packs.table import table

TYPES = table(
    (m.BURST, "es_rejected_execution_exception rejected_execution_exception circuit_breaking_exception"),
    (
        m.BAD_INPUT,
        "mapper_parsing_exception document_parsing_exception parsing_exception query_shard_exception illegal_argument_exception",
    ),
    (
        m.BAD_INPUT,
        "x_content_parse_exception action_request_validation_exception too_many_buckets_exception invalid_index_name_exception",
    ),
    (
        m.BAD_INPUT,
        "strict_dynamic_mapping_exception number_format_exception too_many_clauses validation_exception too_many_scroll_contexts_exception",
    ),
    (
        m.MISSING,
        "index_not_found_exception resource_not_found_exception document_missing_exception aliases_not_found_exception",
    ),
    (m.MISSING_HERE, "search_context_missing_exception"),
    (m.DUPLICATE, "resource_already_exists_exception invalid_alias_name_exception index_already_exists_exception"),
    (m.STATE, "version_conflict_engine_exception index_closed_exception snapshot_missing_exception"),
    (m.LOCKED, "concurrent_snapshot_execution_exception snapshot_in_progress_exception"),
    (m.INVALID, "security_exception"),
    (m.FULL, "cluster_block_exception disk_usage_exceeded_exception"),
    (
        m.UNAVAILABLE,
        "no_shard_available_action_exception unavailable_shards_exception master_not_discovered_exception node_not_connected_exception",
    ),
    (m.TIMEOUT, "process_cluster_event_timeout_exception receive_timeout_transport_exception timeout_exception"),
    (m.CANCELLED, "task_cancelled_exception"),
)
