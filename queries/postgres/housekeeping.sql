-- name: TakeDuty :execrows
INSERT INTO leases (name, holder, epoch, until)
VALUES (@name, @holder, 1, clock_timestamp() + CAST(@ttl AS bigint) * interval '1 microsecond')
ON CONFLICT (name) DO UPDATE
SET    epoch = CASE WHEN leases.holder = excluded.holder THEN leases.epoch ELSE leases.epoch + 1 END,
       holder = excluded.holder, until = excluded.until
WHERE  leases.holder = excluded.holder OR leases.until <= clock_timestamp();

-- name: DueSweeps :many
SELECT id, blob_key, tries
FROM   sweep_tasks
WHERE  not_before <= statement_timestamp()
ORDER  BY not_before, id
LIMIT  @max_rows;

-- name: PostponeSweep :exec
UPDATE sweep_tasks
SET    tries = tries + 1,
       not_before = clock_timestamp() + CAST(@wait AS bigint) * interval '1 microsecond'
WHERE  id = @id;

-- name: LivingOriginals :many
SELECT id
FROM   images
WHERE  deleted_at IS NULL AND id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@ids AS text) AS jsonb))));

-- name: LivingVariantKeys :many
SELECT variants.blob_key
FROM   variants
JOIN   images ON images.id = variants.image_id
WHERE  images.deleted_at IS NULL AND variants.blob_key <> '' AND variants.blob_key = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@keys AS text) AS jsonb))));

-- name: PlannedSweepKeys :many
SELECT blob_key
FROM   sweep_tasks
WHERE  blob_key = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@keys AS text) AS jsonb))));

-- A job that is alive may be about to publish what it has found in the store.
-- name: BusyImages :many
SELECT DISTINCT image_id
FROM   jobs
WHERE  state IN ('queued', 'running') AND image_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@ids AS text) AS jsonb))));

-- What is published again is not to be swept.
-- name: SpareBlobs :exec
DELETE FROM sweep_tasks
WHERE  blob_key = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@keys AS text) AS jsonb))));

-- name: CountOverdueSweeps :one
SELECT count(*)
FROM   sweep_tasks
WHERE  not_before <= statement_timestamp() - CAST(@span AS bigint) * interval '1 microsecond';

-- name: Generation :one
SELECT current, previous, CAST(extract(epoch FROM clock_timestamp() - changed_at) * 1000000 AS bigint) AS age
FROM   generations
WHERE  store = @store;
