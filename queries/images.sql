-- name: CreateImage :exec
INSERT INTO images (id, tenant, external_id, bucket, state, owner, filename, content_type, bytes, sha256, width, height,
                    pages, has_alpha, memory_bytes, dominant_color, average_color, blurhash, palette, thumbhash, phash,
                    metadata, warnings, version, created_at, updated_at, deleted_at, expires_at)
VALUES (@id, @tenant, @external_id, @bucket, @state, @owner, @filename, @content_type, @bytes, @sha256, @width, @height,
        @pages, @has_alpha, @memory_bytes, @dominant_color, @average_color, @blurhash, @palette, @thumbhash, @phash,
        @metadata, @warnings, @version, @created_at, @updated_at, @deleted_at, @expires_at);

-- name: Image :one
SELECT *
FROM   images
WHERE  tenant = @tenant AND id = @id AND deleted_at IS NULL;

-- name: ImageOrTombstone :one
SELECT *
FROM   images
WHERE  tenant = @tenant AND id = @id;

-- name: ImageByExternalID :one
SELECT *
FROM   images
WHERE  tenant = @tenant AND external_id = @external_id AND external_id <> '' AND deleted_at IS NULL;

-- The first comparison is what the index can seek, the second breaks ties.
-- name: Images :many
SELECT *
FROM   images
WHERE  tenant = @tenant
       AND created_at <= @before_at
       AND (created_at < @page_at OR id < @page_id)
       AND created_at > @created_after
       AND created_at < @created_before
       AND deleted_at IS NULL
       AND (CAST(sqlc.narg(bucket) AS text) IS NULL OR bucket = sqlc.narg(bucket))
       AND (CAST(sqlc.narg(state) AS text) IS NULL OR state = sqlc.narg(state))
       AND (CAST(sqlc.narg(owner) AS text) IS NULL OR owner = sqlc.narg(owner))
ORDER  BY created_at DESC, id DESC
LIMIT  @max_rows;

-- At most one: the unique index finds it, whatever else is asked.
-- name: ImagesWithExternalID :many
SELECT *
FROM   images
WHERE  tenant = @tenant
       AND created_at <= @before_at
       AND (created_at < @page_at OR id < @page_id)
       AND created_at > @created_after
       AND created_at < @created_before
       AND deleted_at IS NULL
       AND external_id <> ''
       AND external_id = @external_id
       AND (CAST(sqlc.narg(bucket) AS text) IS NULL OR bucket = sqlc.narg(bucket))
       AND (CAST(sqlc.narg(state) AS text) IS NULL OR state = sqlc.narg(state))
       AND (CAST(sqlc.narg(owner) AS text) IS NULL OR owner = sqlc.narg(owner))
ORDER  BY created_at DESC, id DESC
LIMIT  @max_rows;

-- Whoever read the version may write its successor.
-- name: PatchImage :execrows
UPDATE images
SET    metadata = @metadata, filename = @filename, bucket = @bucket, external_id = @external_id,
       expires_at = @expires_at, version = version + 1, updated_at = @now
WHERE  tenant = @tenant AND id = @id AND version = @version AND deleted_at IS NULL;

-- What may identify somebody goes at once, small pictures of it too.
-- name: BuryImage :execrows
UPDATE images
SET    deleted_at = @deleted_at, updated_at = @now, version = version + 1, state = @state,
       filename = '', external_id = '', metadata = @metadata, blurhash = '', palette = '[]', thumbhash = '', phash = ''
WHERE  tenant = @tenant AND id = @id AND deleted_at IS NULL;

-- Who reads in public, or by a signed link, names no tenant.
-- name: PlaceOfImage :one
SELECT tenant, bucket, deleted_at
FROM   images
WHERE  id = @id;

-- name: ImageOfJob :one
SELECT *
FROM   images
WHERE  id = @id;

-- name: SettleImage :exec
UPDATE images
SET    state = @state, version = version + 1, updated_at = @now
WHERE  id = @id;
