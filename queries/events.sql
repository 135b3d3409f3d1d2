-- name: RecordEvent :exec
INSERT INTO events (id, tenant, image_id, job_id, type, actor, correlation_id, address, epoch, detail, at)
VALUES (@id, @tenant, @image_id, @job_id, @type, @actor, @correlation_id, @address, @epoch, @detail, @at);

-- name: EventsOfImage :many
SELECT *
FROM   events
WHERE  tenant = @tenant
       AND image_id = @image_id
       AND at <= @before_at
       AND (at < @page_at OR id < @page_id)
       AND at > @created_after
       AND (CAST(sqlc.narg(type) AS text) IS NULL OR type = sqlc.narg(type))
       AND (CAST(sqlc.narg(actor) AS text) IS NULL OR actor = sqlc.narg(actor))
ORDER  BY at DESC, id DESC
LIMIT  @max_rows;

-- name: EventsOfTenant :many
SELECT *
FROM   events
WHERE  tenant = @tenant
       AND at <= @before_at
       AND (at < @page_at OR id < @page_id)
       AND at > @created_after
       AND (CAST(sqlc.narg(type) AS text) IS NULL OR type = sqlc.narg(type))
       AND (CAST(sqlc.narg(actor) AS text) IS NULL OR actor = sqlc.narg(actor))
ORDER  BY at DESC, id DESC
LIMIT  @max_rows;

-- How the attempt of an epoch ended, if it has.
-- name: EventsOfEpoch :many
SELECT *
FROM   events
WHERE  tenant = @tenant AND image_id = @image_id AND job_id = @job_id AND epoch = @epoch;
