-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Add column "expires_at" to table: "images"
ALTER TABLE `images` ADD COLUMN `expires_at` timestamp NULL;
-- Create index "images_tombstones" to table: "images"
CREATE INDEX `images_tombstones` ON `images` (`deleted_at`) WHERE deleted_at IS NOT NULL;
-- Create index "images_expiring" to table: "images"
CREATE INDEX `images_expiring` ON `images` (`expires_at`) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
-- Create "new_jobs" table
CREATE TABLE `new_jobs` (
  `id` text NOT NULL,
  `tenant` text NOT NULL,
  `image_id` text NOT NULL,
  `state` text NOT NULL,
  `spec` json NOT NULL,
  `spec_version` bigint NOT NULL,
  `spec_digest` text NOT NULL,
  `priority` bigint NOT NULL,
  `run_at` timestamp NOT NULL,
  `attempt` bigint NOT NULL,
  `max_attempts` bigint NOT NULL,
  `crashes` bigint NOT NULL,
  `lost` bigint NOT NULL,
  `epoch` bigint NOT NULL,
  `worker` text NOT NULL DEFAULT '',
  `lease_until` timestamp NULL,
  `cancel_at` timestamp NULL,
  `error` json NULL,
  `warnings` json NOT NULL,
  `owner` text NOT NULL,
  `correlation_id` text NOT NULL DEFAULT '',
  `traceparent` text NOT NULL DEFAULT '',
  `cost_cpu_ms` bigint NOT NULL DEFAULT 0,
  `cost_read_bytes` bigint NOT NULL DEFAULT 0,
  `cost_write_bytes` bigint NOT NULL DEFAULT 0,
  `created_at` timestamp NOT NULL,
  `started_at` timestamp NULL,
  `finished_at` timestamp NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `jobs_image` FOREIGN KEY (`image_id`) REFERENCES `images` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `jobs_tenant_named` CHECK (tenant <> ''),
  CONSTRAINT `jobs_state_known` CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'dead', 'cancelled')),
  CONSTRAINT `jobs_running_is_leased` CHECK ((state = 'running') = (lease_until IS NOT NULL)),
  CONSTRAINT `jobs_final_is_finished` CHECK ((state IN ('succeeded', 'failed', 'dead', 'cancelled')) = (finished_at IS NOT NULL)),
  CONSTRAINT `jobs_attempts_in_budget` CHECK (attempt BETWEEN 0 AND max_attempts),
  CONSTRAINT `jobs_counters_positive` CHECK (crashes >= 0 AND lost >= 0 AND epoch >= 0),
  CONSTRAINT `jobs_queued_is_claimable` CHECK (state <> 'queued' OR (attempt < max_attempts AND cancel_at IS NULL))
);
-- Copy rows from old table "jobs" to new temporary table "new_jobs"
INSERT INTO `new_jobs` (`id`, `tenant`, `image_id`, `state`, `spec`, `spec_version`, `spec_digest`, `priority`, `run_at`, `attempt`, `max_attempts`, `crashes`, `lost`, `epoch`, `worker`, `lease_until`, `cancel_at`, `error`, `warnings`, `owner`, `correlation_id`, `traceparent`, `cost_cpu_ms`, `cost_read_bytes`, `cost_write_bytes`, `created_at`, `started_at`, `finished_at`) SELECT `id`, `tenant`, `image_id`, `state`, `spec`, `spec_version`, `spec_digest`, `priority`, `run_at`, `attempt`, `max_attempts`, `crashes`, `lost`, `epoch`, `worker`, `lease_until`, `cancel_at`, `error`, `warnings`, `owner`, `correlation_id`, `traceparent`, `cost_cpu_ms`, `cost_read_bytes`, `cost_write_bytes`, `created_at`, `started_at`, `finished_at` FROM `jobs`;
-- Drop "jobs" table after copying rows
DROP TABLE `jobs`;
-- Rename temporary table "new_jobs" to "jobs"
ALTER TABLE `new_jobs` RENAME TO `jobs`;
-- Create index "jobs_one_live" to table: "jobs"
CREATE UNIQUE INDEX `jobs_one_live` ON `jobs` (`image_id`, `spec_digest`) WHERE state IN ('queued', 'running');
-- Create index "jobs_due" to table: "jobs"
CREATE INDEX `jobs_due` ON `jobs` (`priority`, `run_at`, `id`) WHERE state = 'queued';
-- Create index "jobs_running" to table: "jobs"
CREATE INDEX `jobs_running` ON `jobs` (`worker`) WHERE state = 'running';
-- Create index "jobs_newest" to table: "jobs"
CREATE INDEX `jobs_newest` ON `jobs` (`tenant`, `created_at` DESC, `id` DESC);
-- Create index "jobs_newest_in_state" to table: "jobs"
CREATE INDEX `jobs_newest_in_state` ON `jobs` (`tenant`, `state`, `created_at` DESC, `id` DESC);
-- Create index "jobs_of_image" to table: "jobs"
CREATE INDEX `jobs_of_image` ON `jobs` (`image_id`, `created_at` DESC, `id` DESC);
-- Create index "jobs_finished" to table: "jobs"
CREATE INDEX `jobs_finished` ON `jobs` (`tenant`, `finished_at`, `state`, `created_at`, `started_at`) WHERE finished_at IS NOT NULL;
-- Create "new_variants" table
CREATE TABLE `new_variants` (
  `image_id` text NOT NULL,
  `name` text NOT NULL,
  `tenant` text NOT NULL,
  `job_id` text NOT NULL,
  `state` text NOT NULL,
  `transform` text NOT NULL,
  `blob_key` text NOT NULL DEFAULT '',
  `content_type` text NOT NULL DEFAULT '',
  `bytes` bigint NOT NULL DEFAULT 0,
  `sha256` text NOT NULL DEFAULT '',
  `width` bigint NOT NULL DEFAULT 0,
  `height` bigint NOT NULL DEFAULT 0,
  `pages` bigint NOT NULL DEFAULT 0,
  `error` json NULL,
  `created_at` timestamp NOT NULL,
  `updated_at` timestamp NOT NULL,
  PRIMARY KEY (`image_id`, `name`),
  CONSTRAINT `variants_image` FOREIGN KEY (`image_id`) REFERENCES `images` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `variants_tenant_named` CHECK (tenant <> ''),
  CONSTRAINT `variants_state_known` CHECK (state IN ('pending', 'ready', 'failed')),
  CONSTRAINT `variants_ready_is_stored` CHECK ((state = 'ready') = (blob_key <> '')),
  CONSTRAINT `variants_failed_has_reason` CHECK ((state = 'failed') = (error IS NOT NULL))
);
-- Copy rows from old table "variants" to new temporary table "new_variants"
INSERT INTO `new_variants` (`image_id`, `name`, `tenant`, `job_id`, `state`, `transform`, `blob_key`, `content_type`, `bytes`, `sha256`, `width`, `height`, `pages`, `error`, `created_at`, `updated_at`) SELECT `image_id`, `name`, `tenant`, `job_id`, `state`, `transform`, `blob_key`, `content_type`, `bytes`, `sha256`, `width`, `height`, `pages`, `error`, `created_at`, `updated_at` FROM `variants`;
-- Drop "variants" table after copying rows
DROP TABLE `variants`;
-- Rename temporary table "new_variants" to "variants"
ALTER TABLE `new_variants` RENAME TO `variants`;
-- Create index "variants_of_job" to table: "variants"
CREATE INDEX `variants_of_job` ON `variants` (`job_id`);
-- Create index "variants_blob" to table: "variants"
CREATE INDEX `variants_blob` ON `variants` (`blob_key`) WHERE blob_key <> '';
-- Add column "role" to table: "workers"
ALTER TABLE `workers` ADD COLUMN `role` text NOT NULL DEFAULT '';
-- Create "generations" table
CREATE TABLE `generations` (
  `store` text NOT NULL,
  `current` text NOT NULL,
  `previous` text NOT NULL,
  `changed_at` timestamp NOT NULL,
  PRIMARY KEY (`store`)
);
-- Enable back the enforcement of foreign-keys constraints
PRAGMA foreign_keys = on;
