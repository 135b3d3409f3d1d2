-- Add column "memory_bytes" to table: "images"
ALTER TABLE `images` ADD COLUMN `memory_bytes` bigint NOT NULL DEFAULT 0;
