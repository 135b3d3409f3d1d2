-- name: WorkerSeen :exec
INSERT INTO workers (id, host, version, slots, role, started_at, seen_at)
VALUES (@id, @host, @version, @slots, @role, CAST(unixepoch('subsec') * 1000000 AS INTEGER), CAST(unixepoch('subsec') * 1000000 AS INTEGER))
ON CONFLICT (id) DO UPDATE
SET    seen_at = excluded.seen_at;

-- name: ForgetWorkers :exec
DELETE FROM workers
WHERE  seen_at < CAST(unixepoch('subsec') * 1000000 AS INTEGER) - CAST(@span AS INTEGER);

-- name: Workers :many
SELECT id, host, version, slots, started_at, seen_at, role, CAST(CAST(unixepoch('subsec') * 1000000 AS INTEGER) - seen_at AS INTEGER) AS silent
FROM   workers;
