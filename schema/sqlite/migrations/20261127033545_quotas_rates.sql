-- Add column "images" to table: "reservations"
ALTER TABLE `reservations` ADD COLUMN `images` bigint NOT NULL DEFAULT 0;
-- Add column "jobs" to table: "reservations"
ALTER TABLE `reservations` ADD COLUMN `jobs` bigint NOT NULL DEFAULT 0;
-- Create index "reservations_expiry" to table: "reservations"
CREATE INDEX `reservations_expiry` ON `reservations` (`expires_at`);
-- Create "rates" table
CREATE TABLE `rates` (
  `key` text NOT NULL,
  `full_at` timestamp NOT NULL,
  `fits_at` timestamp NOT NULL,
  `allowed` boolean NOT NULL,
  PRIMARY KEY (`key`)
);
-- Create index "rates_full" to table: "rates"
CREATE INDEX `rates_full` ON `rates` (`full_at`);
