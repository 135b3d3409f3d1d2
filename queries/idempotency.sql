-- name: Answered :one
SELECT *
FROM   idempotency
WHERE  tenant = @tenant AND subject = @subject AND route = @route AND key = @key;

-- Only the holder of the lock may answer.
-- name: AnswerRequest :execrows
UPDATE idempotency
SET    answered = true, fingerprint = @fingerprint, body = @body, expires_at = @expires_at
WHERE  tenant = @tenant AND subject = @subject AND route = @route AND key = @key
       AND token = @token AND NOT answered;

-- name: DropRequest :exec
DELETE FROM idempotency
WHERE  tenant = @tenant AND subject = @subject AND route = @route AND key = @key
       AND token = @token AND NOT answered;
