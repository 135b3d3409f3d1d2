-- name: RecordEvent :exec
INSERT INTO events (id, tenant, image_id, job_id, type, actor, correlation_id, epoch, detail, at)
VALUES (@id, @tenant, @image_id, @job_id, @type, @actor, @correlation_id, @epoch, @detail, @at);

-- name: EventsOfImage :many
SELECT *
FROM   events
WHERE  tenant = @tenant
       AND image_id = @image_id
       AND at <= @before_at
       AND (at < @page_at OR id < @page_id)
ORDER  BY at DESC, id DESC
LIMIT  @max_rows;

-- How the attempt of an epoch ended, if it has.
-- name: EventsOfEpoch :many
SELECT *
FROM   events
WHERE  tenant = @tenant AND image_id = @image_id AND job_id = @job_id AND epoch = @epoch;
