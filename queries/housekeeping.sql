-- An object that is to be swept sooner than was planned is.
-- name: PlanSweep :execrows
INSERT INTO sweep_tasks (id, blob_key, not_before)
VALUES (@id, @blob_key, @not_before)
ON CONFLICT (blob_key) DO UPDATE
SET    not_before = excluded.not_before
WHERE  sweep_tasks.not_before > excluded.not_before;

-- name: ForgetSweep :exec
DELETE FROM sweep_tasks
WHERE  id = @id;

-- name: CountSweeps :one
SELECT count(*)
FROM   sweep_tasks;

-- Every object that a living row needs, a page at a time.
-- name: OriginalObjects :many
SELECT id, bytes, sha256
FROM   images
WHERE  id > @after_image AND deleted_at IS NULL
ORDER  BY id
LIMIT  @max_rows;

-- The first comparison is what the index can seek.
-- name: VariantObjects :many
SELECT variants.image_id, variants.name, variants.blob_key, variants.bytes, variants.sha256
FROM   variants
JOIN   images ON images.id = variants.image_id
WHERE  variants.image_id >= @from_image
       AND (variants.image_id > @from_image OR variants.name > @after_name)
       AND variants.blob_key <> ''
       AND images.deleted_at IS NULL
ORDER  BY variants.image_id, variants.name
LIMIT  @max_rows;

-- name: FirstGeneration :execrows
INSERT INTO generations (store, current, previous, changed_at)
VALUES (@store, @current, @previous, @now)
ON CONFLICT (store) DO NOTHING;

-- Whoever has seen the last meeting may replace it.
-- name: NextGeneration :execrows
UPDATE generations
SET    current = @current, previous = @previous, changed_at = @now
WHERE  store = @store AND current = @seen_current AND previous = @seen_previous;

-- name: NextTenant :one
SELECT tenant
FROM   images
WHERE  tenant > @after_tenant AND deleted_at IS NULL
ORDER  BY tenant
LIMIT  1;
