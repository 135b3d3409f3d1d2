-- name: WorkerSeen :exec
INSERT INTO workers (id, host, version, slots, role, started_at, seen_at)
VALUES (@id, @host, @version, @slots, @role, clock_timestamp(), clock_timestamp())
ON CONFLICT (id) DO UPDATE
SET    seen_at = excluded.seen_at;

-- name: ForgetWorkers :exec
DELETE FROM workers
WHERE  seen_at < statement_timestamp() - CAST(@span AS bigint) * interval '1 microsecond';

-- name: Workers :many
SELECT id, host, version, slots, started_at, seen_at, role, CAST(extract(epoch FROM clock_timestamp() - seen_at) * 1000000 AS bigint) AS silent
FROM   workers;
