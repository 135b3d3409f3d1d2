-- The clock of the job machine is the database's. Every transition is one UPDATE
-- whose WHERE is its guard. What is compared with an index is the statement's own
-- time: the moving clock could not be looked up in one.

-- Whoever changes an image, its jobs or its variants holds the image first, so
-- that two of them wait for each other instead of deciding on what is changing.
-- name: LockImage :exec
SELECT 1
FROM   images
WHERE  id = @id
FOR    NO KEY UPDATE;

-- name: BeatJob :one
UPDATE jobs
SET    lease_until = clock_timestamp() + CAST(@lease AS bigint) * interval '1 microsecond'
WHERE  id = @id AND state = 'running' AND epoch = @epoch
RETURNING *;

-- A worker that lost its lease holds nothing; what is held here stays so.
-- name: HeldJob :one
SELECT *
FROM   jobs
WHERE  id = @id AND state = 'running' AND epoch = @epoch
FOR    UPDATE;

-- name: FinishJob :one
UPDATE jobs
SET    state = @state, attempt = @attempt, crashes = @crashes, error = @error, warnings = @warnings,
       lease_until = NULL,
       run_at = CASE WHEN CAST(@again AS boolean)
                     THEN clock_timestamp() + CAST(@wait AS bigint) * interval '1 microsecond'
                     ELSE run_at END,
       finished_at = CASE WHEN CAST(@again AS boolean)
                          THEN NULL
                          ELSE clock_timestamp() END,
       cost_cpu_ms = cost_cpu_ms + @cpu_ms,
       cost_read_bytes = cost_read_bytes + @read_bytes,
       cost_write_bytes = cost_write_bytes + @write_bytes
WHERE  id = @id AND state = 'running' AND epoch = @epoch
RETURNING *;

-- The first loss costs no time, the others up to 2^lost seconds: losses are few
-- enough to stay below the ten minutes of any backoff. A row that somebody has in
-- hand is not lost yet.
-- name: ReapJobs :many
UPDATE jobs
SET    state = CASE WHEN cancel_at IS NOT NULL THEN 'cancelled'
                    WHEN lost + 1 >= CAST(@max_lost AS bigint) THEN 'dead'
                    ELSE 'queued' END,
       error = CASE WHEN cancel_at IS NULL AND lost + 1 >= CAST(@max_lost AS bigint)
                    THEN CAST(CAST(@lost_error AS text) AS jsonb)
                    ELSE error END,
       run_at = CASE WHEN lost = 0
                     THEN clock_timestamp()
                     ELSE clock_timestamp() + random() * (1 << CAST(lost AS integer)) * interval '1 second' END,
       finished_at = CASE WHEN cancel_at IS NOT NULL OR lost + 1 >= CAST(@max_lost AS bigint)
                          THEN clock_timestamp() END,
       lost = lost + 1, attempt = attempt - 1, epoch = epoch + 1, lease_until = NULL
WHERE  id IN (
       SELECT j.id
       FROM   jobs j
       WHERE  j.state = 'running' AND j.lease_until < statement_timestamp()
       FOR    UPDATE SKIP LOCKED)
RETURNING *;

-- name: CancelJob :one
UPDATE jobs
SET    cancel_at = COALESCE(cancel_at, clock_timestamp()),
       finished_at = CASE WHEN state = 'queued' THEN clock_timestamp() END,
       state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END
WHERE  tenant = @tenant AND id = @id AND state IN ('queued', 'running')
RETURNING *;

-- A deleted image's jobs end at once; the epoch fences off who still runs one.
-- name: CancelJobsOfImage :many
UPDATE jobs
SET    cancel_at = COALESCE(cancel_at, clock_timestamp()),
       finished_at = clock_timestamp(),
       epoch = CASE WHEN state = 'running' THEN epoch + 1 ELSE epoch END,
       state = 'cancelled', lease_until = NULL
WHERE  tenant = @tenant AND image_id = @image_id AND state IN ('queued', 'running')
RETURNING *;

-- name: RequeueJob :one
UPDATE jobs
SET    state = 'queued', epoch = epoch + 1, attempt = 0, crashes = 0, lost = 0, error = NULL,
       cancel_at = NULL, started_at = NULL, finished_at = NULL,
       run_at = clock_timestamp()
WHERE  tenant = @tenant AND id = @id AND state IN ('failed', 'dead', 'cancelled')
RETURNING *;
