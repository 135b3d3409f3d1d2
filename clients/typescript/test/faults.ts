import assert from 'node:assert/strict';
import { Client, ok, Problem } from 'imgd-client';
import { blob, counted, failure, once, open, refused, said, sent, unique, world, type Scenario } from './world.js';

export async function tooOften(s: Scenario) {
  const { count, fetch, seen } = counted();
  const c = new Client(world.Narrow, { fetch, tries: 20 });
  for (let i = 0; i < 3; i++) await c.upload(blob(s.file), said(s));
  assert.ok(count(s.status) > 0 && count(202) === 3, JSON.stringify(seen));
}

export async function tooLongAWait(s: Scenario) {
  const c = new Client(world.Narrow, { longest: 1 });
  let e: unknown;
  for (let i = 0; i < 3 && !e; i++) e = await c.upload(blob(s.file), said(s)).then(() => undefined, (e: unknown) => e);
  assert.ok(refused(s, e).retryAfter! >= 1);
}

export async function busy(s: Scenario) {
  const { count, fetch, seen } = counted();
  await sent(new Client(world.Busy, { fetch }), s);
  assert.ok(count(s.status) > 0, JSON.stringify(seen));
}

export async function lostAnswer(s: Scenario) {
  const { count, fetch } = counted();
  const bucket = unique();
  const job = await new Client(world.Forgetful, { fetch }).upload(blob(s.file), { ...said(s), bucket });
  assert.ok(count(0) > 0, 'no answer was lost');
  const page = await ok(open().api.GET('/v1/images', { params: { query: { bucket } } }));
  assert.deepEqual(page.items.map((i) => i.id), [job.image_id]);
}

export async function lostStream(s: Scenario) {
  const e = await failure(new Client(world.Forgetful).upload(once(s.file), said(s)));
  assert.ok(String(e).includes(s.error), String(e));
}

export async function nobodyThere(s: Scenario) {
  const { count, fetch } = counted();
  const e = await failure(new Client(world.Nobody, { fetch, tries: 3, pause: 1 }).upload(blob(s.file), said(s)));
  assert.ok(!(e instanceof Problem));
  assert.equal(count(0), 3);
}

export async function givenUp(s: Scenario) {
  const gone = new AbortController();
  let left = 0;
  const onProgress = (p: { state: string | undefined }) => {
    if (p.state !== 'queued') return;
    left = Date.now();
    gone.abort();
  };
  const e = await failure(new Client(world.Idle).uploadAndWait(blob(s.file), { ...said(s), onProgress, signal: gone.signal }));
  assert.equal((e as Error).name, 'AbortError');
  assert.ok(Date.now() - left < 2000);
}
