import assert from 'node:assert/strict';
import { ok } from 'imgd-client';
import { blob, failure, find, hasSizes, nobodysId, open, refused, said, sent, unique, type Scenario } from './world.js';

export async function badParameter(s: Scenario) {
  const p = refused(s, await failure(ok(open().api.GET('/v1/images', { params: { query: { limit: 1000 } } }))));
  assert.deepEqual(p.errors.map((e) => e.parameter), [s.parameter]);
}

export async function notFound(s: Scenario) {
  const params = { path: { image_id: nobodysId } };
  const p = refused(s, await failure(ok(open().api.GET('/v1/images/{image_id}', { params }))));
  assert.ok(p.correlationId && p.instance);
}

export async function pages(s: Scenario) {
  const c = open();
  const bucket = unique();
  const want: string[] = [];
  for (let i = 0; i < 3; i++) want.unshift((await c.upload(blob(s.file), { ...said(s), bucket })).image_id);
  const got: string[][] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await ok(c.api.GET('/v1/images', { params: { query: { bucket, limit: 2, ...(cursor ? { cursor } : {}) } } }));
    got.push(page.items.map((i) => i.id));
    cursor = page.next_cursor;
  }
  assert.deepEqual(got, [want.slice(0, 2), want.slice(2)]);
}

export async function patch(s: Scenario) {
  const c = open();
  const path = { image_id: (await sent(c, s)).id };
  const { response } = await c.api.GET('/v1/images/{image_id}', { params: { path } });
  const change = () =>
    ok(
      c.api.PATCH('/v1/images/{image_id}', {
        params: { path, header: { 'If-Match': response.headers.get('ETag')! } },
        headers: { 'Content-Type': 'application/merge-patch+json' },
        body: { metadata: { rating: 4 } },
      }),
    );
  assert.deepEqual((await change()).metadata, { rating: 4 });
  refused(s, await failure(change()));
}

export async function lookup(s: Scenario) {
  const c = open();
  const { id } = await sent(c, s);
  const found = await ok(c.api.POST('/v1/images/lookup', { body: { ids: [nobodysId, id] } }));
  assert.deepEqual([found.items.map((i) => i.id), found.missing], [[id], [nobodysId]]);
}

export async function moreVariants(s: Scenario) {
  const c = open();
  const path = { image_id: (await sent(c, s)).id };
  const job = await ok(c.api.POST('/v1/images/{image_id}/jobs', { params: { path }, body: { variants: s.more } }));
  await c.wait(job.id);
  const image = await ok(c.api.GET('/v1/images/{image_id}', { params: { path } }));
  hasSizes(image, s.sizes);
  find(image, 'small');
}

export async function trail(s: Scenario) {
  const c = open();
  const path = { image_id: (await sent(c, s)).id };
  const page = await ok(c.api.GET('/v1/images/{image_id}/events', { params: { path } }));
  assert.ok(page.items.slice(-2).some((e) => e.type === s.event), JSON.stringify(page.items));
}

export async function stats(s: Scenario) {
  const c = open();
  const before = await ok(c.api.GET('/v1/stats'));
  await sent(c, s);
  const after = await ok(c.api.GET('/v1/stats'));
  assert.ok(after.jobs['succeeded']! > (before.jobs['succeeded'] ?? 0) && after.fleet);
}

export async function remove(s: Scenario) {
  const c = open();
  const params = { path: { image_id: (await sent(c, s)).id } };
  await ok(c.api.DELETE('/v1/images/{image_id}', { params }));
  refused(s, await failure(ok(c.api.GET('/v1/images/{image_id}', { params }))));
}
