-- name: CreateVariant :exec
INSERT INTO variants (image_id, name, tenant, job_id, state, transform, blob_key, content_type, bytes, sha256,
                      width, height, pages, error, created_at, updated_at)
VALUES (@image_id, @name, @tenant, @job_id, @state, @transform, @blob_key, @content_type, @bytes, @sha256,
        @width, @height, @pages, @error, @created_at, @updated_at);

-- A ready variant stays until its successor is published.
-- name: WishVariant :exec
INSERT INTO variants (image_id, name, tenant, job_id, state, transform, blob_key, content_type, bytes, sha256,
                      width, height, pages, error, created_at, updated_at)
VALUES (@image_id, @name, @tenant, @job_id, @state, @transform, @blob_key, @content_type, @bytes, @sha256,
        @width, @height, @pages, @error, @created_at, @updated_at)
ON CONFLICT (image_id, name) DO UPDATE
SET    job_id = excluded.job_id, state = excluded.state, transform = excluded.transform, error = excluded.error,
       updated_at = excluded.updated_at
WHERE  variants.state <> 'ready';

-- Of two jobs that make the same name the younger one's wish counts, and a
-- failure does not take away what is ready.
-- name: PublishVariant :exec
INSERT INTO variants (image_id, name, tenant, job_id, state, transform, blob_key, content_type, bytes, sha256,
                      width, height, pages, error, created_at, updated_at)
VALUES (@image_id, @name, @tenant, @job_id, @state, @transform, @blob_key, @content_type, @bytes, @sha256,
        @width, @height, @pages, @error, @created_at, @updated_at)
ON CONFLICT (image_id, name) DO UPDATE
SET    job_id = excluded.job_id, state = excluded.state, transform = excluded.transform, blob_key = excluded.blob_key,
       content_type = excluded.content_type, bytes = excluded.bytes, sha256 = excluded.sha256, width = excluded.width,
       height = excluded.height, pages = excluded.pages, error = excluded.error, updated_at = excluded.updated_at
WHERE  variants.job_id <= excluded.job_id AND (excluded.state = 'ready' OR variants.state <> 'ready');

-- name: VariantsOfImage :many
SELECT *
FROM   variants
WHERE  image_id = @image_id
ORDER  BY name;

-- name: FailPendingVariants :exec
UPDATE variants
SET    state = 'failed', error = @error, updated_at = @now
WHERE  job_id = @job_id AND state = 'pending';

-- name: ReviveFailedVariants :exec
UPDATE variants
SET    state = 'pending', error = NULL, updated_at = @now
WHERE  tenant = @tenant AND job_id = @job_id AND state = 'failed';
