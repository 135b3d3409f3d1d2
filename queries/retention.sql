-- Rows that are as old as @before have smaller ids: a batch is a range of the
-- primary key. A job that somebody has queued again meanwhile is not at its end.
-- name: ForgetJobs :execrows
DELETE FROM jobs
WHERE  jobs.finished_at < @finished_before
       AND jobs.id IN (
       SELECT j.id
       FROM   jobs j
       WHERE  j.id < @before AND j.finished_at < @finished_before
       ORDER  BY j.id
       LIMIT  @max_rows);

-- name: ForgetEvents :execrows
DELETE FROM events
WHERE  events.id IN (
       SELECT e.id
       FROM   events e
       WHERE  e.id < @before
       ORDER  BY e.id
       LIMIT  @max_rows);
