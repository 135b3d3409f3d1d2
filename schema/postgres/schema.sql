-- The desired state of an imgd database on PostgreSQL. Migrations are planned from
-- this file: change it, then run imgd migrate diff.
--
-- The columns of images, variants, jobs and events stand in the order of the
-- structs in package core. Rows of images, variants and jobs change a few times in
-- their lives: the room left in their pages keeps a change in the page it is in,
-- and vacuum comes before dead rows slow a claim down.

CREATE TABLE images (
  id             text        PRIMARY KEY,
  tenant         text        NOT NULL,
  external_id    text        NOT NULL DEFAULT '',
  bucket         text        NOT NULL,
  state          text        NOT NULL,
  owner          text        NOT NULL,
  filename       text        NOT NULL DEFAULT '',
  content_type   text        NOT NULL,
  bytes          bigint      NOT NULL,
  sha256         text        NOT NULL,
  width          bigint      NOT NULL,
  height         bigint      NOT NULL,
  pages          bigint      NOT NULL,
  has_alpha      boolean     NOT NULL,
  memory_bytes   bigint      NOT NULL DEFAULT 0,
  dominant_color text        NOT NULL DEFAULT '',
  average_color  text        NOT NULL DEFAULT '',
  blurhash       text        NOT NULL DEFAULT '',
  palette        jsonb       NOT NULL DEFAULT '[]',
  thumbhash      text        NOT NULL DEFAULT '',
  phash          text        NOT NULL DEFAULT '',
  metadata       jsonb       NOT NULL,
  warnings       jsonb       NOT NULL,
  version        bigint      NOT NULL,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL,
  deleted_at     timestamptz,
  expires_at     timestamptz,
  CONSTRAINT images_tenant_named CHECK (tenant <> ''),
  CONSTRAINT images_state_known  CHECK (state IN ('processing', 'ready', 'partial', 'failed')),
  CONSTRAINT images_tombstone_is_bare CHECK (deleted_at IS NULL OR (external_id = '' AND filename = ''))
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX images_external_id ON images (tenant, external_id) WHERE external_id <> '' AND deleted_at IS NULL;
CREATE INDEX images_newest ON images (tenant, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX images_sizes ON images (tenant, bytes) WHERE deleted_at IS NULL;
CREATE INDEX images_tombstones ON images (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX images_expiring ON images (expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE jobs (
  id               text        PRIMARY KEY,
  tenant           text        NOT NULL,
  image_id         text        NOT NULL,
  state            text        NOT NULL,
  spec             jsonb       NOT NULL,
  spec_version     bigint      NOT NULL,
  spec_digest      text        NOT NULL,
  priority         bigint      NOT NULL,
  run_at           timestamptz NOT NULL,
  attempt          bigint      NOT NULL,
  max_attempts     bigint      NOT NULL,
  crashes          bigint      NOT NULL,
  lost             bigint      NOT NULL,
  epoch            bigint      NOT NULL,
  worker           text        NOT NULL DEFAULT '',
  lease_until      timestamptz,
  cancel_at        timestamptz,
  error            jsonb,
  warnings         jsonb       NOT NULL,
  owner            text        NOT NULL,
  correlation_id   text        NOT NULL DEFAULT '',
  traceparent      text        NOT NULL DEFAULT '',
  cost_cpu_ms      bigint      NOT NULL DEFAULT 0,
  cost_read_bytes  bigint      NOT NULL DEFAULT 0,
  cost_write_bytes bigint      NOT NULL DEFAULT 0,
  created_at       timestamptz NOT NULL,
  started_at       timestamptz,
  finished_at      timestamptz,
  CONSTRAINT jobs_image FOREIGN KEY (image_id) REFERENCES images (id),
  CONSTRAINT jobs_tenant_named CHECK (tenant <> ''),
  CONSTRAINT jobs_state_known  CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'dead', 'cancelled')),
  CONSTRAINT jobs_running_is_leased CHECK ((state = 'running') = (lease_until IS NOT NULL)),
  CONSTRAINT jobs_final_is_finished CHECK ((state IN ('succeeded', 'failed', 'dead', 'cancelled')) = (finished_at IS NOT NULL)),
  CONSTRAINT jobs_attempts_in_budget CHECK (attempt BETWEEN 0 AND max_attempts),
  CONSTRAINT jobs_counters_positive CHECK (crashes >= 0 AND lost >= 0 AND epoch >= 0),
  -- Every queued row can be claimed: a claim raises the attempt.
  CONSTRAINT jobs_queued_is_claimable CHECK (state <> 'queued' OR (attempt < max_attempts AND cancel_at IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX jobs_one_live ON jobs (image_id, spec_digest) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_due ON jobs (priority, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_turns ON jobs (priority, tenant, run_at, id) WHERE state = 'queued';
-- A heartbeat changes lease_until alone, so no index has it.
CREATE INDEX jobs_running ON jobs (worker) WHERE state = 'running';
CREATE INDEX jobs_newest ON jobs (tenant, created_at DESC, id DESC);
CREATE INDEX jobs_newest_in_state ON jobs (tenant, state, created_at DESC, id DESC);
CREATE INDEX jobs_of_image ON jobs (image_id, created_at DESC, id DESC);
CREATE INDEX jobs_finished ON jobs (tenant, finished_at, state, created_at, started_at) WHERE finished_at IS NOT NULL;

-- A variant outlives the row of the job that made it.
CREATE TABLE variants (
  image_id     text        NOT NULL,
  name         text        NOT NULL,
  tenant       text        NOT NULL,
  job_id       text        NOT NULL,
  state        text        NOT NULL,
  transform    text        NOT NULL,
  blob_key     text        NOT NULL DEFAULT '',
  content_type text        NOT NULL DEFAULT '',
  bytes        bigint      NOT NULL DEFAULT 0,
  sha256       text        NOT NULL DEFAULT '',
  width        bigint      NOT NULL DEFAULT 0,
  height       bigint      NOT NULL DEFAULT 0,
  pages        bigint      NOT NULL DEFAULT 0,
  error        jsonb,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  PRIMARY KEY (image_id, name),
  CONSTRAINT variants_image FOREIGN KEY (image_id) REFERENCES images (id),
  CONSTRAINT variants_tenant_named CHECK (tenant <> ''),
  CONSTRAINT variants_state_known  CHECK (state IN ('pending', 'ready', 'failed')),
  CONSTRAINT variants_ready_is_stored CHECK ((state = 'ready') = (blob_key <> '')),
  CONSTRAINT variants_failed_has_reason CHECK ((state = 'failed') = (error IS NOT NULL))
) WITH (fillfactor = 85);
CREATE INDEX variants_of_job ON variants (job_id);
CREATE INDEX variants_blob ON variants (blob_key) WHERE blob_key <> '';

-- What the file of an image says of itself. It goes with the image, and is large:
-- hence apart from it.
CREATE TABLE embedded (
  image_id text  PRIMARY KEY,
  tenant   text  NOT NULL,
  document jsonb NOT NULL,
  CONSTRAINT embedded_image FOREIGN KEY (image_id) REFERENCES images (id) ON DELETE CASCADE,
  CONSTRAINT embedded_tenant_named CHECK (tenant <> '')
);

-- Events outlive what they tell of, so nothing is referenced.
CREATE TABLE events (
  id             text        PRIMARY KEY,
  tenant         text        NOT NULL,
  image_id       text        NOT NULL,
  job_id         text        NOT NULL DEFAULT '',
  type           text        NOT NULL,
  actor          text        NOT NULL,
  correlation_id text        NOT NULL DEFAULT '',
  address        text        NOT NULL DEFAULT '',
  epoch          bigint      NOT NULL,
  detail         jsonb       NOT NULL,
  at             timestamptz NOT NULL,
  CONSTRAINT events_tenant_named CHECK (tenant <> '')
);
CREATE INDEX events_of_image ON events (tenant, image_id, at DESC, id DESC);
CREATE INDEX events_newest ON events (tenant, at DESC, id DESC);

-- A request with an idempotency key: locked for a token until it is answered.
CREATE TABLE idempotency (
  tenant       text        NOT NULL,
  subject      text        NOT NULL,
  route        text        NOT NULL,
  key          text        NOT NULL,
  token        text        NOT NULL,
  locked_until timestamptz NOT NULL,
  fingerprint  text        NOT NULL DEFAULT '',
  answered     boolean     NOT NULL DEFAULT false,
  body         jsonb       NOT NULL,
  expires_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant, subject, route, key),
  CONSTRAINT idempotency_tenant_named CHECK (tenant <> '')
);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

-- What a tenant with a quota has stored, and what its requests under way may still
-- add to it.
CREATE TABLE usage (
  tenant     text        PRIMARY KEY,
  images     bigint      NOT NULL,
  bytes      bigint      NOT NULL,
  updated_at timestamptz NOT NULL,
  CONSTRAINT usage_tenant_named CHECK (tenant <> '')
);
CREATE TABLE reservations (
  id         text        PRIMARY KEY,
  tenant     text        NOT NULL,
  bytes      bigint      NOT NULL,
  expires_at timestamptz NOT NULL,
  images     bigint      NOT NULL DEFAULT 0,
  jobs       bigint      NOT NULL DEFAULT 0,
  CONSTRAINT reservations_tenant_named CHECK (tenant <> '')
);
CREATE INDEX reservations_of_tenant ON reservations (tenant, expires_at);
CREATE INDEX reservations_expiry ON reservations (expires_at);

-- Who asks how often: when the bucket of a key is full again, until when it could be
-- for the last take to fit, and whether it did. A key is a hash. What is lost here
-- gives somebody a burst.
CREATE TABLE rates (
  key      text        PRIMARY KEY,
  full_at  timestamptz NOT NULL,
  fits_at  timestamptz NOT NULL,
  allowed  boolean     NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX rates_full ON rates (full_at);

-- The processes that are alive: each says so every few seconds.
CREATE TABLE workers (
  id         text        PRIMARY KEY,
  host       text        NOT NULL,
  version    text        NOT NULL,
  slots      bigint      NOT NULL,
  started_at timestamptz NOT NULL,
  seen_at    timestamptz NOT NULL,
  role       text        NOT NULL DEFAULT ''
);

-- Who does a duty that one process does for all.
CREATE TABLE leases (
  name   text        PRIMARY KEY,
  holder text        NOT NULL,
  epoch  bigint      NOT NULL,
  until  timestamptz NOT NULL
);

-- Objects to delete; a key that ends in a slash stands for all below it.
CREATE TABLE sweep_tasks (
  id         text        PRIMARY KEY,
  blob_key   text        NOT NULL,
  not_before timestamptz NOT NULL,
  tries      bigint      NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX sweep_tasks_key ON sweep_tasks (blob_key);
CREATE INDEX sweep_tasks_due ON sweep_tasks (not_before, id);

-- Hashes of bytes that killed too many decoders, whoever sent them.
CREATE TABLE quarantine (
  sha256     text        PRIMARY KEY,
  image_id   text        NOT NULL,
  job_id     text        NOT NULL,
  created_at timestamptz NOT NULL
);

-- What ties the database to its store: both carry the name of their last meeting,
-- so that a restored or foreign database is known before it deletes anything.
CREATE TABLE generations (
  store      text        PRIMARY KEY,
  current    text        NOT NULL,
  previous   text        NOT NULL,
  changed_at timestamptz NOT NULL
);
