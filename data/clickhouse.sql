-- The tables of `tracerd export --clickhouse`, in the current database, with the columns of docs/query.md.
--
--   clickhouse-client --query 'CREATE DATABASE tracerd'
--   clickhouse-client --database tracerd --multiquery < clickhouse.sql
--
-- `log` tells a log from another one that had the same id later. `exported` is the day of the export:
-- old partitions can be dropped. Spans and attributes of a log that has grown are written anew; what
-- has the largest `log_lines` counts, which is what the views `spans` and `traces` show.
--
-- Servers before 19.11 know neither LowCardinality nor CODEC:
--   sed -E 's/LowCardinality\((Nullable\(String\)|String)\)/\1/; s/ CODEC\([^ ,]*\)//' clickhouse.sql
--
-- For several servers see clickhouse-distributed.sql.

CREATE TABLE IF NOT EXISTS events
(
    trace String,
    log UInt64,
    line Int64,
    ph LowCardinality(String),
    name LowCardinality(String),
    cat LowCardinality(String),
    pid LowCardinality(Nullable(String)),
    tid LowCardinality(Nullable(String)),
    ts_us Nullable(Float64),
    time Nullable(Int64),
    dur_us Nullable(Float64),
    error UInt8,
    process LowCardinality(String),
    thread LowCardinality(String),
    service LowCardinality(String),
    args Nullable(String) CODEC(ZSTD(1)),
    exported Date DEFAULT today()
)
ENGINE = MergeTree()
PARTITION BY toYYYYMM(exported)
ORDER BY (trace, log, line);

CREATE TABLE IF NOT EXISTS span_versions
(
    trace String,
    log UInt64,
    line Int64,
    ph LowCardinality(String),
    name LowCardinality(String),
    cat LowCardinality(String),
    pid LowCardinality(Nullable(String)),
    tid LowCardinality(Nullable(String)),
    ts_us Nullable(Float64),
    time Nullable(Int64),
    dur_us Nullable(Float64),
    self_us Nullable(Float64),
    depth Int64,
    parent Nullable(Int64),
    error UInt8,
    process LowCardinality(String),
    thread LowCardinality(String),
    service LowCardinality(String),
    args Nullable(String) CODEC(ZSTD(1)),
    log_lines UInt64,
    exported Date DEFAULT today()
)
ENGINE = ReplacingMergeTree(log_lines)
PARTITION BY toYYYYMM(exported)
ORDER BY (trace, log, line);

CREATE TABLE IF NOT EXISTS logs
(
    trace String,
    log UInt64,
    line Int64,
    name LowCardinality(String),
    cat LowCardinality(String),
    pid LowCardinality(Nullable(String)),
    tid LowCardinality(Nullable(String)),
    ts_us Nullable(Float64),
    time Nullable(Int64),
    error UInt8,
    process LowCardinality(String),
    thread LowCardinality(String),
    level LowCardinality(String),
    message String,
    service LowCardinality(String),
    args Nullable(String) CODEC(ZSTD(1)),
    exported Date DEFAULT today()
)
ENGINE = MergeTree()
PARTITION BY toYYYYMM(exported)
ORDER BY (trace, log, line);

CREATE TABLE IF NOT EXISTS points
(
    trace String,
    log UInt64,
    line Int64,
    name LowCardinality(String),
    cat LowCardinality(String),
    pid LowCardinality(Nullable(String)),
    tid LowCardinality(Nullable(String)),
    ts_us Nullable(Float64),
    time Nullable(Int64),
    process LowCardinality(String),
    thread LowCardinality(String),
    service LowCardinality(String),
    value Nullable(Float64),
    labels String,
    args Nullable(String) CODEC(ZSTD(1)),
    exported Date DEFAULT today()
)
ENGINE = MergeTree()
PARTITION BY toYYYYMM(exported)
ORDER BY (trace, log, line);

CREATE TABLE IF NOT EXISTS trace_versions
(
    trace String,
    log UInt64,
    attributes String,
    log_lines UInt64,
    exported Date DEFAULT today()
)
ENGINE = ReplacingMergeTree(log_lines)
PARTITION BY toYYYYMM(exported)
ORDER BY (trace, log);

CREATE VIEW IF NOT EXISTS spans AS
SELECT trace, log, line, ph, name, cat, pid, tid, ts_us, time, dur_us, self_us, depth, parent, error, process,
    thread, service, args
FROM span_versions FINAL;

CREATE VIEW IF NOT EXISTS traces AS
SELECT trace, log, attributes
FROM trace_versions FINAL;
