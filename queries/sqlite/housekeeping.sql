-- name: TakeDuty :execrows
INSERT INTO leases (name, holder, epoch, until)
VALUES (@name, @holder, 1, CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@ttl AS INTEGER))
ON CONFLICT (name) DO UPDATE
SET    epoch = CASE WHEN leases.holder = excluded.holder THEN leases.epoch ELSE leases.epoch + 1 END,
       holder = excluded.holder, until = excluded.until
WHERE  leases.holder = excluded.holder OR leases.until <= CAST(unixepoch('subsec') * 1000000 AS INTEGER);

-- name: DueSweeps :many
SELECT id, blob_key, tries
FROM   sweep_tasks
WHERE  not_before <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
ORDER  BY not_before, id
LIMIT  @max_rows;

-- name: PostponeSweep :exec
UPDATE sweep_tasks
SET    tries = tries + 1,
       not_before = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@wait AS INTEGER)
WHERE  id = @id;

-- name: LivingOriginals :many
SELECT id
FROM   images
WHERE  deleted_at IS NULL AND id IN (SELECT value FROM json_each(CAST(@ids AS text)));

-- name: LivingVariantKeys :many
SELECT variants.blob_key
FROM   variants
JOIN   images ON images.id = variants.image_id
WHERE  images.deleted_at IS NULL AND variants.blob_key <> '' AND variants.blob_key IN (SELECT value FROM json_each(CAST(@keys AS text)));

-- name: PlannedSweepKeys :many
SELECT blob_key
FROM   sweep_tasks
WHERE  blob_key IN (SELECT value FROM json_each(CAST(@keys AS text)));

-- A job that is alive may be about to publish what it has found in the store.
-- name: BusyImages :many
SELECT DISTINCT image_id
FROM   jobs
WHERE  state IN ('queued', 'running') AND image_id IN (SELECT value FROM json_each(CAST(@ids AS text)));

-- What is published again is not to be swept.
-- name: SpareBlobs :exec
DELETE FROM sweep_tasks
WHERE  blob_key IN (SELECT value FROM json_each(CAST(@keys AS text)));

-- name: CountOverdueSweeps :one
SELECT count(*)
FROM   sweep_tasks
WHERE  not_before <= CAST(unixepoch('subsec') * 1000000 AS INTEGER) - CAST(@span AS INTEGER);

-- name: Generation :one
SELECT current, previous, CAST(CAST(unixepoch('subsec') * 1000000 AS INTEGER) - changed_at AS INTEGER) AS age
FROM   generations
WHERE  store = @store;
