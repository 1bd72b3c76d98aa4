-- The tables of several servers as one, on each of them, in the current database.
--
-- First run clickhouse.sql in a database `tracerd_shard` on each server, and name the servers in a cluster
-- `tracerd` (`remote_servers` of the configuration). Then:
--
--   clickhouse-client --query 'CREATE DATABASE tracerd'
--   clickhouse-client --database tracerd --multiquery < clickhouse-distributed.sql
--
-- A trace lies on one server.

CREATE TABLE IF NOT EXISTS events AS tracerd_shard.events
ENGINE = Distributed(tracerd, tracerd_shard, events, cityHash64(trace));

CREATE TABLE IF NOT EXISTS span_versions AS tracerd_shard.span_versions
ENGINE = Distributed(tracerd, tracerd_shard, span_versions, cityHash64(trace));

CREATE TABLE IF NOT EXISTS logs AS tracerd_shard.logs
ENGINE = Distributed(tracerd, tracerd_shard, logs, cityHash64(trace));

CREATE TABLE IF NOT EXISTS points AS tracerd_shard.points
ENGINE = Distributed(tracerd, tracerd_shard, points, cityHash64(trace));

CREATE TABLE IF NOT EXISTS trace_versions AS tracerd_shard.trace_versions
ENGINE = Distributed(tracerd, tracerd_shard, trace_versions, cityHash64(trace));

CREATE VIEW IF NOT EXISTS spans AS
SELECT trace, log, line, ph, name, cat, pid, tid, ts_us, time, dur_us, self_us, depth, parent, error, process,
    thread, service, args
FROM span_versions FINAL;

CREATE VIEW IF NOT EXISTS traces AS
SELECT trace, log, attributes
FROM trace_versions FINAL;
