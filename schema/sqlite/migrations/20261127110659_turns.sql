-- Create index "jobs_turns" to table: "jobs"
CREATE INDEX `jobs_turns` ON `jobs` (`priority`, `tenant`, `run_at`, `id`) WHERE state = 'queued';
