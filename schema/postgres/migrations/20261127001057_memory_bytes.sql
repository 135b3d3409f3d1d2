-- Modify "images" table
ALTER TABLE "images" ADD COLUMN "memory_bytes" bigint NOT NULL DEFAULT 0;
