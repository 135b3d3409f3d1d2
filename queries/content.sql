-- What is known of the bytes of images, beside how to decode them.

-- name: DescribeImage :exec
UPDATE images
SET    dominant_color = @dominant_color, average_color = @average_color, blurhash = @blurhash,
       palette = @palette, thumbhash = @thumbhash, phash = @phash
WHERE  id = @id;

-- name: KeepEmbedded :exec
INSERT INTO embedded (tenant, image_id, document)
VALUES (@tenant, @image_id, @document)
ON CONFLICT (image_id) DO UPDATE
SET    document = excluded.document;

-- name: Embedded :one
SELECT embedded.document
FROM   embedded
JOIN   images ON images.id = embedded.image_id
WHERE  images.tenant = @tenant AND images.id = @id AND images.deleted_at IS NULL;

-- name: ForgetEmbedded :exec
DELETE FROM embedded
WHERE  tenant = @tenant AND image_id = @image_id;

-- name: Quarantined :one
SELECT count(*)
FROM   quarantine
WHERE  sha256 = @sha256;

-- name: Quarantine :exec
INSERT INTO quarantine (sha256, image_id, job_id, created_at)
VALUES (@sha256, @image_id, @job_id, @created_at)
ON CONFLICT (sha256) DO NOTHING;
