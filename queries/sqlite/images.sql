-- name: ImagesByID :many
SELECT *
FROM   images
WHERE  tenant = @tenant AND deleted_at IS NULL AND id IN (SELECT value FROM json_each(CAST(@ids AS text)));

-- name: VariantsOf :many
SELECT *
FROM   variants
WHERE  tenant = @tenant AND image_id IN (SELECT value FROM json_each(CAST(@ids AS text)))
ORDER  BY image_id, name;
