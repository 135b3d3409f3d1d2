-- A claim makes a queued job that is due the worker's. See machine.sql for the clock.

-- name: ClaimNext :one
UPDATE jobs
SET    state = 'running', epoch = epoch + 1, attempt = attempt + 1, worker = @worker,
       lease_until = statement_timestamp() + CAST(@lease AS bigint) * interval '1 microsecond',
       started_at = statement_timestamp()
WHERE  id = (
       SELECT j.id
       FROM   jobs j
       WHERE  j.state = 'queued'
              AND j.run_at <= statement_timestamp()
              AND j.spec_version <= @spec_version
       ORDER  BY j.priority, j.run_at, j.id
       LIMIT  1
       FOR    UPDATE SKIP LOCKED)
RETURNING *;

-- Tenants take turns: of the most urgent jobs that are due, the first of the next tenant
-- after the one that was served, in a circle; while all of them are in other hands, any.
-- Only what is asked for first is looked up as a rule.
-- name: ClaimTurn :one
UPDATE jobs
SET    state = 'running', epoch = epoch + 1, attempt = attempt + 1, worker = @worker,
       lease_until = statement_timestamp() + CAST(@lease AS bigint) * interval '1 microsecond',
       started_at = statement_timestamp()
WHERE  id = COALESCE(
       (SELECT j.id
        FROM   jobs j
        WHERE  j.state = 'queued'
               AND j.run_at <= statement_timestamp()
               AND j.spec_version <= @spec_version
               AND j.priority = (
                   SELECT d.priority
                   FROM   jobs d
                   WHERE  d.state = 'queued' AND d.run_at <= statement_timestamp() AND d.spec_version <= @spec_version
                   ORDER  BY d.priority, d.run_at, d.id
                   LIMIT  1)
               AND j.tenant > @after
        ORDER  BY j.tenant, j.run_at, j.id
        LIMIT  1
        FOR    UPDATE SKIP LOCKED),
       (SELECT j.id
        FROM   jobs j
        WHERE  j.state = 'queued'
               AND j.run_at <= statement_timestamp()
               AND j.spec_version <= @spec_version
               AND j.priority = (
                   SELECT d.priority
                   FROM   jobs d
                   WHERE  d.state = 'queued' AND d.run_at <= statement_timestamp() AND d.spec_version <= @spec_version
                   ORDER  BY d.priority, d.run_at, d.id
                   LIMIT  1)
               AND j.tenant <= @after
        ORDER  BY j.tenant, j.run_at, j.id
        LIMIT  1
        FOR    UPDATE SKIP LOCKED),
       (SELECT j.id
        FROM   jobs j
        WHERE  j.state = 'queued'
               AND j.run_at <= statement_timestamp()
               AND j.spec_version <= @spec_version
        ORDER  BY j.priority, j.run_at, j.id
        LIMIT  1
        FOR    UPDATE SKIP LOCKED))
RETURNING *;

-- name: ClaimOne :one
UPDATE jobs
SET    state = 'running', epoch = epoch + 1, attempt = attempt + 1, worker = @worker,
       lease_until = statement_timestamp() + CAST(@lease AS bigint) * interval '1 microsecond',
       started_at = statement_timestamp()
WHERE  id = @id
       AND state = 'queued'
       AND run_at <= statement_timestamp()
       AND spec_version <= @spec_version
RETURNING *;
