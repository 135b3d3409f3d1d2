-- Whoever asks for room, or changes what a tenant has, holds this row until the end.
-- name: LockUsage :one
SELECT images, bytes
FROM   usage
WHERE  tenant = @tenant
FOR    UPDATE;

-- A generic cell rate algorithm: a key has its whole burst again at full_at. A take
-- of cost fits while that is no further away than room, which is the burst without
-- the take. One statement, hence exact: whoever comes at once waits for the row.
-- name: TakeRate :one
INSERT INTO rates (key, full_at, fits_at, allowed)
VALUES (@key,
        statement_timestamp() + CAST(@cost AS bigint) * interval '1 microsecond',
        statement_timestamp() + CAST(@room AS bigint) * interval '1 microsecond',
        true)
ON CONFLICT (key) DO UPDATE
SET    allowed = rates.full_at <= excluded.fits_at,
       full_at = CASE WHEN rates.full_at > excluded.fits_at
                      THEN rates.full_at
                      ELSE greatest(excluded.full_at, rates.full_at + CAST(@cost AS bigint) * interval '1 microsecond') END,
       fits_at = excluded.fits_at
RETURNING *;
