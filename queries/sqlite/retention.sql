-- name: ExpireAnswers :execrows
DELETE FROM idempotency
WHERE  (tenant, subject, route, key) IN (
       SELECT i.tenant, i.subject, i.route, i.key
       FROM   idempotency i
       WHERE  i.expires_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
       LIMIT  @max_rows);

-- name: ExpiredImages :many
SELECT tenant, id
FROM   images
WHERE  expires_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER) AND deleted_at IS NULL
ORDER  BY expires_at
LIMIT  @max_rows;

-- Tombstones whose objects are gone.
-- name: OldTombstones :many
SELECT images.id
FROM   images
WHERE  images.deleted_at < @deleted_before
       AND NOT EXISTS (SELECT 1 FROM sweep_tasks WHERE sweep_tasks.blob_key = 'o/' || images.id)
       AND NOT EXISTS (SELECT 1 FROM sweep_tasks WHERE sweep_tasks.blob_key = 'v/' || images.id || '/')
ORDER  BY images.deleted_at
LIMIT  @max_rows;

-- name: ForgetVariantsOf :exec
DELETE FROM variants
WHERE  image_id IN (SELECT value FROM json_each(CAST(@ids AS text)));

-- The tenant comes from the image, so that an index finds the jobs.
-- name: ForgetJobsOf :exec
DELETE FROM jobs
WHERE  id IN (
       SELECT j.id
       FROM   images
       JOIN   jobs j ON j.tenant = images.tenant AND j.image_id = images.id
       WHERE  images.id IN (SELECT value FROM json_each(CAST(@ids AS text))));

-- name: ForgetImages :exec
DELETE FROM images
WHERE  id IN (SELECT value FROM json_each(CAST(@ids AS text)));
