-- What there is when a tenant is first held to a quota. From then on whoever adds or
-- deletes an image changes it.
-- name: CreateUsage :exec
INSERT INTO usage (tenant, images, bytes, updated_at)
SELECT CAST(@tenant AS text), count(*), CAST(COALESCE(sum(images.bytes), 0) AS bigint), @now
FROM   images
WHERE  images.tenant = @tenant AND images.deleted_at IS NULL
ON CONFLICT (tenant) DO NOTHING;

-- Tenants without a quota have no row here, and pay nothing for it.
-- name: ChangeUsage :exec
UPDATE usage
SET    images = images + @images, bytes = bytes + @bytes, updated_at = @now
WHERE  tenant = @tenant;

-- name: NextUsage :one
SELECT tenant
FROM   usage
WHERE  tenant > @after_tenant
ORDER  BY tenant
LIMIT  1;

-- name: Reserved :one
SELECT CAST(COALESCE(sum(images), 0) AS bigint) AS images,
       CAST(COALESCE(sum(bytes), 0) AS bigint) AS bytes,
       CAST(COALESCE(sum(jobs), 0) AS bigint) AS jobs
FROM   reservations
WHERE  tenant = @tenant AND expires_at > @now;

-- One statement sees a job either as reserved or as queued, never as both or neither.
-- name: ReservedAndQueued :one
SELECT CAST(COALESCE(sum(images), 0) AS bigint) AS images,
       CAST(COALESCE(sum(bytes), 0) AS bigint) AS bytes,
       CAST(COALESCE(sum(jobs), 0)
            + (SELECT count(*) FROM jobs j WHERE j.tenant = @tenant AND j.state = 'queued') AS bigint) AS jobs
FROM   reservations
WHERE  tenant = @tenant AND expires_at > @now;

-- name: CreateReservation :exec
INSERT INTO reservations (tenant, id, images, bytes, jobs, expires_at)
VALUES (@tenant, @id, @images, @bytes, @jobs, @expires_at);

-- name: ExtendReservation :execrows
UPDATE reservations
SET    expires_at = @expires_at
WHERE  tenant = @tenant AND id = @id AND expires_at > @now;

-- name: SettleReservation :execrows
DELETE FROM reservations
WHERE  tenant = @tenant AND id = @id AND expires_at > @now;

-- name: ForgetReservations :execrows
DELETE FROM reservations
WHERE  reservations.expires_at <= @before
       AND reservations.id IN (
       SELECT r.id
       FROM   reservations r
       WHERE  r.expires_at <= @before
       ORDER  BY r.expires_at
       LIMIT  @max_rows);

-- A bucket that is full says nothing. One that somebody has taken from meanwhile is
-- not.
-- name: ForgetRates :execrows
DELETE FROM rates
WHERE  rates.full_at <= @before
       AND rates.key IN (
       SELECT r.key
       FROM   rates r
       WHERE  r.full_at <= @before
       ORDER  BY r.full_at
       LIMIT  @max_rows);
