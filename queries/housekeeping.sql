-- An object that is to be swept sooner than was planned is.
-- name: PlanSweep :exec
INSERT INTO sweep_tasks (id, blob_key, not_before)
VALUES (@id, @blob_key, @not_before)
ON CONFLICT (blob_key) DO UPDATE
SET    not_before = excluded.not_before
WHERE  sweep_tasks.not_before > excluded.not_before;

-- name: ForgetSweep :exec
DELETE FROM sweep_tasks
WHERE  id = @id;
