-- name: ImagesByID :many
SELECT *
FROM   images
WHERE  tenant = @tenant AND deleted_at IS NULL AND id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@ids AS text) AS jsonb))));

-- name: VariantsOf :many
SELECT *
FROM   variants
WHERE  tenant = @tenant AND image_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST(CAST(@ids AS text) AS jsonb))))
ORDER  BY image_id, name;
