-- name: ImagesByID :many
SELECT *
FROM   images
WHERE  tenant = @tenant AND deleted_at IS NULL AND id IN (sqlc.slice('ids'));

-- name: VariantsOf :many
SELECT *
FROM   variants
WHERE  tenant = @tenant AND image_id IN (sqlc.slice('ids'))
ORDER  BY image_id, name;
