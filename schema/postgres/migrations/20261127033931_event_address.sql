-- Modify "events" table
ALTER TABLE "events" ADD COLUMN "address" text NOT NULL DEFAULT '';
