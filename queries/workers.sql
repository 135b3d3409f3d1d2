-- name: WorkerGone :exec
DELETE FROM workers
WHERE  id = @id;

-- name: RunningJobs :many
SELECT worker, id
FROM   jobs
WHERE  tenant = @tenant AND state = 'running'
ORDER  BY created_at DESC, id DESC
LIMIT  @max_rows;

-- name: CountRunning :many
SELECT worker, count(*) AS jobs
FROM   jobs
WHERE  state = 'running'
GROUP  BY worker;
