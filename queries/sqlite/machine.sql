-- The clock of the job machine is the database's: whole milliseconds here, as
-- microseconds. Every transition is one UPDATE whose WHERE is its guard.

-- The transaction has the one writer's lock: nothing is left to hold.
-- name: LockImage :exec
SELECT 1
FROM   images
WHERE  id = @id AND false;

-- name: BeatJob :one
UPDATE jobs
SET    lease_until = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@lease AS INTEGER)
WHERE  id = @id AND state = 'running' AND epoch = @epoch
RETURNING *;

-- A worker that lost its lease holds nothing. The transaction has the one
-- writer's lock, so that what it reads here stays true.
-- name: HeldJob :one
SELECT *
FROM   jobs
WHERE  id = @id AND state = 'running' AND epoch = @epoch;

-- name: FinishJob :one
UPDATE jobs
SET    state = @state, attempt = @attempt, crashes = @crashes, error = @error, warnings = @warnings,
       lease_until = NULL,
       run_at = CASE WHEN CAST(@again AS boolean)
                     THEN CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@wait AS INTEGER)
                     ELSE run_at END,
       finished_at = CASE WHEN CAST(@again AS boolean)
                          THEN NULL
                          ELSE CAST(unixepoch('subsec') * 1000000 AS INTEGER) END,
       cost_cpu_ms = cost_cpu_ms + @cpu_ms,
       cost_read_bytes = cost_read_bytes + @read_bytes,
       cost_write_bytes = cost_write_bytes + @write_bytes
WHERE  id = @id AND state = 'running' AND epoch = @epoch
RETURNING *;

-- The first loss costs no time, the others up to 2^lost seconds: losses are few
-- enough to stay below the ten minutes of any backoff.
-- name: ReapJobs :many
UPDATE jobs
SET    state = CASE WHEN cancel_at IS NOT NULL THEN 'cancelled'
                    WHEN lost + 1 >= CAST(@max_lost AS INTEGER) THEN 'dead'
                    ELSE 'queued' END,
       error = CASE WHEN cancel_at IS NULL AND lost + 1 >= CAST(@max_lost AS INTEGER)
                    THEN CAST(@lost_error AS text)
                    ELSE error END,
       run_at = CASE WHEN lost = 0
                     THEN CAST(unixepoch('subsec') * 1000000 AS INTEGER)
                     ELSE CAST(unixepoch('subsec') * 1000000 AS INTEGER)
                          + abs(random() % (1000000 << lost)) END,
       finished_at = CASE WHEN cancel_at IS NOT NULL OR lost + 1 >= CAST(@max_lost AS INTEGER)
                          THEN CAST(unixepoch('subsec') * 1000000 AS INTEGER) END,
       lost = lost + 1, attempt = attempt - 1, epoch = epoch + 1, lease_until = NULL
WHERE  state = 'running' AND lease_until < CAST(unixepoch('subsec') * 1000000 AS INTEGER)
RETURNING *;

-- name: CancelJob :one
UPDATE jobs
SET    cancel_at = COALESCE(cancel_at, CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
       finished_at = CASE WHEN state = 'queued' THEN CAST(unixepoch('subsec') * 1000000 AS INTEGER) END,
       state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END
WHERE  tenant = @tenant AND id = @id AND state IN ('queued', 'running')
RETURNING *;

-- A deleted image's jobs end at once; the epoch fences off who still runs one.
-- name: CancelJobsOfImage :many
UPDATE jobs
SET    cancel_at = COALESCE(cancel_at, CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
       finished_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER),
       epoch = CASE WHEN state = 'running' THEN epoch + 1 ELSE epoch END,
       state = 'cancelled', lease_until = NULL
WHERE  tenant = @tenant AND image_id = @image_id AND state IN ('queued', 'running')
RETURNING *;

-- name: RequeueJob :one
UPDATE jobs
SET    state = 'queued', epoch = epoch + 1, attempt = 0, crashes = 0, lost = 0, error = NULL,
       cancel_at = NULL, started_at = NULL, finished_at = NULL,
       run_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER)
WHERE  tenant = @tenant AND id = @id AND state IN ('failed', 'dead', 'cancelled')
RETURNING *;
