"""What a PostgreSQL server can say of itself, as questions. Data only; statements in PostgreSQL 13 and later."""

from __future__ import annotations

from typing import Final

__all__ = ["QUESTIONS"]

_HERE: Final = "backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()"

QUESTIONS: Final[dict[str, str]] = {
    "connections": f"""
        SELECT coalesce(application_name, '') AS application, coalesce(state, 'unknown') AS state, count(*) AS count,
               max(extract(epoch FROM now() - state_change))::float AS longest_seconds,
               current_setting('max_connections')::int AS max_connections
        FROM pg_stat_activity WHERE {_HERE} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT %s
    """,
    "long_running": f"""
        SELECT pid, state, wait_event_type AS waits_for, extract(epoch FROM now() - query_start)::float AS seconds,
               extract(epoch FROM now() - xact_start)::float AS transaction_seconds, application_name AS application,
               query
        FROM pg_stat_activity WHERE {_HERE} AND state <> 'idle' ORDER BY query_start LIMIT %s
    """,
    "locks": f"""
        SELECT waiting.pid, extract(epoch FROM now() - waiting.query_start)::float AS seconds, waiting.query,
               holding.pid AS blocking_pid, holding.state AS blocking_state, holding.query AS blocking_query,
               extract(epoch FROM now() - holding.xact_start)::float AS blocking_transaction_seconds
        FROM pg_stat_activity AS waiting
        JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocker(pid) ON true
        JOIN pg_stat_activity AS holding ON holding.pid = blocker.pid
        WHERE waiting.{_HERE.replace(" AND ", " AND waiting.")} ORDER BY 2 DESC LIMIT %s
    """,
    "cache_hit": """
        SELECT blks_hit AS hits, blks_read AS reads,
               CASE WHEN blks_hit + blks_read > 0 THEN blks_hit::float / (blks_hit + blks_read) END AS hit_part,
               xact_commit AS commits, xact_rollback AS rollbacks, deadlocks, temp_bytes
        FROM pg_stat_database WHERE datname = current_database() LIMIT %s
    """,
    "table_sizes": """
        SELECT schemaname AS schema, relname AS name, pg_total_relation_size(relid) AS total_bytes,
               pg_relation_size(relid) AS table_bytes, pg_indexes_size(relid) AS index_bytes, n_live_tup AS rows
        FROM pg_stat_user_tables ORDER BY 3 DESC LIMIT %s
    """,
    "index_usage": """
        SELECT schemaname AS schema, relname AS name, seq_scan AS scans_of_all, seq_tup_read AS rows_read_so,
               idx_scan AS scans_by_index, n_live_tup AS rows,
               CASE WHEN seq_scan + coalesce(idx_scan, 0) > 0
                    THEN coalesce(idx_scan, 0)::float / (seq_scan + coalesce(idx_scan, 0)) END AS index_part
        FROM pg_stat_user_tables ORDER BY seq_tup_read DESC LIMIT %s
    """,
    "unused_indexes": """
        SELECT s.schemaname AS schema, s.relname AS name, s.indexrelname AS index,
               pg_relation_size(s.indexrelid) AS bytes
        FROM pg_stat_user_indexes AS s JOIN pg_index AS i ON i.indexrelid = s.indexrelid
        WHERE s.idx_scan = 0 AND NOT i.indisunique ORDER BY 4 DESC LIMIT %s
    """,
    "bloat": """
        SELECT schemaname AS schema, relname AS name, n_live_tup AS live_rows, n_dead_tup AS dead_rows,
               CASE WHEN n_live_tup + n_dead_tup > 0
                    THEN n_dead_tup::float / (n_live_tup + n_dead_tup) END AS dead_part,
               extract(epoch FROM now() - greatest(last_vacuum, last_autovacuum))::float AS vacuumed_seconds_ago
        FROM pg_stat_user_tables ORDER BY n_dead_tup DESC LIMIT %s
    """,
    "slow_statements": """
        SELECT query, calls, mean_exec_time AS mean_ms, max_exec_time AS max_ms, total_exec_time AS total_ms, rows
        FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        ORDER BY total_exec_time DESC LIMIT %s
    """,
}
