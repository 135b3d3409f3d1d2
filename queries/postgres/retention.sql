-- name: ExpireAnswers :execrows
DELETE FROM idempotency
WHERE  (tenant, subject, route, key) IN (
       SELECT i.tenant, i.subject, i.route, i.key
       FROM   idempotency i
       WHERE  i.expires_at <= statement_timestamp()
       LIMIT  @max_rows);

-- name: ExpiredImages :many
SELECT tenant, id
FROM   images
WHERE  expires_at <= statement_timestamp() AND deleted_at IS NULL
ORDER  BY expires_at
LIMIT  @max_rows;

-- Tombstones whose objects are gone. One that somebody deletes again is left for later.
-- name: OldTombstones :many
SELECT images.id
FROM   images
WHERE  images.deleted_at < @deleted_before
       AND NOT EXISTS (SELECT 1 FROM sweep_tasks WHERE sweep_tasks.blob_key = 'o/' || images.id)
       AND NOT EXISTS (SELECT 1 FROM sweep_tasks WHERE sweep_tasks.blob_key = 'v/' || images.id || '/')
ORDER  BY images.deleted_at
LIMIT  @max_rows
FOR    UPDATE OF images SKIP LOCKED;

-- name: ForgetVariantsOf :exec
DELETE FROM variants
WHERE  image_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@ids AS text) AS jsonb))));

-- The tenant comes from the image, so that an index finds the jobs.
-- name: ForgetJobsOf :exec
DELETE FROM jobs
WHERE  id IN (
       SELECT j.id
       FROM   images
       JOIN   jobs j ON j.tenant = images.tenant AND j.image_id = images.id
       WHERE  images.id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@ids AS text) AS jsonb)))));

-- name: ForgetImages :exec
DELETE FROM images
WHERE  id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@ids AS text) AS jsonb))));
