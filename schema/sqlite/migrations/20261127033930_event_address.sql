-- Add column "address" to table: "events"
ALTER TABLE `events` ADD COLUMN `address` text NOT NULL DEFAULT '';
