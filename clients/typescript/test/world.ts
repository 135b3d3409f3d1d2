import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Client, Problem, type Image, type Options, type Upload } from 'imgd-client';

/** One line of clients/scenarios.json: what both clients do, and what comes of it. */
export interface Scenario {
  name: string;
  says: string;
  file: string;
  other: string;
  filename?: string;
  variants?: Record<string, string>;
  more: Record<string, string>;
  metadata?: Record<string, unknown>;
  sizes: Record<string, [number, number]>;
  types: Record<string, string>;
  reads: string;
  problem: string;
  then: string;
  status: number;
  member: string;
  parameter: string;
  state: string;
  event: string;
  error: string;
}

/** Where scenarios are played: the addresses of services, tokens and files. */
export interface World {
  Scenarios: string;
  Open: string;
  Idle: string;
  Locked: string;
  Narrow: string;
  Busy: string;
  Forgetful: string;
  Nobody: string;
  Token: string;
  Reader: string;
  Files: Record<string, string>;
}

const place = process.env['IMGD_TEST_WORLD'];
if (!place) throw new Error('IMGD_TEST_WORLD is not set; make clients, at the top of imgd, starts the services and sets it');
export const world = JSON.parse(readFileSync(place, 'utf8')) as World;

export const bytes = (name: string): Uint8Array => readFileSync(world.Files[name]!);
export const blob = (name: string): Blob => new Blob([bytes(name) as BlobPart]);

/** A stream that is there once. */
export async function* once(name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const all = bytes(name);
  for (let i = 0; i < all.length; i += 16_384) yield all.subarray(i, i + 16_384);
}

export const open = (options?: Options): Client => new Client(world.Open, options);

/** What a scenario says about its file. */
export function said(s: Scenario): Upload {
  const { variants, filename, metadata } = s;
  return JSON.parse(JSON.stringify({ variants, filename, metadata })) as Upload;
}

export const sent = (c: Client, s: Scenario): Promise<Image> => c.uploadAndWait(blob(s.file), said(s));

/** The error of what must fail. */
export async function failure(of: Promise<unknown>): Promise<unknown> {
  const nothing = {};
  const e = await of.then(() => nothing, (e: unknown) => e);
  assert.notEqual(e, nothing, 'it succeeds, and should not');
  return e;
}

/** The problem that a scenario expects. */
export function refused(s: Scenario, e: unknown): Problem {
  const p = e instanceof Error && !(e instanceof Problem) ? e.cause : e;
  assert.ok(p instanceof Problem, `the error is ${e}, want ${s.problem}`);
  assert.deepEqual([p.slug, p.status], [s.problem, s.status], p.message);
  assert.ok(p.title && p.detail && p.type, `the problem says too little: ${p.message}`);
  return p;
}

export function find(image: Image, name: string) {
  const v = image.variants.find((v) => v.name === name && v.state === 'ready');
  assert.ok(v, `there is no ${name} among ${JSON.stringify(image.variants)}`);
  return v;
}

export function hasSizes(image: Image, sizes: Scenario['sizes']): void {
  for (const [name, want] of Object.entries(sizes)) {
    const v = find(image, name);
    assert.deepEqual([v.width, v.height], want, name);
  }
}

/** Counts what a client is answered, by status; 0 is nothing. */
export function counted() {
  const seen: Record<number, number> = {};
  const note = (status: number) => (seen[status] = (seen[status] ?? 0) + 1);
  const fetch = async (request: Request) => {
    try {
      const answer = await globalThis.fetch(request);
      note(answer.status);
      return answer;
    } catch (e) {
      note(0);
      throw e;
    }
  };
  return { seen, fetch, count: (status: number) => seen[status] ?? 0 };
}

let names = 0;
/** A name that nobody else has. */
export const unique = () => `n${process.pid}-${Date.now().toString(36)}-${names++}`;

export const nobodysId = '00000000-0000-7000-8000-000000000000';
