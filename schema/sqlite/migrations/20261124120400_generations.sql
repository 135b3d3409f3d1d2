-- Disable the enforcement of foreign-keys constraints
PRAGMA foreign_keys = off;
-- Add column "expires_at" to table: "images"
ALTER TABLE `images` ADD COLUMN `expires_at` timestamp NULL;
-- Create index "images_tombstones" to table: "images"
CREATE INDEX `images_tombstones` ON `images` (`deleted_at`) WHERE deleted_at IS NOT NULL;
-- Create index "images_expiring" to table: "images"
CREATE INDEX `images_expiring` ON `images` (`expires_at`) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
-- Drop index "jobs_leased" from table: "jobs"
DROP INDEX `jobs_leased`;
-- Create index "jobs_running" to table: "jobs"
CREATE INDEX `jobs_running` ON `jobs` (`worker`) WHERE state = 'running';
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
