-- Create "images" table
CREATE TABLE `images` (
  `id` text NOT NULL,
  `tenant` text NOT NULL,
  `external_id` text NOT NULL DEFAULT '',
  `bucket` text NOT NULL,
  `state` text NOT NULL,
  `owner` text NOT NULL,
  `filename` text NOT NULL DEFAULT '',
  `content_type` text NOT NULL,
  `bytes` bigint NOT NULL,
  `sha256` text NOT NULL,
  `width` bigint NOT NULL,
  `height` bigint NOT NULL,
  `pages` bigint NOT NULL,
  `has_alpha` boolean NOT NULL,
  `dominant_color` text NOT NULL DEFAULT '',
  `average_color` text NOT NULL DEFAULT '',
  `blurhash` text NOT NULL DEFAULT '',
  `metadata` json NOT NULL,
  `warnings` json NOT NULL,
  `version` bigint NOT NULL,
  `created_at` timestamp NOT NULL,
  `updated_at` timestamp NOT NULL,
  `deleted_at` timestamp NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `images_tenant_named` CHECK (tenant <> ''),
  CONSTRAINT `images_state_known` CHECK (state IN ('processing', 'ready', 'partial', 'failed')),
  CONSTRAINT `images_tombstone_is_bare` CHECK (deleted_at IS NULL OR (external_id = '' AND filename = ''))
);
-- Create index "images_external_id" to table: "images"
CREATE UNIQUE INDEX `images_external_id` ON `images` (`tenant`, `external_id`) WHERE external_id <> '' AND deleted_at IS NULL;
-- Create index "images_newest" to table: "images"
CREATE INDEX `images_newest` ON `images` (`tenant`, `created_at` DESC, `id` DESC) WHERE deleted_at IS NULL;
-- Create index "images_sizes" to table: "images"
CREATE INDEX `images_sizes` ON `images` (`tenant`, `bytes`) WHERE deleted_at IS NULL;
-- Create "jobs" table
CREATE TABLE `jobs` (
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
-- Create index "jobs_one_live" to table: "jobs"
CREATE UNIQUE INDEX `jobs_one_live` ON `jobs` (`image_id`, `spec_digest`) WHERE state IN ('queued', 'running');
-- Create index "jobs_due" to table: "jobs"
CREATE INDEX `jobs_due` ON `jobs` (`priority`, `run_at`, `id`) WHERE state = 'queued';
-- Create index "jobs_leased" to table: "jobs"
CREATE INDEX `jobs_leased` ON `jobs` (`lease_until`) WHERE state = 'running';
-- Create index "jobs_newest" to table: "jobs"
CREATE INDEX `jobs_newest` ON `jobs` (`tenant`, `created_at` DESC, `id` DESC);
-- Create index "jobs_newest_in_state" to table: "jobs"
CREATE INDEX `jobs_newest_in_state` ON `jobs` (`tenant`, `state`, `created_at` DESC, `id` DESC);
-- Create index "jobs_of_image" to table: "jobs"
CREATE INDEX `jobs_of_image` ON `jobs` (`tenant`, `image_id`, `created_at` DESC, `id` DESC);
-- Create index "jobs_finished" to table: "jobs"
CREATE INDEX `jobs_finished` ON `jobs` (`tenant`, `finished_at`, `state`, `created_at`, `started_at`) WHERE finished_at IS NOT NULL;
-- Create "variants" table
CREATE TABLE `variants` (
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
  CONSTRAINT `variants_job` FOREIGN KEY (`job_id`) REFERENCES `jobs` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `variants_image` FOREIGN KEY (`image_id`) REFERENCES `images` (`id`) ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT `variants_tenant_named` CHECK (tenant <> ''),
  CONSTRAINT `variants_state_known` CHECK (state IN ('pending', 'ready', 'failed')),
  CONSTRAINT `variants_ready_is_stored` CHECK ((state = 'ready') = (blob_key <> '')),
  CONSTRAINT `variants_failed_has_reason` CHECK ((state = 'failed') = (error IS NOT NULL))
);
-- Create index "variants_of_job" to table: "variants"
CREATE INDEX `variants_of_job` ON `variants` (`job_id`);
-- Create index "variants_blob" to table: "variants"
CREATE INDEX `variants_blob` ON `variants` (`blob_key`) WHERE blob_key <> '';
-- Create "events" table
CREATE TABLE `events` (
  `id` text NOT NULL,
  `tenant` text NOT NULL,
  `image_id` text NOT NULL,
  `job_id` text NOT NULL DEFAULT '',
  `type` text NOT NULL,
  `actor` text NOT NULL,
  `correlation_id` text NOT NULL DEFAULT '',
  `epoch` bigint NOT NULL,
  `detail` json NOT NULL,
  `at` timestamp NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `events_tenant_named` CHECK (tenant <> '')
);
-- Create index "events_of_image" to table: "events"
CREATE INDEX `events_of_image` ON `events` (`tenant`, `image_id`, `at` DESC, `id` DESC);
-- Create index "events_newest" to table: "events"
CREATE INDEX `events_newest` ON `events` (`tenant`, `at` DESC, `id` DESC);
-- Create "idempotency" table
CREATE TABLE `idempotency` (
  `tenant` text NOT NULL,
  `subject` text NOT NULL,
  `route` text NOT NULL,
  `key` text NOT NULL,
  `token` text NOT NULL,
  `locked_until` timestamp NOT NULL,
  `fingerprint` text NOT NULL DEFAULT '',
  `answered` boolean NOT NULL DEFAULT false,
  `body` json NOT NULL,
  `expires_at` timestamp NOT NULL,
  PRIMARY KEY (`tenant`, `subject`, `route`, `key`),
  CONSTRAINT `idempotency_tenant_named` CHECK (tenant <> '')
);
-- Create index "idempotency_expiry" to table: "idempotency"
CREATE INDEX `idempotency_expiry` ON `idempotency` (`expires_at`);
-- Create "usage" table
CREATE TABLE `usage` (
  `tenant` text NOT NULL,
  `images` bigint NOT NULL,
  `bytes` bigint NOT NULL,
  `updated_at` timestamp NOT NULL,
  PRIMARY KEY (`tenant`),
  CONSTRAINT `usage_tenant_named` CHECK (tenant <> '')
);
-- Create "reservations" table
CREATE TABLE `reservations` (
  `id` text NOT NULL,
  `tenant` text NOT NULL,
  `bytes` bigint NOT NULL,
  `expires_at` timestamp NOT NULL,
  PRIMARY KEY (`id`),
  CONSTRAINT `reservations_tenant_named` CHECK (tenant <> '')
);
-- Create index "reservations_of_tenant" to table: "reservations"
CREATE INDEX `reservations_of_tenant` ON `reservations` (`tenant`, `expires_at`);
-- Create "workers" table
CREATE TABLE `workers` (
  `id` text NOT NULL,
  `host` text NOT NULL,
  `version` text NOT NULL,
  `slots` bigint NOT NULL,
  `started_at` timestamp NOT NULL,
  `seen_at` timestamp NOT NULL,
  PRIMARY KEY (`id`)
);
-- Create "leases" table
CREATE TABLE `leases` (
  `name` text NOT NULL,
  `holder` text NOT NULL,
  `epoch` bigint NOT NULL,
  `until` timestamp NOT NULL,
  PRIMARY KEY (`name`)
);
-- Create "sweep_tasks" table
CREATE TABLE `sweep_tasks` (
  `id` text NOT NULL,
  `blob_key` text NOT NULL,
  `not_before` timestamp NOT NULL,
  `tries` bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (`id`)
);
-- Create index "sweep_tasks_key" to table: "sweep_tasks"
CREATE UNIQUE INDEX `sweep_tasks_key` ON `sweep_tasks` (`blob_key`);
-- Create index "sweep_tasks_due" to table: "sweep_tasks"
CREATE INDEX `sweep_tasks_due` ON `sweep_tasks` (`not_before`, `id`);
-- Create "quarantine" table
CREATE TABLE `quarantine` (
  `sha256` text NOT NULL,
  `image_id` text NOT NULL,
  `job_id` text NOT NULL,
  `created_at` timestamp NOT NULL,
  PRIMARY KEY (`sha256`)
);
