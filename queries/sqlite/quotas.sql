-- The transaction has the one writer's lock.
-- name: LockUsage :one
SELECT images, bytes
FROM   usage
WHERE  tenant = @tenant;

-- A generic cell rate algorithm: a key has its whole burst again at full_at. A take
-- of cost fits while that is no further away than room, which is the burst without
-- the take. The clock stands still within a statement. sqlc knows no parameters behind
-- ON CONFLICT: the cost is what excluded.full_at is ahead of it.
-- name: TakeRate :one
INSERT INTO rates (key, full_at, fits_at, allowed)
VALUES (@key,
        CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@cost AS INTEGER),
        CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@room AS INTEGER),
        true)
ON CONFLICT (key) DO UPDATE
SET    allowed = rates.full_at <= excluded.fits_at,
       full_at = CASE WHEN rates.full_at > excluded.fits_at
                      THEN rates.full_at
                      ELSE max(excluded.full_at, rates.full_at + excluded.full_at - CAST(unixepoch('subsec') * 1000000 AS INTEGER)) END,
       fits_at = excluded.fits_at
RETURNING *;
