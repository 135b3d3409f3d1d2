import assert from 'node:assert/strict';
import { Client, ok, Problem } from 'imgd-client';
import { blob, failure, find, hasSizes, refused, said, sent, world, type Scenario } from './world.js';

export async function withoutToken(s: Scenario) {
  refused(s, await failure(ok(new Client(world.Locked).api.GET('/v1/images'))));
}

export async function withoutScope(s: Scenario) {
  const p = refused(s, await failure(new Client(world.Locked, { token: world.Reader }).upload(blob(s.file), said(s))));
  assert.equal(p.members[s.member], 'images:write');
}

export async function withToken(s: Scenario) {
  let asked = 0;
  const c = new Client(world.Locked, { token: async () => (asked++, world.Token) });
  hasSizes(await sent(c, s), s.sizes);
  assert.ok(asked >= 2, `the token was asked for ${asked} times, want once a request`);
  const none = new Client(world.Locked, { token: () => Promise.reject(new Error('no token today')) });
  assert.match(String(await failure(ok(none.api.GET('/v1/stats')))), /no token today/);
}

export async function signedLink(s: Scenario) {
  const c = new Client(world.Locked, { token: world.Token });
  const image = await sent(c, s);
  const path = { image_id: image.id };
  const list = await ok(c.api.POST('/v1/images/{image_id}/links', { params: { path }, body: { variants: ['small'] } }));
  const { url } = list.items[0]!;
  const answer = await fetch(url);
  assert.deepEqual([answer.status, (await answer.arrayBuffer()).byteLength], [200, find(image, 'small').bytes]);
  const altered = await fetch(url.slice(0, -1) + (url.endsWith('A') ? 'B' : 'A'));
  assert.equal(altered.status, s.status);
  refused(s, new Problem((await altered.json()) as never));
}
