-- A lock goes to whoever finds none, its holder, or the first to find that it has
-- run out; an answer stands until its day is over.
-- name: LockRequest :execrows
INSERT INTO idempotency (tenant, subject, route, key, token, body, locked_until, expires_at)
VALUES (@tenant, @subject, @route, @key, @token, @body,
        clock_timestamp() + CAST(@lock AS bigint) * interval '1 microsecond',
        clock_timestamp() + CAST(@keep AS bigint) * interval '1 microsecond')
ON CONFLICT (tenant, subject, route, key) DO UPDATE
SET    token = excluded.token, locked_until = excluded.locked_until, expires_at = excluded.expires_at,
       answered = false, fingerprint = '', body = excluded.body
WHERE  (idempotency.answered = false
        AND (idempotency.token = excluded.token
             OR idempotency.locked_until <= clock_timestamp()))
       OR (idempotency.answered = true
           AND idempotency.expires_at <= clock_timestamp());
