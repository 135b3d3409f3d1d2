-- Create "events" table
CREATE TABLE "events" (
  "id" text NOT NULL,
  "tenant" text NOT NULL,
  "image_id" text NOT NULL,
  "job_id" text NOT NULL DEFAULT '',
  "type" text NOT NULL,
  "actor" text NOT NULL,
  "correlation_id" text NOT NULL DEFAULT '',
  "epoch" bigint NOT NULL,
  "detail" jsonb NOT NULL,
  "at" timestamptz NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "events_tenant_named" CHECK (tenant <> ''::text)
);
-- Create index "events_newest" to table: "events"
CREATE INDEX "events_newest" ON "events" ("tenant", "at" DESC, "id" DESC);
-- Create index "events_of_image" to table: "events"
CREATE INDEX "events_of_image" ON "events" ("tenant", "image_id", "at" DESC, "id" DESC);
-- Create "generations" table
CREATE TABLE "generations" (
  "store" text NOT NULL,
  "current" text NOT NULL,
  "previous" text NOT NULL,
  "changed_at" timestamptz NOT NULL,
  PRIMARY KEY ("store")
);
-- Create "idempotency" table
CREATE TABLE "idempotency" (
  "tenant" text NOT NULL,
  "subject" text NOT NULL,
  "route" text NOT NULL,
  "key" text NOT NULL,
  "token" text NOT NULL,
  "locked_until" timestamptz NOT NULL,
  "fingerprint" text NOT NULL DEFAULT '',
  "answered" boolean NOT NULL DEFAULT false,
  "body" jsonb NOT NULL,
  "expires_at" timestamptz NOT NULL,
  PRIMARY KEY ("tenant", "subject", "route", "key"),
  CONSTRAINT "idempotency_tenant_named" CHECK (tenant <> ''::text)
);
-- Create index "idempotency_expiry" to table: "idempotency"
CREATE INDEX "idempotency_expiry" ON "idempotency" ("expires_at");
-- Create "images" table
CREATE TABLE "images" (
  "id" text NOT NULL,
  "tenant" text NOT NULL,
  "external_id" text NOT NULL DEFAULT '',
  "bucket" text NOT NULL,
  "state" text NOT NULL,
  "owner" text NOT NULL,
  "filename" text NOT NULL DEFAULT '',
  "content_type" text NOT NULL,
  "bytes" bigint NOT NULL,
  "sha256" text NOT NULL,
  "width" bigint NOT NULL,
  "height" bigint NOT NULL,
  "pages" bigint NOT NULL,
  "has_alpha" boolean NOT NULL,
  "dominant_color" text NOT NULL DEFAULT '',
  "average_color" text NOT NULL DEFAULT '',
  "blurhash" text NOT NULL DEFAULT '',
  "metadata" jsonb NOT NULL,
  "warnings" jsonb NOT NULL,
  "version" bigint NOT NULL,
  "created_at" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL,
  "deleted_at" timestamptz NULL,
  "expires_at" timestamptz NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "images_state_known" CHECK (state = ANY (ARRAY['processing'::text, 'ready'::text, 'partial'::text, 'failed'::text])),
  CONSTRAINT "images_tenant_named" CHECK (tenant <> ''::text),
  CONSTRAINT "images_tombstone_is_bare" CHECK ((deleted_at IS NULL) OR ((external_id = ''::text) AND (filename = ''::text)))
);
-- Create index "images_expiring" to table: "images"
CREATE INDEX "images_expiring" ON "images" ("expires_at") WHERE ((expires_at IS NOT NULL) AND (deleted_at IS NULL));
-- Create index "images_external_id" to table: "images"
CREATE UNIQUE INDEX "images_external_id" ON "images" ("tenant", "external_id") WHERE ((external_id <> ''::text) AND (deleted_at IS NULL));
-- Create index "images_newest" to table: "images"
CREATE INDEX "images_newest" ON "images" ("tenant", "created_at" DESC, "id" DESC) WHERE (deleted_at IS NULL);
-- Create index "images_sizes" to table: "images"
CREATE INDEX "images_sizes" ON "images" ("tenant", "bytes") WHERE (deleted_at IS NULL);
-- Create index "images_tombstones" to table: "images"
CREATE INDEX "images_tombstones" ON "images" ("deleted_at") WHERE (deleted_at IS NOT NULL);
-- Create "leases" table
CREATE TABLE "leases" (
  "name" text NOT NULL,
  "holder" text NOT NULL,
  "epoch" bigint NOT NULL,
  "until" timestamptz NOT NULL,
  PRIMARY KEY ("name")
);
-- Create "quarantine" table
CREATE TABLE "quarantine" (
  "sha256" text NOT NULL,
  "image_id" text NOT NULL,
  "job_id" text NOT NULL,
  "created_at" timestamptz NOT NULL,
  PRIMARY KEY ("sha256")
);
-- Create "reservations" table
CREATE TABLE "reservations" (
  "id" text NOT NULL,
  "tenant" text NOT NULL,
  "bytes" bigint NOT NULL,
  "expires_at" timestamptz NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "reservations_tenant_named" CHECK (tenant <> ''::text)
);
-- Create index "reservations_of_tenant" to table: "reservations"
CREATE INDEX "reservations_of_tenant" ON "reservations" ("tenant", "expires_at");
-- Create "sweep_tasks" table
CREATE TABLE "sweep_tasks" (
  "id" text NOT NULL,
  "blob_key" text NOT NULL,
  "not_before" timestamptz NOT NULL,
  "tries" bigint NOT NULL DEFAULT 0,
  PRIMARY KEY ("id")
);
-- Create index "sweep_tasks_due" to table: "sweep_tasks"
CREATE INDEX "sweep_tasks_due" ON "sweep_tasks" ("not_before", "id");
-- Create index "sweep_tasks_key" to table: "sweep_tasks"
CREATE UNIQUE INDEX "sweep_tasks_key" ON "sweep_tasks" ("blob_key");
-- Create "usage" table
CREATE TABLE "usage" (
  "tenant" text NOT NULL,
  "images" bigint NOT NULL,
  "bytes" bigint NOT NULL,
  "updated_at" timestamptz NOT NULL,
  PRIMARY KEY ("tenant"),
  CONSTRAINT "usage_tenant_named" CHECK (tenant <> ''::text)
);
-- Create "workers" table
CREATE TABLE "workers" (
  "id" text NOT NULL,
  "host" text NOT NULL,
  "version" text NOT NULL,
  "slots" bigint NOT NULL,
  "started_at" timestamptz NOT NULL,
  "seen_at" timestamptz NOT NULL,
  "role" text NOT NULL DEFAULT '',
  PRIMARY KEY ("id")
);
-- Create "jobs" table
CREATE TABLE "jobs" (
  "id" text NOT NULL,
  "tenant" text NOT NULL,
  "image_id" text NOT NULL,
  "state" text NOT NULL,
  "spec" jsonb NOT NULL,
  "spec_version" bigint NOT NULL,
  "spec_digest" text NOT NULL,
  "priority" bigint NOT NULL,
  "run_at" timestamptz NOT NULL,
  "attempt" bigint NOT NULL,
  "max_attempts" bigint NOT NULL,
  "crashes" bigint NOT NULL,
  "lost" bigint NOT NULL,
  "epoch" bigint NOT NULL,
  "worker" text NOT NULL DEFAULT '',
  "lease_until" timestamptz NULL,
  "cancel_at" timestamptz NULL,
  "error" jsonb NULL,
  "warnings" jsonb NOT NULL,
  "owner" text NOT NULL,
  "correlation_id" text NOT NULL DEFAULT '',
  "traceparent" text NOT NULL DEFAULT '',
  "cost_cpu_ms" bigint NOT NULL DEFAULT 0,
  "cost_read_bytes" bigint NOT NULL DEFAULT 0,
  "cost_write_bytes" bigint NOT NULL DEFAULT 0,
  "created_at" timestamptz NOT NULL,
  "started_at" timestamptz NULL,
  "finished_at" timestamptz NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "jobs_image" FOREIGN KEY ("image_id") REFERENCES "images" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "jobs_attempts_in_budget" CHECK ((attempt >= 0) AND (attempt <= max_attempts)),
  CONSTRAINT "jobs_counters_positive" CHECK ((crashes >= 0) AND (lost >= 0) AND (epoch >= 0)),
  CONSTRAINT "jobs_final_is_finished" CHECK ((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'dead'::text, 'cancelled'::text])) = (finished_at IS NOT NULL)),
  CONSTRAINT "jobs_queued_is_claimable" CHECK ((state <> 'queued'::text) OR ((attempt < max_attempts) AND (cancel_at IS NULL))),
  CONSTRAINT "jobs_running_is_leased" CHECK ((state = 'running'::text) = (lease_until IS NOT NULL)),
  CONSTRAINT "jobs_state_known" CHECK (state = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'dead'::text, 'cancelled'::text])),
  CONSTRAINT "jobs_tenant_named" CHECK (tenant <> ''::text)
);
-- Create index "jobs_due" to table: "jobs"
CREATE INDEX "jobs_due" ON "jobs" ("priority", "run_at", "id") WHERE (state = 'queued'::text);
-- Create index "jobs_finished" to table: "jobs"
CREATE INDEX "jobs_finished" ON "jobs" ("tenant", "finished_at", "state", "created_at", "started_at") WHERE (finished_at IS NOT NULL);
-- Create index "jobs_newest" to table: "jobs"
CREATE INDEX "jobs_newest" ON "jobs" ("tenant", "created_at" DESC, "id" DESC);
-- Create index "jobs_newest_in_state" to table: "jobs"
CREATE INDEX "jobs_newest_in_state" ON "jobs" ("tenant", "state", "created_at" DESC, "id" DESC);
-- Create index "jobs_of_image" to table: "jobs"
CREATE INDEX "jobs_of_image" ON "jobs" ("image_id", "created_at" DESC, "id" DESC);
-- Create index "jobs_one_live" to table: "jobs"
CREATE UNIQUE INDEX "jobs_one_live" ON "jobs" ("image_id", "spec_digest") WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));
-- Create index "jobs_running" to table: "jobs"
CREATE INDEX "jobs_running" ON "jobs" ("worker") WHERE (state = 'running'::text);
-- Create "variants" table
CREATE TABLE "variants" (
  "image_id" text NOT NULL,
  "name" text NOT NULL,
  "tenant" text NOT NULL,
  "job_id" text NOT NULL,
  "state" text NOT NULL,
  "transform" text NOT NULL,
  "blob_key" text NOT NULL DEFAULT '',
  "content_type" text NOT NULL DEFAULT '',
  "bytes" bigint NOT NULL DEFAULT 0,
  "sha256" text NOT NULL DEFAULT '',
  "width" bigint NOT NULL DEFAULT 0,
  "height" bigint NOT NULL DEFAULT 0,
  "pages" bigint NOT NULL DEFAULT 0,
  "error" jsonb NULL,
  "created_at" timestamptz NOT NULL,
  "updated_at" timestamptz NOT NULL,
  PRIMARY KEY ("image_id", "name"),
  CONSTRAINT "variants_image" FOREIGN KEY ("image_id") REFERENCES "images" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION,
  CONSTRAINT "variants_failed_has_reason" CHECK ((state = 'failed'::text) = (error IS NOT NULL)),
  CONSTRAINT "variants_ready_is_stored" CHECK ((state = 'ready'::text) = (blob_key <> ''::text)),
  CONSTRAINT "variants_state_known" CHECK (state = ANY (ARRAY['pending'::text, 'ready'::text, 'failed'::text])),
  CONSTRAINT "variants_tenant_named" CHECK (tenant <> ''::text)
);
-- Create index "variants_blob" to table: "variants"
CREATE INDEX "variants_blob" ON "variants" ("blob_key") WHERE (blob_key <> ''::text);
-- Create index "variants_of_job" to table: "variants"
CREATE INDEX "variants_of_job" ON "variants" ("job_id");
-- Set storage parameters
ALTER TABLE "images" SET (fillfactor = 85);
-- Set storage parameters
ALTER TABLE "jobs" SET (autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, fillfactor = 70);
-- Set storage parameters
ALTER TABLE "variants" SET (fillfactor = 85);
