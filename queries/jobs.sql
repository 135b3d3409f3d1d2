-- name: CreateJob :exec
INSERT INTO jobs (id, tenant, image_id, state, spec, spec_version, spec_digest, priority, run_at, attempt, max_attempts,
                  crashes, lost, epoch, worker, lease_until, cancel_at, error, warnings, owner, correlation_id,
                  traceparent, cost_cpu_ms, cost_read_bytes, cost_write_bytes, created_at, started_at, finished_at)
VALUES (@id, @tenant, @image_id, @state, @spec, @spec_version, @spec_digest, @priority, @run_at, @attempt, @max_attempts,
        @crashes, @lost, @epoch, @worker, @lease_until, @cancel_at, @error, @warnings, @owner, @correlation_id,
        @traceparent, @cost_cpu_ms, @cost_read_bytes, @cost_write_bytes, @created_at, @started_at, @finished_at);

-- Jobs of a deleted image are as gone as the image.
-- name: Job :one
SELECT *
FROM   jobs
WHERE  jobs.tenant = @tenant AND jobs.id = @id
       AND EXISTS (SELECT 1 FROM images WHERE images.id = jobs.image_id AND images.deleted_at IS NULL);

-- name: Jobs :many
SELECT *
FROM   jobs
WHERE  jobs.tenant = @tenant
       AND jobs.created_at <= @before_at
       AND (jobs.created_at < @page_at OR jobs.id < @page_id)
       AND EXISTS (SELECT 1 FROM images WHERE images.id = jobs.image_id AND images.deleted_at IS NULL)
ORDER  BY jobs.created_at DESC, jobs.id DESC
LIMIT  @max_rows;

-- name: JobsInState :many
SELECT *
FROM   jobs
WHERE  jobs.tenant = @tenant
       AND jobs.state = @state
       AND jobs.created_at <= @before_at
       AND (jobs.created_at < @page_at OR jobs.id < @page_id)
       AND EXISTS (SELECT 1 FROM images WHERE images.id = jobs.image_id AND images.deleted_at IS NULL)
ORDER  BY jobs.created_at DESC, jobs.id DESC
LIMIT  @max_rows;

-- name: JobsOfImage :many
SELECT *
FROM   jobs
WHERE  jobs.tenant = @tenant
       AND jobs.image_id = @image_id
       AND jobs.created_at <= @before_at
       AND (jobs.created_at < @page_at OR jobs.id < @page_id)
       AND (CAST(sqlc.narg(state) AS text) IS NULL OR jobs.state = sqlc.narg(state))
       AND EXISTS (SELECT 1 FROM images WHERE images.id = jobs.image_id AND images.deleted_at IS NULL)
ORDER  BY jobs.created_at DESC, jobs.id DESC
LIMIT  @max_rows;

-- name: LiveTwin :one
SELECT *
FROM   jobs
WHERE  tenant = @tenant AND image_id = @image_id AND spec_digest = @spec_digest AND state IN ('queued', 'running');

-- An image has few jobs, and a state in the WHERE would have them looked for among
-- all of the tenant's.
-- name: Twins :many
SELECT *
FROM   jobs
WHERE  tenant = @tenant AND image_id = @image_id AND spec_digest = @spec_digest
ORDER  BY created_at DESC, id DESC;

-- name: HastenJob :exec
UPDATE jobs
SET    priority = @priority
WHERE  tenant = @tenant AND id = @id AND state = 'queued';

-- name: AnyJob :one
SELECT *
FROM   jobs
WHERE  id = @id;

-- name: LiveJobsOfImage :one
SELECT count(*)
FROM   jobs
WHERE  image_id = @image_id AND state IN ('queued', 'running');
