-- name: WorkerGone :exec
DELETE FROM workers
WHERE  id = @id;

-- name: RunningJobs :many
SELECT worker, id
FROM   jobs
WHERE  state = 'running'
ORDER  BY worker
LIMIT  @max_rows;
