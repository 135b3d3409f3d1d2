-- name: CountImages :one
SELECT count(*) AS images, CAST(COALESCE(sum(bytes), 0) AS bigint) AS bytes
FROM   images
WHERE  tenant = @tenant AND deleted_at IS NULL;

-- name: CountJobs :many
SELECT state, count(*) AS jobs
FROM   jobs
WHERE  tenant = @tenant
GROUP  BY state;

-- name: CountFinished :one
SELECT count(*) AS finished, count(*) FILTER (WHERE state IN ('failed', 'dead')) AS failures
FROM   jobs
WHERE  tenant = @tenant
       AND finished_at IS NOT NULL
       AND finished_at > CAST(unixepoch('subsec') * 1000000 AS INTEGER) - CAST(@span AS INTEGER);

-- The newest of a span stand for the whole of it in its quantiles.
-- name: FinishedTimes :many
SELECT created_at, started_at, finished_at
FROM   jobs
WHERE  tenant = @tenant
       AND finished_at IS NOT NULL
       AND finished_at > CAST(unixepoch('subsec') * 1000000 AS INTEGER) - CAST(@span AS INTEGER)
ORDER  BY finished_at DESC
LIMIT  @max_rows;

-- name: FleetQueue :one
SELECT count(*) AS due,
       CAST(COALESCE(CAST(unixepoch('subsec') * 1000000 AS INTEGER) - min(run_at), 0) AS INTEGER) AS oldest_age
FROM   jobs
WHERE  state = 'queued' AND run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER);

-- name: FleetRunning :one
SELECT count(*)
FROM   jobs
WHERE  state = 'running';

-- The jobs of callers that are due, the oldest first and no more than most of them: one
-- stretch of an index, however many there are. Times are microseconds since 1970.
-- name: Backlog :one
SELECT count(*) AS waiting,
       CAST(COALESCE(sum(line.marked), 0) AS INTEGER) AS marked,
       CAST(COALESCE(CAST(unixepoch('subsec') * 1000000 AS INTEGER) - min(line.run_at), 0) AS INTEGER) AS oldest_age,
       CAST(COALESCE(max(line.run_at), 0) AS INTEGER) AS newest
FROM   (SELECT j.run_at, j.run_at <= CAST(@mark AS INTEGER) AS marked
        FROM   jobs j
        WHERE  j.state = 'queued' AND j.priority = 0 AND j.run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
        ORDER  BY j.run_at, j.id
        LIMIT  CAST(@most AS INTEGER)) AS line;

-- name: CountQueued :one
SELECT count(*)
FROM   (SELECT jobs.id
        FROM   jobs
        WHERE  tenant = @tenant AND jobs.state = 'queued'
        LIMIT  1) AS line;
