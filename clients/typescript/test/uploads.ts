import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { JobFailed, ok, Client, type Job, type Progress } from 'imgd-client';
import { blob, bytes, failure, find, hasSizes, once, open, refused, said, sent, unique, world, type Scenario } from './world.js';

export async function uploadAndWait(s: Scenario) {
  const c = open();
  const image = await sent(c, s);
  assert.equal(image.state, 'ready');
  hasSizes(image, s.sizes);
  for (const [name, type] of Object.entries(s.types)) {
    const v = find(image, name);
    const params = { path: { image_id: image.id, name } };
    const { data, response } = await c.api.GET('/v1/images/{image_id}/variants/{name}', { params, parseAs: 'arrayBuffer' });
    const body = new Uint8Array(data as ArrayBuffer);
    assert.deepEqual([response.headers.get('Content-Type'), v.content_type], [type, type]);
    assert.deepEqual([body.length, createHash('sha256').update(body).digest('hex')], [v.bytes, v.sha256]);
  }
}

export async function progress(s: Scenario) {
  const told: Progress[] = [];
  await open().uploadAndWait(blob(s.file), { ...said(s), onProgress: (p) => told.push(p) });
  const size = blob(s.file).size;
  const first = told[0]!;
  assert.ok(first.sent > 0 && first.sent < size && first.total === size && !first.state, `first ${JSON.stringify(first)}`);
  assert.ok(told.every((p, i) => i === 0 || p.sent >= told[i - 1]!.sent), 'what is sent does not grow');
  const last = told.at(-1)!;
  assert.deepEqual([last.sent, last.state], [size, s.state]);
}

export async function stream(s: Scenario) {
  let total: number | undefined = 0;
  const image = await open().uploadAndWait(once(s.file), { ...said(s), onProgress: (p) => (total = p.total) });
  hasSizes(image, s.sizes);
  assert.equal(total, undefined);
  hasSizes(await open().uploadAndWait(() => once(s.file), said(s)), s.sizes);
}

export async function fields(s: Scenario) {
  const expiresAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000);
  const u = { ...said(s), bucket: `albums/${unique()}`, externalId: unique(), expiresAt };
  const image = await open().uploadAndWait(blob(s.file), u);
  assert.deepEqual([image.bucket, image.external_id, image.filename], [u.bucket, u.externalId, s.filename]);
  assert.equal(Date.parse(image.expires_at!), expiresAt.getTime());
  assert.deepEqual(image.metadata, s.metadata);
}

export async function presets(s: Scenario) {
  const c = open();
  const can = await ok(c.api.GET('/v1/capabilities'));
  assert.ok(can.formats.read.includes(s.reads));
  const image = await sent(c, s);
  const names = Object.keys(can.presets['default']!);
  assert.equal(image.variants.length, names.length);
  for (const name of names) find(image, name);
}

export async function refusedUpload(s: Scenario) {
  const p = refused(s, await failure(open().uploadAndWait(blob(s.file), said(s))));
  if (s.member) assert.ok(p.members[s.member] !== undefined, JSON.stringify(p.members));
}

export async function sameKey(s: Scenario) {
  const key = unique();
  const [a, b] = [await open().upload(blob(s.file), { ...said(s), key }), await open().upload(blob(s.file), { ...said(s), key })];
  assert.equal(a.id, b.id);
}

export async function keyTaken(s: Scenario) {
  const key = unique();
  await open().upload(blob(s.file), { ...said(s), key });
  refused(s, await failure(open().upload(blob(s.other), { ...said(s), key })));
}

export async function failedJob(s: Scenario) {
  const c = open();
  const e = await failure(c.uploadAndWait(blob(s.file), said(s)));
  refused(s, e);
  const job = jobOf(s, e);
  assert.ok(job.retryable);
  const params = { path: { job_id: job.id } };
  const conflict = await failure(ok(c.api.POST('/v1/jobs/{job_id}/cancel', { params })));
  assert.equal((conflict as { slug?: string }).slug, s.then);
  const again = await ok(c.api.POST('/v1/jobs/{job_id}/retry', { params }));
  assert.notEqual(again.state, job.state);
  refused(s, await failure(c.wait(job.id)));
}

export async function cancel(s: Scenario) {
  const c = new Client(world.Idle);
  const job = await c.upload(blob(s.file), said(s));
  const params = { path: { job_id: job.id } };
  await ok(c.api.POST('/v1/jobs/{job_id}/cancel', { params }));
  jobOf(s, await failure(c.wait(job.id)));
  const again = await ok(c.api.POST('/v1/jobs/{job_id}/retry', { params }));
  assert.equal(again.state, 'queued');
}

/** The job in an error, which is in the state that a scenario expects. */
function jobOf(s: Scenario, e: unknown): Job {
  assert.ok(e instanceof JobFailed, `the error is ${e}`);
  assert.equal(e.job.state, s.state);
  assert.ok(e.message.includes(s.state));
  return e.job;
}

export async function original(s: Scenario) {
  const c = open();
  const params = { path: { image_id: (await sent(c, s)).id } };
  const got = (await ok(c.api.GET('/v1/images/{image_id}/original', { params, parseAs: 'arrayBuffer' }))) as ArrayBuffer;
  assert.deepEqual(Buffer.from(got), Buffer.from(bytes(s.file)));
}
