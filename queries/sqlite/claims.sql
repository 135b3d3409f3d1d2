-- A claim makes a queued job that is due the worker's. See machine.sql for the clock.

-- name: ClaimNext :one
UPDATE jobs
SET    state = 'running', epoch = epoch + 1, attempt = attempt + 1, worker = @worker,
       lease_until = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@lease AS INTEGER),
       started_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER)
WHERE  id = (
       SELECT j.id
       FROM   jobs j
       WHERE  j.state = 'queued'
              AND j.run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
              AND j.spec_version <= @spec_version
       ORDER  BY j.priority, j.run_at, j.id
       LIMIT  1)
RETURNING *;

-- Tenants take turns: of the most urgent jobs that are due, the first of the next tenant
-- after the one that was served, in a circle; while all of them are in other hands, any.
-- Only what is asked for first is looked up as a rule.
-- name: ClaimTurn :one
UPDATE jobs
SET    state = 'running', epoch = epoch + 1, attempt = attempt + 1, worker = @worker,
       lease_until = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@lease AS INTEGER),
       started_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER)
WHERE  id = COALESCE(
       (SELECT j.id
        FROM   jobs j
        WHERE  j.state = 'queued'
               AND j.run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
               AND j.spec_version <= @spec_version
               AND j.priority = (
                   SELECT d.priority
                   FROM   jobs d
                   WHERE  d.state = 'queued' AND d.run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER) AND d.spec_version <= @spec_version
                   ORDER  BY d.priority, d.run_at, d.id
                   LIMIT  1)
               AND j.tenant > @after
        ORDER  BY j.tenant, j.run_at, j.id
        LIMIT  1),
       (SELECT j.id
        FROM   jobs j
        WHERE  j.state = 'queued'
               AND j.run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
               AND j.spec_version <= @spec_version
               AND j.priority = (
                   SELECT d.priority
                   FROM   jobs d
                   WHERE  d.state = 'queued' AND d.run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER) AND d.spec_version <= @spec_version
                   ORDER  BY d.priority, d.run_at, d.id
                   LIMIT  1)
               AND j.tenant <= @after
        ORDER  BY j.tenant, j.run_at, j.id
        LIMIT  1),
       (SELECT j.id
        FROM   jobs j
        WHERE  j.state = 'queued'
               AND j.run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
               AND j.spec_version <= @spec_version
        ORDER  BY j.priority, j.run_at, j.id
        LIMIT  1))
RETURNING *;

-- name: ClaimOne :one
UPDATE jobs
SET    state = 'running', epoch = epoch + 1, attempt = attempt + 1, worker = @worker,
       lease_until = CAST(unixepoch('subsec') * 1000000 AS INTEGER) + CAST(@lease AS INTEGER),
       started_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER)
WHERE  id = @id
       AND state = 'queued'
       AND run_at <= CAST(unixepoch('subsec') * 1000000 AS INTEGER)
       AND spec_version <= @spec_version
RETURNING *;
